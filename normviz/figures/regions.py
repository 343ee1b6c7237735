"""Dead and saturated regions as shaded areas: hatched where nothing passes back, plain where little does."""

from __future__ import annotations

from collections.abc import Sequence

from plotly.graph_objects import Figure, Scatter

from normviz.activation import Region
from normviz.figures.theme import BEFORE, PAPER, clear, mix

#: In the legend: colour and mark of each kind.
MARKS = {"dead": (BEFORE, "▨"), "saturated": (mix(BEFORE, PAPER, 0.35), "■")}
#: How much of its lane a band fills.
FILLED = 0.78

Interval = tuple[float, float]


def kinds(regions: Sequence[Region], low: float, high: float) -> list[str]:
    """Which kinds of regions are seen between these limits.

    >>> kinds([Region("dead", -9.0, 0.0), Region("saturated", 5.0, 9.0)], -1.0, 1.0)
    ['dead']
    """
    seen = {region.kind for region in regions if max(region.low, low) < min(region.high, high)}
    return [kind for kind in MARKS if kind in seen]


def shade(figure: Figure, regions: Sequence[Region], limits: Interval, reach: Interval, row: int) -> None:
    """One curve's regions over the full height of a panel."""
    for region in regions:
        _area(figure, region, limits, reach, BEFORE, f"y{row + 1}" if row else "y", 0.2)


def bands(
    figure: Figure, found: Sequence[Sequence[Region]], colours: Sequence[str], limits: Interval, axis: str
) -> None:
    """Every curve's regions as a band of its colour, one below the other: lane k lies between k and k + 1."""
    for k, (regions, colour) in enumerate(zip(found, colours, strict=True)):
        for region in regions:
            _area(figure, region, limits, (k + FILLED, k), colour, axis, 0.42)


def _area(
    figure: Figure, region: Region, limits: Interval, y: Interval, colour: str, axis: str, strength: float
) -> None:
    low, high = max(region.low, limits[0]), min(region.high, limits[1])
    if low >= high:
        return
    # A filled line is not hatched where its fill has no colour of its own.
    pattern = {
        "shape": "/",
        "fgcolor": clear(colour, 0.6),
        "bgcolor": clear(colour, 0.12),
        "size": 7,
        "solidity": 0.22,
    }
    figure.add_trace(
        Scatter(
            x=[low, high, high, low, low],
            y=[y[0], y[0], y[1], y[1], y[0]],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=clear(colour, strength),
            fillpattern=pattern if region.kind == "dead" else None,
            name=region.kind,
            hoverinfo="skip",
            xaxis="x",
            yaxis=axis,
        )
    )
