"""The axis of values that differ by orders of magnitude, against plain statements about it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normviz.figures.value_axis import ValueAxis, outside, spread, value_axis
from normviz.histograms import Histogram

NORMAL = np.random.default_rng(5).normal(size=20000)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=40), st.sampled_from([None, True, False]))
def test_any_values_have_an_axis_with_0_and_ticks_in_order(values: list[float], log: bool | None) -> None:
    axis = value_axis([Histogram.of(values)], log)
    assert axis.low <= 0 <= axis.high and axis.low < axis.high
    low, high = axis.range
    places, said = axis.ticks
    assert np.isfinite([low, high]).all() and low < high
    assert len(places) == len(said) == len(set(said)) <= 9
    assert all(a < b for a, b in pairwise(places))
    assert all(low - 1e-6 * (high - low) <= p <= high + 1e-6 * (high - low) for p in places)
    assert log is None or (axis.linear is not None) == log


def test_it_holds_9985_of_10000_values_each_row_counted_alike() -> None:
    rows = [NORMAL, NORMAL * 3 + 1, np.concatenate([NORMAL, np.full(3, 500.0)])]
    axis = value_axis([Histogram.of(row) for row in rows], False)
    inside = [np.mean((row >= axis.low) & (row <= axis.high)) for row in rows]
    assert np.mean(inside) >= 0.9985
    assert axis.high < 100, "three values of many do not stretch it"
    lost = outside(Histogram.of(rows[2]), axis)
    assert lost == pytest.approx(3 / rows[2].size)


def test_it_is_logarithmic_only_where_some_rows_would_be_too_narrow() -> None:
    alike = [Histogram.of(NORMAL * s) for s in (1, 2, 5)]
    assert value_axis(alike).linear is None
    apart = value_axis([Histogram.of(NORMAL * s) for s in (0.03, 1, 50, 4000)])
    assert apart.linear == pytest.approx(0.1)
    x = np.array([-4000.0, -1.0, 0.0, 0.004, 0.005, 4000.0])
    placed = apart.place(x)
    assert (np.diff(placed) > 0).all() and placed[2] == 0
    assert placed[0] == -placed[-1]
    # Plain inside: equal steps stay equal. Logarithmic outside: equal ratios become equal steps.
    assert apart.place([0.001])[0] * 2 == pytest.approx(apart.place([0.002])[0], rel=0.02)
    powers = np.diff(apart.place([10.0, 100.0, 1000.0]))
    assert powers[0] == pytest.approx(powers[1], rel=1e-4) == np.log(10)


def test_it_is_plain_as_far_as_most_rows_reach_where_the_narrow_ones_stay_seen() -> None:
    def linear(*sizes: float) -> float | None:
        return value_axis([Histogram.of(NORMAL * s) for s in sizes], True).linear

    assert linear(0.02, 0.2, 0.2, 0.25, 1.0) == pytest.approx(0.1), "a power of ten more: bells stay bells"
    assert linear(0.003, 0.2, 0.2, 0.25, 1.0) == pytest.approx(0.01), (
        "two more: the first would be too narrow"
    )


AXES = {
    ValueAxis(-5.2, 5.0, 0.1): "−3 −1 −0.1 0 0.1 1 3",
    ValueAxis(-2.0, 2.3, 0.1): "−1 −0.3 −0.1 0 0.1 0.3 1",
    ValueAxis(-2.0, 2.3, 0.01): "−1 −0.1 0 0.1 1",
    ValueAxis(-1.5, 1.5, 0.001): "−1 −0.1 −0.01 0 0.01 0.1 1",
    ValueAxis(-10.0, 30.0, 0.1): "−10 −3 −1 0 1 3 10 30",
    ValueAxis(-30.0, 30.0, 1.0): "−30 −10 −3 −1 0 1 3 10 30",
    ValueAxis(0.0, 30.0, 0.1): "0 0.1 0.3 1 3 10 30",
    ValueAxis(-1.0, 1e5, 0.1): "−1 0 1 10 100 1000 10^4 10^5",
    ValueAxis(-4000.0, 4000.0, 0.1): "−1000 −10 0 10 1000",
    ValueAxis(-1.0, 1.0, 1e-60): "−1 −10^−20 −10^−40 0 10^−40 10^−20 1",
    ValueAxis(-2.0, 1.0): "−2 −1.5 −1 −0.5 0 0.5 1",
    ValueAxis(-0.0015, 0.0015): "−0.001 0 0.001",
    ValueAxis(-1e-4, 3e-5): "−10^−4 −5·10^−5 0",
}


def pixels(text: str) -> float:
    """As Chromium draws it at 12.5 pixels: a digit is 6.25 wide, a raised one 0.7 of it, a point 3.1."""
    plain, _, raised = text.replace("</sup>", "").partition("<sup>")
    points = sum(plain.count(point) for point in ".·")
    return 6.25 * (len(plain) - points) + 3.1 * points + 4.4 * len(raised)


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_as_many_numbers_stand_on_a_phone_as_do_not_touch(axis: ValueAxis) -> None:
    low, high = axis.range
    places, said = axis.ticks
    plain = [text.replace("<sup>", "^").replace("</sup>", "") for text in said]
    assert " ".join(plain) == AXES[axis]
    wide = [pixels(text) for text in said]
    for k, gap in enumerate(np.diff(places) * 240 / (high - low)):
        assert gap >= (wide[k] + wide[k + 1]) / 2 + 4


@given(st.floats(-12, 12), st.floats(-12, 12), st.integers(-12, 4))
def test_numbers_never_touch_on_a_phone(low: float, high: float, linear: int) -> None:
    axis = ValueAxis(-(10.0**low), 10.0**high, 10.0**linear)
    start, end = axis.range
    places, said = axis.ticks
    wide = [pixels(text) for text in said]
    for k, gap in enumerate(np.diff(places) * 240 / (end - start)):
        assert gap >= (wide[k] + wide[k + 1]) / 2 + 3


def test_the_spread_is_that_of_the_values_up_to_the_bins() -> None:
    assert spread(Histogram.of(NORMAL * 7)) == pytest.approx(7 * NORMAL.std(), rel=0.02)
    assert spread(Histogram.of([3.0, 3.0])) == 0


def test_nothing_at_all_has_an_axis() -> None:
    assert value_axis([]) == ValueAxis(-1.0, 1.0)
    assert value_axis([Histogram()], True).linear
    assert value_axis([Histogram.of([0.0, 0.0])]).range == (-1, 1)


def test_a_dead_layer_does_not_make_the_axis_logarithmic() -> None:
    rng = np.random.default_rng(0)
    usual = [Histogram.of(rng.normal(size=999)) for _ in range(3)]
    for dead in (np.zeros(99), np.full(99, -0.5)):
        with_it = value_axis([*usual, Histogram.of(dead), Histogram.of(dead)])
        assert with_it.linear is None and with_it.low < -2
    forced = value_axis([*usual, Histogram.of(np.zeros(99))], True)
    assert forced.linear is not None and forced.linear >= 0.01
    alone = value_axis([Histogram.of([3.0])])
    assert alone.linear is None and alone.low == 0 and alone.high > 3
