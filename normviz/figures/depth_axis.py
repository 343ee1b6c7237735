"""The vertical axis of one quantity over depth: plain, of powers of ten, or log-like on both sides of 0."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from normviz.figures.value_axis import LARGEST, ValueAxis, power_below, read
from normviz.reference import FloatArray

#: Where the largest value is more than so many times the usual (or the smallest positive one), an axis is logarithmic.
POWERS = 30.0
#: The share of the height kept for values at 0 on an axis of powers, and for those that are no number.
FOOT = 0.12
#: What is smaller counts as 0: a power of ten below it would be no number.
SMALLEST = 1e-300
#: The least distance of two numbers, as a share of the height.
GAP = 0.16


@dataclass(frozen=True)
class DepthAxis:
    """Where values are drawn, the axis' ends and its numbers; ``zero`` and ``lost`` are the places of marks.

    ``kind`` is "plain", "log" or "asinh"; ``linear`` is where the last one stops being plain.
    """

    kind: str
    low: float
    high: float
    ticks: tuple[list[float], list[str]]
    zero: float
    lost: float
    linear: float = 1.0

    def place(self, values: FloatArray) -> FloatArray:
        """Where these values are drawn; NaN where they have no place."""
        values = np.where(np.isfinite(values), _bounded(values), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.kind == "log":
                placed = np.log10(np.where(values > 0, values, np.nan))
            elif self.kind == "asinh":
                placed = np.arcsinh(values / self.linear)
            else:
                placed = values
        return np.where(np.isfinite(placed), placed, np.nan)

    def marked(self, values: FloatArray) -> FloatArray:
        """The same, with what has no place at its mark: 0 at the foot of an axis of powers, no number at the top."""
        placed = self.place(values)
        return np.where(np.isnan(values) | np.isinf(values), self.lost,
                        np.where(np.isnan(placed), self.zero, placed))  # fmt: skip


def depth_axis(values: FloatArray, *, signed: bool = False, share: bool = False) -> DepthAxis:
    """The axis of these values: ``signed`` for a mean, ``share`` for a share of 1, which always ends at 0 and 1.

    >>> depth_axis(np.array([1.0, 1e-6])).kind, depth_axis(np.array([1.0, 2.0])).kind
    ('log', 'plain')
    """
    known = _bounded(values[np.isfinite(values)])
    lost = not np.isfinite(values).all()
    if share:
        return _framed("plain", 0.0, 1.0, ([0.0, 0.5, 1.0], ["0%", "50%", "100%"]), lost)
    if signed:
        return _signed(known, lost)
    some = known[known > 0]
    if not some.size or (some.max() / POWERS <= some.min() and some.size == known.size):
        top = float(some.max()) if some.size else 1.0
        ticks = _apart(*ValueAxis(0.0, top).ticks, top)
        return _framed("plain", 0.0, top, ticks, lost)
    low, high = math.log10(float(some.min())), math.log10(float(some.max()))
    if high - low < 1:
        low, high = low - 0.5, high + 0.5
    step = max(1, math.ceil((high - low) / 4))
    powers = [p for p in range(math.ceil(low - 0.05), math.floor(high + 0.05) + 1) if p % step == 0]
    numbers = [10.0**p for p in powers]
    if len(powers) < 3:
        numbers = [m * 10.0**p for p in range(math.floor(low), math.ceil(high)) for m in (1, 3)]
        numbers = [v for v in numbers if v and low <= math.log10(v) <= high]
    ticks = [math.log10(v) for v in numbers], [read(v) for v in numbers]
    return _framed("log", low, high, ticks, lost, zero=bool((known == 0).any()))


def _bounded(values: FloatArray) -> FloatArray:
    """The same within what can be drawn."""
    return np.where(np.abs(values) < SMALLEST, 0.0, np.clip(values, -LARGEST, LARGEST))


def _signed(known: FloatArray, lost: bool) -> DepthAxis:
    low, high = (min(float(known.min()), 0.0), max(float(known.max()), 0.0)) if known.size else (-1.0, 1.0)
    if low == high:
        low, high = -1.0, 1.0
    sizes = np.sort(np.abs(known[known != 0]))
    # Means that a norm made 0 up to rounding are no reason for another axis.
    upper = float(sizes[3 * len(sizes) // 4]) if sizes.size else 1.0
    if max(-low, high) / POWERS <= upper:
        return _framed("plain", low, high, _apart(*ValueAxis(low, high).ticks, high - low), lost)
    linear = power_below(float(sizes[len(sizes) // 2]), max(-low, high))
    axis = ValueAxis(low, high, linear)
    start, end = axis.range
    return _framed("asinh", start, end, _apart(*axis.ticks, end - start), lost, linear=linear)


def _apart(places: list[float], said: list[str], size: float) -> tuple[list[float], list[str]]:
    """The numbers that can be read below one another: 0, and outwards from it what is far enough away."""
    kept = [(p, text) for p, text in zip(places, said, strict=True) if p == 0]
    for side in (1, -1):
        last = 0.0
        for p, text in sorted(zip(places, said, strict=True), key=lambda pair: abs(pair[0])):
            if p * side > 0 and abs(p) - last >= GAP * size:
                kept.append((p, text))
                last = abs(p)
    return [p for p, _ in kept], [text for _, text in kept]


def _framed(
    kind: str,
    low: float,
    high: float,
    ticks: tuple[list[float], list[str]],
    lost: bool,
    *,
    zero: bool = False,
    linear: float = 1.0,
) -> DepthAxis:
    size = high - low
    foot, top = (FOOT * size if there else 0.05 * size for there in (zero, lost))
    return DepthAxis(kind, low - foot, high + top, ticks, low - foot / 2, high + top / 2, linear)
