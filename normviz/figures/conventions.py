"""The frameworks' conventions drawn: running averages, what an eps leaves, damping along the channels, histograms.

torch is green, as what the app computes with is; the others take Okabe and Ito's colours, some of them darkened
to 3:1 on white. Frameworks that do the same share a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from plotly.graph_objects import Figure, Scatter

from normviz.convention_effects import Averages, Effect
from normviz.conventions import Epsilon
from normviz.figures.histogram import steps
from normviz.figures.ridge import moments
from normviz.figures.theme import (
    AFTER,
    AFTER_FILL,
    BASELINE,
    BEFORE,
    BEFORE_FILL,
    CELL,
    NUMBERS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    clear,
    legend,
    marked,
    style,
)
from normviz.minmax import Scaled, Scaling
from normviz.reference import FloatArray

COLOURS = (AFTER, VERMILLION, PURPLE, SKY, ORANGE)
DASHES = ("solid", "solid", "dash", "dot", "dashdot")
#: Min-max scaling beside before (grey) and standardized (green).
MIN_MAX = VERMILLION
#: Pixels: a figure, and a row of the three scalings.
HEIGHT, ROW = 330, 96
Words = Mapping[str, str]


@dataclass(frozen=True)
class Line:
    """What one or more frameworks have in common."""

    name: str
    drawn: FloatArray
    colour: str
    dash: str
    first: int


def together(names: Sequence[str], drawn: Sequence[FloatArray]) -> list[Line]:
    """One line for all that are drawn alike, under all their names (each once), in the order of the first.

    >>> [line.name for line in together(["a", "b", "c"], [np.zeros(2), np.ones(2), np.zeros(2)])]
    ['a, c', 'b']
    """
    groups: list[list[int]] = []
    for k, values in enumerate(drawn):
        for group in groups:
            if np.allclose(values, drawn[group[0]], rtol=1e-5, atol=1e-9, equal_nan=True):
                group.append(k)
                break
        else:
            groups.append([k])
    return [
        Line(", ".join(dict.fromkeys(names[k] for k in group)), drawn[group[0]], colour, dash, group[0])
        for group, colour, dash in zip(groups, COLOURS, DASHES, strict=False)
    ]


def course(found: Averages, names: Mapping[str, str], *, what: str, batches: int, words: Words) -> Figure:
    """The running ``mean`` or ``var`` of the channel over the batches, and the input's own (grey, dashed).

    ``names`` are the frameworks' by key; a thin line stands at ``batches``. ``words`` has ``batches`` and ``input``.
    """
    lines = together([names[k.row.framework] for k in found.kept], [getattr(k, what) for k in found.kept])
    figure = Figure()
    at = np.arange(len(lines[0].drawn), dtype=np.float64)
    target = found.mean if what == "mean" else found.var
    if np.isfinite(target):
        figure.add_hline(y=target, line={"color": BEFORE, "width": 1.5, "dash": "dash"})
    figure.add_vline(x=batches, line={"color": BASELINE, "width": 1})
    for line in lines:
        _line(figure, at, line.drawn, line)
    _named(figure, lines, words["input"])
    _axes(figure, words["batches"])
    return style(figure)


def epsilons(found: Effect, names: Mapping[str, str], *, words: Words) -> Figure:
    """How much of a set's size its eps leaves: by the formula (lines), and of the sets of this input (dots).

    The size (standard deviation, root mean square or length) is on a scale of powers. ``words`` has ``size`` and
    ``left``.
    """
    rows = [reading.row for reading in found.readings]
    defaults = [row.value() for row in rows if isinstance(row, Epsilon)]
    sizes = found.at[np.isfinite(found.at) & (found.at > 0)]
    ends = [*sizes.tolist(), *(np.sqrt(defaults) / 3).tolist(), 1.0]
    at = np.logspace(np.log10(min(ends)) - 0.3, np.log10(max(ends)) + 0.3, 160)
    curves = [at / row.divisor(at, row.value()) for row in rows if isinstance(row, Epsilon)]
    lines = together([names[row.framework] for row in rows], curves)
    figure = Figure()
    for line in lines:
        _line(figure, at, line.drawn, line)
        figure.add_trace(
            Scatter(
                x=found.at,
                y=found.readings[line.first].drawn,
                mode="markers",
                marker={"color": line.colour, "size": 7, "line": {"color": "#FFFFFF", "width": 0.75}},
                hoverinfo="skip",
                name=line.name,
            )
        )
    _named(figure, lines)
    _axes(figure, words["size"], words["left"])
    figure.update_xaxes(type="log", exponentformat="power", dtick=max(1, round(np.ptp(np.log10(at)) / 6)))
    figure.update_yaxes(range=[-0.03, 1.06], tickformat=".0%")
    return style(figure)


def damping(found: Effect, names: Mapping[str, str], *, channel: int, words: Words) -> Figure:
    """How much of each channel's value is left at the pinned place; the pinned channel is marked.

    ``words`` has ``channel`` and ``left``.
    """
    lines = together(
        [names[reading.row.framework] for reading in found.readings],
        [reading.drawn for reading in found.readings],
    )
    figure = Figure()
    figure.add_vline(x=channel, line={"color": CELL[0], "width": 4})
    for line in lines:
        _line(figure, found.at, line.drawn, line, mode="lines+markers")
    _named(figure, lines)
    _axes(figure, words["channel"], words["left"])
    figure.update_xaxes(tickformat="d")
    figure.update_yaxes(tickformat=".2~%")
    return style(figure)


def histograms(found: Effect, names: Sequence[str], *, words: Words) -> Figure:
    """The input (grey) and what each convention makes of it, on one axis and one scale; a name for each reading.

    ``words`` has ``before`` and ``value``.
    """
    lines = together(names, [reading.drawn for reading in found.readings])
    figure = Figure()
    steps(figure, found.at, found.before, 0.0, words["before"], BEFORE, BEFORE_FILL, 1.25)
    for line in lines:
        steps(figure, found.at, line.drawn, 0.0, line.name, line.colour, "rgba(0,0,0,0)", 2, dash=line.dash)
    _named(figure, lines, words["before"])
    _axes(figure, words["value"])
    figure.update_yaxes(showticklabels=False, showgrid=False, rangemode="tozero")
    return style(figure)


def scalings(found: Scaling, *, words: Words) -> Figure:
    """The same values before, standardized and scaled to [0, 1], three rows on one axis, each to its own peak.

    The bins are those of the values but the pinned cell's, which an amber mark shows. ``words`` has ``before``,
    ``standardized`` and ``min_max``.
    """
    figure = Figure()
    rows: tuple[tuple[str, Scaled, str, str], ...] = (
        ("before", found.before, BEFORE, BEFORE_FILL),
        ("standardized", found.standardized, AFTER, AFTER_FILL),
        ("min_max", found.min_max, MIN_MAX, clear(MIN_MAX)),
    )
    for k, (key, scaled, colour, fill) in enumerate(rows):
        base = 1.5 * (len(rows) - 1 - k)
        figure.add_hline(y=base, line={"color": BASELINE, "width": 1}, layer="below")
        heights = scaled.counts / max(1.0, float(scaled.counts.max(initial=0)))
        steps(figure, scaled.edges, heights, base, words[key], colour, fill, 1.25)
        if np.isfinite(scaled.outlier):
            ends = {
                "x": [scaled.outlier] * 2,
                "y": [base - 0.1, base + 0.22],
                "mode": "lines",
                "hoverinfo": "skip",
            }
            figure.add_trace(Scatter(**ends, line={"color": CELL[1], "width": 4}, name="cell"))
        corner = {
            "xref": "paper",
            "y": base + 1.08,
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"size": 14},
        }
        figure.add_annotation(**corner, x=0, xanchor="left", text=marked((colour, "■", words[key])))
        figure.add_annotation(**corner, x=1, xanchor="right", text=f"<i>μ ± σ</i>  {moments(scaled.summary)}")
    _axes(figure)
    figure.update_layout(height=40 + ROW * len(rows), margin={"l": 4, "r": 4, "t": 6, "b": 30})
    low, high = found.axis
    figure.update_xaxes(range=[low - 0.02 * (high - low), high + 0.02 * (high - low)])
    figure.update_yaxes(range=[-0.12, 4.5], showticklabels=False, showgrid=False)
    return style(figure)


def _line(figure: Figure, x: FloatArray, y: FloatArray, line: Line, mode: str = "lines") -> None:
    # A third line is thinner: it is the one that jumps.
    look = {"color": line.colour, "width": 1.5 if line.dash == "dash" else 2.5, "dash": line.dash}
    figure.add_trace(Scatter(x=x, y=y, mode=mode, line=look, name=line.name, hoverinfo="skip"))


def _named(figure: Figure, lines: Sequence[Line], grey: str = "") -> None:
    """The names above the figure, two to a row, so that they fit a phone."""
    entries = [(line.colour, "■", line.name) for line in lines] + ([(BEFORE, "■", grey)] if grey else [])
    rows = [marked(*entries[k : k + 2]) for k in range(0, len(entries), 2)]
    legend(figure, *rows, yshift=6)
    top = 12 + 20 * len(rows)
    figure.update_layout(height=HEIGHT, margin={"l": 46, "r": 10, "t": top, "b": 44})


def _axes(figure: Figure, below: str = "", beside: str = "") -> None:
    figure.update_xaxes(**NUMBERS, title={"text": below, "font": {"size": 14}, "standoff": 6})
    figure.update_yaxes(**NUMBERS, title={"text": beside, "font": {"size": 14}})
