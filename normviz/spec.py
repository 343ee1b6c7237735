"""The whole mathematics of one normalizer as a frozen value: which cells share, and what is done with it.

A statistic is shared by a *box* of cells. A :class:`StatSet` names an :class:`~normviz.extents.Extent` for every axis
and the set S_i of cell i is the product of their intervals. A :class:`Spec` adds what is computed over S_i and applied:

    y_i = weight * (x_i - mean_i) / divisor_i + bias

>>> from normviz.extents import Whole
>>> batch_norm = Spec((Part(StatSet.over(N=Whole(), H=Whole(), W=Whole(), L=Whole())),), affine=Affine(("C",), ("C",)))
>>> (shared,) = batch_norm.sets
>>> shared.size((8, 12, 4, 4), cell=(0, 5, 1, 0)), shared.count((8, 12, 4, 4))
(128, 12)
>>> batch_norm.parameter_count((8, 12, 4, 4))
24
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from normviz.extents import Extent, Interval, Own
from normviz.layouts import ACTIVATIONS, Shape, axes_of, check_cell


@dataclass(frozen=True)
class StatSet:
    """Which cells share a statistic with a cell: an extent for every axis, ``Own()`` where none is named.

    The axes of a tensor are told from its rank (``layouts``), so one StatSet serves (N, C), (N, L, C) and (N, C, H, W).
    """

    extents: tuple[tuple[str, Extent], ...]
    layouts: tuple[str, ...] = ACTIVATIONS

    @classmethod
    def over(cls, layouts: tuple[str, ...] = ACTIVATIONS, **extents: Extent) -> StatSet:
        """The set with these extents by axis name."""
        return cls(tuple(sorted(extents.items())), layouts)

    def extent(self, axis: str) -> Extent:
        """The extent along the axis of that name."""
        return dict(self.extents).get(axis, Own())

    def intervals(self, shape: Shape) -> tuple[Interval, ...]:
        """For every axis of the shape the arrays ``lo`` and ``hi``: i shares with lo[i] <= k < hi[i]."""
        axes = axes_of(shape, self.layouts)
        return tuple(self.extent(a).intervals(int(n), a) for a, n in zip(axes, shape, strict=True))

    def box(self, shape: Shape, cell: Sequence[int]) -> tuple[slice, ...]:
        """S_cell as one slice an axis."""
        cell = check_cell(cell, shape)
        return tuple(
            slice(int(lo[i]), int(hi[i])) for (lo, hi), i in zip(self.intervals(shape), cell, strict=True)
        )

    def mask(self, shape: Shape, cell: Sequence[int]) -> npt.NDArray[np.bool_]:
        """True exactly at the cells of S_cell; an array of that shape."""
        inside = np.zeros(tuple(shape), bool)
        inside[self.box(shape, cell)] = True
        return inside

    def size(self, shape: Shape, cell: Sequence[int]) -> int:
        """|S_cell|: how many cells share the statistic of this one."""
        return math.prod(s.stop - s.start for s in self.box(shape, cell))

    def sizes(self, shape: Shape) -> npt.NDArray[np.intp]:
        """|S_i| for every cell i; broadcasts against that shape."""
        total = np.ones((1,) * len(shape), np.intp)
        for axis, (lo, hi) in enumerate(self.intervals(shape)):
            total = total * (hi - lo).reshape([-1 if k == axis else 1 for k in range(len(shape))])
        return total

    def count(self, shape: Shape) -> int:
        """How many different sets, and so statistics, a tensor of this shape has."""
        return math.prod(len(i.blocks()[0]) for i in self.intervals(shape))

    def labels(self, shape: Shape) -> npt.NDArray[np.intp]:
        """The number of each cell's set, 0 ... count - 1 in C order; cells of equal label have the same set."""
        label = np.zeros((1,) * len(shape), np.intp)
        for axis, interval in enumerate(self.intervals(shape)):
            distinct, number = interval.blocks()
            along = number.reshape([-1 if k == axis else 1 for k in range(len(shape))])
            label = label * len(distinct) + along
        return np.ascontiguousarray(np.broadcast_to(label, tuple(shape)))

    def is_partition(self, shape: Shape) -> bool:
        """Whether the sets cut the tensor into separate pieces (windows that slide do not)."""
        return all(interval.is_partition for interval in self.intervals(shape))


@dataclass(frozen=True)
class Part:
    """One set of a mixture: mean = sum of weight * mean_k, variance likewise with ``variance_weight`` if it differs."""

    set: StatSet
    weight: float = 1.0
    variance_weight: float | None = None

    @property
    def weights(self) -> tuple[float, float]:
        """The weight of this part in the mean and in the variance."""
        return self.weight, self.weight if self.variance_weight is None else self.variance_weight


