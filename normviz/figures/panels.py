"""Small arrays as squares of colour in rows: maps, kernels and sheets, with signs between them like an equation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Heatmap

from normviz.figures.png import png
from normviz.figures.theme import BASELINE, CELL, CELL_LINE, ROWS, style
from normviz.figures.values import RED, SCALE, number, signs

#: Pixels: the largest side of a panel, a row's heading, a panel's title, the room above a row without a heading.
SIDE, HEADING, TITLE, APART = 150, 34, 24, 12
#: The room between two panels, as a share of a panel's width.
BETWEEN = 0.28


@dataclass(frozen=True)
class Panel:
    """One array (rows, columns), its title, and the name of the scale it shares; NaN is left empty.

    ``outline`` (row, column, rows, columns) is framed in the cell's colour. A ``picture``, (H, W, 3) in [0, 1], is
    shown instead of the array, which then only gives the proportions. ``stretched`` cells need not be square.
    """

    title: str
    z: npt.NDArray[Any]
    scale: str
    outline: tuple[int, int, int, int] | None = None
    picture: npt.NDArray[Any] | None = None
    stretched: bool = False


def panels(
    rows: Sequence[Sequence[Panel | None]],
    *,
    headings: Sequence[str],
    words: Mapping[str, str],
    between: Sequence[Sequence[str]] = (),
    side: int = SIDE,
) -> Figure:
    """Rows of panels under headings, violet below 0 and green above, from -m to +m.

    m is the largest finite absolute value among the panels of one ``scale``, and stands in each title, or in the
    heading of a row without titles. What is infinite is red. ``between`` are the signs that stand between the panels
    of each row. ``None`` leaves a place empty. ``words`` has ``legend``. ``side`` is the largest height of a panel in
    pixels; where the page is too narrow for it they get smaller.

    Raises ValueError where the rows are of different lengths or have not one heading each.

    >>> z = np.arange(6.0).reshape(2, 3) - 2
    >>> figure = panels([[Panel("W", z, "weights"), Panel("aW", 2 * z, "weights")]],
    ...                 headings=["one kernel"], words={"legend": "sign"})
    >>> len(figure.data), figure.data[0].zmax
    (2, 6.0)
    """
    widths = {len(row) for row in rows}
    if len(widths) != 1 or len(headings) != len(rows):
        raise ValueError(
            f"{len(rows)} rows of {sorted(widths)} panels with {len(headings)} headings: every row needs "
            "as many panels as the others, and one heading. Fill a row with None."
        )
    across = widths.pop()
    limits = reach([panel for row in rows for panel in row if panel])
    figure = Figure()
    above = [_above(row, heading) for row, heading in zip(rows, headings, strict=True)]
    inner = sum(above) + side * len(rows)
    step = 1 / (across + BETWEEN * (across - 1))
    for r, row in enumerate(rows):
        top = 1 - (sum(above[: r + 1]) + side * r) / inner
        bottom = max(0.0, top - side / inner)
        for k, panel in enumerate(row):
            left = k * step * (1 + BETWEEN)
            place = r * across + k
            if panel is not None:
                _panel(figure, panel, place, (left, left + step), (bottom, top), limits[panel.scale], across)
            if k and r < len(between) and between[r][k - 1]:
                middle = {"x": left - step * BETWEEN / 2, "y": (top + bottom) / 2}
                sign = {"text": between[r][k - 1], "showarrow": False, "font": {"size": 18}}
                figure.add_annotation(xref="paper", yref="paper", **middle, **sign)
        if headings[r]:
            titled = any(panel.title for panel in row if panel)
            size = (
                ""
                if titled
                else f"  ±{number(max((limits[panel.scale] for panel in row if panel), default=0))}"
            )
            _heading(figure, f"<b>{headings[r]}</b>{size}", top, TITLE if titled else 4)
    figure.add_annotation(
        xref="paper",
        yref="paper",
        x=0,
        y=0,
        yanchor="top",
        yshift=-6,
        xshift=-3,
        align="left",
        showarrow=False,
        xanchor="left",
        text=f"{signs()}   {words['legend']}",
    )
    below = TITLE * (1 + words["legend"].count("<br>"))
    figure.update_layout(height=inner + below, margin={"l": 4, "r": 16, "t": 0, "b": below})
    return style(figure).update_layout(hovermode="closest")


def reach(shown: Sequence[Panel]) -> dict[str, float]:
    """The largest finite absolute value of each scale.

    >>> reach([Panel("a", np.array([[1.0, -3.0]]), "s"), Panel("b", np.array([[2.0, np.inf]]), "s")])
    {'s': 3.0}
    """
    found: dict[str, float] = {}
    for panel in shown:
        largest = float(np.max(np.abs(panel.z), initial=0, where=np.isfinite(panel.z)))
        found[panel.scale] = max(found.get(panel.scale, 0.0), largest)
    return found


def grid(maps: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Arrays (K, H, W) side by side in rows as square as can be, one empty line between them.

    >>> grid(np.ones((2, 1, 1))).tolist()
    [[1.0, nan, 1.0]]
    """
    count, height, width = maps.shape
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    whole = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan, np.float32)
    for k, each in enumerate(maps):
        top, left = (k // columns) * (height + 1), (k % columns) * (width + 1)
        whole[top : top + height, left : left + width] = each
    return whole


def _panel(
    figure: Figure,
    panel: Panel,
    place: int,
    x: tuple[float, float],
    y: tuple[float, float],
    limit: float,
    across: int,
) -> None:
    number_ = str(place + 1) if place else ""
    height, width = panel.z.shape
    names = {"xaxis": f"x{number_}", "yaxis": f"y{number_}"}
    z = np.where(np.isfinite(panel.z), panel.z, np.float32(np.nan))
    common = {**names, "showscale": False, "hoverongaps": False}
    figure.add_trace(
        Heatmap(
            z=np.full_like(z, np.nan) if panel.picture is not None else z,
            zmin=-(limit or 1.0),
            zmax=limit or 1.0,
            colorscale=SCALE,
            hovertemplate="%{y}, %{x}<br><b>%{z:.4g}</b><extra></extra>",
            **common,
        )
    )
    if np.isinf(panel.z).any():
        lost = np.where(np.isinf(panel.z), 1.0, np.nan)
        figure.add_trace(Heatmap(z=lost, zmin=0, zmax=1, colorscale=RED, hoverinfo="skip", **common))
    plain = {**ROWS, "constrain": "domain"}
    toward = "left" if across == 1 else "center"
    one = {
        **plain,
        "domain": list(x),
        "range": [-0.5, width - 0.5],
        "constraintoward": toward,
        "anchor": names["yaxis"],
    }
    two = {
        **plain,
        "domain": list(y),
        "range": [height - 0.5, -0.5],
        "constraintoward": "top",
        "anchor": names["xaxis"],
    }
    if not panel.stretched:
        two |= {"scaleanchor": names["xaxis"], "scaleratio": 1}
    figure.update_layout({f"xaxis{number_}": one, f"yaxis{number_}": two})
    _frame(figure, names, (-0.5, -0.5, width - 0.5, height - 0.5), BASELINE, 1)
    if panel.outline is not None:
        row, column, rows, columns = panel.outline
        box = (column - 0.5, row - 0.5, column + columns - 0.5, row + rows - 0.5)
        _frame(figure, names, box, CELL_LINE, 4)
        _frame(figure, names, box, CELL[0], 2)
    if panel.picture is not None:
        figure.add_layout_image(
            source=png(panel.picture),
            xref=names["xaxis"],
            yref=names["yaxis"],
            x=-0.5,
            y=-0.5,
            sizex=width,
            sizey=height,
            sizing="stretch",
        )
    if not panel.title:
        return
    text = panel.title if panel.picture is not None else f"{panel.title}  ±{number(limit)}"
    left = toward == "left"
    figure.add_annotation(
        xref=f"{names['xaxis']} domain",
        yref=f"{names['yaxis']} domain",
        x=0 if left else 0.5,
        xanchor="left" if left else "center",
        y=1,
        yanchor="bottom",
        showarrow=False,
        text=text.strip(),
    )


def _above(row: Sequence[Panel | None], heading: str) -> int:
    """The pixels above a row of panels."""
    return (HEADING if heading else APART) + TITLE * any(panel.title for panel in row if panel)


def _heading(figure: Figure, text: str, top: float, shift: int) -> None:
    figure.add_annotation(
        xref="paper",
        yref="paper",
        x=0,
        xanchor="left",
        xshift=-3,
        y=top,
        yanchor="bottom",
        yshift=shift,
        showarrow=False,
        text=text,
        font={"size": 15},
    )


def _frame(
    figure: Figure, names: Mapping[str, str], box: tuple[float, float, float, float], color: str, width: float
) -> None:
    x0, y0, x1, y1 = box
    figure.add_shape(
        type="rect",
        xref=names["xaxis"],
        yref=names["yaxis"],
        x0=x0,
        y0=y0,
        x1=x1,
        y1=y1,
        line={"color": color, "width": width},
    )
