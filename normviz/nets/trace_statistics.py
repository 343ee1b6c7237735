"""Statistics of a layer's values, inside the pass: fast enough to hardly slow it down, and without copying the layer.

Two compiled loops (:mod:`normviz.nets.trace_kernels`) do the work. What is not finite, or too large or small for them,
goes the slow way, through the plain record of the same numbers.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np
import torch

from normviz.histograms import Histogram, bin_number, span
from normviz.nets.trace_kernels import column_moments, counted, row_moments
from normviz.traces import LayerTrace

#: Within these powers of two, squares do not overflow in float64, and 2**-exponent is a number of the dtype.
_SAFE = {torch.float32: 90, torch.float64: 400}
_HALF = (torch.float16, torch.bfloat16)
#: The fields of a LayerTrace that are measured.
Measured = dict[str, Any]


def summarized(values: torch.Tensor, axis: int | None) -> Measured:
    """The measured fields of a LayerTrace, of values of any shape whose channels lie along ``axis``.

    >>> seen = summarized(torch.tensor([[1.0, -2.0], [3.0, 0.0]]), 1)
    >>> seen["channel_mean"].tolist(), seen["channel_var"].tolist(), seen["zeros"]
    ([2.0, -1.0], [1.0, 1.0], 1)
    """
    values = values.detach().cpu().resolve_neg()
    if values.dtype in _HALF:
        values = values.float()
    total = values.numel()
    if values.dtype not in _SAFE or not total:
        return exact(values, axis)
    matrix, channels, along = arranged(values, axis)
    rows = matrix.numpy()
    low, high, mean, var = row_moments(rows, channels) if along else column_moments(rows)
    largest = max(-low, high)
    if not math.isfinite(high - low) or abs(math.frexp(largest)[1]) > _SAFE[values.dtype]:
        return exact(values, axis)
    exponent, first = span(low, high)
    if low == high:
        counts, zeros = np.array([total]), total if low == 0 else 0
    else:
        counts, zeros = counted(rows.reshape(-1), exponent, first)
        counts = counts[: bin_number(high, exponent) - first + 1]
    return {"channel_count": np.full(channels, total // channels), "channel_mean": mean, "channel_var": var,
            "min": low, "max": high, "zeros": zeros, "histogram": Histogram(exponent, first, counts)}  # fmt: skip


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