@dataclass(frozen=True)
class Root:
    """sqrt(second moment + eps): the standard deviation where centred, else the root mean square.

    ``eps=None`` is the machine epsilon of the input's dtype (float32's for half precision), as torch's RMSNorm has it.
    """

    eps: float | None = 1e-5


@dataclass(frozen=True)
class L2:
    """max(norm, eps), the Euclidean length of the set, as ``torch.nn.functional.normalize`` has it."""

    eps: float = 1e-12


@dataclass(frozen=True)
class Response:
    """(k + alpha / size * sum of squares) ** beta, Local Response Norm's response of the neighbourhood."""

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0


Divisor = Root | L2 | Response


@dataclass(frozen=True)
class Running:
    """Buffers of the shape of ``axes``, read instead of this batch's statistics.

    With ``r_max`` and ``d_max`` the batch's statistics are used after all, corrected towards the buffers
    (Batch Renormalization, Ioffe 2017): (x - mean_B) / std_B * r + d, r = std_B / std clipped to [1 / r_max, r_max]
    and d = (mean_B - mean) / std clipped to [-d_max, d_max].
    """

    axes: tuple[str, ...]
    r_max: float | None = None
    d_max: float | None = None


@dataclass(frozen=True)
class Affine:
    """The axes of weight (gamma) and bias (beta); the axes a tensor lacks are left out.

    ``identity_at_start`` is Weight Norm's convention in torch: the weight starts at the divisor, so that y = x.
    ``origin`` says where the two come from: ``learned``; ``frozen``, once learned and now constants; or ``second``,
    the standard deviations and means of a second input's sets, as Adaptive Instance Norm takes them.
    """

    weight: tuple[str, ...] = ()
    bias: tuple[str, ...] = ()
    identity_at_start: bool = False
    origin: Literal["learned", "frozen", "second"] = "learned"


@dataclass(frozen=True)
class Spec:
    """One normalizer, whole: the sets (none, one, or a weighted mixture), what is computed, what is learned."""

    parts: tuple[Part, ...]
    centred: bool = True
    divisor: Divisor = field(default_factory=Root)
    running: Running | None = None
    affine: Affine = field(default_factory=Affine)
    layouts: tuple[str, ...] = ACTIVATIONS

    @property
    def sets(self) -> tuple[StatSet, ...]:
        """The sets that share a statistic of this input; empty where nothing is shared."""
        return tuple(part.set for part in self.parts)

    @property
    def corrected(self) -> bool:
        """Whether this batch's statistics are used and then corrected towards running buffers, by r and d."""
        return bool(self.parts) and self.running is not None and self.running.r_max is not None

    @property
    def second(self) -> bool:
        """Whether scale and shift are the statistics of a second input."""
        return self.affine.origin == "second"

    @property
    def eps(self) -> float | None:
        """What keeps the divisor away from 0; None where that is the machine epsilon, or where there is nothing."""
        return None if isinstance(self.divisor, Response) else self.divisor.eps

    @property
    def outcome(self) -> str:
        """What the sets have in common afterwards: ``standard`` (mean 0, variance 1), ``rms`` (root mean square 1),
        ``unit`` (length 1), ``direction`` (a length of their own), ``response`` (damped by its neighbours),
        ``transferred`` (the second input's mean and variance), or, only close to standard: ``running`` (read from
        buffers), ``renormalized`` (corrected towards them), ``mixture`` (of several sets)."""
        if not self.parts:
            return "running"
        if self.running:
            return "renormalized"
        if len(self.parts) > 1:
            return "mixture"
        if self.affine.identity_at_start:
            return "direction"
        if self.second:
            return "transferred"
        match self.divisor:
            case Root():
                return "standard" if self.centred else "rms"
            case L2():
                return "unit"
            case Response():
                return "response"

    def axes(self, shape: Shape) -> tuple[str, ...]:
        """The names of the axes of a tensor of this shape."""
        return axes_of(shape, self.layouts)

    def lengths(self, names: Sequence[str], shape: Shape) -> tuple[int, ...]:
        """The lengths of the axes named, in that order, leaving out those the tensor lacks."""
        by_name = dict(zip(self.axes(shape), shape, strict=True))
        return tuple(int(by_name[a]) for a in names if a in by_name)

    def statistic_count(self, shape: Shape) -> int:
        """How many means (or roots) there are: one a set, or one an entry of the running buffers."""
        if not self.parts and self.running:
            return math.prod(self.lengths(self.running.axes, shape))
        return sum(part.set.count(shape) for part in self.parts)

    def parameter_count(self, shape: Shape) -> int:
        """How many numbers are learned: weight and bias, and a mixture's weights (of means and of variances)."""
        mixing = 2 * len(self.parts) if len(self.parts) > 1 else 0
        if self.affine.origin != "learned":
            return mixing
        names = [axes for axes in (self.affine.weight, self.affine.bias) if axes]
        return mixing + sum(math.prod(self.lengths(axes, shape)) for axes in names)
