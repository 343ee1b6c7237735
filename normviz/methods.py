"""What a catalogue entry is made of: a Method, its knobs and its paper."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from types import ModuleType
from typing import Any

from normviz.extents import divisors
from normviz.layers import Layer
from normviz.layouts import Shape, axes_of
from normviz.spec import Spec

Lengths = Mapping[str, int]


@dataclass(frozen=True)
class Paper:
    """Where a method comes from."""

    title: str
    authors: str
    year: int
    url: str


@dataclass(frozen=True)
class Knob:
    """One argument of a method, under torch's name: its default, its LaTeX symbol, and what it may be.

    Exactly one of the kinds holds: ``divides`` (a divisor of that axis), ``options`` (one of these) or
    ``low``/``high`` (a number, whole where the default is). ``shown`` puts it beside the method; others wait in a menu.
    """

    name: str
    default: Any
    symbol: str = ""
    divides: str = ""
    options: tuple[Any, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    logarithmic: bool = False
    shown: bool = True

    def choices(self, lengths: Lengths) -> tuple[Any, ...]:
        """The values there are, for a tensor of these axis lengths; empty for a number within bounds."""
        return divisors(lengths[self.divides]) if self.divides else self.options

    def suited(self, value: Any, lengths: Lengths) -> Any:
        """``value`` where this tensor allows it, else the nearest allowed one: so that a shape can change first."""
        choices = self.choices(lengths)
        if not choices or value in choices:
            return value
        return min(choices, key=lambda c: abs(c - value)) if self.divides else self.default

    def check(self, value: Any) -> Any:
        """``value``, when it is of this knob's kind; what depends on the tensor is checked where the shape is known."""
        if self.options and not self.divides:
            if value not in self.options:
                raise ValueError(f"{self.name} = {value!r} is not known: it is one of {self.options}.")
            return value
        whole = isinstance(self.default, int)
        number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
        if value is None and self.default is None:
            return value
        if not number or not self.low <= value <= self.high:
            kind = "whole number" if whole else "number"
            raise ValueError(
                f"{self.name} = {value!r} is not allowed: it must be a {kind} from {self.low:g} to {self.high:g}. "
                f"Try {self.default!r}."
            )
        return int(value) if whole else float(value)  # numpy's numbers become Python's


@dataclass(frozen=True)
class Method:
    """A catalogue entry: how a method is named and cited, its knobs, its Spec, and torch's layer for it.

    ``rule(**knobs)`` gives the Spec; ``layer(lengths, axes, **knobs)`` torch's layer for a tensor with these axes.
    ``evaluating`` is the key of what it becomes in evaluation, where that differs. ``own_layer`` is False where torch
    has no layer of that name and another of torch's layers computes it.
    """

    key: str
    family: str
    paper: Paper
    rule: Callable[..., Spec]
    layer: Callable[..., Layer]
    knobs: tuple[Knob, ...] = ()
    evaluating: str = ""
    own_layer: bool = True

    @property
    def year(self) -> int:
        """The year of the paper."""
        return self.paper.year

    @property
    def layouts(self) -> tuple[str, ...]:
        """The layouts it works on, which do not depend on its knobs."""
        return self.spec().layouts

    def defaults(self, lengths: Lengths) -> dict[str, Any]:
        """The knobs' defaults, each at the nearest value that a tensor of these axis lengths allows."""
        return {knob.name: knob.suited(knob.default, lengths) for knob in self.knobs}

    def spec(self, **knobs: Any) -> Spec:
        """The whole mathematics, for these knobs."""
        return self.rule(**self.complete(knobs))

    def torch_layer(self, shape: Shape, **knobs: Any) -> Layer:
        """torch's layer for an input of this shape, as a value."""
        spec = self.spec(**knobs)
        axes = axes_of(shape, spec.layouts)
        for part in spec.parts:
            part.set.intervals(shape)  # refuses what does not divide, in our words
        lengths = dict(zip(axes, (int(n) for n in shape), strict=True))
        return self.layer(lengths, "".join(axes), **self.complete(knobs))

    def module(self, nn: ModuleType, shape: Shape, **knobs: Any) -> Any:
        """A fresh ``torch.nn.Module`` for inputs of this shape; ``nn`` is ``torch.nn``.

        >>> import torch, normviz as nv
        >>> layer = nv.METHODS["group_norm"].module(torch.nn, (8, 12, 4, 4), num_groups=3)
        >>> isinstance(layer, torch.nn.GroupNorm), tuple(layer.weight.shape)
        (True, (12,))
        """
        return self.torch_layer(shape, **knobs).build(nn)

    def complete(self, knobs: Mapping[str, Any]) -> dict[str, Any]:
        """All knobs, the ones given checked and the others at their defaults."""
        known = {knob.name: knob for knob in self.knobs}
        for name in knobs:
            if name not in known:
                has = ", ".join(known) or "none"
                raise ValueError(f"{self.key} has no knob {name!r}: its knobs are {has}.")
        return {name: knob.check(knobs.get(name, knob.default)) for name, knob in known.items()}
