"""Statistics of a layer's values, inside the pass: fast enough to hardly slow it down, and without copying the layer.

Values are taken in blocks that stay in the processor's cache. The first time through gives extremes, and row by row the
sum and the sum of squares, about the mean where that is far from 0; the second the histogram. Means and variances of
the rows are put together in float64. What is not finite, or too large or small for squares in float32, goes the slow
way, in float64.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from normviz.histograms import Counts, Histogram, bin_number, span
from normviz.reference import FloatArray
from normviz.traces import LayerTrace

#: Values in a block, in one that stays in the cache beside working memory, and in a call of bincount.
BLOCK, CACHED, COUNTED = 1 << 18, 1 << 16, 1 << 20
#: From this many values on it is faster to count them in pairs.
PAIRS = 1 << 15
#: Within these powers of two squares and their sums neither overflow nor vanish, and 2**-exponent is a number.
_SAFE = {torch.float32: 40, torch.float64: 400}
#: Squares below this have lost digits.
_TINY = {torch.float32: 2.0**-100, torch.float64: 2.0**-900}
#: Where the squared mean is more variances than this, E[x^2] - E[x]^2 in float32 loses more than 5e-6 of the variance.
_FAR = 8.0
_KINDS = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}

_HALF = (torch.float16, torch.bfloat16)
#: The fields of a LayerTrace that are measured.
Measured = dict[str, Any]
Values = npt.NDArray[np.floating[Any]]


class Summarizer:
    """Statistics of tensors, one after the other, in the same working memory.

    >>> seen = Summarizer()(torch.tensor([[1.0, -2.0], [3.0, 0.0]]), 1)
    >>> seen["channel_mean"].tolist(), seen["channel_var"].tolist(), seen["zeros"]
    ([2.0, -1.0], [1.0, 1.0], 1)
    """

    def __init__(self) -> None:
        self.space: dict[np.dtype[Any], Values] = {}
        self.ones = {kind: np.ones(CACHED, kind) for kind in _KINDS}
        self.zero = np.empty(CACHED, np.bool_)
        self.index = np.empty(COUNTED, np.uint8)

    def __call__(self, values: torch.Tensor, axis: int | None) -> Measured:
        """The measured fields of a LayerTrace, of values of any shape whose channels lie along ``axis``."""
        values = values.detach().cpu()
        if values.dtype in _HALF:
            values = values.float()
        total = values.numel()
        if values.dtype not in _SAFE or not total:
            return exact(values, axis)
        matrix, channels, along = arranged(values, axis)
        rows: Values = matrix.numpy()
        with np.errstate(all="ignore"):
            low, high, mean, var = self._moments(rows, channels, along)
        # A NaN is the smallest as well as the largest.
        if not math.isfinite(high - low) or abs(math.frexp(max(-low, high))[1]) > _SAFE[values.dtype]:
            return exact(values, axis)
        exponent, first = span(low, high)
        if low == high:
            mean, var, bins = np.full(channels, low), np.zeros(channels), np.array([total])
            zeros = total if low == 0 else 0
        else:
            small = var + mean * mean < _TINY[values.dtype]
            if low >= 0 or high <= 0:  # a sum of such values is 0 where all are
                small &= mean != 0
            if np.count_nonzero(small) and _some(matrix, channels, along, small):
                return exact(values, axis)
            bins, zeros = self._count(rows.reshape(-1), exponent, first, low <= 0 <= high)
            bins = bins[: bin_number(high, exponent) - first + 1]
        count = np.empty(channels, np.int64)
        count.fill(total // channels)
        return {"channel_count": count, "channel_mean": mean, "channel_var": var, "min": low, "max": high,
                "zeros": zeros, "histogram": Histogram(exponent, first, bins)}  # fmt: skip

    def _moments(
        self, rows: Values, channels: int, along: int
    ) -> tuple[float, float, FloatArray, FloatArray]:
        """The extremes, and mean and biased variance of every channel: of its rows, or of a column in every block."""
        step = max(1, BLOCK // rows.shape[1])
        lows, highs, means, variances = [], [], [], []
        for at in range(0, len(rows), step):
            block = rows[at : at + step]
            lows.append(np.minimum.reduce(block, axis=None))
            highs.append(np.maximum.reduce(block, axis=None))
            mean, var = self._shifted(block, along)
            means.append(mean)
            variances.append(var)
        low, high = float(np.minimum.reduce(lows)), float(np.maximum.reduce(highs))
        if len(means) > 1:
            mean, var = np.concatenate(means), np.concatenate(variances)
        if len(mean) > channels:
            shares = [min(step, len(rows) - at) for at in range(0, len(rows), step)] if along == 0 else None
            mean, var = _together(mean.reshape(-1, channels), var.reshape(-1, channels), shares)
        return low, high, mean, var

    def _shifted(self, block: Values, along: int) -> tuple[FloatArray, FloatArray]:
        """Mean and biased variance along an axis, of what is far from 0 about a number close to the mean."""
        if along and block.shape[1] > CACHED:
            starts = range(0, block.shape[1], CACHED)
            parts = [self._shifted(block[:, at : at + CACHED], 1) for at in starts]
            mean, var = (np.stack(both) for both in zip(*parts, strict=True))
            return _together(mean, var, [min(CACHED, block.shape[1] - at) for at in starts])
        mean, var = self._raw(block, along)
        far = mean * mean > _FAR * var
        if number := int(np.count_nonzero(far)):
            which = far.nonzero()[0]
            shift = mean[which].astype(block.dtype)
            shape = (number, block.shape[1]) if along else (len(block), number)
            space = self._space(block.dtype, shape[0] * shape[1]).reshape(shape)
            # Clipped, which it never is: numpy writes to a copy first where it may have to raise.
            block.take(which, 1 - along, space, "clip")
            np.subtract(space, shift[:, None] if along else shift, space)
            rest, var[which] = self._raw(space, along)
            mean[which] = shift + rest
            np.maximum(var, 0.0, out=var)
        return mean, var

    def _raw(self, block: Values, along: int) -> tuple[FloatArray, FloatArray]:
        """E[x] and E[x^2] - E[x]^2 along an axis; along 0 the working memory is written to."""
        n = block.shape[along]
        if along:
            sums, squares = np.vecdot(block, self.ones[block.dtype][:n]), np.vecdot(block, block)
        else:
            # torch adds columns in a tree, numpy one by one.
            sums = torch.from_numpy(block).sum(0).numpy()
            space = np.multiply(block, block, self._space(block.dtype, block.size).reshape(block.shape))
            squares = torch.from_numpy(space).sum(0).numpy()
        mean = np.divide(sums, n, dtype=np.float64)
        return mean, np.divide(squares, n, dtype=np.float64) - mean * mean

    def _count(self, flat: Values, exponent: int, first: int, has_zeros: bool) -> tuple[Counts, int]:
        """How many values lie in each of the 64 bins of this exponent, from the first on, and how many are 0."""
        kind = flat.dtype.type
        scale, start = kind(math.ldexp(1.0, -exponent)), kind(first)
        space = self._space(flat.dtype, min(CACHED, flat.size))
        # On both sides of 0 the numbers of the bins are shifted when they are bytes, of which there is least to read.
        signed = -64 <= first < 0
        index = self.index.view(np.int8) if signed else self.index
        bins: Counts | None = None
        zeros = 0
        for at in range(0, flat.size, COUNTED):
            held = min(COUNTED, flat.size - at)
            for begin in range(0, held, CACHED):
                end = min(begin + CACHED, held)
                part, found = flat[at + begin : at + end], space[: end - begin]
                if has_zeros:
                    zeros += int(np.count_nonzero(np.equal(part, 0, self.zero[: end - begin])))
                if exponent > 0:  # or a small negative number would become -0 and fall into the bin above
                    part = np.floor(part, found)
                np.multiply(part, scale, found)
                # Rounded down before the first bin's number is subtracted, which rounds as well; what is not below 0 is
                # rounded down by the conversion.
                if first < 0:
                    np.floor(found, found)
                if first and not signed:
                    np.subtract(found, start, found)
                np.copyto(index[begin:end], found, casting="unsafe")
            if signed:
                np.add(self.index[:held], np.uint8(-first), self.index[:held])
            counts = self._counted(held)
            bins = counts if bins is None else bins + counts
        assert bins is not None
        return bins, zeros

    def _counted(self, held: int) -> Counts:
        """How often each number from 0 to 63 stands among the first of ``index``."""
        if held < PAIRS:
            return torch.bincount(torch.from_numpy(self.index[:held]), minlength=64).numpy()
        odd = held % 2
        # Two neighbours are one number of 16 bits: half as many to count.
        pairs = torch.from_numpy(self.index[: held - odd].view(np.int16))
        table = torch.bincount(pairs, minlength=64 << 8).numpy().reshape(-1, 256)[:, :64]
        counts: Counts = table.sum(0) + table.sum(1)
        if odd:
            counts[self.index[held - 1]] += 1
        return counts

    def _space(self, kind: np.dtype[Any], count: int) -> Values:
        """Working memory for so many values."""
        space = self.space.get(kind)
        if space is None or space.size < count:
            self.space[kind] = space = np.empty(max(BLOCK, count), kind)
        return space[:count]


def _together(mean: FloatArray, var: FloatArray, shares: list[int] | None) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of each column's groups as one; the groups are as large as their shares say, or alike."""
    share = 1.0 / len(mean) if shares is None else np.divide(shares, sum(shares))[:, None]
    together = (mean * share).sum(0)
    return together, ((var + (mean - together) ** 2) * share).sum(0)


