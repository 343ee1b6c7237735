"""What holds between the methods, tried with torch's own layers in float64 on the input at hand.

>>> x = np.random.default_rng(0).standard_normal((4, 6, 3, 3))
>>> {r.key: r.holds for r in relations(x)}["lone_batch_instance"]
True
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from normviz.catalogue import METHODS
from normviz.layouts import axes_of, default_cell
from normviz.nets.forward import compare
from normviz.relations import Relation
from normviz.spec import Spec

#: How many channels the convolution and the fully connected layer make: more would only take longer.
MOST_OUTPUTS = 16
#: How far the uneven weights of a Layer Norm are spread about 1.
UNEVEN = 0.5

Pair = tuple[Tensor, Tensor]


class Refused(Exception):
    """torch's layer does not take this input."""

    def __init__(self, layer: str, words: str) -> None:
        super().__init__(words)
        self.layer, self.words = layer, words


def relations(x: npt.ArrayLike, *, seed: int = 0) -> tuple[Relation, ...]:
    """Every statement tried on ``x``, activations of shape (N, C, H, W), (N, L, C) or (N, C).

    Each takes two of torch's layers, new and in training mode, and holds their float64 outputs against each other, and
    the sets of the two methods cell by cell. ``seed`` draws the weights that a statement needs. Where torch refuses
    the input the relation has its words. Raises ValueError where the shape is none of the three.
    """
    given = torch.tensor(np.asarray(x), dtype=torch.float64)
    axes_of(tuple(given.shape))
    with torch.inference_mode():
        return tuple(statement(given, seed) for statement in STATEMENTS)


def group_one_layer(x: Tensor, seed: int) -> Relation:
    """Group Norm with one group has Layer Norm's sets."""
    del seed
    return _two("group_one_layer", x, ("group_norm", {"num_groups": 1}), ("layer_norm", {}))


def group_each_instance(x: Tensor, seed: int) -> Relation:
    """Group Norm with as many groups as channels is Instance Norm."""
    del seed
    channels = _channels(x)
    made = _two("group_each_instance", x, ("group_norm", {"num_groups": channels}), ("instance_norm", {}))
    return replace(made, numbers={"channels": channels})


def lone_batch_instance(x: Tensor, seed: int) -> Relation:
    """Batch Norm in training on a batch of one is Instance Norm: every sample of x by itself."""
    del seed
    known = _sets("lone_batch_instance", _spec("batch_norm"), _spec("instance_norm"), (1, *x.shape[1:]))

    def run() -> Pair:
        alone = [_through(_module("batch_norm", one.shape), one) for one in x.split(1)]
        return torch.cat(alone), _through(_module("instance_norm", x.shape), x)

    return _tried(replace(known, numbers={"samples": len(x)}), run)


def convolution_linear(x: Tensor, seed: int) -> Relation:
    """A 1 x 1 convolution and Batch Norm are a fully connected layer and Batch Norm on pixels."""
    channels = _channels(x)
    outputs = min(channels, MOST_OUTPUTS)
    weight = _drawn((outputs, channels), seed) / channels**0.5
    first = x.movedim(-1, 1) if x.ndim == 3 else x  # channels where a convolution wants them
    maps = first if x.ndim == 4 else first.reshape(len(x), channels, -1, 1)
    pixels = maps.movedim(1, -1).reshape(-1, channels)
    numbers = {"channels": channels, "outputs": outputs, "pixels": len(pixels)}

    def run() -> Pair:
        convolution = nn.Conv2d(channels, outputs, 1, bias=False, dtype=x.dtype)
        linear = nn.Linear(channels, outputs, bias=False, dtype=x.dtype)
        convolution.weight.copy_(weight[..., None, None])
        linear.weight.copy_(weight)
        y = _through(nn.BatchNorm2d(outputs, dtype=x.dtype), convolution(maps))
        return y.movedim(1, -1).reshape(-1, outputs), _through(
            nn.BatchNorm1d(outputs, dtype=x.dtype), linear(pixels)
        )

    rule = _spec("batch_norm").sets[0]
    here, there = (len(x), outputs, *maps.shape[2:]), (len(pixels), outputs)
    same = np.array_equal(np.moveaxis(rule.labels(here), 1, -1).reshape(-1, outputs), rule.labels(there))
    known = Relation(
        "convolution_linear",
        sets=(rule.count(here), rule.count(there)),
        sizes=(rule.size(here, (0, 0, 0, 0)), rule.size(there, (0, 0))),
        same_sets=same,
        numbers=numbers,
    )
    return _tried(known, run)


