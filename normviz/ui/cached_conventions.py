"""The cached effects of the frameworks' conventions, and of the two scalings that are both called normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from normviz import records
from normviz.convention_effects import Averages, Effect
from normviz.layouts import Shape
from normviz.minmax import Scaling
from normviz.minmax import scaling as scale
from normviz.spec import Spec
from normviz.ui import cached
from normviz.ui.cached import CACHE, Pass, Source
from normviz.ui.serving import compute_slot

Images = Sequence[records.Tensor]
Cell = tuple[int, ...]
Box = tuple[tuple[int, int], ...]
#: How many mini-batches the running averages are followed for.
BATCHES = 100


def averages(source: Source, what: Pass, spec: Spec, cell: Cell, images: Images) -> Averages:
    """Running statistics as every framework keeps them; see :func:`normviz.nets.convention_averages.averages`."""
    return _averages(source.whole(), what, spec, cell, images)


@st.cache_data(max_entries=32, **CACHE)
def _averages(source: Source, what: Pass, spec: Spec, cell: Cell, _images: Images) -> Averages:
    x = cached.tensor(source, _images)
    axes = spec.axes(source.shape)
    samples = slice(None)
    if spec.sets:
        # Unsynchronized devices keep what their own share of the batch tells them.
        samples = spec.sets[0].box(source.shape, cell)[axes.index("N")]
    eps = spec.eps or 0.0
    with compute_slot():
        from normviz.nets.convention_averages import averages as run

        return run(
            x,
            cell,
            axes=axes,
            samples=samples,
            eps=eps,
            batches=BATCHES,
            seed=source.sample.seed,
            dtype=what.dtype,
            device=what.device,
        )


def effect(
    source: Source, what: Pass, spec: Spec, cell: Cell, aspect: str, images: Images, **more: Any
) -> Effect:
    """What the conventions of this aspect do to the input; see :mod:`normviz.nets.conventions`.

    ``shrink`` multiplies the input first (aspect eps); ``own`` takes every framework's defaults (response).
    """
    return _effect(source.whole(), what, spec, cell, aspect, tuple(sorted(more.items())), images)


@st.cache_data(max_entries=48, **CACHE)
def _effect(
    source: Source,
    what: Pass,
    spec: Spec,
    cell: Cell,
    aspect: str,
    more: tuple[tuple[str, Any], ...],
    _images: Images,
) -> Effect:
    x = cached.tensor(source, _images)
    chosen = dict(more)
    other = cached.tensor(cached.second(source)) if spec.second else None
    where: dict[str, Any] = {"dtype": what.dtype, "device": what.device}
    with compute_slot():
        from normviz.nets import conventions

        match aspect:
            case "eps":
                small = x * np.float32(chosen.get("shrink", 1.0))
                seed = source.sample.seed
                return conventions.epsilon(
                    small, what.method, dict(what.knobs), spec, cell, seed=seed, second=other, **where
                )
            case "response":
                return conventions.response(x, spec, cell, own=bool(chosen.get("own")), **where)
            case "axes":
                return conventions.axes(x, spec, cell, **where)
            case _:
                return conventions.start(x, spec, cell, **where)


def scaling(source: Source, box: Box, cell: Cell, sigmas: float, images: Images) -> Scaling:
    """The values of the box before, standardized and scaled to [0, 1]; the cell's may be put far away first."""
    return _scaling(source.whole(), box, cell, sigmas, images)


@st.cache_data(max_entries=32, **CACHE)
def _scaling(source: Source, box: Box, cell: Cell, sigmas: float, _images: Images) -> Scaling:
    x = cached.tensor(source, _images)
    values = x[tuple(slice(a, b) for a, b in box)]
    return scale(values, place_in(box, cell), sigmas)


def place_in(box: Box, cell: Shape) -> int:
    """Where the cell stands among the values of the box, in C order.

    >>> place_in(((0, 2), (3, 6)), (1, 4))
    4
    """
    inside = [i - a for i, (a, _) in zip(cell, box, strict=True)]
    return int(np.ravel_multi_index(inside, [b - a for a, b in box]))
