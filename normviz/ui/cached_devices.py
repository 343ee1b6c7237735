"""What the devices page computes: every device's statistics, cached, and runs of real processes, which are not."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from normviz.device_steps import DevicesRun, Verdict
from normviz.records import Tensor
from normviz.reference import FloatArray
from normviz.spec import StatSet
from normviz.splits import DeviceStatistics, Shares, by_set, shares
from normviz.ui import cached
from normviz.ui.cached import MOMENTUM, Source, keyed
from normviz.ui.serving import compute_slot

if TYPE_CHECKING:
    from normviz.nets.device_processes import Progress


@dataclass(frozen=True)
class Devices:
    """A batch on devices: where it comes from, the set that crosses it, how many devices, and how samples are dealt."""

    source: Source
    shared: StatSet
    count: int
    way: str
    eps: float

    @property
    def samples(self) -> Shares:
        """The samples of every device."""
        return shares(self.source.shape[0], self.count, self.way)

    def whole(self) -> Devices:
        """The same without the pinned cell where it changes no value."""
        return replace(self, source=self.source.whole())


_CACHE = keyed(Devices)


def statistics(what: Devices, images: Sequence[Tensor] = ()) -> DeviceStatistics:
    """Every device's mean and variance beside those of all."""
    return _statistics(what.whole(), images)


@st.cache_data(max_entries=32, **_CACHE)
def _statistics(what: Devices, _images: Sequence[Tensor]) -> DeviceStatistics:
    return DeviceStatistics.of(cached.tensor(what.source, _images), what.shared, what.samples)


def run(what: Devices, images: Sequence[Tensor] = ()) -> Generator[Progress, None, None]:
    """Real processes at work on it; see :func:`normviz.nets.device_processes.run`. They end when this is closed."""
    from normviz.nets.device_processes import run as processes

    x, upstream = _task(what, images)
    with closing(processes(x, upstream, what.samples, eps=what.eps, momentum=MOMENTUM)) as steps:
        yield from steps


def verdict(what: Devices, done: DevicesRun, images: Sequence[Tensor] = ()) -> Verdict:
    """The run held against torch's own layer, in this process and on all samples at once."""
    x, upstream = _task(what, images)
    order = [k for share in what.samples for k in share]
    with compute_slot():
        from normviz.nets.synchronized import one_process

        return Verdict.of(done, one_process(x[order], upstream[order], eps=what.eps, momentum=MOMENTUM))


def _task(what: Devices, images: Sequence[Tensor]) -> tuple[FloatArray, FloatArray]:
    """The input set by set, and a gradient to arrive at the output, from the same seed."""
    x = by_set(cached.tensor(what.source, images), what.shared)
    return x, np.random.default_rng(what.source.sample.seed).standard_normal(x.shape)
