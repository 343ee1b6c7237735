"""The cached stream of mini-batches: the whole course once, and what evaluating makes of one of its steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from normviz import records
from normviz.stream import CELLS, Course, Evaluation, Plan, pool_size
from normviz.ui import cached
from normviz.ui.cached import LARGEST_SIDE, Source, keyed, maps_of
from normviz.ui.serving import compute_slot

#: The most numbers that filters may put out before they are averaged down to maps: 64 MB.
FILTERED = 2**24


@dataclass(frozen=True)
class Streaming:
    """What streams, and how: where the population comes from, the plan, device and dtype."""

    population: Source
    plan: Plan
    device: str = "cpu"
    dtype: str = "float32"


@dataclass(frozen=True)
class Test:
    """What is evaluated: with the buffers of step ``held``, the data of ``step`` and the shifted data, one channel."""

    __test__ = False

    step: int
    held: int
    channel: int
    shift: float
    scale: float


class NoRoom(ValueError):
    """A population of two batches does not fit; ``samples`` do."""

    def __init__(self, samples: int) -> None:
        super().__init__(f"There is room for {samples} samples only: take smaller batches or smaller maps.")
        self.samples = samples


HERE = keyed(Streaming, Test)


def population(source: Source, batch: int) -> Source:
    """The source of as many samples as a population for these batches has room for: of another N, else the same.

    Raises NoRoom where not even two batches fit, or where there are too many channels.
    """
    shape = (batch, *source.shape[1:])
    most = CELLS
    if source.kind != "random":
        _, channels, height, width = maps_of(shape)
        side = min(LARGEST_SIDE, max(16, 4 * height, 4 * width))
        most = min(most, FILTERED // (side * side * channels) * math.prod(shape[1:]))
    samples = pool_size(shape, most=most)
    if samples < 2 * batch:
        raise NoRoom(samples)
    return replace(source, shape=(samples, *shape[1:]), disturb="none", cell=(), spec=None)


def course(what: Streaming, images: Sequence[records.Tensor] = ()) -> Course:
    """Every step of the stream; see :func:`normviz.nets.stream.course`."""
    return _course(what, images)


@st.cache_data(max_entries=16, **HERE)
def _course(what: Streaming, _images: Sequence[records.Tensor]) -> Course:
    pool = cached.tensor(what.population, _images)
    with compute_slot():
        from normviz.nets.stream import course as run

        return run(pool, what.plan, device=what.device, dtype=what.dtype)


def evaluation(what: Streaming, test: Test, images: Sequence[records.Tensor] = ()) -> Evaluation:
    """The layer evaluating with the buffers of one step; see :func:`normviz.nets.stream.evaluate`."""
    return _evaluation(what, test, images)


@st.cache_data(max_entries=32, **HERE)
def _evaluation(what: Streaming, test: Test, _images: Sequence[records.Tensor]) -> Evaluation:
    done = _course(what, _images)
    pool = cached.tensor(what.population, _images)
    with compute_slot():
        from normviz.nets.stream import evaluate

        return evaluate(
            pool,
            what.plan,
            (done.running_mean[test.held], done.running_var[test.held]),
            test.step,
            channel=test.channel,
            shift=test.shift,
            scale=test.scale,
            device=what.device,
            dtype=what.dtype,
        )
