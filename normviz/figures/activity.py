"""What an activation makes of a distribution: before in grey, after in green, on one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure

from normviz.activity import Activity
from normviz.figures.entries import coloured, share
from normviz.figures.histogram import density, steps
from normviz.figures.ridge import moments
from normviz.figures.theme import (
    AFTER,
    AFTER_FILL,
    BASELINE,
    BEFORE,
    BEFORE_FILL,
    NUMBERS,
    ROWS,
    clear,
    legend,
    letters,
    marked,
    style,
)
from normviz.records import Summary
from normviz.reference import FloatArray

Words = Mapping[str, str]
Counts = npt.NDArray[np.intp]

#: Pixels of a row; how much of it the highest step takes.
ROW, REACH = 78, 0.86
#: The zeros of a ReLU would flatten everything else: so many of the highest bins do not count, and nothing is drawn so
#: many times as high as the inputs. The room above the highest.
SPIKE, CUT, ROOM = 2, 4.0, 1.1
#: Pixels of a figure of a column's row, and of its gap, for the three orders.
STAGE, BETWEEN = 84, 0.07


def activity(rows: Sequence[Activity], names: Sequence[str], *, words: Words) -> Figure:
    """A row for each activation: what reaches it in grey, what leaves it (and a normalization after it) in green.

    Every step is a density, counts / (values * bin width), and all rows have one axis and one scale. What is higher
    than the row is cut off flat and marked by an arrow: a spike of one or two bins, and what is more than 4 times as
    high as the inputs. At the right stand mean ± standard deviation before and **after**, and the share of values that
    are exactly 0. ``words`` has ``before``, ``after``, ``mean_std``, ``zeros`` (``{share}``) and ``value``.
    Raises ValueError where there is not one name a row.
    """
    coloured(names, len(rows))
    scale = REACH / _full(rows)
    figure = Figure()
    said = []
    for k, (row, name) in enumerate(zip(rows, names, strict=True)):
        base = len(rows) - 1 - k
        figure.add_hline(y=base, line={"color": BASELINE, "width": 1}, layer="below")
        for counts, summary, look in (
            (row.into_counts, row.into, (words["before"], BEFORE, BEFORE_FILL, 1.25)),
            (row.final_counts, row.final, (words["after"], AFTER, AFTER_FILL, 2)),
        ):
            _steps(figure, row.edges, counts, summary, base, scale, look)
        lines = [moments(row.into), f"<b>{moments(row.final)}</b>", _zeros(row, words)]
        said += [lines[0], moments(row.final), lines[2]]
        common = {"xref": "paper", "y": base + 1, "yanchor": "top", "showarrow": False}
        figure.add_annotation(**common, x=0, xanchor="left", text=f"<b>{name}</b>", font={"size": 14})
        figure.add_annotation(
            **common, x=1, xanchor="left", xshift=8, align="left", text="<br>".join(lines), font={"size": 13}
        )
    key = marked((BEFORE, "■", words["before"]), (AFTER, "■", f"<b>{words['after']}</b>"))
    legend(figure, key, size=15, yshift=6)
    right = max(112, 12 + 7 * letters(said))
    _beside(figure, 1, words["mean_std"], italic=True)
    _beside(figure, 0, words["value"])
    figure.update_layout(height=68 + ROW * len(rows), margin={"l": 8, "r": right, "t": 34, "b": 34})
    figure.update_xaxes(**NUMBERS, range=_range(rows), nticks=8, ticklabeloverflow="hide past domain")
    figure.update_yaxes(**ROWS, range=[-0.03, len(rows)])
    return style(figure)


def orders(rows: Sequence[Activity], names: Sequence[str], *, words: Words, narrow: bool = False) -> Figure:
    """One activation with a normalization before it, after it, or none: a column each, or below one another.

    From the top: what reaches the activation (grey), what leaves it (thin green), what the next layer gets (green). All
    lie on one axis and one scale, cut as :func:`activity` cuts; beside each stands mean ± standard deviation, beside
    the last the share of zeros. ``words`` has ``into``, ``out``, ``final`` and ``zeros`` (``{share}``).
    Raises ValueError where there is not one name an order.
    """
    coloured(names, len(rows))
    scale = REACH / _full(rows)
    figure = Figure()
    across = 1 if narrow else len(rows)
    down = len(rows) if narrow else 1
    titled = 3 + 0.42  # a block: its name above three stages
    # Plotly reads all that is there again at every single one that is added: they are added together.
    texts: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for k, (row, name) in enumerate(zip(rows, names, strict=True)):
        axis, place = (f"x{k + 1}" if k and not narrow else "x"), k if narrow else 0
        below = (down - 1 - place) * titled
        for stage, (part, counts, summary, look) in enumerate(_stages(row, words)):
            base = below + 2 - stage
            _steps(figure, row.edges, counts, summary, base, scale, look, axis)
            said = [moments(summary)] + ([_zeros(row, words)] if stage == 2 else [])
            texts.append(_corner(axis, base + 1, part, "left", 13))
            texts.append(_corner(axis, base + 1, "<br>".join(said), "right", 13))
            lines.append(_baseline(axis, base))
        texts.append(_corner(axis, below + titled, f"<b>{name}</b>", "left", 15))
    figure.update_layout(annotations=[*figure.layout.annotations, *texts], shapes=lines)
    width = (1 - BETWEEN * (across - 1)) / across
    for k in range(across):
        left = k * (width + BETWEEN)
        figure.update_layout(
            {
                f"xaxis{k + 1}" if k else "xaxis": {
                    **NUMBERS,
                    "range": _range(rows),
                    "domain": [left, left + width],
                    "anchor": "y",
                    "nticks": 8,
                }
            }
        )
    figure.update_yaxes(**ROWS, range=[-0.02, down * titled])
    inner = round(STAGE * down * titled)
    figure.update_layout(height=inner + 38, margin={"l": 8, "r": 12, "t": 4, "b": 34})
    return style(figure)


Look = tuple[str, str, str, float]


def _stages(row: Activity, words: Words) -> list[tuple[str, Counts, Summary, Look]]:
    """What reaches the activation, what leaves it, and what leaves the pair: name, counts, summary and look."""
    return [
        (words["into"], row.into_counts, row.into, (words["into"], BEFORE, BEFORE_FILL, 1.25)),
        (words["out"], row.out_counts, row.out, (words["out"], AFTER, clear(AFTER, 0.14), 1.25)),
        (words["final"], row.final_counts, row.final, (words["final"], AFTER, AFTER_FILL, 2)),
    ]


def _full(rows: Sequence[Activity]) -> float:
    """The density that reaches the full height: the highest without spikes, at most ``CUT`` times the inputs'."""
    into = max(float(density(row.into_counts, row.into, row.edges).max(initial=0.0)) for row in rows)
    bodies = [
        float(np.sort(density(counts, summary, row.edges))[-1 - SPIKE :][0])
        for row in rows
        for counts, summary in ((row.out_counts, row.out), (row.final_counts, row.final))
    ]
    highest = min(max(*bodies, into), CUT * into) if into else max(bodies)
    return ROOM * highest or 1.0


