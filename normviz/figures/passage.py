"""What a layer reads and what it puts out: two histograms of power-of-two bins on one axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from plotly.graph_objects import Figure, Scatter

from normviz.figures.histogram import steps
from normviz.figures.theme import (
    AFTER,
    AFTER_FILL,
    BASELINE,
    BEFORE,
    BEFORE_FILL,
    NUMBERS,
    ROWS,
    legend,
    marked,
    style,
)
from normviz.histograms import Histogram
from normviz.readable import amount
from normviz.reference import FloatArray

#: Pixels of the plot.
HEIGHT = 240
#: The axis shows this share of the values of each; a peak is cut off at this many times the next highest.
COVER, SPIKE = 0.999, 2.5


class _Side(NamedTuple):
    """One of the two, with its name and how it is drawn."""

    counted: Histogram
    name: str
    color: str
    fill: str
    width: float

    @property
    def heights(self) -> FloatArray:
        """Shares of the values per unit of the axis."""
        return np.asarray(self.counted.counts / (self.counted.total * self.counted.width), np.float64)


def passage(before: Histogram | None, after: Histogram, *, words: Mapping[str, str]) -> Figure:
    """Before (where it is known) and after as step histograms on one axis, as shares of the values per unit of it.

    The axis holds at least 99.9 % of the values of each. A peak (the zeros behind a ReLU) of more than 2.5 times the
    next highest bin is cut off flat and marked by an arrow. At a touch stand a bin's ends, count and share. ``words``
    has ``before``, ``after``, ``value`` and ``bin`` (with ``{low}``, ``{high}``, ``{count}`` and ``{share}``).

    >>> english = dict(before="before", after="after", value="value", bin="{low} to {high}: {count}, {share}")
    >>> figure = passage(Histogram.of([-1.0, 1.0]), Histogram.of([0.0, 1.0]), words=english)
    >>> [trace.name for trace in figure.data]
    ['before', 'before', 'after', 'after']
    """
    both = (
        None if before is None else _Side(before, words["before"], BEFORE, BEFORE_FILL, 1.25),
        _Side(after, words["after"], AFTER, AFTER_FILL, 2.0),
    )
    drawn = [side for side in both if side is not None and side.counted.total]
    figure = Figure()
    full = max((_full(side.heights) for side in drawn), default=1.0)
    for side in drawn:
        heights = side.heights / full
        look = (side.name, side.color, side.fill, side.width)
        steps(figure, side.counted.edges, heights, 0.0, *look, limit=1.0)
        _hover(figure, side, np.minimum(heights, 1.0), words["bin"])
    figure.add_hline(y=0, line={"color": BASELINE, "width": 1}, layer="below")
    legend(figure, marked(*((side.color, "■", side.name) for side in drawn)))
    figure.update_layout(height=HEIGHT + 76, margin={"l": 8, "r": 8, "t": 30, "b": 46})
    figure.update_xaxes(
        **NUMBERS, title={"text": words["value"], "standoff": 4, "font": {"size": 14}}, nticks=9
    )
    if drawn:
        ends = [_ends(side.counted) for side in drawn]
        low, high = min(a for a, _ in ends), max(b for _, b in ends)
        room = 0.02 * (high - low) or 1.0
        figure.update_xaxes(range=[low - room, high + room])
    figure.update_yaxes(**ROWS, range=[0, 1.06])
    return style(figure).update_layout(hovermode="x")


def _full(heights: FloatArray) -> float:
    """The height that reaches the top: that of the highest bin, unless the next is far below it."""
    ordered = np.sort(heights[heights > 0])
    if ordered.size < 3 or ordered[-1] <= SPIKE * ordered[-2]:
        return float(ordered[-1])
    return float(SPIKE * ordered[-2])


def _ends(h: Histogram) -> tuple[float, float]:
    """The edges of the bins between which the share ``COVER`` of the values lies."""
    share = np.cumsum(h.counts) / h.total
    rest = (1 - COVER) / 2
    first = int(np.searchsorted(share, rest, side="right"))
    last = int(np.searchsorted(share, 1 - rest, side="left"))
    return float(h.edges[first]), float(h.edges[min(last, len(h.counts) - 1) + 1])


def _hover(figure: Figure, side: _Side, y: FloatArray, said: str) -> None:
    """A mark that is not seen at every bin that holds something."""
    h = side.counted
    held = np.flatnonzero(h.counts)
    texts = [
        said.format(
            low=amount(float(h.edges[k])),
            high=amount(float(h.edges[k + 1])),
            count=f"{int(h.counts[k]):,}",
            share=f"{h.counts[k] / h.total:.2%}",
        )
        for k in held
    ]
    figure.add_trace(
        Scatter(
            x=(h.edges[held] + h.edges[held + 1]) / 2,
            y=y[held],
            mode="markers",
            name=side.name,
            marker={"color": side.color, "opacity": 0, "size": 6},
            text=texts,
            hovertemplate=f"{side.name}: %{{text}}<extra></extra>",
        )
    )
