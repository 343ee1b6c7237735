"""The cached core: the only place that decorates, so that every cache is bounded and hands out plain numpy records.

A :class:`Source` says where a tensor comes from. It is the key of every cache, never the tensor itself: Streamlit
hashes only a sample of a large array, and one NaN in two million cells must not be overlooked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from normviz import records
from normviz.catalogue import METHODS
from normviz.formula import Lines
from normviz.layouts import layout_of
from normviz.reference import start, transferred
from normviz.samples import Sample
from normviz.spec import Spec
from normviz.ui.serving import compute_slot, load_torch, torch_is_loaded
from normviz.worked import worked_lines

Shape = tuple[int, ...]
#: How many resampled mini-batches the running averages have seen, and the weight of each.
BATCHES, MOMENTUM = 20, 0.1
#: The largest images that feature maps are made from, in pixels a side.
LARGEST_SIDE = 512
#: The photographs that come with scikit-learn.
PHOTOGRAPHS = ("china", "flower")
Knobs = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Source:
    """Where an input comes from, and what was put in by hand.

    ``kind``: a ``random`` tensor, the feature maps of a ``photo`` or an ``upload``; or a layer's weight, ``initial``,
    ``trained`` or ``filters``.
    """

    kind: str
    shape: Shape
    sample: Sample = Sample()
    photo: str = ""
    bank: str = "fixed"
    device: str = "cpu"
    #: The fingerprints of the uploaded images, in their order.
    uploads: tuple[str, ...] = ()
    disturb: str = "none"
    cell: Shape = ()
    #: Whose set is made constant, where one is.
    spec: Spec | None = None

    def whole(self) -> Source:
        """This source without the cell where it changes no value, so that pinning another one computes nothing."""
        return replace(self, cell=(), spec=None) if self.disturb == "none" else self


@dataclass(frozen=True)
class Pass:
    """What is computed with an input: method and knobs, scale and shift, mode, device and dtype."""

    method: str
    knobs: Knobs
    gamma: float = 1.0
    beta: float = 0.0
    evaluating: bool = False
    device: str = "cpu"
    dtype: str = "float32"


def keyed(*kinds: type) -> dict[str, Any]:
    """How every cache here is decorated, with keys of these frozen kinds besides the usual ones.

    Frozen values say all of themselves; Streamlit's own way through their fields costs milliseconds a rerun.
    """
    return {"show_spinner": False, "hash_funcs": dict.fromkeys((Source, Pass, Spec, *kinds), repr)}


CACHE = keyed()


def tensor(source: Source, images: Sequence[records.Tensor] = ()) -> records.Tensor:
    """The input, float32. ``images`` are the decoded uploads that ``source.uploads`` names."""
    return _tensor(source.whole(), images)


@st.cache_data(max_entries=24, **CACHE)
def _tensor(source: Source, _images: Sequence[records.Tensor]) -> records.Tensor:
    match source.kind:
        case "random":
            x = source.sample.tensor(source.shape)
        case "photo" | "upload":
            x = _feature_maps(source, _images)
        case _:
            x = _kernel(source)
    return _disturbed(x, source)


def second(source: Source) -> Source:
    """The second input beside this one: the next seed's random tensor, or the other photograph."""
    calm = replace(source, disturb="none", cell=(), spec=None)
    if source.kind == "random":
        return replace(calm, sample=source.sample.second())
    other = next(photo for photo in PHOTOGRAPHS if photo != source.photo)
    return replace(calm, kind="photo", uploads=(), photo=other)


def forward(source: Source, what: Pass, images: Sequence[records.Tensor] = ()) -> records.Forward:
    """torch's own pass beside the reference's; see :func:`normviz.nets.forward.forward`."""
    return _forward(source.whole(), what, images)


@st.cache_data(max_entries=32, **CACHE)
def _forward(source: Source, what: Pass, _images: Sequence[records.Tensor]) -> records.Forward:
    x = _tensor(source, _images)
    # What is put in by hand comes after training: the running averages have not seen it.
    history = (
        None if source.disturb == "none" else tensor(replace(source, disturb="none", spec=None), _images)
    )
    spec = METHODS[what.method].spec(**dict(what.knobs))
    other = tensor(second(source)) if spec.second else None
    with compute_slot():
        from normviz.nets.forward import forward as run

        return run(
            x,
            what.method,
            dict(what.knobs),
            gamma=what.gamma,
            beta=what.beta,
            evaluating=what.evaluating,
            device=what.device,
            dtype=what.dtype,
            seed=source.sample.seed,
            history=history,
            second=other,
            batches=BATCHES,
            momentum=MOMENTUM,
        )


