"""The two numbers beside a row, against rounding done here, for any sizes."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from normviz.figures.mean_std import SPACE, mean_std
from normviz.figures.theme import letters


@pytest.mark.parametrize(("mean", "std", "said"), [
    (0.0047, 0.0069, "+0.0047 ± 0.0069"), (0.0, 1.234, f"{SPACE}0.00 ± 1.23"), (-0.004, 1.0, f"{SPACE}0.00 ± 1.00"),
    (12.34, 56.78, "+12.3 ± 56.8"), (-3.0, 1234.4, "−3 ± 1234"), (0.5, 0.0999, "+0.50 ± 0.10"),
    (-123.456, 0.14, "−123.46 ± 0.14"), (0.0, 0.012345, f"{SPACE}0.000 ± 0.012"),
    (4.7e-5, 6.9e-5, "(+4.7 ± 6.9)·10<sup>−5</sup>"), (-1e-9, 3e-5, f"({SPACE}0.0 ± 3.0)·10<sup>−5</sup>"),
    (12345.0, 99999.0, "(+0.1 ± 1.0)·10<sup>5</sup>"), (1e30, 2e28, "(+1.000 ± 0.020)·10<sup>30</sup>"),
    (2.0, 0.0, "+2.00 ± 0"), (0.0, 0.0, f"{SPACE}0 ± 0"), (1e-15, 0.0, f"{SPACE}0 ± 0"),
    (3e-5, 0.0, "+3.0·10<sup>−5</sup> ± 0"), (2.0, 1e-17, "+2.00 ± 1.0·10<sup>−17</sup>"), (1.0, math.inf, "+1.00 ± ∞"),
])  # fmt: skip
def test_the_spread_has_two_or_three_digits_and_the_mean_ends_where_it_does(
    mean: float, std: float, said: str
) -> None:
    assert mean_std(mean, std) == said


@given(st.floats(-1e308, 1e308), st.floats(0, 1e308))
@example(5e-324, 5e-324)
@example(1e308, 1e308)
@example(9.996, 9.996e-4)
def test_both_can_be_read_again_and_are_short(mean: float, std: float) -> None:
    said = mean_std(mean, std)
    sizes = [size for size in (abs(mean), std) if size]
    assert letters([said]) <= (22 if all(1e-99 < size < 1e99 for size in sizes) else 26)
    power = r"(?:·10<sup>(−?\d+)</sup>)?"
    number = r"([+−\u2007]?\d+(?:\.\d+)?)"
    found = re.fullmatch(rf"\(?{number}{power} ± {number}{power}\)?{power}", said)
    assert found
    m, m_power, s, s_power, both = found.groups()

    def value(digits: str, *powers: str | None) -> float:
        exponent = sum(int(p.replace("−", "-")) for p in powers if p)
        return float(digits.replace("−", "-").replace(SPACE, "") + f"e{exponent}")

    # Below the normal numbers, parsing itself rounds.
    assert value(s, s_power, both) == pytest.approx(std, rel=0.051, abs=5e-323)
    assert value(m, m_power, both) == pytest.approx(mean, rel=0.051, abs=max(0.06 * std, 1e-12))
