"""Two traces side by side: which layers answer one another, and which of them changed most.

Layers of one kind are matched by name: the module's path stays where its operation changes, so a Batch Norm is compared
with the Group Norm that replaced it. Sums, products and what is of no kind are matched with the same operation only.
How far two distributions lie apart is told from their histograms on common bins p and q (shares, which add up to 1),
the finest bins that hold both:

    total variation = 1/2 sum_i |p_i - q_i|                from 0 (the same) to 1 (no bin in common), without a unit
    Wasserstein-1   = width * sum_i |P_i - Q_i|            P, Q: the shares up to bin i; in units of the values

The latter is scipy's ``wasserstein_distance`` of the bins' centres; it is at most one bin's width from that of the
values. Sources: Levin and Peres, "Markov Chains and Mixing Times", proposition 4.2; Vallender 1974.

>>> a, b = (LayerTrace.of("relu", "relu", values) for values in ([[0.0, 1.0]], [[0.0, 3.0]]))
>>> (pair,) = changes(Trace((a,), a), Trace((b,), b)).pairs
>>> pair.name, pair.mean, pair.distance, pair.moved
('relu', (0.5, 1.5), 0.5, 1.0)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from normviz.histograms import Histogram
from normviz.reference import FloatArray
from normviz.traces import LayerTrace, Trace

Both = tuple[float, float]
#: The kinds whose operations do not stand in for one another: a sum is no product.
APART = ("combine", "other")


@dataclass(frozen=True)
class Pair:
    """One layer in both traces: its number, operation and statistics in the first and in the second.

    ``zeros`` is the share of zeros among the finite values, ``dead`` how many channels are 0 everywhere. ``distance``
    is the total variation distance, ``moved`` Wasserstein-1; both are NaN where one trace has no finite value here.
    """

    name: str
    numbers: tuple[int, int]
    ops: tuple[str, str]
    mean: Both
    std: Both
    zeros: Both
    dead: tuple[int, int]
    distance: float
    moved: float

    @property
    def moved_stds(self) -> float:
        """``moved`` in standard deviations of the first trace's layer; infinite where that is 0, NaN where unknown."""
        if self.std[0] > 0:
            return self.moved / self.std[0]
        return math.inf if self.moved > 0 else self.moved

    @property
    def order(self) -> tuple[float, float]:
        """What the pairs are sorted by: what is not known comes first, then the distance, then how far it moved."""
        return tuple(math.inf if math.isnan(x) else x for x in (self.distance, self.moved_stds))  # type: ignore[return-value]


@dataclass(frozen=True)
class Comparison:
    """The layers in both traces, the largest change first, and the numbers of those that only one has."""

    pairs: tuple[Pair, ...]
    only_first: tuple[int, ...]
    only_second: tuple[int, ...]

    @property
    def in_order(self) -> tuple[Pair, ...]:
        """The pairs in the order of the first pass."""
        return tuple(sorted(self.pairs, key=lambda pair: pair.numbers))


def changes(first: Trace, second: Trace) -> Comparison:
    """What became of every layer of the first trace in the second."""
    found = list(_matched(first, second))
    pairs = [_pair(first.layers[i], second.layers[k], (i, k)) for i, k in found]
    pairs.sort(key=lambda pair: (-pair.order[0], -pair.order[1], pair.numbers))
    mine, yours = {i for i, _ in found}, {k for _, k in found}
    return Comparison(
        tuple(pairs),
        tuple(i for i in range(len(first.layers)) if i not in mine),
        tuple(k for k in range(len(second.layers)) if k not in yours),
    )


