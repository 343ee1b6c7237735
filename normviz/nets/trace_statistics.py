"""Statistics of a layer's values, inside the pass: fast enough to hardly slow it down, and without copying the layer.

Values are taken in blocks that stay in the processor's cache. The first time through gives extremes, and sums and
centred squares row by row; the second the histogram. Means and variances of the rows are put together in float64. What
is not finite, or too large or small for squares in float32, goes the slow way, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from normviz.activation import Region
from normviz.activations import ACTIVATIONS
from normviz.histograms import Counts, Histogram, bin_number, span
from normviz.nets.trace_norms import activation_knobs
from normviz.reference import FloatArray
from normviz.traces import LayerTrace

#: Values in a block, in one that stays in the cache, and in a call of bincount.
BLOCK, CACHED, COUNTED = 1 << 18, 1 << 16, 1 << 20
#: From this many values on it is faster to count them in pairs.
PAIRS = 1 << 16
#: Within these powers of two squares and their sums neither overflow nor vanish, and 2**-exponent is a number.
_SAFE = {torch.float32: 40, torch.float64: 400}
#: Squares below this have lost digits.
_TINY = {torch.float32: 2.0**-100, torch.float64: 2.0**-900}
#: Where the squared mean is so many variances, digits are lost, and corrected.
_FAR = 100.0
_KINDS = {np.float32: torch.float32, np.float64: torch.float64}

_HALF = (torch.float16, torch.bfloat16)
_SQUARES = torch.ops.aten.mse_loss.out
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
        self.space: dict[torch.dtype, torch.Tensor] = {}
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
        flat = matrix.view(-1).numpy()
        low, high = float(np.minimum.reduce(flat)), float(np.maximum.reduce(flat))
        # A NaN is the smallest as well as the largest.
        if not math.isfinite(high - low) or abs(math.frexp(max(-low, high))[1]) > _SAFE[values.dtype]:
            return exact(values, axis)
        exponent, first = span(low, high)
        if low == high:
            mean, var, bins = np.full(channels, low), np.zeros(channels), np.array([total])
            zeros = total if low == 0 else 0
        else:
            mean, var = self._moments(matrix, channels, along)
            small = var + mean * mean < _TINY[values.dtype]
            if np.count_nonzero(small) and _some(matrix, channels, along, small):
                return exact(values, axis)
            bins, zeros = self._count(flat, exponent, first, low <= 0 <= high)
            bins = bins[: bin_number(high, exponent) - first + 1]
        return {"channel_count": np.full(channels, total // channels), "channel_mean": mean, "channel_var": var,
                "min": low, "max": high, "zeros": zeros, "histogram": Histogram(exponent, first, bins)}  # fmt: skip

    def _moments(self, matrix: torch.Tensor, channels: int, along: int) -> tuple[FloatArray, FloatArray]:
        """Mean and biased variance of every channel, from those of the rows, or of the columns of every block."""
        step = max(1, BLOCK // matrix.shape[1])
        if step >= matrix.shape[0]:
            parts = [self._centred(matrix, along)]
        else:
            parts = [self._centred(block, along) for block in matrix.split(step)]
        if len(parts) == 1 and len(parts[0][0]) == channels:
            return parts[0]
        mean = np.concatenate([part[0] for part in parts]).reshape(-1, channels)
        var = np.concatenate([part[1] for part in parts]).reshape(-1, channels)
        share = np.full((len(mean), 1), 1.0 / len(mean))
        if along == 0:
            share[:, 0] = step / matrix.shape[0]
            share[-1, 0] = 1.0 - share[:-1, 0].sum()
        together = (mean * share).sum(0)
        return together, ((var + (mean - together) ** 2) * share).sum(0)

    def _centred(self, block: torch.Tensor, along: int) -> tuple[FloatArray, FloatArray]:
        """Mean and biased variance along an axis, in two steps: E[x^2] - E[x]^2 would lose what is small."""
        space, n = self._space(block.dtype, block.numel()).view_as(block), block.shape[along]
        mean = block.mean(along, keepdim=True)
        # (x - mean)^2 in one go, and no norm: that adds one by one, where a sum adds in a tree.
        _SQUARES(block, mean, 0, out=space)
        var = space.sum(along).numpy().astype(np.float64) / n
        exactly = mean.numpy().astype(np.float64).reshape(-1)
        if np.count_nonzero(exactly * exactly > _FAR * var):
            left = torch.sub(block, mean, out=space).sum(along).numpy().astype(np.float64) / n
            exactly, var = exactly + left, np.maximum(var - left**2, 0.0)
        return exactly, var

    def _count(self, flat: Values, exponent: int, first: int, has_zeros: bool) -> tuple[Counts, int]:
        """How many values lie in each of the 64 bins of this exponent, from the first on, and how many are 0."""
        kind = flat.dtype.type
        scale, start = kind(math.ldexp(1.0, -exponent)), kind(first)
        bins: Counts | None = None
        zeros = 0
        for at in range(0, flat.size, COUNTED):
            held = min(COUNTED, flat.size - at)
            for begin in range(0, held, CACHED):
                end = min(begin + CACHED, held)
                part = flat[at + begin : at + end]
                space = self._space(_KINDS[kind], end - begin).numpy()
                if has_zeros:
                    zeros += int(np.count_nonzero(np.equal(part, 0, self.zero[: end - begin])))
                if exponent > 0:  # or a small negative number would become -0 and fall into the bin above
                    part = np.floor(part, space)
                np.multiply(part, scale, space)
                # Rounded down before the first bin's number is subtracted, which rounds as well; what is not below 0 is
                # rounded down by the conversion.
                if first < 0:
                    np.floor(space, space)
                if first:
                    np.subtract(space, start, space)
                np.copyto(self.index[begin:end], space, casting="unsafe")
            found = self._counted(held)
            bins = found if bins is None else bins + found
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

    def _space(self, kind: torch.dtype, count: int) -> torch.Tensor:
        """Working memory for so many values."""
        space = self.space.get(kind)
        if space is None or space.numel() < count:
            self.space[kind] = space = torch.empty(max(BLOCK, count), dtype=kind)
        return space[:count]


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


def saturation(op: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int | None:
    """How many of an activation's inputs lie where it is saturated; None where it never is, and for what is none.

    >>> saturation("sigmoid", (torch.tensor([-9.0, 0.0, 9.0]),), {}), saturation("relu", (torch.zeros(3),), {})
    (2, None)
    """
    entry = ACTIVATIONS.get(op)
    if entry is None or entry.learned:
        return None
    knobs = activation_knobs(op, args, kwargs)
    regions = _tails(op, tuple(knobs.items()))
    x = args[0] if args else kwargs.get("input")
    if not regions or not isinstance(x, torch.Tensor):
        return None
    return sum(int(_within(x.detach(), region).sum()) for region in regions)


@cache
def _tails(key: str, knobs: tuple[tuple[str, Any], ...]) -> tuple[Region, ...]:
    return tuple(region for region in ACTIVATIONS[key].regions(**dict(knobs)) if region.kind == "saturated")


def _within(x: torch.Tensor, region: Region) -> torch.Tensor:
    """Which values lie strictly within, as exactly as in float64."""
    x = x if x.dtype in _SAFE else x.float()
    low, high = region.low, region.high
    if x.dtype == torch.float32:
        # A float32 is above a number when it is above the largest float32 that is not.
        low, high = _rounded(low, -np.inf), _rounded(high, np.inf)
    return (x > low) & (x < high)


def _rounded(value: float, towards: float) -> float:
    nearest = np.float32(value)
    done = float(nearest) == value or (float(nearest) < value) == (towards < 0)
    return float(nearest if done else np.nextafter(nearest, np.float32(towards)))