def _steps(
    figure: Figure,
    edges: FloatArray,
    counts: Counts,
    summary: Summary,
    base: float,
    scale: float,
    look: Look,
    axis: str = "x",
) -> None:
    """One histogram, and its arrow where it is cut, on the axis of its column."""
    traces, marks = len(figure.data), len(figure.layout.annotations)
    steps(figure, edges, density(counts, summary, edges) * scale, base, *look, limit=REACH)
    for trace in figure.data[traces:]:
        trace.update(xaxis=axis, yaxis="y")
    for mark in figure.layout.annotations[marks:]:
        mark.update(xref=axis, yref="y")


def _range(rows: Sequence[Activity]) -> list[float]:
    """The widest of the rows' axes."""
    return [float(min(row.edges[0] for row in rows)), float(max(row.edges[-1] for row in rows))]


def _zeros(row: Activity, words: Words) -> str:
    return words["zeros"].format(share=share(row.zeros, row.final.count))


def _corner(axis: str, y: float, text: str, side: str, size: float) -> dict[str, Any]:
    """Text in an upper corner of a stage."""
    return {
        "xref": f"{axis} domain", "x": float(side == "right"), "xanchor": side, "y": y, "yanchor": "top", "yref": "y",
        "align": side, "showarrow": False, "text": text, "font": {"size": size},
    }  # fmt: skip


def _baseline(axis: str, base: float) -> dict[str, Any]:
    """The line that a stage stands on."""
    return {
        "type": "line", "xref": f"{axis} domain", "x0": 0, "x1": 1, "yref": "y", "y0": base, "y1": base,
        "layer": "below", "line": {"color": BASELINE, "width": 1},
    }  # fmt: skip


def _beside(figure: Figure, y: float, text: str, *, italic: bool = False) -> None:
    """A word over or under what stands beside the rows."""
    figure.add_annotation(
        xref="paper", yref="paper", x=1, xanchor="left", xshift=8, y=y, yanchor="bottom" if y else "top",
        yshift=6 if y else -4, showarrow=False, text=f"<i>{text}</i>" if italic else text, font={"size": 13.5},
    )  # fmt: skip
