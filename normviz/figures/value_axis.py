"""One axis of values for the distributions of a whole network, whose sizes may differ by orders of magnitude."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.histograms import LEAST, Histogram
from normviz.reference import FloatArray

#: What lies outside at either end, as a share of the mean distribution: 99.85% lie inside.
TAIL = 0.00075
#: Where a tenth of the distributions are narrower than this share of a plain axis, the axis becomes logarithmic.
NARROW = 0.012
#: No axis goes beyond: its length would be no number.
LARGEST = 1e300
#: At most so many numbers at either side of 0 of a plain axis, and so many on a logarithmic one.
TICKS, POWERS = 3, 9
#: Pixels: a phone's axis, a letter of its numbers, a raised one, a point, and what is free between two numbers.
PHONE, LETTER, RAISED, POINT, BETWEEN = 240, 6.5, 4.6, 3.3, 5
#: Only from here on are there numbers between the powers, which would need a power themselves.
SMALLEST = 1e-3
#: A bell whose standard deviation is more than so many times the plain part looks like a block, or two hills.
BLOCK = 3.0


@dataclass(frozen=True)
class ValueAxis:
    """Where values stand: at x itself, or at asinh(x / linear), which is log-like beyond ±linear and keeps 0 and sign.

    ``low`` and ``high`` are the ends, in values.
    """

    low: float
    high: float
    linear: float | None = None

    def place(self, values: npt.ArrayLike) -> FloatArray:
        """Where these values are drawn.

        >>> ValueAxis(-1.0, 1.0, 0.5).place([0.0, 0.5]).round(4).tolist()
        [0.0, 0.8814]
        """
        x = np.asarray(values, np.float64)
        return x if self.linear is None else np.arcsinh(x / self.linear)

    @property
    def range(self) -> tuple[float, float]:
        """The ends as they are drawn."""
        low, high = self.place([self.low, self.high])
        return float(low), float(high)

    @property
    def ticks(self) -> tuple[list[float], list[str]]:
        """Round numbers along the axis: where they are drawn, and as they are read.

        >>> ValueAxis(-2.0, 30.0, 0.1).ticks[1]
        ['−1', '−0.1', '0', '0.1', '1', '3', '10', '30']
        >>> ValueAxis(-2.0, 1.0).ticks[1]
        ['−2', '−1.5', '−1', '−0.5', '0', '0.5', '1']
        """
        values = self._round() if self.linear is None else self._powers()
        return [float(p) for p in self.place(values)], [read(v) for v in values]

    def _powers(self) -> list[float]:
        assert self.linear is not None
        largest = max(-self.low, self.high, self.linear)
        least, most = round(math.log10(self.linear)), math.floor(math.log10(largest) + 1e-9)
        kept: list[float] = []
        step = 0
        # Every power, or as few as have room, from the largest on.
        while not kept and step <= most - least:
            step += 1
            powers = [10.0**p for p in range(most, least - 1, -step)]
            powers = [v for v in powers if self._readable([v])]
            if self._readable(powers):
                kept = powers
        # Threes beyond the largest power and between the others, inwards as far as all of them have room.
        threes = [3 * 10.0**p for p in range(most, least - 1, -1)] if step <= 1 else []
        for size in (v for v in threes if v <= largest):
            if size < SMALLEST or not self._readable([*kept, size]):
                break
            kept.append(size)
        return self._mirrored(kept)

    def _mirrored(self, sizes: Sequence[float]) -> list[float]:
        """These on both sides of 0, in order, as far as the axis goes."""
        both = sorted([*(-v for v in sizes), 0.0, *sizes])
        return [v for v in both if self.low <= v <= self.high]

    def _readable(self, sizes: Sequence[float]) -> bool:
        """Whether these, on both sides of 0, are not too many and stand apart on a phone."""
        values = self._mirrored(sizes)
        return len(values) <= POWERS and self._apart(values)

    def _apart(self, values: Sequence[float]) -> bool:
        """Whether numbers in order stand apart on a phone."""
        low, high = self.range
        wide = np.array([_wide(read(v)) for v in values])
        needed = (wide[1:] + wide[:-1]) / 2 + BETWEEN
        return bool((np.diff(self.place(values)) * PHONE / (high - low) >= needed).all())

    def _round(self) -> list[float]:
        """At most 7 multiples of 1, 2 or 5 times a power of ten, as many as stand apart on a phone."""
        rough = (self.high - self.low) / (2 * TICKS)
        power = 10.0 ** math.floor(math.log10(rough))
        steps = [m * p for p in (power, power * 10) for m in (1, 2, 5)] + [power * 100]
        found: list[float] = []
        for step in (each for each in steps if each >= rough * (1 - 1e-9)):
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            found = [k * step for k in range(first, last + 1)]
            if self._apart(found):
                break
        return found


def value_axis(histograms: Sequence[Histogram], log: bool | None = None) -> ValueAxis:
    """The axis that holds 99.85% of the mean of these distributions, and 0.

    ``log`` says whether it is logarithmic (asinh); None: where a tenth of the distributions would be too narrow to be
    seen on a plain one. It is linear up to the power of ten that most distributions exceed, or beyond it, up to where
    most distributions look like a hill and not like a block, as long as the narrow ones can still be seen.
    """
    known = [h for h in histograms if h.total]
    if not known:
        return ValueAxis(-1.0, 1.0, 0.1 if log else None)
    low, high = _ends(known)
    low, high = max(min(low, 0.0), -LARGEST), min(max(high, 0.0), LARGEST)
    # The bin of nothing but zeros is as thin as bins get.
    if high - low <= 2.0 ** (LEAST + 1):
        return ValueAxis(-1.0, 1.0, 0.1 if log else None)
    # What is one number everywhere, as a dead layer, has no spread that could be seen.
    sizes = np.sort([max(spread(h), h.width) for h in known if len(h.counts) > 1] or [high - low])
    small = float(sizes[(len(sizes) - 1) // 10])
    if log is None:
        log = small < NARROW * (high - low)
    if not log:
        return ValueAxis(low, high)
    linear, largest = power_below(small, max(-low, high)), max(-low, high)
    while sizes[len(sizes) // 2] > BLOCK * linear:
        wider = ValueAxis(low, high, linear * 10)
        start, end = wider.range
        if linear * 10 > largest / 10 or float(wider.place(small)) < NARROW * (end - start):
            break
        linear *= 10
    return ValueAxis(low, high, linear)


def power_below(usual: float, largest: float) -> float:
    """The power of ten up to which an axis is plain: below what is usual, and within 60 powers below the largest.

    >>> power_below(0.03, 50.0), power_below(1e-200, 1.0)
    (0.01, 1e-60)
    """
    most = math.floor(math.log10(largest))
    return 10.0 ** max(min(math.floor(math.log10(usual)), most - 1), most - 60, -300)


def outside(h: Histogram, axis: ValueAxis) -> float:
    """Which share of a histogram's values lies in bins beyond the axis' ends."""
    if not h.total:
        return 0.0
    edges = h.edges
    beyond = (edges[1:] <= axis.low) | (edges[:-1] >= axis.high)
    return float(h.counts[beyond].sum() / h.total)


def spread(h: Histogram) -> float:
    """The standard deviation as far as the bins tell it."""
    middles = (h.edges[:-1] + h.edges[1:]) / 2
    size = float(np.abs(middles).max()) or 1.0
    shares, scaled = h.counts / h.total, middles / size
    mean = float(shares @ scaled)
    return size * math.sqrt(max(float(shares @ (scaled - mean) ** 2), 0.0))


def read(value: float) -> str:
    """A round number as it is read.

    >>> read(-0.25), read(1e5), read(-1e-7), read(3000.0)
    ('−0.25', '10<sup>5</sup>', '−10<sup>−7</sup>', '3000')
    """
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e4:
        return f"{value:.6g}".replace("-", "−")
    exponent = math.floor(math.log10(size) + 1e-9)
    mantissa = f"{size / 10.0**exponent:.3g}"
    sign = "−" if value < 0 else ""
    power = f"10<sup>{exponent}</sup>".replace("-", "−")
    return sign + (power if mantissa == "1" else f"{mantissa}·{power}")


def _ends(histograms: Sequence[Histogram]) -> tuple[float, float]:
    """Between which bins all but ``TAIL`` of the mean distribution lies, at either end."""
    share = 1 / len(histograms)
    lefts = np.concatenate([h.edges[:-1] for h in histograms])
    rights = np.concatenate([h.edges[1:] for h in histograms])
    weights = np.concatenate([h.counts * (share / h.total) for h in histograms])
    order = np.argsort(lefts, kind="stable")
    low = lefts[order][int(np.searchsorted(np.cumsum(weights[order]), TAIL, "right"))]
    order = np.argsort(-rights, kind="stable")
    high = rights[order][int(np.searchsorted(np.cumsum(weights[order]), TAIL, "right"))]
    return float(low), float(high)


def _wide(text: str) -> float:
    """Pixels of a number as it is read."""
    plain, _, power = text.partition("<sup>")
    points = sum(plain.count(each) for each in ".·")
    return LETTER * (len(plain) - points) + POINT * points + RAISED * len(power.removesuffix("</sup>"))
