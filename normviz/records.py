"""Plain numpy results: what the computing rooms hand to the drawing rooms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.extents import IntArray, Own, Whole
from normviz.layouts import Shape, axes_of, check_cell
from normviz.reference import FloatArray
from normviz.spec import Spec

Tensor = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Summary:
    """Count, mean, variance (biased), extremes, and how many values are NaN or infinite.

    The statistics are of the finite values; NaN where there are none.
    """

    count: int
    mean: float
    var: float
    min: float
    max: float
    nonfinite: int

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Summary:
        """The summary of these values.

        >>> Summary.of([1.0, 3.0, float("inf")])
        Summary(count=3, mean=2.0, var=1.0, min=1.0, max=3.0, nonfinite=1)
        """
        flat = np.asarray(values, np.float64).reshape(-1)
        finite = flat[np.isfinite(flat)]
        if not finite.size:
            nan = float("nan")
            return cls(flat.size, nan, nan, nan, nan, flat.size)
        mean = float(finite.mean())
        var = float(((finite - mean) ** 2).mean())
        return cls(flat.size, mean, var, float(finite.min()), float(finite.max()), flat.size - finite.size)

    @property
    def std(self) -> float:
        """The standard deviation."""
        return math.sqrt(self.var)


@dataclass(frozen=True)
class SetRow:
    """One set before and after: its number, where it lies (start, stop an axis), two summaries and two histograms."""

    number: int
    box: tuple[tuple[int, int], ...]
    before: Summary
    after: Summary
    before_counts: npt.NDArray[np.intp]
    after_counts: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Distributions:
    """Before and after on one shared axis: the bin edges, the rows shown, and how many sets there are in all."""

    edges: FloatArray
    rows: tuple[SetRow, ...]
    overall: SetRow
    sets: int
    #: Finite values beyond the shown range, before and after.
    outside: tuple[int, int]


@dataclass(frozen=True)
class Forward:
    """A real pass: the input, torch's output (or the reference's, where torch refused), and how far the two differ."""

    x: Tensor
    y: Tensor
    #: Largest absolute difference between torch's layer and the reference, in the dtype shown and in float64.
    difference: float
    difference64: float
    #: Places where one is NaN or infinite and the other is not.
    disagreements: int
    layer: str
    device: str
    dtype: str
    running: tuple[FloatArray, FloatArray] | None = None
    #: torch's own words, where its layer refused the input.
    refusal: str = ""


def shared_edges(x: npt.ArrayLike, y: npt.ArrayLike, bins: int = 80, cover: float = 0.9985) -> FloatArray:
    """Bin edges for before and after together, symmetric about 0, over ``cover`` of the values of each."""
    reach = 1e-12
    for values in (x, y):
        size = np.abs(np.asarray(values, np.float64).reshape(-1))
        size = size[np.isfinite(size)]
        if size.size:
            reach = max(reach, float(np.quantile(size, cover)))
    step = 10.0 ** np.floor(np.log10(reach)) / 2
    reach = float(np.ceil(reach / step) * step)
    return np.linspace(-reach, reach, bins + 1)


def distributions(
    x: npt.ArrayLike, y: npt.ArrayLike, spec: Spec, *, limit: int = 8, first: tuple[int, ...] | None = None
) -> Distributions:
    """Histograms of x and y, set by set on one axis.

    Up to ``limit`` sets are listed in their order; the set of the cell ``first`` is always among them. Where no cell
    shares anything the rows are the entries of the running buffers.
    """
    before, after = np.asarray(x, np.float64), np.asarray(y, np.float64)
    edges = shared_edges(before, after)
    count = set_count(spec, before.shape)
    chosen = list(range(min(limit, count)))
    if first is not None:
        number = set_number(spec, before.shape, first)
        if number not in chosen:
            chosen[-1] = number
    rows = tuple(_row(k, set_box(spec, before.shape, k), before, after, edges) for k in chosen)
    everything = tuple((0, n) for n in before.shape)
    overall = _row(-1, everything, before, after, edges)
    outside = tuple(
        int(np.isfinite(v).sum() - counts.sum())
        for v, counts in ((before, overall.before_counts), (after, overall.after_counts))
    )
    return Distributions(edges, rows, overall, count, (outside[0], outside[1]))


def set_count(spec: Spec, shape: Shape) -> int:
    """How many sets there are; of a mixture, its first set's; where nothing is shared, the buffers' entries."""
    return math.prod(len(distinct) for distinct, _ in _blocks(spec, shape))


def set_number(spec: Spec, shape: Shape, cell: Sequence[int]) -> int:
    """The number of the set of this cell: its label."""
    cell = check_cell(cell, shape)
    blocks = _blocks(spec, shape)
    along = [int(number[i]) for (_, number), i in zip(blocks, cell, strict=True)]
    return int(np.ravel_multi_index(along, [len(distinct) for distinct, _ in blocks]))


def set_box(spec: Spec, shape: Shape, number: int) -> tuple[tuple[int, int], ...]:
    """The set of this number as (start, stop) an axis, whether or not others overlap it."""
    blocks = [distinct for distinct, _ in _blocks(spec, shape)]
    along = np.unravel_index(number, [len(distinct) for distinct in blocks])
    return tuple(
        (int(distinct[k][0]), int(distinct[k][1])) for distinct, k in zip(blocks, along, strict=True)
    )


def set_place(
    box: Sequence[tuple[int, int]], axes: Sequence[str], shape: Sequence[int]
) -> tuple[tuple[str, str], ...]:
    """Where a set lies: the axes of which it holds a part only, each with its indices.

    Raises ValueError where ``axes`` does not name every axis.

    >>> set_place(((0, 1), (0, 4), (0, 2)), "NCH", (8, 12, 2))
    (('n', '0'), ('c', '0–3'))
    """
    if len(axes) != len(box):
        raise ValueError(
            f"{tuple(axes)} names {len(axes)} axes, the tensor has {len(box)}: give one name an axis."
        )
    return tuple(
        (axis.lower(), f"{start}" if stop - start == 1 else f"{start}–{stop - 1}")
        for axis, (start, stop), n in zip(axes, box, shape, strict=True)
        if stop - start < n
    )


def _blocks(spec: Spec, shape: Shape) -> list[tuple[IntArray, IntArray]]:
    """For every axis the distinct intervals and the number of each index's own."""
    if spec.sets:
        return [interval.blocks() for interval in spec.sets[0].intervals(shape)]
    along = spec.running.axes if spec.running else ()
    extents = [Own() if axis in along else Whole() for axis in axes_of(shape, spec.layouts)]
    return [extent.intervals(int(n)).blocks() for extent, n in zip(extents, shape, strict=True)]


def _row(
    number: int, box: tuple[tuple[int, int], ...], before: FloatArray, after: FloatArray, edges: FloatArray
) -> SetRow:
    where = tuple(slice(a, b) for a, b in box)
    x, y = before[where].reshape(-1), after[where].reshape(-1)
    counts = [np.histogram(v[np.isfinite(v)], edges)[0] for v in (x, y)]
    return SetRow(number, box, Summary.of(x), Summary.of(y), counts[0], counts[1])
