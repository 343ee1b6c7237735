"""Rows of two histograms each below one another on one axis, in groups; so many that each kind of mark is one trace."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plotly.graph_objects import Figure, Scatter

from normviz.figures.outlines import Drawing, fulls, outline
from normviz.figures.ridge import full_height, moments
from normviz.figures.theme import AXIS, BASELINE, BEFORE, ROWS, clear, legend, letters, marked, style
from normviz.figures.value_axis import ValueAxis, outside, read, value_axis
from normviz.records import Summary
from normviz.traces import LayerTrace

Words = Mapping[str, str]

#: Pixels: a row, one of many (more than so many), what of it stays free for its name, and a heading with its numbers.
ROW, SLIM, MANY, FREE, HEADING, BAND = 52, 44, 24, 15, 42, 20
#: Above the rows; the axis' numbers need more where no heading says them.
TOP, NUMBERS, BOTTOM, LEFT = 50, 20, 10, 14
#: The size of a row's name, which has the free pixels for its own.
NAME = 12
#: Letters of a name that fit on a phone.
LONGEST = 36


@dataclass(frozen=True)
class Row:
    """One row: the layer's number and name, its two distributions (None: not there), and what a hover says."""

    number: int
    name: str
    first: LayerTrace | None
    second: LayerTrace | None
    hover: str = ""

    @property
    def both(self) -> tuple[LayerTrace | None, LayerTrace | None]:
        """The two of them."""
        return self.first, self.second


@dataclass(frozen=True)
class Look:
    """How one of the two is drawn: its name in the legend, line, area and width."""

    name: str
    color: str
    fill: str
    width: float


@dataclass(frozen=True)
class Ridge:
    """The figure, and what has to be known to say more about it."""

    figure: Figure
    axis: ValueAxis
    #: The layers' numbers in the order of the points that are hovered and clicked.
    numbers: tuple[int, ...]
    #: Where each row begins, in pixels from the figure's upper edge, and how high one is.
    tops: Mapping[int, float]
    row: int
    #: The largest share of a row's values, of the first or the second, that lies beyond the axis.
    outside: float


def axis_of(rows: Sequence[Row], log: bool | None = None) -> ValueAxis:
    """The axis that holds all rows."""
    return value_axis([layer.histogram for row in rows for layer in row.both if layer], log)


def stack(
    groups: Sequence[tuple[str, Sequence[Row]]],
    looks: tuple[Look, Look],
    *,
    words: Words,
    log: bool | None = None,
    joint: bool = False,
) -> Ridge:
    """The rows of every group below its heading (none where it is empty), which says the axis' numbers again.

    A row is as high as the higher of its two peaks, but at most 6 times the lower; on a logarithmic axis each of the
    two fills it, as one may be a thousand times as wide. ``joint``: all rows have one scale, that of the highest peak
    within 4 times the median one, and areas are shares of the values on every axis. The bin of 0 counts without the
    exact zeros where heights are chosen. What is higher than the row is cut off flat and marked by an arrow. The last
    trace holds a point a row, which is what a mouse hits; its ``customdata`` is the layer's number. ``words`` has
    ``value`` and ``value_log`` (``{linear}``).
    """
    rows = [row for _, members in groups for row in members]
    axis = axis_of(rows, log)
    outlines = [[outline(layer, axis, areas=joint) if layer else None for layer in row.both] for row in rows]
    one = full_height([each.peak for pair in outlines for each in pair if each]) if joint else None
    high = SLIM if len(rows) > MANY else ROW
    limit = high - FREE
    tops, headings, total = _places(groups, high)
    first, second = Drawing(), Drawing()
    for top, pair in zip(tops, outlines, strict=True):
        heights = fulls(pair, own=axis.linear is not None)
        for found, full, drawing in zip(pair, heights, (first, second), strict=True):
            if found:
                drawing.add(found, 1 - top - high, limit / (one or full), limit)
    said_of = [[moments(summary(layer)) for layer in row.both if layer] for row in rows]
    beside = [_beside(row, said) for row, said in zip(rows, said_of, strict=True)]
    figure = Figure()
    for drawing, look in zip((first, second), looks, strict=True):
        figure.add_trace(drawing.trace(look.name, look.color, look.fill, look.width))
    for drawing, look in zip((first, second), looks, strict=True):
        figure.add_trace(drawing.arrows(look.color))
    low, end = axis.range
    middles = [-top - high / 2 for top in tops]
    text: list[tuple[float, float, str, str, float]] = []
    text += [
        (low, -top - 2, _short(row.name), "bottom right", NAME) for row, top in zip(rows, tops, strict=True)
    ]
    text += [(low, -top - 6, f"<b>{_short(title)}</b>", "bottom right", 15) for top, title in headings]
    ticks = list(zip(*axis.ticks, strict=True))
    text += [(x, 1 - top - HEADING, said, "top center", 12.5) for top, _ in headings for x, said in ticks]
    text += [(end, y, t, "middle right", 12.5) for y, t in zip(middles, beside, strict=True)]
    figure.add_trace(_texts(text))
    # At the right end, a hover stands over the tails.
    figure.add_trace(_points(rows, middles, end))
    right = round(20 + 6.3 * letters([m for said in said_of for m in said] or [""]))
    _frame(figure, axis, looks, total, right, bool(headings), words)
    figure.update_layout(shapes=_lines(tops, headings, high))
    beyond = max((outside(layer.histogram, axis) for row in rows for layer in row.both if layer), default=0.0)
    numbers = tuple(row.number for row in rows)
    above = figure.layout.margin.t
    upper = {number: above + top for number, top in zip(numbers, tops, strict=True)}
    return Ridge(figure, axis, numbers, upper, high, beyond)


