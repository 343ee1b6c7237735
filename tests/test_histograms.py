"""Histograms of power-of-two bins against exact arithmetic, and merging against counting all at once."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normviz.histograms import BINS, DIGITS, LEAST, Histogram, bin_number, span
from tests.strategies import examples

FLOAT32_MAX = float(np.finfo(np.float32).max)
anything = st.floats(allow_nan=True, allow_infinity=True, width=32) | st.floats(width=64)
finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
special = st.sampled_from(
    [0.0, -0.0, 1e-45, -1e-45, FLOAT32_MAX, -FLOAT32_MAX, 1.0, -1.0, 1e6, 1e6 + 0.0625, 5e-324, -5e-324]
)
lists = st.lists(special | finite | anything, max_size=30)


def by_hand(values: list[float]) -> tuple[int, int, list[int]] | None:
    """Exponent, first bin and counts, in exact fractions and by trying every exponent from the smallest on."""
    kept = [Fraction(value) for value in values if math.isfinite(value)]
    if not kept:
        return None
    largest = max(abs(value) for value in kept)
    exponent = LEAST
    while largest >= Fraction(2) ** (exponent + DIGITS):
        exponent += 1
    while (numbers := [math.floor(value / Fraction(2) ** exponent) for value in kept]) and max(numbers) - min(
        numbers
    ) >= BINS:
        exponent += 1
    counted = Counter(numbers)
    return exponent, min(numbers), [counted[n] for n in range(min(numbers), max(numbers) + 1)]


@examples(300)
@given(values=lists)
def test_bins_and_counts_are_those_of_exact_arithmetic(values: list[float]) -> None:
    found = Histogram.of(values)
    expected = by_hand(values)
    if expected is None:
        assert found == Histogram() and found.total == 0
    else:
        assert (found.exponent, found.first, found.counts.tolist()) == expected
        assert found.total == sum(map(math.isfinite, values))
        assert found.negatives == sum(value < 0 for value in values if math.isfinite(value))


@examples(300)
@given(parts=st.lists(lists, min_size=1, max_size=5))
def test_merged_parts_are_the_histogram_of_all(parts: list[list[float]]) -> None:
    whole = Histogram.of([value for part in parts for value in part])
    assert reduce(Histogram.merge, map(Histogram.of, parts)) == whole
    assert reduce(Histogram.merge, map(Histogram.of, reversed(parts))) == whole


@examples(150)
@given(a=lists, b=lists, c=lists)
def test_merging_is_associative_and_commutative(a: list[float], b: list[float], c: list[float]) -> None:
    x, y, z = map(Histogram.of, (a, b, c))
    assert x.merge(y) == y.merge(x)
    assert x.merge(y).merge(z) == x.merge(y.merge(z))
    assert x.merge(Histogram()) == x == Histogram().merge(x)


@examples(100)
@given(values=lists, wider=st.integers(0, 80))
def test_wider_bins_hold_the_same_values(values: list[float], wider: int) -> None:
    found = Histogram.of(values)
    wide = found.widened(found.exponent + wider)
    assert wide.total == found.total and wide.negatives == found.negatives
    kept = [value for value in values if math.isfinite(value)]
    numbers = Counter(math.floor(Fraction(value) / Fraction(2) ** wide.exponent) for value in kept)
    assert {wide.first + n: count for n, count in enumerate(wide.counts.tolist()) if count} == numbers


@examples(100)
@given(value=special | finite)
def test_all_alike_is_one_bin(value: float) -> None:
    found = Histogram.of([value] * 3)
    assert found.counts.tolist() == [3]
    assert found.edges[0] <= value < found.edges[1]


@examples(200)
@given(value=st.floats(allow_nan=False, allow_infinity=False), wider=st.integers(0, 200))
def test_the_number_of_a_bin_is_the_exact_floor(value: float, wider: int) -> None:
    exponent = span(value, value)[0] + wider
    assert bin_number(value, exponent) == math.floor(Fraction(value) / Fraction(2) ** exponent)


def test_edges_and_width_fit_the_counts() -> None:
    found = Histogram.of(np.random.default_rng(0).standard_normal(1000))
    assert len(found.edges) == len(found.counts) + 1 <= BINS + 1
    assert (np.diff(found.edges) == found.width).all() and found.width == 2.0**found.exponent
    assert found.counts[0] > 0 and found.counts[-1] > 0 and found.last == found.first + len(found.counts) - 1


def test_bins_are_never_cut() -> None:
    with pytest.raises(ValueError, match="exponent"):
        Histogram.of([1.0, 2.0]).widened(-100)


def test_counts_of_many_values_stay_exact() -> None:
    one = Histogram(0, 0, np.array([2**40 + 1], np.int64))
    assert reduce(Histogram.merge, [one] * 3).counts.tolist() == [3 * 2**40 + 3]
    assert one.widened(5).total == 2**40 + 1


@examples(200)
@given(values=st.lists(finite, min_size=1, max_size=60), share=st.sampled_from([0.25, 0.5, 0.75, 1.0]))
def test_the_reach_is_the_quantile_of_the_sizes_up_to_a_bin(values: list[float], share: float) -> None:
    h = Histogram.of(values)
    quantile = float(np.quantile(np.abs(values), share, method="inverted_cdf"))
    assert quantile <= h.reach(share) <= quantile + h.width


def test_nothing_reaches_nowhere() -> None:
    assert Histogram().reach(0.5) == 0.0