@st.cache_data(max_entries=32, **CACHE)
def distributions(
    source: Source, what: Pass, spec: Spec, limit: int, _done: records.Forward
) -> records.Distributions:
    """Histograms and summaries of a pass, set by set; the pinned cell's set is among them."""
    return records.distributions(_done.x, _done.y, spec, limit=limit, first=source.cell)


@st.cache_data(max_entries=64, **CACHE)
def worked(
    source: Source, spec: Spec, gamma: float, beta: float, _x: records.Tensor, _running: Any = None
) -> Lines:
    """The formula with the numbers of the source's cell."""
    axes = spec.affine
    weight = np.full(spec.lengths(axes.weight, source.shape), gamma) if axes.weight and gamma != 1 else None
    bias = np.full(spec.lengths(axes.bias, source.shape), beta) if axes.bias and beta != 0 else None
    if spec.second:
        weight, bias = transferred(tensor(second(source)), spec)
    elif axes.identity_at_start and weight is not None:
        weight = weight * start(_x, spec)
    return worked_lines(_x, spec, source.cell, running=_running, weight=weight, bias=bias)


def available_devices(wanted: str | None) -> tuple[str, ...]:
    """The devices there are, the CPU first; torch is waited for only where another than the CPU is asked for."""
    if not torch_is_loaded() and wanted in (None, "cpu"):
        return ("cpu",)
    load_torch()
    from normviz.nets.devices import devices

    return ("cpu", *(device for device in devices() if device != "cpu"))


def device_name(device: str) -> str:
    """The name to show with a result."""
    if device == "cpu":
        return "CPU"
    from normviz.nets.devices import device_name as name

    return name(device)


def maps_of(shape: Shape) -> tuple[int, int, int, int]:
    """The (N, C, H, W) of the feature maps that fill a tensor of this shape."""
    match layout_of(shape):
        case "NCHW":
            return shape[0], shape[1], shape[2], shape[3]
        case "NLC":
            edge = int(np.ceil(np.sqrt(shape[1])))
            return shape[0], shape[2], edge, edge
        case _:
            return shape[0], shape[1], 1, 1


def pictures(source: Source, images: Sequence[records.Tensor] = ()) -> records.Tensor:
    """The square pictures (N, side, side, 3) that the feature maps are made from, one a sample."""
    from normviz.nets.photographs import crops, photograph, stack

    n, _, height, width = maps_of(source.shape)
    side = int(
        min(LARGEST_SIDE, max(16, 4 * height, 4 * width))
    )  # coarser pooling would average the edges away
    if len(images) > 1:
        return stack([images[k % len(images)] for k in range(n)], side)
    return crops(images[0] if images else photograph(source.photo), n, side)


def _feature_maps(source: Source, images: Sequence[records.Tensor]) -> records.Tensor:
    """Feature maps (N, C, H, W), or their positions as tokens (N, L, C), or their averages (N, C)."""
    n, channels, height, width = maps_of(source.shape)
    with compute_slot():
        from normviz.nets.filters import feature_maps

        maps = feature_maps(
            pictures(source, images),
            bank=source.bank,
            channels=channels,
            seed=source.sample.seed,
            size=(height, width),
            device=source.device,
        )
    if layout_of(source.shape) == "NCHW":
        return maps
    tokens = np.ascontiguousarray(maps.reshape(n, channels, -1).transpose(0, 2, 1))
    return tokens[:, : source.shape[1]] if len(source.shape) == 3 else tokens[:, 0]


def _kernel(source: Source) -> records.Tensor:
    with compute_slot():
        from normviz.nets.kernels import kernel

        return kernel(source.kind, source.shape, source.sample.seed)


def _disturbed(x: records.Tensor, source: Source) -> records.Tensor:
    """The input with something put in by hand: a NaN or an Inf in a cell, or one value in its whole set."""
    changed = x.copy()
    match source.disturb:
        case "nan":
            changed[source.cell] = np.nan
        case "inf":
            changed[source.cell] = np.inf
        case "constant" if source.spec:
            for shared in source.spec.sets:
                changed[shared.box(x.shape, source.cell)] = x[source.cell]
    return changed
