"""The four extents, held against their definitions written out cell by cell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normviz.extents import Extent, Groups, Own, Whole, Window, divisors
from tests.strategies import examples

Shares = Callable[[int, int, int], bool]  # does index i of an axis of length n share with k?


@st.composite
def extents(draw: st.DrawFn) -> tuple[Extent, int, Shares]:
    n = draw(st.integers(1, 24))
    kind = draw(st.sampled_from(["own", "whole", "groups", "window"]))
    if kind == "own":
        return Own(), n, lambda n, i, k: i == k
    if kind == "whole":
        return Whole(), n, lambda n, i, k: True
    if kind == "groups":
        count = draw(st.sampled_from([g for g in range(1, n + 1) if n % g == 0]))
        return Groups(count), n, lambda n, i, k: i * count // n == k * count // n
    size = draw(st.integers(1, 30))
    return Window(size), n, lambda n, i, k: -(size // 2) <= k - i <= (size - 1) // 2


@examples(100)
@given(extents())
def test_intervals_hold_exactly_the_indices_that_share(drawn: tuple[Extent, int, Shares]) -> None:
    extent, n, shares = drawn
    lo, hi = extent.intervals(n)
    assert lo.shape == hi.shape == (n,)
    for i in range(n):
        assert list(range(lo[i], hi[i])) == [k for k in range(n) if shares(n, i, k)]


@examples(100)
@given(extents())
def test_a_partition_is_when_intervals_are_equal_or_apart(drawn: tuple[Extent, int, Shares]) -> None:
    extent, n, shares = drawn
    sets = [frozenset(k for k in range(n) if shares(n, i, k)) for i in range(n)]
    apart = all(a == b or not a & b for a in sets for b in sets)
    assert extent.intervals(n).is_partition == apart


@examples(100)
@given(extents())
def test_blocks_are_the_distinct_intervals(drawn: tuple[Extent, int, Shares]) -> None:
    extent, n, _ = drawn
    interval = extent.intervals(n)
    distinct, number = interval.blocks()
    assert len({tuple(block) for block in distinct.tolist()}) == len(distinct)
    assert np.array_equal(distinct[number], np.stack([interval.lo, interval.hi], axis=1))


def test_an_even_window_reaches_one_further_down() -> None:
    assert Window(4).intervals(6).lo.tolist() == [0, 0, 0, 1, 2, 3]
    assert Window(4).intervals(6).hi.tolist() == [2, 3, 4, 5, 6, 6]


@pytest.mark.parametrize("count", [5, 0, -3, 24])
def test_groups_that_do_not_divide_are_refused_with_those_that_do(count: int) -> None:
    with pytest.raises(
        ValueError, match=rf"num_groups = {count} does not divide C = 12.*Try 1, 2, 3, 4, 6, 12"
    ):
        Groups(count).intervals(12, "C")


@pytest.mark.parametrize("size", [0, -1])
def test_an_empty_window_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=rf"size {size} .*must be 1 or more.*Try 5"):
        Window(size)


@examples(100)
@given(st.integers(1, 500))
def test_divisors(n: int) -> None:
    found = divisors(n)
    assert sorted(set(found) | {n // d for d in found}) == list(found)
    assert sum(found) == sum(d for d in range(1, n + 1) if n / d == n // d)
