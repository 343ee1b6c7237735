"""What the pooling view computes, cached: one map pooled, all channels pooled, a picture that moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from normviz.pooled import Pooled, Shifts
from normviz.records import Tensor
from normviz.ui import cached
from normviz.ui.cached import Knobs, Source, keyed
from normviz.ui.serving import compute_slot

#: The longest axis of a map that is pooled: larger maps are cut to their first cells.
LARGEST = 512
#: By how many pixels a picture is moved.
SHIFTS = tuple(range(9))
Images = Sequence[Tensor]


@dataclass(frozen=True)
class Job:
    """One pooling of one channel of one sample."""

    source: Source
    key: str
    knobs: Knobs
    sample: int = 0
    channel: int = 0
    device: str = "cpu"
    dtype: str = "float32"

    def whole(self) -> Job:
        """This job without what changes no value."""
        return replace(self, source=self.source.whole())


@dataclass(frozen=True)
class Move:
    """A picture of this source that moves, seen in one channel by several poolings on maps of this side."""

    source: Source
    poolings: tuple[tuple[str, Knobs], ...]
    sample: int
    channel: int
    side: int
    device: str = "cpu"
    dtype: str = "float32"


CACHED = keyed(Job, Move)


def maps(source: Source, sample: int, images: Images = ()) -> Tensor:
    """The feature maps (C, H, W) of one sample, cut to the first :data:`LARGEST` cells along H and W."""
    found: Tensor = cached.tensor(source, images)[sample, :, :LARGEST, :LARGEST]
    return found


def pooled(job: Job, images: Images = ()) -> Pooled:
    """One map through torch's pooling; see :func:`normviz.nets.poolings.pool_map`."""
    return _pooled(job.whole(), images)


@st.cache_data(max_entries=32, **CACHED)
def _pooled(job: Job, _images: Images) -> Pooled:
    return _run(job, maps(job.source, job.sample, _images)[job.channel])


def channels(job: Job, first: int, count: int, images: Images = ()) -> tuple[Tensor, Tensor]:
    """Some channels of the sample, (C, H, W), and what torch's pooling makes of them, (C, H', W')."""
    return _channels(replace(job.whole(), channel=0), first, count, images)


@st.cache_data(max_entries=8, **CACHED)
def _channels(job: Job, first: int, count: int, _images: Images) -> tuple[Tensor, Tensor]:
    before = maps(job.source, job.sample, _images)[first : first + count]
    return before, np.stack([_run(job, each).y for each in before]).astype(np.float32)


def moved(move: Move, images: Images = ()) -> Shifts:
    """What a shift changes; see :func:`normviz.nets.poolings.shifts`."""
    return _moved(replace(move, source=replace(move.source, disturb="none", cell=(), spec=None)), images)


@st.cache_data(max_entries=16, **CACHED)
def _moved(move: Move, _images: Images) -> Shifts:
    source = move.source
    with compute_slot():
        from normviz.nets.photographs import crops, photograph
        from normviz.nets.poolings import ROOM, shifts

        picture = _images[move.sample % len(_images)] if _images else photograph(source.photo)
        return shifts(
            crops(picture, 1, move.side + ROOM)[0],
            [(key, dict(knobs)) for key, knobs in move.poolings],
            side=move.side,
            pixels=SHIFTS,
            bank=source.bank,
            channels=source.shape[1],
            channel=move.channel,
            seed=source.sample.seed,
            device=move.device,
            dtype=move.dtype,
        )


def channel_names(source: Source) -> tuple[str, ...]:
    """The filters' names where a picture was convolved; nothing where the channels have none."""
    if source.kind not in ("photo", "upload"):
        return ()
    with compute_slot():
        from normviz.nets.filters import describe

        return describe(source.bank, source.shape[1])


def _run(job: Job, x: Any) -> Pooled:
    with compute_slot():
        from normviz.nets.poolings import pool_map

        return pool_map(x, job.key, dict(job.knobs), device=job.device, dtype=job.dtype)
