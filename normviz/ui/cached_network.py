"""What the network page computes, cached: runs, one layer's values, and the samples that come with the app.

A run calls back while it goes on, which ``st.cache_data`` does not allow, and weights are bounded by their bytes, not
their number: both are kept in a small cache of our own.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import streamlit as st

from normviz.network_runs import Plan, Run, Training
from normviz.records import Tensor
from normviz.ui.cached import keyed
from normviz.ui.network.shown import Values
from normviz.ui.serving import compute_slot, load_torch

if TYPE_CHECKING:
    from normviz.nets.network_run import Progress

#: A run's record is some 100 kB for the largest networks.
MOST_RUNS = 48
#: Bytes of all visitors' own weights together.
MOST_OWN = 2**29

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Asked:
    """Which run: the plan, and the short key of the images that go in."""

    plan: Plan
    images: str


HERE = keyed(Asked, Plan)


class Latest(Generic[Kept]):
    """The latest things of all visitors, by key: where they weigh too much together, the one used longest ago goes."""

    def __init__(self, most: int, weigh: Callable[[Kept], int] = lambda _: 1) -> None:
        self._most, self._weigh = most, weigh
        self._held: OrderedDict[Hashable, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Kept | None:
        """What is held under this key."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: Hashable, value: Kept) -> None:
        """Hold it; the last one is held whatever it weighs."""
        with self._lock:
            self._held[key] = value
            self._held.move_to_end(key)
            while len(self._held) > 1 and sum(map(self._weigh, self._held.values())) > self._most:
                self._held.popitem(last=False)


@st.cache_resource(show_spinner=False)
def runs() -> Latest[Run]:
    """The runs of this process."""
    return Latest(MOST_RUNS)


@st.cache_resource(show_spinner=False)
def own_weights() -> Latest[Mapping[str, Any]]:
    """The tensors of the visitors' own weights, by the digest of their file."""
    return Latest(MOST_OWN, lambda state: sum(one.numel() * one.element_size() for one in state.values()))


def known(asked: Asked) -> Run | None:
    """The run, where it was made before."""
    return runs().get(asked)


def run(
    asked: Asked,
    images: Sequence[Tensor],
    own: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Run:
    """The run, made now where it was not before; see :func:`normviz.nets.network_run.run`."""
    with compute_slot():
        # A class that opens one link waits in line: by its turn the run may be there.
        if found := known(asked):
            return found
        from normviz.nets.network_run import run as compute

        done = compute(asked.plan, images, own=own, progress=progress)
    runs().put(asked, done)
    return done


@st.cache_data(max_entries=4, **HERE)
def values(
    asked: Asked, number: int, _images: Sequence[Tensor], _own: Mapping[str, Any] | None = None
) -> Values:
    """The real output of one layer; see :func:`normviz.nets.network_run.values`."""
    with compute_slot():
        from normviz.nets.network_run import values as compute

        return compute(asked.plan, _images, number, own=_own)


@st.cache_data(max_entries=8, **HERE)
def labels(network: str) -> tuple[str, ...]:
    """The names of a network's classes; none where it has no labels."""
    with compute_slot():
        from normviz.nets.networks import labels as read

        return tuple(read(network) or ())


def weights_for(network: str, norm: str) -> tuple[str, ...]:
    """Where the weights of a network with this norm can come from."""
    load_torch()
    from normviz.nets.weights import available

    return available(network, norm)


@st.cache_data(max_entries=16, **HERE)
def training(network: str, norm: str, weights: str) -> Training | None:
    """How a network's weights of this source were trained, where that is known."""
    with compute_slot():
        from normviz.nets.weights import training as read

        return read(network, norm, weights)


@st.cache_data(max_entries=16, **HERE)
def digits(count: int, seed: int) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
    """So many of the held-out digits, (8, 8, 3) each, drawn by the seed; and what they are."""
    with compute_slot():
        from normviz.nets.networks import draw_digits

        images, truth = draw_digits(count, seed)
    return tuple(images), tuple(str(digit) for digit in truth)


@st.cache_data(max_entries=4, **HERE)
def photographs(names: tuple[str, ...]) -> tuple[Tensor, ...]:
    """These photographs, (H, W, 3) each."""
    from normviz.nets.photographs import photograph

    return tuple(np.asarray(photograph(name), np.float32) for name in names)
