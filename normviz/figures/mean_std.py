"""A mean and a standard deviation as they are read beside a distribution, whatever their size."""

from __future__ import annotations

import math
from decimal import Decimal

#: Sizes below the first, and from the second on, are written with a power of ten.
SMALL, LARGE = 1e-3, 1e4
#: A spread of a smaller share of the mean, or smaller than this, has no place that both could share.
NARROW, TINY = 1e-3, 1e-4
#: What computing leaves of a mean of 0 where all values are alike.
NOISE = 1e-12
#: As wide as a sign, where 0 has none.
SPACE = "\u2007"


def mean_std(mean: float, std: float) -> str:
    """Two to three digits of the standard deviation, and the mean to the same place; finite means only.

    >>> mean_std(0.0047, 0.00692), mean_std(-4.25, 0.25), mean_std(-2e-9, 1.234).strip()
    ('+0.0047 ± 0.0069', '−4.25 ± 0.25', '0.00 ± 1.23')
    >>> mean_std(2e-6, 1e-6), mean_std(2.0, 3.4e-9), mean_std(2.0, 0.0)
    ('(+2.0 ± 1.0)·10<sup>−6</sup>', '+2.00 ± 3.4·10<sup>−9</sup>', '+2.00 ± 0')
    """
    if std == 0 and abs(mean) < NOISE:
        return f"{SPACE}0 ± 0"
    size = max(abs(mean), std)
    power = _exponent(size) if math.isfinite(size) and not SMALL <= size < LARGE else 0
    m, s = (Decimal(value).scaleb(-power) if math.isfinite(value) else Decimal(0) for value in (mean, std))
    if s < Decimal(NARROW) * abs(m) or s < Decimal(TINY):
        return f"{_alone(mean, '+')} ± {_alone(std, '-')}"
    # A power of ten needs the room of the third digit.
    places = 1 - _exponent(float(s)) if power else _places(float(s))
    said = f"{m:+.{places}f}"
    if not said.strip("+-0."):
        said = SPACE + said[1:]
    text = f"{said} ± {s:.{places}f}".replace("-", "−")
    return f"({text}){_raised(power)}" if power else text


def _alone(value: float, sign: str) -> str:
    """A number with digits of its own; ``sign``: as Python's formats have it."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞"
    if value == 0:
        return "0" if sign == "-" else f"{SPACE}0"
    if SMALL <= abs(value) < LARGE:
        return f"{value:{sign}.{_places(abs(value))}f}".replace("-", "−")
    mantissa = f"{value:{sign}.1e}".partition("e")[0]
    return mantissa.replace("-", "−") + _raised(_exponent(abs(value)))


def _places(size: float) -> int:
    """How many decimals show two digits of what is below 1, three of what is above."""
    power = _exponent(size)
    return max(0, 2 - power) if power >= 0 else 1 - power


def _exponent(size: float) -> int:
    """The power of ten, of what has been rounded to two digits."""
    return int(f"{size:.1e}".partition("e")[2])


def _raised(power: int) -> str:
    return f"·10<sup>{power}</sup>".replace("-", "−")
