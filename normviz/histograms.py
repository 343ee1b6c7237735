"""A histogram whose bins are as wide as a power of two: two of them add up to that of all values, to the last count.

Bin i of exponent k holds the values with ``floor(x / 2**k) == i``, which is exact in binary, and two bins next to each
other are one bin of the next exponent. So it does not matter in how many parts, or on how many machines, values were
counted: the merged histogram equals the one of all values together.

>>> both = Histogram.of([0.5, 1.5]).merge(Histogram.of([100.0]))
>>> both == Histogram.of([0.5, 1.5, 100.0])
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from normviz.reference import FloatArray

Counts = npt.NDArray[np.int64]

#: At most this many bins.
BINS = 64
#: No bin is narrower than 2**LEAST, the smallest float32, nor than 2**-DIGITS of the largest value there is.
LEAST, DIGITS = -149, 24


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many values lie in each bin; ``counts`` starts and ends with a bin that holds some.

    ``exponent`` is k, ``first`` the number of the first bin. What is NaN or infinite is in no bin.
    """

    exponent: int = LEAST
    first: int = 0
    counts: Counts = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Histogram:
        """The histogram of these values: the finest of at most 64 bins.

        >>> h = Histogram.of([-0.25, 0.0, 0.5, 0.5])
        >>> h.width, h.counts.sum(), h.negatives
        (0.015625, np.int64(4), 1)
        """
        flat = np.asarray(values, np.float64).reshape(-1)
        flat = flat[np.isfinite(flat)]
        if not flat.size:
            return cls()
        exponent, first = span(float(flat.min()), float(flat.max()))
        index = np.floor(np.ldexp(flat, -exponent)).astype(np.int64)
        # What is divided to -0 lies below 0 still.
        index[(flat < 0) & (index == 0)] = -1
        return cls(exponent, first, np.bincount(index - first).astype(np.int64))

    @property
    def width(self) -> float:
        """How wide a bin is: 2**exponent."""
        return math.ldexp(1.0, self.exponent)

    @property
    def edges(self) -> FloatArray:
        """Where the bins begin and end, one more than there are bins."""
        return np.ldexp(np.arange(len(self.counts) + 1, dtype=np.float64) + self.first, self.exponent)

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    @property
    def negatives(self) -> int:
        """How many are below 0: 0 is always the edge of a bin."""
        return int(self.counts[: max(0, -self.first)].sum())

    def reach(self, share: float) -> float:
        """The least m such that the bins from -m to m hold at least this share of the values; 0 where there are none.

        So it is at most one bin's width above that quantile of their absolute values.

        >>> Histogram.of([0.0, 0.25, 0.25, -8.0]).reach(0.75)
        0.5
        """
        if not self.total:
            return 0.0
        far = np.maximum(np.abs(self.edges[:-1]), np.abs(self.edges[1:]))
        order = np.argsort(far)
        within = np.cumsum(self.counts[order]) / self.total
        return float(far[order[int(np.searchsorted(within, share))]])

    def widened(self, exponent: int) -> Histogram:
        """The same values in bins of this exponent, which must not be smaller."""
        if exponent < self.exponent:
            raise ValueError(
                f"Bins of 2**{self.exponent} cannot be cut into bins of 2**{exponent}: give an exponent of at least "
                f"{self.exponent}."
            )
        if not len(self.counts):
            return Histogram()
        shift = exponent - self.exponent
        index = (np.arange(len(self.counts)) + self.first) >> min(shift, 62)
        counts = np.bincount(index - index[0], weights=self.counts).astype(np.int64)
        return Histogram(exponent, int(index[0]), counts)

    def merge(self, other: Histogram) -> Histogram:
        """The histogram of the values of both, as if they had been counted together."""
        if not len(self.counts) or not len(other.counts):
            return self if len(self.counts) else other
        exponent = max(self.exponent, other.exponent)
        a, b = self.widened(exponent), other.widened(exponent)
        while max(a.last, b.last) - min(a.first, b.first) >= BINS:
            exponent += 1
            a, b = a.widened(exponent), b.widened(exponent)
        first = min(a.first, b.first)
        counts = np.zeros(max(a.last, b.last) - first + 1, np.int64)
        for one in (a, b):
            counts[one.first - first : one.last - first + 1] += one.counts
        return Histogram(exponent, first, counts)

    @property
    def last(self) -> int:
        """The number of the last bin."""
        return self.first + len(self.counts) - 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        same = (self.exponent, self.first) == (other.exponent, other.first)
        return same and np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]


def span(low: float, high: float) -> tuple[int, int]:
    """The exponent of the finest bins of which at most 64 hold all from ``low`` to ``high``, and the first's number.

    >>> span(-0.25, 0.5), span(3.0, 3.0)
    ((-6, -16), (-22, 12582912))
    """
    exponent = finest(max(abs(low), abs(high)))
    # Halved first: the distance of two large numbers may be no number.
    if half := high / 2 - low / 2:
        exponent = max(exponent, math.frexp(half)[1] - 6)
    while bin_number(high, exponent) - bin_number(low, exponent) >= BINS:
        exponent += 1
    return exponent, bin_number(low, exponent)


def finest(largest: float) -> int:
    """The exponent below which bins are finer than the digits of a float32 as large as this."""
    return max(LEAST, math.frexp(largest)[1] - DIGITS) if largest else LEAST


def bin_number(value: float, exponent: int) -> int:
    """The number of the bin of this exponent that holds the value: floor(value / 2**exponent).

    >>> bin_number(0.75, -2), bin_number(-1e-300, 900)
    (3, -1)
    """
    scaled = math.ldexp(value, -exponent)
    return math.floor(scaled) if scaled or not value else -(value < 0)
