"""What the topic of weights computes, cached: the kernel, torch's Weight Norm, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from normviz.records import Tensor
from normviz.spec import Spec
from normviz.ui import cached
from normviz.ui.cached import Source, keyed
from normviz.ui.serving import compute_slot
from normviz.weights import Convention, Gradients, Outputs, Split, Standardized


@dataclass(frozen=True)
class Setting:
    """What is done to a kernel: where g starts, its factor, for one arrow or all, and what is put in by hand."""

    dim: int = 0
    #: The arrow that is looked at: its place along the axis ``dim``.
    place: int = 0
    start: str = "torch"
    factor: float = 1.0
    everywhere: bool = False
    #: Whether the arrow that is looked at is set to 0 first.
    zero: bool = False
    device: str = "cpu"
    dtype: str = "float32"

    def still(self) -> Setting:
        """This setting without what concerns g alone, so that moving g computes nothing else again."""
        return replace(self, start="torch", factor=1.0, everywhere=False)


SETTINGS = keyed(Setting)


def train(source: Source, progress: Callable[[float], object]) -> bool:
    """Train the source's kernel where it is one to be trained and is not there yet; whether there was anything to do.

    Outside of every cache, because ``progress`` draws on the page; what it raises ends the training.
    """
    if source.kind != "trained":
        return False
    with compute_slot():
        from normviz.nets.kernels import is_trained, trained

        if is_trained(source.shape, source.sample.seed):
            return False
        trained(source.shape, source.sample.seed, progress)
    return True


@dataclass(frozen=True)
class Learned:
    """How long the small network learned, and the shares of held-out digits that it and a guess read rightly."""

    epochs: int
    held: int
    accuracy: float
    chance: float


def learned(source: Source) -> Learned:
    """How well the network around the trained kernel reads."""
    with compute_slot():
        from normviz.nets.kernel_network import digits
        from normviz.nets.kernels import EPOCHS, TRAINING, accuracy

        labels = digits()[1]
        held = len(labels) - TRAINING
        return Learned(
            EPOCHS, held, accuracy(source.shape, source.sample.seed), 1 / len(set(labels.tolist()))
        )


def kernel_of(source: Source, setting: Setting | None = None) -> Tensor:
    """The kernel, float32, with what is put in by hand."""
    v = cached.tensor(source)
    if setting and setting.zero:
        v = v.copy()
        v[(slice(None),) * setting.dim + (setting.place,)] = 0
    return v


def split(source: Source, spec: Spec, setting: Setting) -> Split:
    """torch's Weight Norm of the kernel; see :func:`normviz.nets.weight_rules.weight_norm`."""
    return _split(source.whole(), spec, setting)


@st.cache_data(max_entries=32, **SETTINGS)
def _split(source: Source, spec: Spec, setting: Setting) -> Split:
    v = kernel_of(source, setting)
    with compute_slot():
        from normviz.nets.weight_rules import weight_norm

        return weight_norm(
            v,
            spec,
            start=setting.start,
            factor=setting.factor,
            only=None if setting.everywhere else setting.place,
            device=setting.device,
            dtype=setting.dtype,
        )


def standardized(source: Source, spec: Spec, setting: Setting) -> Standardized:
    """Weight Standardization of the kernel; see :func:`normviz.nets.weight_rules.standardize`."""
    return _standardized(source.whole(), spec, setting.still())


@st.cache_data(max_entries=32, **SETTINGS)
def _standardized(source: Source, spec: Spec, setting: Setting) -> Standardized:
    v = kernel_of(source, setting)
    with compute_slot():
        from normviz.nets.weight_rules import standardize

        return standardize(v, spec, device=setting.device, dtype=setting.dtype)


@st.cache_data(max_entries=32, **SETTINGS)
def followed(
    source: Source, setting: Setting, output: int, _split: Split, _standardized: Standardized
) -> tuple[Outputs, Gradients]:
    """What follows for the layer's output and for the gradients. Raises KernelError for kernels too large for it."""
    with compute_slot():
        from normviz.nets.kernels import check
        from normviz.nets.weight_rules import gradients, outputs

        check("trained", source.shape)  # what is trained while you wait is small enough
        seed = source.sample.seed
        return (
            outputs(_split, _standardized, seed=seed, output=output),
            gradients(_split, seed=seed, row=setting.place),
        )


def conventions(source: Source, spec: Spec, setting: Setting, output: int) -> tuple[Convention, ...]:
    """The ways to write Weight Standardization, on this kernel."""
    return _conventions(source.whole(), spec, setting.still(), output)


@st.cache_data(max_entries=32, **SETTINGS)
def _conventions(source: Source, spec: Spec, setting: Setting, output: int) -> tuple[Convention, ...]:
    v = kernel_of(source, setting)
    with compute_slot():
        from normviz.nets.weight_conventions import conventions as found

        return found(v, spec, output)