def arranged(values: torch.Tensor, axis: int | None) -> tuple[torch.Tensor, int, int]:
    """The values as a matrix, without a copy where they lie that way; how many channels; and along what to reduce.

    Along 1 where every row is of one channel (the first, the second, ... and over again), along 0 where every column is
    a channel.
    """
    if axis is None:
        return values.reshape(1, -1).contiguous(), 1, 1
    channels = values.shape[axis]
    if axis == values.ndim - 1:
        return values.reshape(-1, channels).contiguous(), channels, 0
    if not values.is_contiguous() and (last := values.movedim(axis, -1)).is_contiguous():
        return last.view(-1, channels), channels, 0
    values = values.contiguous()
    inner = math.prod(values.shape[axis + 1 :])
    return (
        (values.reshape(-1, channels), channels, 0)
        if inner == 1
        else (values.reshape(-1, inner), channels, 1)
    )


def _some(matrix: torch.Tensor, channels: int, along: int, which: npt.NDArray[np.bool_]) -> bool:
    """Whether there is anything but 0 in these channels of an arranged matrix."""
    chosen = torch.from_numpy(which)
    part = matrix.view(-1, channels, matrix.shape[1])[:, chosen] if along else matrix[:, chosen]
    return bool(part.any())


def exact(values: torch.Tensor, axis: int | None) -> Measured:
    """The same in float64, of any values: a sample at a time, merged."""
    if not values.numel():
        nothing = np.full(1 if axis is None else values.shape[axis], math.nan)
        return {"channel_count": np.zeros(len(nothing), np.int64), "channel_mean": nothing, "channel_var": nothing,
                "min": math.nan, "max": math.nan, "zeros": 0, "histogram": Histogram()}  # fmt: skip
    parts: Any = [values] if axis == 0 or values.ndim == 0 else values.split(1)
    found = reduce(
        LayerTrace.merge, (LayerTrace.of("", "", one.double().numpy(), channel_axis=axis) for one in parts)
    )
    names = ("channel_count", "channel_mean", "channel_var", "min", "max", "zeros", "histogram")
    return {name: getattr(found, name) for name in names}
