"""Two traces side by side: the matching by hand, the distances against scipy and against the values themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from normviz.changes import changes, common, distance, module_of, wasserstein
from normviz.histograms import BINS, Histogram
from normviz.traces import LayerTrace, Trace
from tests.strategies import examples
from tests.trace_samples import chain, layer, traces

Array = npt.NDArray[np.float64]
numbers = st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=40)


def shares(histogram: Histogram, exponent: int) -> dict[int, float]:
    """The share of values by the number of the bin, counted one by one."""
    found: dict[int, float] = {}
    for number, count in enumerate(histogram.counts.tolist()):
        here = (histogram.first + number) * 2**histogram.exponent // 2**exponent if histogram.exponent >= 0 else (
            (histogram.first + number) >> (exponent - histogram.exponent))  # fmt: skip
        found[int(here)] = found.get(int(here), 0.0) + count / histogram.total
    return found


@examples(200)
@given(a=numbers, b=numbers)
def test_distances_are_those_of_the_bins_centres(a: list[float], b: list[float]) -> None:
    x, y = Histogram.of(a), Histogram.of(b)
    edges, p, q = common(x, y)
    centres = (edges[:-1] + edges[1:]) / 2
    width = edges[1] - edges[0]
    assert len(p) == len(q) == len(centres) <= BINS
    assert p.sum() == pytest.approx(1) == q.sum()
    np.testing.assert_allclose(p, np.histogram(a, edges)[0] / len(a), atol=1e-12)
    expected = wasserstein_distance(centres, centres, p, q)
    assert wasserstein(x, y) == pytest.approx(expected, rel=1e-9, abs=1e-12 * width)
    assert distance(x, y) == pytest.approx(
        0.5 * sum(abs(u - v) for u, v in zip(p.tolist(), q.tolist(), strict=True))
    )
    # Every value moves by at most half a bin to its centre.
    assert abs(wasserstein(x, y) - wasserstein_distance(a, b)) <= width * (1 + 1e-9)


@examples(100)
@given(a=numbers, b=numbers, c=numbers)
def test_a_distance_is_one(a: list[float], b: list[float], c: list[float]) -> None:
    x, y, z = map(Histogram.of, (a, b, c))
    for measure in (distance, wasserstein):
        assert measure(x, x) == 0 <= measure(x, y) == pytest.approx(measure(y, x))
    assert distance(x, y) <= 1
    whole = x.merge(y).merge(z).exponent
    u, v, w = (one.widened(whole) for one in (x, y, z))
    assert distance(u, w) <= distance(u, v) + distance(v, w) + 1e-12


def test_distributions_apart_are_one_apart_and_moved_by_what_lies_between() -> None:
    x, y = Histogram.of(np.linspace(0, 1, 100)), Histogram.of(np.linspace(0, 1, 100) + 1024)
    assert distance(x, y) == 1.0
    assert wasserstein(x, y) == pytest.approx(1024, abs=x.merge(y).width)
    assert math.isnan(distance(x, Histogram())) and math.isnan(wasserstein(Histogram(), x))
    assert distance(Histogram.of([3.0]), Histogram.of([3.0, 3.0])) == 0.0


def relu(values: npt.ArrayLike, name: str = "relu") -> LayerTrace:
    return layer(name, "relu", values)


X = np.random.default_rng(0).standard_normal((2, 3, 8, 8))


def named(*names: str, op: str = "relu") -> Trace:
    return chain(*(layer(name, op, X) for name in names))


def test_layers_are_matched_by_name_even_where_the_operation_changed() -> None:
    a = chain(layer("conv1", "conv2d", X), layer("bn1", "batch_norm", X, method="batch_norm"), relu(X))
    b = chain(layer("conv1", "conv2d", X), layer("bn1", "group_norm", X, method="group_norm"), relu(X))
    found = changes(a, b)
    assert [pair.numbers for pair in found.in_order] == [(0, 0), (1, 1), (2, 2)]
    assert found.in_order[1].ops == ("batch_norm", "group_norm")
    assert found.only_first == found.only_second == ()


def test_what_only_one_has_is_listed() -> None:
    found = changes(named("a", "b", "c", "d"), named("a", "c", "x.y", "d"))
    assert [pair.numbers for pair in found.in_order] == [(0, 0), (2, 1), (3, 3)]
    assert (found.only_first, found.only_second) == ((1,), (2,))


def test_the_same_name_again_is_matched_in_order() -> None:
    found = changes(named("a", "a", "b", "a"), named("a", "b", "a"))
    assert [pair.numbers for pair in found.in_order] == [(0, 0), (1, 2), (2, 1)]
    assert found.only_first == (3,)


def test_another_activation_in_the_same_module_answers_it() -> None:
    a = chain(
        layer("block.conv", "conv2d", X), layer("block.relu", "relu", X), layer("block.relu#2", "relu", X)
    )
    b = chain(
        layer("block.conv", "conv2d", X), layer("block.gelu", "gelu", X), layer("block.gelu#2", "gelu", X)
    )
    found = changes(a, b)
    assert [pair.numbers for pair in found.in_order] == [(0, 0), (1, 1), (2, 2)]
    c = chain(layer("block.conv", "conv2d", X), layer("other.gelu", "gelu", X))
    assert changes(a, c).only_second == (1,)


@pytest.mark.parametrize("name", ["", "same"])
def test_another_operation_of_no_kind_answers_none(name: str) -> None:
    first = chain(*(layer(name or op, op, X) for op in ("mul", "log", "add_", "max_pool2d")))
    second = chain(*(layer(name or op, op, X) for op in ("add", "sin", "avg_pool2d")))
    found = changes(first, second)
    assert [pair.numbers for pair in found.in_order] == [(2, 0), (3, 2)]
    assert (found.only_first, found.only_second) == ((0, 1), (1,))


def test_a_name_without_its_operation_is_the_module() -> None:
    cases = {
        ("a.b.add", "add"): "a.b",
        ("a.b.relu#3", "relu_"): "a.b",
        ("relu", "relu"): "",
        ("fc", "linear"): "fc",
    }
    for (name, op), module in cases.items():
        assert module_of(layer(name, op, [[1.0]])) == module


def test_the_largest_change_comes_first() -> None:
    a = chain(relu(X, "same"), relu(X, "scaled"), relu(X, "apart"), relu(X, "farther"), relu(X, "lost"))
    b = chain(relu(X, "same"), relu(2 * X, "scaled"), relu(X + 100, "apart"), relu(X + 1000, "farther"),
              relu(np.full_like(X, np.nan), "lost"))  # fmt: skip
    pairs = changes(a, b).pairs
    assert [pair.name for pair in pairs] == ["lost", "farther", "apart", "scaled", "same"]
    assert pairs[-1].distance == pairs[-1].moved == pairs[-1].moved_stds == 0
    assert pairs[1].distance == pairs[2].distance == 1 and 0 < pairs[3].distance < 1
    assert math.isnan(pairs[0].distance)


def test_a_pair_has_both_sides_numbers() -> None:
    y = np.maximum(X, 0)
    y[:, 1] = 0
    (pair,) = changes(chain(relu(X)), chain(relu(y))).pairs
    assert list(pair.mean) == pytest.approx([X.mean(), y.mean()])
    assert list(pair.std) == pytest.approx([X.std(), y.std()])
    assert pair.zeros == (0, (y == 0).mean()) and pair.dead == (0, 1)
    assert pair.moved_stds == pair.moved / pair.std[0]


def test_a_constant_that_moved_has_moved_infinitely_many_of_its_deviations() -> None:
    (pair,) = changes(chain(relu([[1.0]])), chain(relu([[2.0]]))).pairs
    assert pair.moved_stds == math.inf
    (pair,) = changes(chain(relu([[1.0]])), chain(relu([[1.0]]))).pairs
    assert pair.moved_stds == 0


@examples(80)
@given(a=traces(), b=traces())
def test_any_two_traces_can_be_compared(a: Trace, b: Trace) -> None:
    found: Any = changes(a, b)
    mine = [pair.numbers[0] for pair in found.pairs] + list(found.only_first)
    yours = [pair.numbers[1] for pair in found.pairs] + list(found.only_second)
    assert sorted(mine) == list(range(len(a.layers))) and sorted(yours) == list(range(len(b.layers)))
    same = changes(a, a)
    assert [pair.numbers[0] for pair in same.in_order] == [pair.numbers[1] for pair in same.in_order]
