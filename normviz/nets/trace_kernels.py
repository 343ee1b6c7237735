"""The two loops over a layer's values, moments with extremes and counting: each goes through them once.

numpy would a dozen times; numba compiles them. Sums are in float64, of what lies apart from the channel's first value.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from normviz.histograms import BINS, Counts
from normviz.reference import FloatArray

Values = npt.NDArray[np.floating[Any]]
#: The least and the largest value, and every channel's mean and biased variance.
Moments = tuple[float, float, FloatArray, FloatArray]

#: A sum may be added up in another order, and a product be added in one step; NaN and infinity stay what they are.
_SUMS = {"reassoc", "contract", "nsz"}
#: Values, or pairs of them, that are looked at before the next ones: they stay in the nearest cache.
_AT_ONCE, _PAIRS = 4096, 512


#: What reading a damaged file raises, and writing one where there is no room.
_UNKEPT = (
    OSError,
    EOFError,
    ImportError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    pickle.PickleError,
)


class _Compiled:
    """A function that is compiled when first called, and kept beside this file or in the user's cache."""

    def __init__(self, function: Callable[..., Any], fastmath: set[str] | None = None) -> None:
        self.here: Any = numba.njit(function, nogil=True, fastmath=fastmath or False)
        try:
            self.kept: Any = numba.njit(function, nogil=True, fastmath=fastmath or False, cache=True)
        except RuntimeError:  # there is no folder to keep it in
            self.kept = self.here

    def __call__(self, *given: Any) -> Any:
        try:
            return self.kept(*given)
        except _UNKEPT:  # none of these is raised by the functions below
            if self.kept is self.here:
                raise
            # What is kept is of no use: the next process writes it anew, this one compiles for itself.
            with suppress(*_UNKEPT):
                self.kept._cache.flush()
            self.kept = self.here
            return self.kept(*given)


def row_moments(rows: Values, channels: int) -> Moments:
    """The extremes of (R, L), and mean and variance of its channels, of which row r is r modulo ``channels``.

    Where a value is no finite number, one of the extremes is none.

    >>> low, high, mean, var = row_moments(np.array([[1.0, 3.0], [0.0, 0.0]]), 2)
    >>> low, high, mean.tolist(), var.tolist()
    (0.0, 3.0, [2.0, 0.0], [1.0, 0.0])
    """
    return _moments(rows, channels, _ROWS)


def column_moments(columns: Values) -> Moments:
    """The same of (R, channels), every column of which is a channel.

    >>> low, high, mean, var = column_moments(np.array([[1.0, 0.0], [2.0, -3.0]]))
    >>> low, high, mean.tolist(), var.tolist()
    (-3.0, 2.0, [1.5, -1.5], [0.25, 2.25])
    """
    return _moments(columns, columns.shape[1], _COLUMNS)


def _moments(values: Values, channels: int, kernel: Callable[..., Any]) -> Moments:
    number = np.dtype(f"i{values.itemsize}")
    # As whole numbers, floats are in their own order when those below 0 have their other bits turned round.
    turned = number.type(np.iinfo(number).max)
    extremes = np.array([turned, ~turned])
    mean, var, sums = np.empty(channels), np.zeros(channels), np.zeros(channels)
    kernel(values, values.view(number), turned, extremes, mean, var, sums)
    np.bitwise_xor(extremes, turned, out=extremes, where=extremes < 0)
    low, high = extremes.view(values.dtype).tolist()
    return low + 0.0, high + 0.0, mean, var  # -0.0 is 0


def counted(flat: Values, exponent: int, first: int) -> tuple[Counts, int]:
    """How many values lie in each of the 64 bins of 2**exponent from number ``first`` on, and how many are 0.

    All values must lie in one of them, and 2**-exponent be a number of their dtype.

    >>> counts, zeros = counted(np.array([-0.5, 0.0, 0.25, 1.0]), -1, -1)
    >>> counts[:4].tolist(), zeros
    ([1, 2, 0, 1], 1)
    """
    kind = flat.dtype.type
    # Rounded down before a division: a small negative number would become -0 and fall into the bin above.
    times, over = kind(2.0 ** max(0, -exponent)), kind(2.0 ** min(0, -exponent))
    counts = np.zeros(BINS, np.int64)
    zeros = _COUNT(flat, times, over, np.int32(first), np.empty(_PAIRS, np.uint16), counts)
    return counts, int(zeros)