def layer_affine(x: Tensor, seed: int) -> Relation:
    """Layer Norm and Group Norm with one group differ in the affine only, and there they do differ.

    ``left`` is what remains when Layer Norm, with an uneven weight for every element, is to be imitated by Group Norm
    with the best (least squares) weight and bias for every channel.
    """
    bare = {"affine": False, "num_groups": 1}
    shape = tuple(x.shape)
    made = _two("layer_affine", x, ("layer_norm", {"elementwise_affine": False}), ("group_norm", bare))
    numbers = {
        "layer": _spec("layer_norm").parameter_count(shape),
        "group": _spec("group_norm", num_groups=1).parameter_count(shape),
    }
    made = replace(made, numbers=numbers)
    if not made.holds:
        return made
    layer, group = _module("layer_norm", shape), _module("group_norm", shape, num_groups=1)
    layer.weight.copy_(1 + UNEVEN * _drawn(tuple(layer.weight.shape), seed))
    uneven = _through(layer, x)
    z = _through(_module("group_norm", shape, **bare), x)
    scale, shift = _best(z, uneven, axes_of(shape).index("C"))
    group.weight.copy_(scale)
    group.bias.copy_(shift)
    left, _ = compare(uneven.numpy(), _through(group, x).numpy())
    return replace(made, left=left)


#: In the order in which they are shown.
STATEMENTS: tuple[Callable[[Tensor, int], Relation], ...] = (
    group_one_layer,
    group_each_instance,
    lone_batch_instance,
    convolution_linear,
    layer_affine,
)


def _two(key: str, x: Tensor, one: tuple[str, dict[str, Any]], other: tuple[str, dict[str, Any]]) -> Relation:
    """Two methods, each with its knobs, on the same input."""
    shape = tuple(x.shape)
    known = _sets(key, _spec(one[0], **one[1]), _spec(other[0], **other[1]), shape)

    def run() -> Pair:
        made = (_through(_module(name, shape, **knobs), x) for name, knobs in (one, other))
        return next(made), next(made)

    return _tried(known, run)


def _sets(key: str, one: Spec, other: Spec, shape: tuple[int, ...]) -> Relation:
    """The statement with what is known of the two methods' sets before anything is computed."""
    a, b = one.sets[0], other.sets[0]
    cell = default_cell(shape)
    same = all(
        np.array_equal(p.lo, q.lo) and np.array_equal(p.hi, q.hi)
        for p, q in zip(a.intervals(shape), b.intervals(shape), strict=True)
    )
    counts, sizes = (a.count(shape), b.count(shape)), (a.size(shape, cell), b.size(shape, cell))
    return Relation(key, sets=counts, sizes=sizes, same_sets=same)


def _tried(known: Relation, run: Callable[[], Pair]) -> Relation:
    """The statement with how far the two outputs differ, or with torch's words where it refuses."""
    try:
        one, other = (y.numpy() for y in run())
    except Refused as refused:
        return replace(known, layer=refused.layer, refusal=refused.words)
    difference, disagreements = compare(one, other)
    finite = np.abs(one[np.isfinite(one)])
    largest = float(finite.max()) if finite.size else 0.0
    return replace(known, difference=difference, disagreements=disagreements, largest=largest)


def _through(module: Any, x: Tensor) -> Tensor:
    try:
        y: Tensor = module(x)
    except (ValueError, RuntimeError) as refused:
        raise Refused(type(module).__name__, str(refused).rstrip(".")) from refused
    return y


def _best(z: Tensor, y: Tensor, channel: int) -> Pair:
    """For every channel the scale and shift that bring z closest to y, by least squares over the finite cells."""
    a, b = (v.movedim(channel, 0).flatten(1) for v in (z, y))
    known = torch.isfinite(a) & torch.isfinite(b)
    count = known.sum(1, keepdim=True).clamp(min=1)

    def total(v: Tensor) -> Tensor:
        return torch.where(known, v, 0.0).sum(1, keepdim=True)

    mean_a, mean_b = total(a) / count, total(b) / count
    spread = total((a - mean_a) ** 2)
    # A channel without any spread but rounding's is matched by its mean alone.
    flat = spread <= 1e-24 * total(a * a)
    scale = torch.where(flat, 0.0, total((a - mean_a) * (b - mean_b)) / torch.where(flat, 1.0, spread))
    return scale[:, 0], (mean_b - scale * mean_a)[:, 0]


def _drawn(shape: tuple[int, ...], seed: int) -> Tensor:
    """Standard normal numbers of this seed."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def _spec(key: str, **knobs: Any) -> Spec:
    return METHODS[key].spec(**knobs)


def _module(key: str, shape: tuple[int, ...], **knobs: Any) -> Any:
    return METHODS[key].module(nn, tuple(shape), **knobs).double()


def _channels(x: Tensor) -> int:
    return int(x.shape[axes_of(tuple(x.shape)).index("C")])
