"""What the view of activations computes, cached: what each makes of an input, a chain of layers, a learned slope."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from normviz.activations import ACTIVATIONS
from normviz.activity import Activity, Chain, SlopeRun, common_edges
from normviz.catalogue import METHODS
from normviz.records import Tensor
from normviz.ui import cached
from normviz.ui.cached import Knobs, Source, keyed
from normviz.ui.serving import compute_slot

#: Steps of the live training, and how many lie between two pictures of it.
STEPS, EVERY = 150, 5
#: Features of a layer of the chain, and the most rows that go down it.
WIDTH, ROWS = 64, 1024


@dataclass(frozen=True)
class Pair:
    """An activation and a normalization before or after it, each with its knobs; ``none`` leaves the latter out."""

    key: str
    knobs: Knobs = ()
    order: str = "none"
    norm: str = ""
    norm_knobs: Knobs = ()
    device: str = "cpu"
    dtype: str = "float32"

    def whole(self) -> Pair:
        """This pair without what ``none`` leaves out, so that the frame's method changes nothing then."""
        return replace(self, norm="", norm_knobs=()) if self.order == "none" else self


@dataclass(frozen=True)
class Stages:
    """What reaches the activation, what leaves it, and what leaves the pair; float32."""

    into: Tensor
    out: Tensor
    final: Tensor


HERE = keyed(Pair)


def measured(source: Source, pairs: Sequence[Pair], images: Sequence[Tensor] = ()) -> tuple[Activity, ...]:
    """What each pair makes of the input, all on the same bins; see :func:`normviz.nets.activations.measure`."""
    source = source.whole()
    alone = [_measured(source, pair.whole(), (), images) for pair in pairs]
    edges = tuple(common_edges(alone).tolist())
    return tuple(
        found if tuple(found.edges.tolist()) == edges else _measured(source, pair.whole(), edges, images)
        for pair, found in zip(pairs, alone, strict=True)
    )


@st.cache_data(max_entries=96, **HERE)
def _measured(source: Source, pair: Pair, edges: tuple[float, ...], _images: Sequence[Tensor]) -> Activity:
    x = cached.tensor(source, _images)
    with compute_slot():
        from normviz.nets.activations import measure

        return measure(
            x,
            pair.key,
            dict(pair.knobs),
            order=pair.order,
            norm=pair.norm or None,
            norm_knobs=dict(pair.norm_knobs),
            device=pair.device,
            dtype=pair.dtype,
            seed=source.sample.seed,
            edges=edges or None,
        )


def stages(source: Source, pair: Pair, images: Sequence[Tensor] = ()) -> Stages:
    """The tensors themselves: torch's normalization, and the activation's own formula, which it is held against."""
    return _stages(source.whole(), pair.whole(), images)


@st.cache_data(max_entries=12, **HERE)
def _stages(source: Source, pair: Pair, _images: Sequence[Tensor]) -> Stages:
    x = cached.tensor(source, _images)
    into = _normalized(x, source, pair) if pair.order == "before" else x
    out = ACTIVATIONS[pair.key](into, **dict(pair.knobs)).astype(into.dtype)
    return Stages(into, out, _normalized(out, source, pair) if pair.order == "after" else out)


def _normalized(x: Tensor, source: Source, pair: Pair) -> Tensor:
    """torch's own pass, of a layer as :func:`normviz.nets.normalizers.normalizer` makes it."""
    with compute_slot():
        from normviz.nets.forward import forward

        return forward(
            x,
            pair.norm,
            dict(pair.norm_knobs),
            device=pair.device,
            dtype=pair.dtype,
            seed=source.sample.seed,
        ).y


def chained(source: Source, pair: Pair, layers: int, weights: str, images: Sequence[Tensor] = ()) -> Chain:
    """Signal and gradient down so many layers; see :func:`normviz.nets.activation_chain.chain`."""
    return _chained(source.whole(), pair.whole(), layers, weights, images)


@st.cache_data(max_entries=48, **HERE)
def _chained(source: Source, pair: Pair, layers: int, weights: str, _images: Sequence[Tensor]) -> Chain:
    x = cached.tensor(source, _images)
    channels = source.shape[1]
    features = channels if weights == "none" else WIDTH
    lengths = {"N": min(ROWS, math.prod(source.shape) // channels), "C": features}
    knobs = {knob.name: knob for knob in METHODS[pair.norm].knobs} if pair.norm else {}
    suited = {name: knobs[name].suited(value, lengths) for name, value in pair.norm_knobs}
    with compute_slot():
        from normviz.nets.activation_chain import chain

        return chain(
            x,
            pair.key,
            ACTIVATIONS[pair.key].anywhere(dict(pair.knobs)),
            layers=layers,
            weights=weights,
            width=WIDTH,
            norm=pair.norm or None,
            norm_knobs=suited,
            order="after" if pair.order == "after" else "before",
            device=pair.device,
            dtype=pair.dtype,
            seed=source.sample.seed,
        )


@dataclass(frozen=True)
class Training:
    """Whose slope is trained: the activation, where its slope starts, and the seed."""

    key: str
    init: float
    seed: int


def trained(what: Training) -> Generator[SlopeRun]:
    """The live training, step by step; see :func:`normviz.nets.slope_training.train_slopes`. Close it to stop."""
    with compute_slot():
        from normviz.nets.slope_training import train_slopes

        steps = train_slopes(what.key, seed=what.seed, init=what.init, steps=STEPS, every=EVERY)
    while True:
        # Not around the yield: others compute while this visitor's chart is drawn.
        with compute_slot():
            run = next(steps, None)
        if run is None:
            return
        yield run
