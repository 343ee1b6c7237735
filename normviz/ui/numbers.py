"""Numbers as people read them."""

from __future__ import annotations

import math

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def scientific(value: float) -> str:
    """A small number with its power of ten, never broken over two lines.

    >>> scientific(2.6e-7).replace(chr(160), " ")
    '2.6 × 10⁻⁷'
    >>> scientific(0.0)
    '0'
    """
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}\u00a0×\u00a010{str(int(exponent)).translate(_RAISED)}"


def plain(value: float) -> str:
    """A number with three decimals and a proper minus.

    >>> plain(-1.5)
    '−1.500'
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("−∞" if value < 0 else "∞")
    return f"{value:.3f}".replace("-", "−")
