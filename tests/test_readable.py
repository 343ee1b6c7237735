"""Numbers in sentences: what is written reads back, and what is below 0 has a proper minus."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normviz.readable import amount, plain, scientific


def read(text: str) -> float:
    """The number that the text shows."""
    digits = text.replace("\u00a0", "").translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789"))
    return float(digits.replace("×10", "e"))


@given(st.floats(-1e300, 1e300).filter(lambda x: x == 0 or abs(x) > 1e-300))
def test_a_power_of_ten_reads_back(value: float) -> None:
    assert read(scientific(value)) == pytest.approx(value, rel=0.051)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (-0.5, "−0.500"),
        (-0.00049, "0.000"),
        (-0.00051, "−0.001"),
        (-0.0, "0.000"),
    ],
)
def test_a_number_in_a_sentence(value: float, text: str) -> None:
    assert plain(value) == text


@given(st.floats(-1e300, 1e300).filter(lambda x: x == 0 or abs(x) > 1e-300))
def test_an_amount_reads_back_and_has_no_hyphen(value: float) -> None:
    assert read(amount(value)) == pytest.approx(value, rel=0.051)
    assert "-" not in amount(value)


@pytest.mark.parametrize("write", [amount, plain, scientific])
def test_what_is_no_finite_number_keeps_its_sign(write: Callable[[float], str]) -> None:
    assert [write(value) for value in (math.nan, math.inf, -math.inf)] == ["NaN", "∞", "−∞"]


def test_an_amount_has_a_power_of_ten_only_where_it_is_tiny_or_huge() -> None:
    numbers = (-0.0065, 0.01, -2.35, 9999.0, 1e4)
    assert [amount(value).replace("\u00a0", "") for value in numbers] == [
        *("−6.5×10⁻³", "0.010", "−2.350", "9999.000", "1.0×10⁴")
    ]
