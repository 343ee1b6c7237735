"""Numbers as people read them, in sentences and at a touch."""

from __future__ import annotations

import math

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def scientific(value: float) -> str:
    """A small number with its power of ten and a proper minus, never broken over two lines.

    >>> scientific(2.6e-7).replace(chr(160), " "), scientific(-41.0).replace(chr(160), " ")
    ('2.6 × 10⁻⁷', '−4.1 × 10¹')
    >>> scientific(0.0)
    '0'
    """
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return _nonfinite(value)
    mantissa, exponent = f"{value:.1e}".replace("-", "−", value < 0).split("e")
    return f"{mantissa}\u00a0×\u00a010{str(int(exponent)).translate(_RAISED)}"


def plain(value: float) -> str:
    """A number with three decimals and a proper minus.

    >>> plain(-1.5)
    '−1.500'

    What rounds to nothing has no sign:

    >>> plain(-0.0004)
    '0.000'
    """
    return f"{value:z.3f}".replace("-", "−") if math.isfinite(value) else _nonfinite(value)


def amount(value: float) -> str:
    """A number of unknown size: with a power of ten only where it is tiny or huge.

    >>> amount(-2.35), amount(0.0), amount(3e-7).replace(chr(160), " ")
    ('−2.350', '0', '3.0 × 10⁻⁷')
    """
    return plain(value) if 0.01 <= abs(value) < 1e4 else scientific(value)


def _nonfinite(value: float) -> str:
    return "NaN" if math.isnan(value) else "−∞" if value < 0 else "∞"