def _rows(rows: Values, bits: Any, turned: Any, extremes: Any, mean: FloatArray, var: FloatArray, sums: FloatArray,
          ) -> None:  # fmt: skip
    low, high = extremes[0], extremes[1]
    channels = mean.size
    for r in range(rows.shape[0]):
        channel = r % channels
        if r < channels:
            mean[channel] = rows[r, 0]
        first = mean[channel]
        for at in range(0, rows.shape[1], _AT_ONCE):
            part, as_bits = rows[r, at : at + _AT_ONCE], bits[r, at : at + _AT_ONCE]
            total = square = 0.0
            for i in range(part.size):
                apart = np.float64(part[i]) - first
                total += apart
                square += apart * apart
            sums[channel] += total
            var[channel] += square
            for i in range(as_bits.size):
                ordered = as_bits[i] ^ turned if as_bits[i] < 0 else as_bits[i]
                low, high = min(low, ordered), max(high, ordered)
    extremes[0], extremes[1] = low, high
    _divided(mean, var, sums, rows.size // channels)


def _columns(columns: Values, bits: Any, turned: Any, extremes: Any, mean: FloatArray, var: FloatArray,
             sums: FloatArray) -> None:  # fmt: skip
    low, high = extremes[0], extremes[1]
    mean[:] = columns[0]
    for r in range(columns.shape[0]):
        row, as_bits = columns[r], bits[r]
        for channel in range(row.size):
            apart = np.float64(row[channel]) - mean[channel]
            sums[channel] += apart
            var[channel] += apart * apart
        for i in range(as_bits.size):
            ordered = as_bits[i] ^ turned if as_bits[i] < 0 else as_bits[i]
            low, high = min(low, ordered), max(high, ordered)
    extremes[0], extremes[1] = low, high
    _divided(mean, var, sums, columns.shape[0])


@numba.njit(nogil=True)
def _divided(mean: FloatArray, var: FloatArray, sums: FloatArray, count: int) -> None:
    """From x_0, the sum of (x - x_0)^2 and that of x - x_0 to the mean and the variance."""
    for channel in range(mean.size):
        apart = sums[channel] / count
        mean[channel] += apart
        var[channel] = max(var[channel] / count - apart * apart, 0.0)


def _count(flat: Values, times: Any, over: Any, first: Any, pairs: Any, counts: Counts) -> int:
    # Two values are counted as one number, and neighbouring numbers in tables of their own: no addition waits for the
    # one before it. Numbers are cut to the tables' size: values that another thread changes meanwhile break nothing.
    tables = np.zeros((2, BINS * BINS), np.int32)
    zeros, whole = 0, flat.size // (2 * _PAIRS) * (2 * _PAIRS)
    both = first * (BINS + 1)
    for at in range(0, whole, 2 * _PAIRS):
        a, b = flat[at : at + _PAIRS], flat[at + _PAIRS : at + 2 * _PAIRS]
        here: Any = np.int32(0)
        for i in range(_PAIRS):
            here = np.int32(here + (a[i] == 0) + (b[i] == 0))
            one, other = np.floor(np.floor(a[i] * times) * over), np.floor(np.floor(b[i] * times) * over)
            pairs[i] = (np.int32(one) * BINS + np.int32(other) - both) & (BINS * BINS - 1)
        zeros += here
        for i in range(0, _PAIRS, 2):
            tables[0, pairs[i]] += 1
            tables[1, pairs[i + 1]] += 1
    for i in range(whole, flat.size):
        zeros += flat[i] == 0
        counts[(np.int32(np.floor(np.floor(flat[i] * times) * over)) - first) & (BINS - 1)] += 1
    if whole:
        for pair in range(BINS * BINS):
            found = tables[0, pair] + tables[1, pair]
            counts[pair // BINS] += found
            counts[pair % BINS] += found
    return zeros


_ROWS, _COLUMNS, _COUNT = _Compiled(_rows, _SUMS), _Compiled(_columns, _SUMS), _Compiled(_count)
