"""What the rows have in common: usual extents and knobs, and torch's layers that come in several flavours."""

from __future__ import annotations

from typing import Any

from normviz.extents import Whole
from normviz.layers import Layer
from normviz.methods import Knob, Lengths
from normviz.spec import Affine, Part, StatSet

EPS = Knob("eps", 1e-5, r"\epsilon", low=1e-12, high=1.0, logarithmic=True, shown=False)
CHW = ("C", "H", "W")
WHOLE = Whole()


def one(**extents: Any) -> tuple[Part, ...]:
    """The usual case: a single set of weight 1."""
    return (Part(StatSet.over(**extents)),)


def learned(on: bool, axes: tuple[str, ...]) -> Affine:
    """A weight and a bias over these axes, or none."""
    return Affine(axes, axes) if on else Affine()


def affine(default: bool = True, name: str = "affine") -> Knob:
    """The knob that adds a learned scale and shift."""
    return Knob(name, default, options=(True, False), shown=False)


def to_first(axes: str) -> tuple[int, int] | None:
    """How channels travel to axis 1, where torch's layer wants them."""
    return (-1, 1) if axes == "NLC" else None


def to_last(axes: str) -> tuple[int, int] | None:
    """How channels travel to the last axis."""
    return (1, -1) if axes == "NCHW" else None


def by_channel(name: str) -> Any:
    """torch's per-channel layers come in a flavour for images and one for the rest."""

    def layer(n: Lengths, axes: str, *, lone: bool = False, **given: Any) -> Layer:
        rank = "2d" if axes == "NCHW" else "1d"
        modes = {name: given.pop(name) for name in ("evaluating", "frozen", "note") if name in given}
        arguments = {"num_features": n["C"], **given}
        return Layer(name + rank, arguments, to_first(axes), unsqueeze=lone and axes == "NC", **modes)

    return layer


def over_shape(n: Lengths, axes: str, last: bool, name: str, **knobs: Any) -> Layer:
    """Layer Norm and RMSNorm over (C, H, W), or over the channels alone."""
    names = ("C",) if last else CHW
    shape = tuple(n[a] for a in names if a in axes)
    return Layer(name, {"normalized_shape": shape, **knobs}, to_last(axes) if last else None)
