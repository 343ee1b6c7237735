"""What the topics of folding and of a batch of one compute, cached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from normviz import fold as folding
from normviz import lone, records
from normviz.fold import Plan
from normviz.layouts import layout_of
from normviz.reference import FloatArray
from normviz.spec import Spec
from normviz.ui import cached
from normviz.ui.cached import BATCHES, LARGEST_SIDE, MOMENTUM, Shape, Source, keyed, maps_of
from normviz.ui.serving import compute_slot

#: The input channels of the layer before Batch Norm where its input is random: few, so that they can be seen.
INTO = {"NCHW": 4, "NLC": 8, "NC": 8}
#: A picture has at most this many pixels a side for each cell of the maps.
STRIDE = 4
SIZES = (1, 2, 4, 8, 16, 32)
#: The population that small batches are drawn from: samples at most and at least, cells, channels.
MOST, PICTURED, LEAST, CELLS, CHANNELS = 256, 32, 4, 2**21, 64
Images = Sequence[records.Tensor]
CACHED = keyed(Plan)


def stride(shape: Shape) -> int:
    """The stride of the convolution that makes maps (N, C, H, W) of pictures: how many pixels there are to a cell."""
    return min(STRIDE, max(1, LARGEST_SIDE // max(shape[2:])))


def layer_input(source: Source, images: Images = ()) -> FloatArray:
    """What goes into the layer before a Batch Norm of ``source.shape``, channels first, in float64.

    Pictures, (N, 3, stride H, stride W) from -1 to 1, or a random tensor of a few channels.
    """
    shape = source.shape
    layout = layout_of(shape)
    if source.kind == "random":
        into = INTO[layout]
        if layout == "NLC":
            return np.moveaxis(np.asarray(source.sample.tensor((*shape[:2], into)), np.float64), -1, 1)
        return np.asarray(source.sample.tensor((shape[0], into, *shape[2:])), np.float64)
    from normviz.nets.pixels import resize

    _, _, height, width = maps_of(shape)
    step = stride(shape)
    found = [resize(each, step * height, step * width) for each in cached.pictures(source, images)]
    return np.asarray(2 * np.stack(found).transpose(0, 3, 1, 2) - 1, np.float64)


def fold(
    source: Source, spec: Spec, plan: Plan, sample: int, channel: int, images: Images = ()
) -> folding.Fold:
    """The layer and Batch Norm, and the one they fold into; see :func:`normviz.nets.fold.fold`."""
    return _fold(source.whole(), spec, plan, sample, channel, images)


@st.cache_data(max_entries=6, **CACHED)
def _fold(source: Source, spec: Spec, plan: Plan, sample: int, channel: int, _images: Images) -> folding.Fold:
    with compute_slot():
        from normviz.nets.fold import fold as run

        return run(layer_input(source, _images), spec, plan, sample=sample, channel=channel)


@st.cache_data(max_entries=8, **CACHED)
def _speed(source: Source, spec: Spec, plan: Plan, turn: int, _images: Images) -> folding.Speed:
    del turn  # a new one is a new measurement
    with compute_slot():
        from normviz.nets.fold import speed as run

        return run(layer_input(source, _images), spec, plan)


def speed(source: Source, spec: Spec, plan: Plan, turn: int, images: Images = ()) -> folding.Speed:
    """How long the two and the one take on this machine; measured anew for every ``turn``."""
    return _speed(source.whole(), spec, plan, turn, images)


def alone(
    source: Source, spec: Spec, sample: int, vectors: bool, device: str, dtype: str, images: Images = ()
) -> lone.Alone:
    """One sample of the source through Batch Norm as a batch of its own; averaged to a vector where ``vectors``."""
    return _alone(source.whole(), spec, sample, vectors, device, dtype, images)


@st.cache_data(max_entries=16, **CACHED)
def _alone(
    source: Source, spec: Spec, sample: int, vectors: bool, device: str, dtype: str, _images: Images
) -> lone.Alone:
    x = _channels_first(cached.tensor(source, _images))
    with compute_slot():
        from normviz.nets.lone import alone as run

        return run(
            _vectors(x) if vectors else x,
            spec,
            sample,
            batches=BATCHES,
            momentum=MOMENTUM,
            seed=source.sample.seed,
            device=device,
            dtype=dtype,
        )


def by_size(source: Source, spec: Spec, vectors: bool, images: Images = ()) -> lone.BySize:
    """Batches of :data:`SIZES` from a larger population of the same kind as the source."""
    return _by_size(replace(source, disturb="none", cell=(), spec=None), spec, vectors, images)


@st.cache_data(max_entries=8, **CACHED)
def _by_size(source: Source, spec: Spec, vectors: bool, _images: Images) -> lone.BySize:
    random = source.kind == "random"
    n, channels, *positions = _channels_first(np.empty(source.shape, np.float32)).shape
    channels = min(channels, CHANNELS)
    each = channels * int(np.prod(positions, dtype=int))
    many = int(np.clip(CELLS // each, max(LEAST, n), MOST if random else max(PICTURED, n)))
    last = (*positions, channels) if len(positions) == 1 else (channels, *positions)
    x = _channels_first(cached.tensor(replace(source, shape=(many, *last)), _images))
    with compute_slot():
        from normviz.nets.lone import by_size as run

        pooled = _vectors(x)
        return run(pooled if vectors else x, pooled, spec, SIZES, seed=source.sample.seed)


def refusals(source: Source, sample: int, images: Images = ()) -> tuple[lone.Refused, ...]:
    """What torch's layers say to one vector (1, C) of the source; see :func:`normviz.nets.lone.refusals`."""
    return _refusals(source.whole(), sample, images)


@st.cache_data(max_entries=8, **CACHED)
def _refusals(source: Source, sample: int, _images: Images) -> tuple[lone.Refused, ...]:
    x = _vectors(_channels_first(cached.tensor(source, _images)))
    with compute_slot():
        from normviz.nets.lone import refusals as run

        return run(x[sample : sample + 1])


def _channels_first(x: records.Tensor) -> records.Tensor:
    """(N, L, C) as torch's layers want it, (N, C, L)."""
    return np.moveaxis(x, -1, 1) if layout_of(x.shape) == "NLC" else x


def _vectors(x: records.Tensor) -> records.Tensor:
    """(N, C), every channel averaged over its positions: global average pooling."""
    return x.mean(tuple(range(2, x.ndim)), dtype=np.float64).astype(np.float32) if x.ndim > 2 else x
