"""A kernel as arrows, one for each set that shares a length: how long they are, where they point, what a rule changes.

An arrow is all n weights of one output (or of one input, as torch's ``dim=1`` has it) as one vector v. It is drawn in
the plane of v and of the constant kernel 1 = (1, ..., 1), where nothing about it is lost:

    along = <v, 1> / |1| = sqrt(n) * mean(v),    across = |v - mean(v)| = sqrt(n) * std(v)

Its length there is |v|, and its angle to the constant kernel is the true one in n dimensions. Weight Norm leaves that
angle alone and sets the length to g; Weight Standardization takes ``along`` away and sets the length to sqrt(n).

>>> v = np.array([[3.0, 5.0]])
>>> along, across = plane(v)
>>> along.round(3).tolist(), across.round(3).tolist(), lengths(v).round(3).tolist()
([5.657], [1.414], [5.831])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.extents import Own
from normviz.layouts import Shape
from normviz.records import Tensor
from normviz.reference import FloatArray
from normviz.spec import Spec


@dataclass(frozen=True)
class Split:
    """What torch's Weight Norm makes of v: g times its direction.

    ``v`` and ``w`` are (O, I, H, W) or (O, I); ``g`` has one number for each place along the axis ``dim``.
    """

    v: Tensor
    w: Tensor
    g: FloatArray
    dim: int
    #: The largest |w - v| as torch starts, where g = |v|; NaN where no weight is finite.
    start: float
    #: Between torch and the reference: the largest difference in the dtype shown, in float64, and the cells that are
    #: NaN or infinite in one alone.
    difference: float
    difference64: float
    disagreements: int


@dataclass(frozen=True)
class Standardized:
    """What torch makes of a kernel by Weight Standardization, and how far the reference is, as in :class:`Split`."""

    w: Tensor
    difference: float
    difference64: float
    disagreements: int


@dataclass(frozen=True)
class Gradients:
    """What backpropagation through a real loss says of v, g and w = g v / |v|, all arrows at once, in float64."""

    loss: float
    #: The largest |<v, dv>| / (g |dw|): 0 where the gradient of v is orthogonal to v.
    radial: float
    #: The same of the undivided weight, |<w, dw>| / (|w| |dw|), of the arrow asked for and at most.
    plain: float
    plain_most: float
    #: Of the arrow asked for: dg by autograd, <dw, v / |v|>, and the largest difference of the two over all arrows.
    g: float
    projection: float
    gap: float
    #: Of the arrow asked for: |v| now, after one plain step against the gradient, and what Pythagoras says.
    length: float
    stepped: float
    predicted: float
    rate: float
    count: int


@dataclass(frozen=True)
class Outputs:
    """What the layer's output does, for one output channel and real features, in float64."""

    #: Its standard deviation with v, over that with w, with the direction alone (g = 1), and standardized.
    weight_norm: float
    unit: float
    standardized: float
    #: The first sample alone against the same within the batch: the largest difference.
    alone: float
    count: int


@dataclass(frozen=True)
class Convention:
    """One way to write Weight Standardization: what it makes of this kernel, or torch's refusal."""

    key: str
    eps: float
    #: The largest difference from the Spec's formula, over finite cells; NaN where there are none.
    difference: float
    #: Of the arrow asked for.
    length: float
    cosine: float
    #: Weights that are NaN or infinite.
    nonfinite: int
    refusal: str = ""


def kept_axis(spec: Spec, shape: Shape) -> int:
    """The axis along which every place has a length of its own: torch's ``dim``.

    >>> from normviz.catalogue import METHODS
    >>> kept_axis(METHODS["weight_norm"].spec(dim=1), (12, 8, 3, 3))
    1
    """
    (shared,) = spec.sets
    return [isinstance(shared.extent(axis), Own) for axis in spec.axes(shape)].index(True)


def rows(v: npt.ArrayLike, dim: int = 0) -> FloatArray:
    """The arrows (count, n) in float64: everything at one place along the axis ``dim``, a row each."""
    array = np.moveaxis(np.asarray(v, np.float64), dim, 0)
    return array.reshape(len(array), -1)


def lengths(v: npt.ArrayLike, dim: int = 0) -> FloatArray:
    """|v| of every arrow, (count,)."""
    return np.asarray(np.linalg.norm(rows(v, dim), axis=1))


def plane(v: npt.ArrayLike, dim: int = 0) -> tuple[FloatArray, FloatArray]:
    """(along, across) of every arrow: sqrt(n) mean and sqrt(n) std, whose squares add up to |v| squared."""
    flat = rows(v, dim)
    root = np.sqrt(flat.shape[1])
    with np.errstate(invalid="ignore"):
        return root * flat.mean(1), root * flat.std(1)


def cosines(v: npt.ArrayLike, w: npt.ArrayLike, dim: int = 0) -> FloatArray:
    """cos of the angle between every arrow of v and of w: 1 where only the length differs; NaN where one is 0.

    >>> cosines([[1.0, 0.0]], [[3.0, 3.0]]).round(3).tolist()
    [0.707]
    """
    first, second = directions(rows(v, dim)), directions(rows(w, dim))
    # From the chords: 1 - cos is exact to the last digits where the two all but coincide.
    return np.asarray(1 - ((first - second) ** 2).sum(1) / 2)


def directions(v: npt.ArrayLike, dim: int = 0) -> FloatArray:
    """v / |v| of every arrow, in v's shape and float64; NaN where |v| = 0, which points nowhere."""
    array = np.asarray(v, np.float64)
    size = lengths(array, dim).reshape([-1 if k == dim else 1 for k in range(array.ndim)])
    with np.errstate(all="ignore"):
        return np.asarray(array / size)
