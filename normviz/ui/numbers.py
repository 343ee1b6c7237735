"""Numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence

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

    What rounds to nothing has no sign:

    >>> plain(-0.0004)
    '0.000'
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("−∞" if value < 0 else "∞")
    return f"{value:z.3f}".replace("-", "−")


def amount(value: float) -> str:
    """A difference as people read it: with a power of ten only where it is tiny or huge.

    >>> amount(2.35), amount(0.0), amount(3e-7).replace(chr(160), " ")
    ('2.350', '0', '3.0 × 10⁻⁷')
    """
    return plain(value) if 0.01 <= abs(value) < 1e4 else scientific(value)


def written(shape: tuple[int, ...]) -> str:
    """A shape or cell as people and links write it.

    >>> written((8, 12, 4, 4))
    '8x12x4x4'
    """
    return "x".join(map(str, shape))


def spoken(shape: tuple[int, ...]) -> str:
    """A shape in a sentence."""
    return " × ".join(map(str, shape))


def in_brackets(shape: Sequence[int]) -> str:
    """A shape or cell as Python writes it.

    >>> in_brackets((8, 12))
    '(8, 12)'
    """
    return f"({', '.join(map(str, shape))})"


def read_lengths(text: str) -> tuple[int, ...] | None:
    """What :func:`written` wrote, or None.

    >>> read_lengths("8x12x4x4"), read_lengths("8x-1")
    ((8, 12, 4, 4), None)
    """
    parts = text.split("x")
    return tuple(map(int, parts)) if all(p.isascii() and p.isdigit() and len(p) < 8 for p in parts) else None