def summary(layer: LayerTrace) -> Summary:
    """The layer's numbers as those of any distribution."""
    return Summary(layer.count, layer.mean, layer.var, layer.min, layer.max, layer.nonfinite)


def _beside(row: Row, said: Sequence[str]) -> str:
    """Mean ± standard deviation of both, a line each, that of the second in bold."""
    lines = [*said[:-1], f"<b>{said[-1]}</b>"] if row.second else said
    return "<br>".join(f"\u2002{line}" for line in lines)


def _places(
    groups: Sequence[tuple[str, Sequence[Row]]], high: int
) -> tuple[list[float], list[tuple[float, str]], float]:
    """Where every row and every heading begins, and where all of it ends, in pixels from the plot's upper edge."""
    tops: list[float] = []
    headings: list[tuple[float, str]] = []
    y = 0.0
    for title, members in groups:
        if title and members:
            headings.append((y, title))
            y += HEADING
        for _ in members:
            tops.append(y)
            y += high
    return tops, headings, y


def escaped(text: str) -> str:
    """Text from a trace, which may be anybody's file, so that a figure takes nothing of it for markup."""
    return html.escape(text, quote=False)


def _short(name: str, most: int = LONGEST) -> str:
    """A name without its middle where it is long."""
    half = most // 2
    return escaped(name if len(name) <= most else f"{name[:half]}…{name[-half:]}")


def _texts(items: Sequence[tuple[float, float, str, str, float]]) -> Scatter:
    """Text at places, as one trace: annotations would be slow."""
    x, y, said, where, sizes = zip(*items, strict=True) if items else ((), (), (), (), ())
    return Scatter(x=x, y=y, text=said, mode="text", hoverinfo="skip", textposition=where,
                   textfont={"size": sizes}, cliponaxis=False)  # fmt: skip


def _points(rows: Sequence[Row], y: Sequence[float], x: float) -> Scatter:
    unseen = {"marker": {"opacity": 0}}
    return Scatter(
        x=[x] * len(rows),
        y=list(y),
        mode="markers",
        marker={"size": 8, "opacity": 0, "color": BEFORE},
        selected=unseen,
        unselected=unseen,
        customdata=[row.number for row in rows],
        hovertext=[row.hover for row in rows],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _lines(
    tops: Sequence[float], headings: Sequence[tuple[float, str]], high: int
) -> list[dict[str, object]]:
    """The base lines of the rows and the bands of the headings."""
    across = {"xref": "paper", "x0": 0, "x1": 1, "layer": "below"}
    lines: list[dict[str, object]] = [
        {"type": "line", **across, "y0": 1 - top - high, "y1": 1 - top - high, "line": {"color": BASELINE, "width": 1}}
        for top in tops
    ]  # fmt: skip
    return lines + [
        {"type": "rect", **across, "y0": -top - 3, "y1": -top - 3 - BAND, "line": {"width": 0},
         "fillcolor": clear(BEFORE, 0.16)}
        for top, _ in headings
    ]  # fmt: skip


def _frame(
    figure: Figure,
    axis: ValueAxis,
    looks: tuple[Look, Look],
    total: float,
    right: int,
    headed: bool,
    words: Words,
) -> None:
    places, said = axis.ticks
    first, second = looks
    key = marked(
        (first.color, "■", escaped(first.name)), (second.color, "■", f"<b>{escaped(second.name)}</b>")
    )
    value = words["value"]
    if axis.linear is not None:
        value = words["value_log"].format(linear=read(axis.linear))
    legend(figure, key, f"<i>{value}</i>", size=13.5, yshift=2 if headed else 2 + NUMBERS)
    above = TOP if headed else TOP + NUMBERS
    figure.update_layout(
        height=above + max(total, 1) + BOTTOM, margin={"l": LEFT, "r": right, "t": above, "b": BOTTOM}
    )
    figure.update_xaxes(
        **{**AXIS, "showticklabels": not headed}, range=axis.range, tickvals=places, ticktext=said, tickangle=0,
        side="top", showgrid=True, tickfont={"size": 12.5}, automargin=False,
    )  # fmt: skip
    figure.update_yaxes(**ROWS, range=[-max(total, 1), 0])
    style(figure).update_layout(
        hovermode="closest", hoverdistance=-1, clickmode="event+select", hoverlabel={"align": "left"}
    )
