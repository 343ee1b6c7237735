"""A pooling as two maps of colour: one output cell outlined, and in the input the window it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from plotly.graph_objects import Figure, Heatmap, Scatter

from normviz.extents import IntArray
from normviz.figures.theme import BASELINE, CELL, CELL_LINE, PAPER, ROWS, SET, clear
from normviz.figures.values import RED, SCALE
from normviz.reference import FloatArray
from normviz.windows import Windows

#: Pixels: the largest side of a cell, the largest height of a map, the width of both with what is between them.
SIDE, TALL, ACROSS = 56, 340, 640
#: The smallest output, as a share of the input's width; the gap between them; how long a strip is for its height.
SMALLEST, GAP, STRIP = 0.35, 0.12, 3
#: Up to how many cells along an axis the values are written into them, and the least width of one in pixels.
WRITTEN, LEGIBLE = 12, 26
#: Pixels of a map's title, and of the room around a map for the lines at its edge.
TITLE, RIM = 26, 4

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Pair:
    """Input and output (rows, columns), the windows along both axes, the output cell and the input cell it took."""

    x: FloatArray
    y: FloatArray
    rows: Windows
    columns: Windows
    cell: tuple[int, int]
    winner: tuple[int, int] | None

    @property
    def window(self) -> tuple[list[Box], bool]:
        """The window's cells as boxes (left, top, right, bottom), one where they touch; and whether it does."""
        down, across = (spans(w, o) for w, o in zip((self.rows, self.columns), self.cell, strict=True))
        boxes = [(a, c, b, d) for c, d in down for a, b in across]
        return boxes, len(boxes) == 1

    @property
    def extent(self) -> Box:
        """What is drawn of the input's plane: the map, its padding, and what windows read beyond."""
        (top, bottom), (left, right) = (reach(w) for w in (self.rows, self.columns))
        return left, top, right, bottom


def spans(windows: Windows, output: int) -> list[tuple[float, float]]:
    """The intervals of cells that an output reads along one axis, in units of cells centred at whole numbers.

    >>> from normviz.windows import sliding
    >>> spans(sliding(7, kernel_size=3, stride=2, padding=1), 0)
    [(-1.5, 1.5)]
    >>> spans(sliding(7, kernel_size=2, stride=2, dilation=3), 0)
    [(-0.5, 0.5), (2.5, 3.5)]
    """
    read = windows.all_of(output).tolist()
    if windows.step == 1:
        return [(read[0] - 0.5, read[-1] + 0.5)]
    return [(k - 0.5, k + 0.5) for k in read]


def reach(windows: Windows) -> tuple[float, float]:
    """From where to where the map, its padding and all windows lie along one axis.

    >>> from normviz.windows import sliding
    >>> reach(sliding(5, kernel_size=2, stride=2, ceil_mode=True))
    (-0.5, 5.5)
    """
    reads = [windows.all_of(o) for o in (0, windows.count - 1)]
    low = min(-windows.padded[0], int(reads[0][0]))
    high = max(windows.length + windows.padded[1] - 1, int(reads[1][-1]))
    return low - 0.5, high + 0.5


def draw(figure: Figure, pair: Pair, limit: float, titles: tuple[str, str]) -> tuple[int, int]:
    """Both maps with their marks; how wide and high they are together, in pixels."""
    left, top, right, bottom = pair.extent
    width, height = right - left, bottom - top
    rows, columns = pair.y.shape
    stacked = height * STRIP < width
    if stacked:
        side = min(SIDE, ACROSS / width)
        small = min(SIDE, ACROSS / columns, max(side, ACROSS * SMALLEST / columns), 2 * side)
        total = 2 * RIM + max(width * side, columns * small), 4 * RIM + height * side + rows * small + TITLE
        places = (0.0, 0.0), (0.0, height * side + 2 * RIM + TITLE)
    else:
        shown = max(columns, SMALLEST * width)
        gap = max(1.0, GAP * width)
        side = min(SIDE, TALL / max(height, rows), ACROSS / (width + gap + shown))
        small = min(shown * side / columns, max(side, height * side / rows), 2 * SIDE)
        total = 4 * RIM + (width + gap) * side + small * columns, 2 * RIM + max(height * side, rows * small)
        places = (0.0, 0.0), ((width + gap) * side + 2 * RIM, 0.0)
    for number, z, extent, each, place, title in (
        ("", pair.x, pair.extent, side, places[0], titles[0]),
        ("2", pair.y, (-0.5, -0.5, columns - 0.5, rows - 0.5), small, places[1], titles[1]),
    ):
        _axes(figure, number, extent, each, place, total)
        if not number:
            _padding(figure, pair)
        _map(figure, number, z, each, limit)
        _title(figure, number, title)
    boxes, _ = pair.window
    outline(figure, "", boxes, PAPER, 6)
    outline(figure, "", boxes, SET[0], 3.5)
    own = pair.cell
    for number, cell in (("", pair.winner), ("2", own)):
        if cell is not None:
            box = [(cell[1] - 0.5, cell[0] - 0.5, cell[1] + 0.5, cell[0] + 0.5)]
            outline(figure, number, box, CELL_LINE, 5)
            outline(figure, number, box, CELL[0], 2.5)
    return round(total[0]), round(total[1])


