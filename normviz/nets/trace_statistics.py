"""Statistics of a layer's values, inside the pass: fast enough to hardly slow it down, and without copying the layer.

Values are taken in blocks that stay in the processor's cache. The first time through gives extremes, and sums and
centred squares row by row; the second the histogram. Means and variances of the rows are put together in float64. What
is not finite, or too large or small for squares in float32, goes the slow way, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from normviz.activation import Region
from normviz.activations import ACTIVATIONS
from normviz.histograms import Counts, Histogram, span
from normviz.nets.trace_norms import activation_knobs
from normviz.reference import FloatArray
from normviz.traces import LayerTrace

#: Values in a block, and in a call of bincount.
BLOCK, COUNTED = 1 << 17, 1 << 20
#: From this many values on it is faster to count them in pairs.
PAIRS = 1 << 16
#: Within these powers of two squares and their sums neither overflow nor vanish, and 2**-exponent is a number.
_SAFE = {torch.float32: 40, torch.float64: 400}
#: A mean this many times the standard deviation loses digits, and is corrected.
_FAR = 10.0

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
        self.space: dict[torch.dtype, torch.Tensor] = {}
        self.zero = np.empty(0, np.bool_)
        self.index = np.empty(0, np.uint8)

    def __call__(self, values: torch.Tensor, axis: int | None) -> Measured:
        """The measured fields of a LayerTrace, of values of any shape whose channels lie along ``axis``."""
        values = values.detach().cpu()
        if values.dtype in _HALF:
            values = values.float()
        if values.dtype not in _SAFE or not values.numel():
            return exact(values, axis)
        matrix, channels, along = arranged(values, axis)
        step = max(1, BLOCK // matrix.shape[1])
        blocks = matrix.split(step) if step < matrix.shape[0] else (matrix,)
        flat = [block.reshape(-1).numpy() for block in blocks]
        low = float(min(part.min() for part in flat)) if len(flat) > 1 else float(flat[0].min())
        high = float(max(part.max() for part in flat)) if len(flat) > 1 else float(flat[0].max())
        # A NaN is the smallest and the largest.
        largest = max(abs(low), abs(high))
        if not math.isfinite(low - high) or abs(math.frexp(largest)[1]) > _SAFE[values.dtype]:
            return exact(values, axis)
        total = values.numel()
        if low == high:
            mean, var = np.full(channels, low), np.zeros(channels)
            histogram, zeros = Histogram(*span(low, high), np.array([total])), total if low == 0 else 0
        else:
            mean, var = self._moments(blocks, channels, along)
            histogram = Histogram(*span(low, high), self._count(flat, *span(low, high)))
            zeros = sum(map(self._zeros, flat)) if low <= 0 <= high else 0
        return {"channel_count": np.full(channels, total // channels), "channel_mean": mean, "channel_var": var,
                "min": low, "max": high, "zeros": zeros, "histogram": histogram}  # fmt: skip

    def _moments(
        self, blocks: Sequence[torch.Tensor], channels: int, along: int
    ) -> tuple[FloatArray, FloatArray]:
        """Mean and biased variance of every channel, from those of the rows, or of the blocks' columns."""
        parts = [self._centred(block, along) for block in blocks]
        mean = np.concatenate([part[0] for part in parts]).reshape(-1, channels)
        var = np.concatenate([part[1] for part in parts]).reshape(-1, channels)
        if len(mean) == 1:
            return mean[0], var[0]
        share = np.full((len(mean), 1), 1.0 / len(mean))
        if along == 0:
            share = np.array([[len(block)] for block in blocks]) / sum(map(len, blocks))
        together = (mean * share).sum(0)
        return together, ((var + (mean - together) ** 2) * share).sum(0)

    def _centred(self, block: torch.Tensor, along: int) -> tuple[FloatArray, FloatArray]:
        """Mean and biased variance along an axis, in two steps: E[x^2] - E[x]^2 would lose what is small."""
        space, n = self._space(block), block.shape[along]
        mean = block.sum(along, keepdim=True).div_(n)
        torch.sub(block, mean, out=space)
        # Not by a norm: it adds one by one, where a sum adds in a tree.
        var = torch.mul(space, space, out=space).sum(along).numpy().astype(np.float64) / n
        exactly = mean.view(-1).numpy().astype(np.float64)
        if (exactly**2 > _FAR**2 * var).any():
            left = torch.sub(block, mean, out=space).sum(along).numpy().astype(np.float64) / n
            exactly, var = exactly + left, np.maximum(var - left**2, 0.0)
        return exactly, var

    def _count(self, flat: list[Values], exponent: int, first: int) -> Counts:
        """How many values lie in each bin of this exponent, from the first on."""
        bins = np.zeros(64, np.int64)
        held, scale, start = 0, math.ldexp(1.0, -exponent), float(first)
        for part in flat:
            space = self._space(torch.from_numpy(part)).numpy()
            if held + part.size > len(self.index):
                bins += self._counted(held)
                held = 0
                if part.size > len(self.index):
                    self.index = np.empty(max(part.size + 1, COUNTED), np.uint8)
            if exponent > 0:  # or a small negative number would become -0 and fall into the bin above
                part = np.floor(part, out=space)
            np.multiply(part, scale, out=space)
            # Rounded down before the first bin's number is subtracted, which rounds as well.
            np.floor(space, out=space)
            np.subtract(space, start, out=space)
            np.copyto(self.index[held : held + space.size], space, casting="unsafe")
            held += space.size
        bins += self._counted(held)
        return np.trim_zeros(bins, "b")

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

    def _zeros(self, flat: Values) -> int:
        if len(self.zero) < flat.size:
            self.zero = np.empty(max(flat.size, BLOCK), np.bool_)
        return int(np.count_nonzero(np.equal(flat, 0, out=self.zero[: flat.size])))

    def _space(self, block: torch.Tensor) -> torch.Tensor:
        """Working memory of the block's shape."""
        space = self.space.get(block.dtype)
        if space is None or space.numel() < block.numel():
            space = torch.empty(max(BLOCK, block.numel()), dtype=block.dtype)
            self.space[block.dtype] = space
        return space[: block.numel()].view(block.shape)


def arranged(values: torch.Tensor, axis: int | None) -> tuple[torch.Tensor, int, int]:
    """The values as a matrix, without a copy where they lie that way; how many channels; and along what to reduce.

    Along 1 where every row is of one channel (the first, the second, ... and over again), along 0 where every column is
    a channel.
    """
    if axis is None:
        return values.reshape(1, -1), 1, 1
    channels = values.shape[axis]
    last = values if axis == values.ndim - 1 else values.movedim(axis, -1)
    if last.is_contiguous() or axis == values.ndim - 1:
        return last.reshape(-1, channels), channels, 0
    inner = math.prod(values.shape[axis + 1 :])
    return (
        (values.reshape(-1, channels), channels, 0)
        if inner == 1
        else (values.reshape(-1, inner), channels, 1)
    )


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
