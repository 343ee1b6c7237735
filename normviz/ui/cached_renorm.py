"""The cached run of a Batch Renorm layer over many steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from normviz import records
from normviz.renorm import Corrected, Opening
from normviz.ui import cached
from normviz.ui.cached import Knobs, Source, keyed
from normviz.ui.serving import compute_slot


@dataclass(frozen=True)
class Correcting:
    """What streams, and how: the population, the layer, its bounds, the batch, device and dtype."""

    population: Source
    method: str
    knobs: Knobs
    opening: Opening
    batch: int
    momentum: float
    device: str = "cpu"
    dtype: str = "float32"


HERE = keyed(Correcting)


def corrected(what: Correcting, images: Sequence[records.Tensor] = ()) -> Corrected:
    """All steps of the run; see :func:`normviz.nets.renorm.corrected`."""
    return _corrected(what, images)


@st.cache_data(max_entries=16, **HERE)
def _corrected(what: Correcting, _images: Sequence[records.Tensor]) -> Corrected:
    return _run(what, _images)


def spread(what: Correcting, images: Sequence[records.Tensor] = ()) -> tuple[float, float]:
    """How far r and d scatter before they are clipped; the bounds play no part in it."""
    return _spread(replace(what, opening=Opening()), images)


@st.cache_data(max_entries=128, **HERE)
def _spread(what: Correcting, _images: Sequence[records.Tensor]) -> tuple[float, float]:
    return _run(what, _images).spread()


def _run(what: Correcting, images: Sequence[records.Tensor]) -> Corrected:
    pool = cached.tensor(what.population, images)
    with compute_slot():
        from normviz.nets.renorm import corrected as run

        return run(
            pool,
            what.method,
            dict(what.knobs),
            what.opening,
            batch=what.batch,
            momentum=what.momentum,
            device=what.device,
            dtype=what.dtype,
            seed=what.population.sample.seed,
        )