def outline(figure: Figure, number: str, boxes: Sequence[Box], colour: str, width: float) -> None:
    """Rectangles as one line, the pen lifted (NaN) between them."""
    lifted = float("nan")
    x = [v for a, _, b, _ in boxes for v in (a, b, b, a, a, lifted)]
    y = [v for _, c, _, d in boxes for v in (c, c, d, d, c, lifted)]
    figure.add_trace(
        Scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": colour, "width": width},
            hoverinfo="skip",
            cliponaxis=False,
            xaxis=f"x{number}",
            yaxis=f"y{number}",
        )
    )


def at(winner: IntArray | None, cell: tuple[int, int], width: int, rank: int) -> tuple[int, int] | None:
    """Row and column of the input that an output took; None for means, and for a window of padding alone.

    >>> at(np.array([[5]]), (0, 0), 4, 2), at(np.array([[3], [2]]), (1, 0), 4, 1), at(None, (0, 0), 4, 2)
    ((1, 1), (1, 2), None)
    """
    if winner is None or winner[cell] < 0:
        return None
    flat = int(winner[cell])
    return divmod(flat, width) if rank == 2 else (cell[0], flat)


def _axes(
    figure: Figure,
    number: str,
    extent: Box,
    side: float,
    place: tuple[float, float],
    total: tuple[float, float],
) -> None:
    """A map's axes, whose domains are pixels of the whole."""
    left, top, right, bottom = extent
    (x, y), rim = place, RIM / side
    plain: Mapping[str, object] = {**ROWS, "constrain": "domain"}
    figure.update_layout(
        {
            f"xaxis{number}": {
                **plain,
                "range": [left - rim, right + rim],
                "domain": [x / total[0], min(1.0, (x + (right - left) * side + 2 * RIM) / total[0])],
                "anchor": f"y{number}",
                "constraintoward": "left",
            },
            f"yaxis{number}": {
                **plain,
                "range": [bottom + rim, top - rim],
                "domain": [max(0.0, 1 - (y + (bottom - top) * side + 2 * RIM) / total[1]), 1 - y / total[1]],
                "anchor": f"x{number}",
                "scaleanchor": f"x{number}",
                "constraintoward": "top",
            },
        }
    )


def _padding(figure: Figure, pair: Pair) -> None:
    """The ring of padding around the map."""
    (a, b), (c, d) = ((-w.padded[0] - 0.5, w.length + w.padded[1] - 0.5) for w in (pair.columns, pair.rows))
    if not (any(pair.rows.padded) or any(pair.columns.padded)):
        return
    figure.add_shape(
        type="rect", xref="x", yref="y", x0=a, x1=b, y0=c, y1=d, layer="below", fillcolor=clear("#8792A0", 0.16),
        line={"color": BASELINE, "width": 1.5, "dash": "dot"},
    )  # fmt: skip


def _map(figure: Figure, number: str, z: FloatArray, side: float, limit: float) -> None:
    finite = np.where(np.isfinite(z), z, np.nan)
    common = {"xaxis": f"x{number}", "yaxis": f"y{number}", "showscale": False, "hoverongaps": False}
    spaced = {"xgap": 1, "ygap": 1} if side >= 8 else {}
    where = "h %{y}, w %{x}<br>"
    figure.add_trace(
        Heatmap(
            z=finite,
            zmin=-(limit or 1.0),
            zmax=limit or 1.0,
            colorscale=SCALE,
            texttemplate="%{z:.3~g}" if side >= LEGIBLE and max(z.shape) <= WRITTEN else None,
            hovertemplate=f"{where}<b>%{{z:.4g}}</b><extra></extra>",
            **spaced,
            **common,
        )
    )
    lost = np.where(np.isfinite(z), np.nan, 1.0)
    if np.isfinite(lost).any():
        hover = f"{where}<b>NaN/Inf</b><extra></extra>"
        figure.add_trace(
            Heatmap(z=lost, zmin=0, zmax=1, colorscale=RED, hovertemplate=hover, **spaced, **common)
        )


def _title(figure: Figure, number: str, text: str) -> None:
    figure.add_annotation(
        xref=f"x{number} domain", yref=f"y{number} domain", x=0, y=1, xanchor="left", yanchor="bottom", xshift=RIM - 1,
        yshift=0, showarrow=False, text=text, font={"size": 15},
    )  # fmt: skip
