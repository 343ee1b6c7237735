"""Plain numpy results: what the computing rooms hand to the drawing rooms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.layouts import Shape, axes_of
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
        return self.var**0.5


@dataclass(frozen=True)
class SetRow:
    """One set before and after: its number, where it lies (start, stop an axis) and the two summaries and histograms."""

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
    boxes = set_boxes(spec, before.shape)
    chosen = list(range(min(limit, len(boxes))))
    if first is not None:
        inside = [
            k
            for k, box in enumerate(boxes)
            if all(lo <= i < hi for (lo, hi), i in zip(box, first, strict=True))
        ]
        if inside and inside[0] not in chosen:
            chosen[-1] = inside[0]
    rows = tuple(_row(number, boxes[number], before, after, edges) for number in chosen)
    everything = tuple((0, n) for n in before.shape)
    overall = _row(-1, everything, before, after, edges)
    outside = tuple(
        int(np.isfinite(v).sum() - counts.sum())
        for v, counts in ((before, overall.before_counts), (after, overall.after_counts))
    )
    return Distributions(edges, rows, overall, len(boxes), (outside[0], outside[1]))


def set_boxes(spec: Spec, shape: Shape) -> list[tuple[tuple[int, int], ...]]:
    """Every set as (start, stop) an axis, in the order of its labels; of a mixture, its first set's."""
    if spec.sets:
        shared = spec.sets[0]
        intervals = shared.intervals(shape)
        return [
            tuple((int(lo[i]), int(hi[i])) for (lo, hi), i in zip(intervals, cell, strict=True))
            for cell in shared.representatives(shape)
        ]
    axes = axes_of(shape, spec.layouts)
    along = spec.running.axes if spec.running else ()
    starts = np.ndindex(*[n if a in along else 1 for a, n in zip(axes, shape, strict=True)])
    return [
        tuple((i, i + 1) if a in along else (0, n) for a, n, i in zip(axes, shape, start, strict=True))
        for start in starts
    ]


def _row(
    number: int, box: tuple[tuple[int, int], ...], before: FloatArray, after: FloatArray, edges: FloatArray
) -> SetRow:
    where = tuple(slice(a, b) for a, b in box)
    x, y = before[where].reshape(-1), after[where].reshape(-1)
    counts = [np.histogram(v[np.isfinite(v)], edges)[0] for v in (x, y)]
    return SetRow(number, box, Summary.of(x), Summary.of(y), counts[0], counts[1])
