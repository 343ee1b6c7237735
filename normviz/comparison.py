"""What can be said of a method without being told: read from its Spec, for the shape at hand, as plain values.

>>> from normviz.catalogue import METHODS
>>> group_norm = METHODS["group_norm"].spec(num_groups=4)
>>> [(a.name, a.kind) for a in reach(group_norm.sets[0], (8, 12, 4, 4))]
[('N', 'own'), ('C', 'groups'), ('H', 'whole'), ('W', 'whole')]
>>> depends_on_batch(group_norm, (8, 12, 4, 4)), depends_on_batch(METHODS["batch_norm"].spec(), (8, 12, 4, 4))
(False, True)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from normviz.extents import Own
from normviz.layouts import WEIGHTS, Shape, axes_of
from normviz.methods import Method
from normviz.spec import Spec, StatSet

#: The rows of the comparison, in their order.
CLAIMS = (
    "principle",
    "statistics",
    "learned",
    "modes",
    "batch",
    "used",
    "strengths",
    "weaknesses",
    "placement",
    "paper",
)
#: The rows that no Spec can answer: each method has words for them.
STATED = ("used", "strengths", "weaknesses", "placement")

Kind = Literal["whole", "groups", "window", "own"]
#: What evaluation does: reads ``buffers`` where training reads the batch; reads buffers ``always``; computes the
#: ``same`` from each sample alone; or would still read the ``batch``.
Mode = Literal["buffers", "always", "same", "batch"]
#: What is learned, or where scale and shift come from instead.
Learned = Literal["both", "weight", "direction", "none", "frozen", "second"]
#: A sample's result changes with the others of its batch (``yes``), and with earlier batches (``buffers``); with none
#: (``no``), as ``running`` averages or ``weights`` are read, or as each set holds one sample only (``alone``).
Batch = Literal["yes", "buffers", "no", "running", "alone", "weights"]


@dataclass(frozen=True)
class Axis:
    """One axis of a tensor: its length, how a set reaches along it, over how many different stretches how long."""

    name: str
    length: int
    kind: Kind
    count: int
    size: int


@dataclass(frozen=True)
class Factor:
    """One factor of a count: what multiplies, as a symbol (an axis, or the knob that cuts it), and its value."""

    symbol: str
    value: int


@dataclass(frozen=True)
class Count:
    """A sum of products, and its value; a product without factors is 1."""

    terms: tuple[tuple[Factor, ...], ...]
    total: int


def on_weights(method: Method) -> bool:
    """Whether it normalizes a kernel instead of what flows through the network."""
    return method.layouts == WEIGHTS


def reach(shared: StatSet, shape: Shape) -> tuple[Axis, ...]:
    """How a set reaches along every axis of a tensor of this shape.

    One group is ``whole`` and a group for every index is ``own``: told from the intervals, not from the name.
    """
    found = []
    for name, n, interval in zip(axes_of(shape, shared.layouts), shape, shared.intervals(shape), strict=True):
        count, size = len(interval.blocks()[0]), int((interval.hi - interval.lo).max())
        if n == 1:
            alone = isinstance(shared.extent(name), Own)
            kind: Kind = "own" if alone else "whole"
        elif size == 1:
            kind = "own"
        elif count == 1:
            kind = "whole"
        else:
            kind = "groups" if interval.is_partition else "window"
        found.append(Axis(name, int(n), kind, count, size))
    return tuple(found)


def other_samples(spec: Spec, shape: Shape) -> int:
    """How many other samples of the batch a sample's statistics reach, at most.

    >>> from normviz.catalogue import METHODS
    >>> other_samples(METHODS["batch_norm_devices"].spec(devices=4), (8, 12, 4, 4))
    1
    """
    lengths = [a.size for shared in spec.sets for a in reach(shared, shape) if a.name == "N"]
    return max(lengths, default=1) - 1


def depends_on_batch(spec: Spec, shape: Shape) -> bool:
    """Whether a sample's result changes with the other samples of its batch."""
    return other_samples(spec, shape) > 0


def statistics(method: Method, spec: Spec, shape: Shape) -> Count:
    """How many statistics there are, and of what that is the product.

    >>> from normviz.catalogue import METHODS
    >>> group_norm = METHODS["group_norm"]
    >>> statistics(group_norm, group_norm.spec(num_groups=4), (8, 12, 4, 4))
    Count(terms=((Factor(symbol='N', value=8), Factor(symbol='G', value=4)),), total=32)
    """
    if not spec.parts and spec.running:
        return _product(spec, spec.running.axes, shape)
    terms = tuple(_factors(method, reach(shared, shape)) for shared in spec.sets)
    return Count(terms, spec.statistic_count(shape))


def learned(spec: Spec, shape: Shape) -> Count:
    """How many numbers the weight has (and the bias, where there is one), as a product of axes."""
    return _product(spec, spec.affine.weight, shape)


def learned_kind(spec: Spec) -> Learned:
    """What is learned: weight and bias, a weight alone, a kernel's length; or where the two come from instead."""
    if spec.affine.origin != "learned":
        return spec.affine.origin
    if spec.affine.identity_at_start:
        return "direction"
    if spec.affine.bias:
        return "both"
    return "weight" if spec.affine.weight else "none"


def mixing(spec: Spec, shape: Shape) -> int:
    """How many numbers are learned beside weight and bias: the logits of a mixture's weights."""
    if spec.affine.origin != "learned":
        return spec.parameter_count(shape)
    each = learned(spec, shape).total
    return spec.parameter_count(shape) - each * (bool(spec.affine.weight) + bool(spec.affine.bias))


def mode(method: Method, spec: Spec) -> Mode:
    """What evaluation does to it."""
    if method.evaluating:
        return "buffers"
    if not spec.parts:
        return "always"
    return "batch" if _spans(spec) else "same"


def batch(spec: Spec, shape: Shape) -> Batch:
    """Whether a sample's result depends on the batch, and on earlier ones."""
    if "N" not in spec.axes(shape):
        return "weights"
    if not spec.parts:
        return "running"
    if depends_on_batch(spec, shape):
        return "buffers" if spec.running else "yes"
    return "alone" if _spans(spec) else "no"


def _spans(spec: Spec) -> bool:
    return any(not isinstance(shared.extent("N"), Own) for shared in spec.sets)


def _factors(method: Method, axes: Sequence[Axis]) -> tuple[Factor, ...]:
    cuts = {knob.divides: knob.symbol for knob in method.knobs if knob.divides}
    return tuple(
        Factor(a.name if a.count == a.length else cuts.get(a.name, a.name), a.count)
        for a in axes
        if a.kind != "whole"
    )


def _product(spec: Spec, names: Sequence[str], shape: Shape) -> Count:
    lengths = dict(zip(spec.axes(shape), shape, strict=True))
    factors = tuple(Factor(name, int(lengths[name])) for name in names if name in lengths)
    return Count((factors,), math.prod(f.value for f in factors))