def common(a: Histogram, b: Histogram) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Both on common bins: the edges (bins + 1,) and each one's share of its values in every bin (bins,).

    The bins are those of the merged histogram, at most 64. Shares are NaN where there are no values.

    >>> edges, p, q = common(Histogram.of([0.0, 1.0]), Histogram.of([1.0]))
    >>> len(edges), p[[0, -1]], q[[0, -1]]
    (34, array([0.5, 0.5]), array([0., 1.]))
    """
    both = a.merge(b)
    return both.edges, _shares(a, both), _shares(b, both)


def distance(a: Histogram, b: Histogram) -> float:
    """The total variation distance on common bins: 1/2 sum |p - q|, from 0 to 1; NaN where one is empty."""
    _, p, q = common(a, b)
    # A share is rounded: no sum of them may leave the range.
    return min(1.0, float(np.abs(p - q).sum()) / 2) if a.total and b.total else math.nan


def wasserstein(a: Histogram, b: Histogram) -> float:
    """The Wasserstein-1 distance on common bins, width * sum |P - Q|, in units of the values."""
    _, p, q = common(a, b)
    if not (a.total and b.total):
        return math.nan
    return float(np.abs(np.cumsum(p - q))[:-1].sum()) * a.merge(b).width


def _shares(one: Histogram, both: Histogram) -> FloatArray:
    shares = np.full(len(both.counts), 0.0 if one.total else math.nan)
    if one.total:
        wide = one.widened(both.exponent)
        shares[wide.first - both.first : wide.last - both.first + 1] = wide.counts / wide.total
    return shares


def _matched(first: Trace, second: Trace) -> Iterator[tuple[int, int]]:
    """Layers of one name and sort, the n-th with the n-th; then those left over, by module and sort in the same way."""
    left = _match(
        list(range(len(first.layers))),
        list(range(len(second.layers))),
        first,
        second,
        lambda x: f"{x.name} {sort_of(x)}",
    )
    yield from left
    used = ({i for i, _ in left}, {k for _, k in left})
    rest = [
        [n for n in range(len(t.layers)) if n not in u] for t, u in zip((first, second), used, strict=True)
    ]
    yield from _match(rest[0], rest[1], first, second, lambda x: f"{module_of(x)} {sort_of(x)}")


def _match(
    mine: list[int], yours: list[int], first: Trace, second: Trace, key: Callable[[LayerTrace], str]
) -> list[tuple[int, int]]:
    there = {named: number for number, named in _counted(second, yours, key)}
    return [(number, there[named]) for number, named in _counted(first, mine, key) if named in there]


def _counted(
    trace: Trace, numbers: list[int], key: Callable[[LayerTrace], str]
) -> Iterator[tuple[int, tuple[str, int]]]:
    seen: Counter[str] = Counter()
    for number in numbers:
        name = key(trace.layers[number])
        yield number, (name, seen[name])
        seen[name] += 1


def sort_of(layer: LayerTrace) -> str:
    """What a layer has in common with all that may answer it: its kind, or its operation, in place or not.

    >>> [sort_of(LayerTrace.of("x", op, [[0.0]])) for op in ("relu", "gelu", "add_", "mul", "log")]
    ['activation', 'activation', 'combine add', 'combine mul', 'other log']
    """
    return f"{layer.kind} {layer.op.rstrip('_')}" if layer.kind in APART else layer.kind


def module_of(layer: LayerTrace) -> str:
    """The path of the module: the name without the operation that stands behind it where there are several.

    >>> module_of(LayerTrace.of("layer1.0.add#2", "add", [[0.0]])), module_of(LayerTrace.of("fc", "linear", [[0.0]]))
    ('layer1.0', 'fc')
    """
    name = layer.name.partition("#")[0]
    last = name.rpartition(".")[2]
    return name.removesuffix(last).rstrip(".") if last.rstrip("_") == layer.op.rstrip("_") else name


def _pair(a: LayerTrace, b: LayerTrace, numbers: tuple[int, int]) -> Pair:
    return Pair(
        name=a.name,
        numbers=numbers,
        ops=(a.op, b.op),
        mean=(a.mean, b.mean),
        std=(a.std, b.std),
        zeros=(a.zeros_share, b.zeros_share),
        dead=(a.dead_channels, b.dead_channels),
        distance=distance(a.histogram, b.histogram),
        moved=wasserstein(a.histogram, b.histogram),
    )
