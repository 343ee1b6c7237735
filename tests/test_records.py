"""Summaries and histograms against numpy and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from normviz.catalogue import METHODS
from normviz.records import Summary, distributions, set_box, set_count, set_number, shared_edges
from normviz.reference import normalize
from normviz.spec import Spec
from tests.strategies import EVERYWHERE, cases, cells, examples, seeds, values


@examples(60)
@given(seed=seeds, n=st.integers(2, 60), power=st.integers(-6, 6))
def test_a_summary_is_numpys_and_scipys(seed: int, n: int, power: int) -> None:
    x = values((n,), seed) * 10.0**power
    found, expected = Summary.of(x.reshape(-1, 1)), stats.describe(x, ddof=0)
    assert (found.count, found.nonfinite) == (expected.nobs, 0)
    assert (found.min, found.max) == expected.minmax
    assert math.isclose(found.mean, math.fsum(x) / n, rel_tol=1e-9, abs_tol=1e-12 * np.abs(x).max())
    assert math.isclose(found.var, expected.variance, rel_tol=1e-9)
    assert math.isclose(found.std, x.std(), rel_tol=1e-9)


def test_a_summary_counts_what_is_not_finite_and_leaves_it_out() -> None:
    x = np.array([[1.0, np.nan], [np.inf, -3.0]])
    assert Summary.of(x) == Summary(4, -1.0, 4.0, -3.0, 1.0, 2)
    nothing = Summary.of([np.nan, np.inf])
    assert (
        (nothing.count, nothing.nonfinite) == (2, 2) and math.isnan(nothing.mean) and math.isnan(nothing.std)
    )
    assert Summary.of([]).count == 0


@examples(60)
@given(seed=seeds, power=st.integers(-8, 8), bins=st.integers(1, 50).map(lambda n: 2 * n))
def test_edges_are_shared_symmetric_and_cover(seed: int, power: int, bins: int) -> None:
    x = values((400,), seed) * 10.0**power
    y = values((300,), seed + 1)
    edges = shared_edges(x, y, bins)
    assert len(edges) == bins + 1 and np.allclose(edges, -edges[::-1], rtol=0, atol=1e-12 * edges[-1])
    assert np.allclose(np.diff(edges), edges[1] - edges[0])
    for v in (x, y):
        assert (np.abs(v) <= edges[-1]).mean() >= 0.99
    assert edges[-1] <= 6 * max(np.abs(x).max(), np.abs(y).max())


@pytest.mark.parametrize("x", [np.zeros(5), np.full(5, np.nan), np.full(3, np.inf)])
def test_edges_exist_where_there_is_no_spread(x: np.ndarray) -> None:
    edges = shared_edges(x, x)
    assert np.isfinite(edges).all() and (np.diff(edges) > 0).all()


@pytest.mark.parametrize(("key", "layout"), EVERYWHERE)
@examples(10)
@given(data=st.data())
def test_rows_are_the_sets(key: str, layout: str, data: st.DataObject) -> None:
    case = data.draw(cases(key, layout))
    cell = data.draw(cells(case.shape))
    limit = data.draw(st.integers(1, 10))
    x = values(case.shape, data.draw(seeds))
    y = normalize(x, case.spec)
    found = distributions(x, y, case.spec, limit=limit, first=cell)
    assert found.sets == count_of_sets(case.spec, case.shape)
    assert len(found.rows) == min(limit, found.sets)
    assert [row.number for row in found.rows] == sorted({row.number for row in found.rows})
    for row in found.rows:
        where = tuple(slice(a, b) for a, b in row.box)
        for counts, summary, v in (
            (row.before_counts, row.before, x),
            (row.after_counts, row.after, y),
        ):
            assert summary == Summary.of(v[where])
            inside = (v[where] >= found.edges[0]) & (v[where] <= found.edges[-1])
            assert counts.sum() == inside.sum() and len(counts) == len(found.edges) - 1
    assert own_set(case.spec, case.shape, cell) in [row.box for row in found.rows]
    for beyond, counts, v in zip(
        found.outside, (found.overall.before_counts, found.overall.after_counts), (x, y), strict=True
    ):
        assert beyond + counts.sum() == v.size


def count_of_sets(spec: Spec, shape: tuple[int, ...]) -> int:
    """Of a mixture, those of its first set: its rows are told apart by it alone."""
    return spec.sets[0].count(shape) if spec.sets else spec.statistic_count(shape)


def own_set(spec: Spec, shape: tuple[int, ...], cell: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    if spec.sets:
        return tuple((s.start, s.stop) for s in spec.sets[0].box(shape, cell))
    channel = 1 if len(shape) == 4 else len(shape) - 1
    return tuple((cell[a], cell[a] + 1) if a == channel else (0, n) for a, n in enumerate(shape))


@pytest.mark.parametrize(("key", "layout"), EVERYWHERE)
@examples(8)
@given(data=st.data())
def test_a_set_has_the_number_of_its_label(key: str, layout: str, data: st.DataObject) -> None:
    case = data.draw(cases(key, layout))
    cell = data.draw(cells(case.shape))
    number = set_number(case.spec, case.shape, cell)
    assert 0 <= number < set_count(case.spec, case.shape) == count_of_sets(case.spec, case.shape)
    assert set_box(case.spec, case.shape, number) == own_set(case.spec, case.shape, cell)
    if case.spec.sets:
        assert number == case.spec.sets[0].labels(case.shape)[cell]


def test_values_that_are_not_finite_are_counted_apart() -> None:
    x = values((2, 4, 3, 3), 0)
    x[0, 1, 2, 2], x[1, 0, 0, 0] = np.nan, np.inf
    spec = METHODS["instance_norm"].spec()
    found = distributions(x, normalize(x, spec), spec)
    assert found.overall.before.nonfinite == 2 and found.overall.after.nonfinite == 2 * 9
    assert [row.after.nonfinite for row in found.rows] == [0, 9, 0, 0, 9, 0, 0, 0]
    assert sum(row.after_counts.sum() for row in found.rows) + found.outside[1] == x.size - 18


def test_a_cell_outside_is_refused() -> None:
    x = values((2, 3), 0)
    with pytest.raises(ValueError, match=r"cell \(2, 0\) is not in"):
        distributions(x, x, METHODS["layer_norm"].spec(), first=(2, 0))
