"""Random methods, shapes and knobs, drawn from the catalogue: a new entry is tested without a word here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import nn

from normviz.catalogue import METHODS
from normviz.layouts import WEIGHTS, axes_of
from normviz.methods import Knob, Method
from normviz.spec import Spec

#: The longest an axis is drawn, by name.
LONGEST = {"N": 6, "C": 8, "H": 4, "W": 4, "L": 5, "O": 6, "I": 6}

#: Every method on every layout it knows.
EVERYWHERE = [(key, layout) for key, entry in METHODS.items() for layout in entry.spec().layouts]


class Case(NamedTuple):
    """A method on a tensor."""

    method: Method
    shape: tuple[int, ...]
    knobs: Mapping[str, Any]

    @property
    def spec(self) -> Spec:
        return self.method.spec(**self.knobs)

    @property
    def second(self) -> npt.NDArray[np.float64] | None:
        """The second input, for what takes one."""
        return values(self.shape, 99) if self.spec.affine.origin == "second" else None

    @property
    def given(self) -> dict[str, Any]:
        """What that input makes of weight and bias, worked out here."""
        if self.second is None:
            return {}
        positions = tuple(k for k, axis in enumerate(self.spec.axes(self.shape)) if axis in "HWL")
        mean, var = self.second.mean(positions), self.second.var(positions)
        return {"weight": np.sqrt(var + self.knobs["eps"]), "bias": mean}

    def through(self, module: Any, x: torch.Tensor) -> torch.Tensor:
        """x through the module, beside the second input where there is one."""
        style = () if self.second is None else (torch.from_numpy(self.second).to(x.dtype),)
        y: torch.Tensor = module(x, *style)
        return y

    @property
    def alone(self) -> bool:
        """Whether some centred set is one cell everywhere: torch refuses many of those."""
        return self.spec.centred and any((s.sizes(self.shape) == 1).all() for s in self.spec.sets)


def learned(entry: Method, shape: tuple[int, ...], **knobs: Any) -> int:
    """How many parameters torch has for it: the module's own, or what its parametrization adds to a layer."""
    spec = entry.spec(**knobs)
    if not (spec.layouts == WEIGHTS and spec.affine.weight):
        return sum(p.numel() for p in entry.module(nn, shape, **knobs).parameters() if p.requires_grad)
    out, into, *size = shape
    bare = nn.Conv2d(into, out, (size[0], size[1]), bias=False) if size else nn.Linear(into, out, False)
    layer = nn.utils.parametrizations.weight_norm(bare, dim=knobs.get("dim", 0))
    return sum(p.numel() for p in layer.parameters()) - bare.weight.numel()


def examples(count: int) -> settings:
    """That many examples, however long each takes: a busy machine is no failure."""
    return settings(max_examples=count, deadline=None)


def shapes(layout: str, least: int = 1) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of this layout, every axis at least ``least`` long."""
    return st.tuples(*[st.integers(least, LONGEST[axis]) for axis in layout])


def knob_values(knob: Knob, lengths: Mapping[str, int]) -> st.SearchStrategy[Any]:
    """Values that a knob allows, of an everyday size."""
    if choices := knob.choices(lengths):
        return st.sampled_from(choices)
    if isinstance(knob.default, int):
        return st.integers(int(knob.low), int(min(knob.high, 12)))
    if knob.logarithmic:
        numbers = st.floats(np.log10(knob.low), np.log10(knob.high)).map(
            lambda power: float(np.clip(10.0**power, knob.low, knob.high))
        )
    else:
        numbers = st.floats(knob.low, min(knob.high, 3.0))
    return st.none() | numbers if knob.default is None else numbers


@st.composite
def cases(
    draw: st.DrawFn, key: str, layout: str, least: int = 1, fixed: Mapping[str, Any] | None = None
) -> Case:
    """The method of this key on a random shape of this layout, knobs random but for the ``fixed``."""
    entry = METHODS[key]
    shape = draw(shapes(layout, least))
    lengths = dict(zip(axes_of(shape, entry.spec().layouts), shape, strict=True))
    held = {name: value for name, value in (fixed or {}).items() if name in {k.name for k in entry.knobs}}
    drawn = {k.name: draw(knob_values(k, lengths)) for k in entry.knobs if k.name not in held}
    return Case(entry, shape, drawn | held)


def cells(shape: tuple[int, ...]) -> st.SearchStrategy[tuple[int, ...]]:
    """Cells of a tensor of this shape."""
    return st.tuples(*[st.integers(0, n - 1) for n in shape])


seeds = st.integers(0, 2**32 - 1)


def values(shape: tuple[int, ...], seed: int) -> npt.NDArray[np.float64]:
    """Generic values, whose channels or rows are not all alike."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) * rng.uniform(0.5, 4) + rng.normal(scale=3)
