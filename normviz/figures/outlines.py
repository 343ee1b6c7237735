"""Histograms of many layers as outlines of steps, all of one colour in one trace: one trace each would be too slow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Scatter

from normviz.figures.value_axis import ValueAxis
from normviz.reference import FloatArray
from normviz.traces import LayerTrace

#: Where before and after differ in height, the lower one reaches at least one part in so many of the row.
CUT = 6.0
#: Exact zeros are so wide on a logarithmic axis, as a share of it: a few pixels, where the bin that holds 0 is a block.
THIN = 0.006
#: No density is more than its inverse, so that every one is a number.
NARROWEST = 1e-200
#: How much higher than the rest of its row are exact zeros that are cut off.
PROUD = 1.15


@dataclass(frozen=True)
class Outline:
    """The steps of one histogram: where its bins begin and end on the axis, and its densities there."""

    edges: FloatArray
    heights: FloatArray
    #: The highest density, that of exact zeros left out where anything else is.
    peak: float


def outline(layer: LayerTrace, axis: ValueAxis, *, areas: bool = False) -> Outline | None:
    """The densities of a layer's values over the axis; None where no value lies on it.

    A density is the share of the layer's finite values in a bin, over the bin's width. On a logarithmic axis that is
    the width in values (as drawn around 0), so that a bell stays one hill; with ``areas`` it is the width as drawn, so
    that the area of the steps is the share of the values there too, and a wide bell has a valley at 0. There exact
    zeros stand in a thin step of their own at 0, and what is left of the bin of 0 is spread over the bin.
    """
    h = layer.histogram
    if not h.total:
        return None
    edges = h.edges
    seen = (edges[1:] > axis.low) & (edges[:-1] < axis.high)
    held = np.flatnonzero(seen & (h.counts > 0))
    if not held.size:
        return None
    first, last = int(held[0]), int(held[-1]) + 1
    # A single value has bins far thinner than a pixel, which may have no width where they are drawn.
    placed = axis.place(edges[first : last + 1])
    low, high = axis.range
    least = (high - low) * 1e-4
    drawn = np.maximum(np.diff(placed), least)
    widths = drawn
    if axis.linear is not None and not areas:
        widths = np.maximum(np.diff(edges[first : last + 1]) / axis.linear, NARROWEST)
    heights = h.counts[first:last] / (h.total * widths)
    body = heights.copy()
    zero = -h.first - first
    there = 0 <= zero < len(body)
    if there:
        body[zero] = max(0, int(h.counts[first + zero]) - layer.zeros) / (h.total * widths[zero])
    peak = float(body.max()) or float(heights.max())
    thin = THIN * (high - low)
    if there and layer.zeros and axis.linear is not None and drawn[zero] > thin:
        spike = body[zero] + layer.zeros / (h.total * thin)
        heights = np.insert(body, zero, spike)
        placed = np.insert(placed, zero + 1, placed[zero] + thin)
    if placed[-1] - placed[0] < least:
        placed = np.linspace(placed[0], placed[0] + least, len(placed))
    return Outline(placed, heights, peak)


def fulls(outlines: Sequence[Outline | None], *, own: bool = False) -> list[float]:
    """The density that fills a row, for each of its outlines: the highest of the peaks, but at most 6 times the lowest.

    ``own``: of each its own peak. It is a little more where exact zeros are higher, so that they stand out.
    """
    peaks = [each.peak for each in outlines if each]
    shared = min(max(peaks), CUT * min(peaks)) if peaks else 1.0
    found = [each.peak if each and own else shared for each in outlines]
    spikes = any(
        each.heights.max() > PROUD * max(full, each.peak)
        for each, full in zip(outlines, found, strict=True)
        if each
    )
    return [PROUD * full for full in found] if spikes else found


def _slim(values: FloatArray) -> npt.NDArray[np.floating[Any]]:
    """The same with half the bytes, where a float32 is large enough."""
    size = np.nanmax(np.abs(values), initial=0.0)
    return values.astype(np.float32) if size < np.finfo(np.float32).max else values


class Drawing:
    """Collects outlines of one colour, with a gap between two of them, and where they are cut off."""

    def __init__(self) -> None:
        self.x: list[FloatArray] = []
        self.y: list[FloatArray] = []
        self.cuts: list[tuple[float, float]] = []

    def add(self, found: Outline, base: float, scale: float, limit: float) -> None:
        """One histogram on its base line; what is higher than ``limit`` is cut off flat there."""
        heights = found.heights * scale
        top = base + np.repeat(np.minimum(heights, limit), 2)
        gap = [np.nan]
        self.x += [np.repeat(found.edges, 2), np.array(gap)]
        self.y += [np.concatenate([[base], top, [base]]), np.array(gap)]
        cut = np.flatnonzero(heights > limit * (1 + 1e-9))
        if cut.size:
            highest = int(cut[np.argmax(heights[cut])])
            self.cuts.append((float(found.edges[highest : highest + 2].mean()), base + limit))

    def trace(self, name: str, color: str, fill: str, width: float) -> Scatter:
        """All of them as one trace, which no mouse hits."""
        x, y = (_slim(np.concatenate([[], *each])) for each in (self.x, self.y))
        return Scatter(x=x, y=y, mode="lines", fill="toself", fillcolor=fill, line={"color": color, "width": width},
                       name=name, hoverinfo="skip")  # fmt: skip

    def arrows(self, color: str) -> Scatter:
        """An arrow where a histogram is cut off."""
        x, y = [at for at, _ in self.cuts], [top for _, top in self.cuts]
        return Scatter(x=x, y=y, mode="text", text=["↑"] * len(x), textposition="bottom center",
                       textfont={"color": color, "size": 13}, hoverinfo="skip")  # fmt: skip
