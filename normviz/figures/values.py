"""Values as colours: from violet through nothing at 0 to green, from -m to +m, and what is not finite in red."""

from __future__ import annotations

from typing import Final

from normviz.figures.theme import DIVERGING, MISSING, dye, mix

#: From the smallest value through 0 to the largest. The theme's colours are those of a light page; moved towards
#: the dark page's (violet and green half the way, the middle 15 %) all three stand out on both.
LOW, ZERO, HIGH = (
    mix(light, dark, share)
    for light, dark, share in zip(DIVERGING, ("#B18AE0", "#20262E", "#3CCBA3"), (0.5, 0.15, 0.5), strict=True)
)
#: The same for a Heatmap, and what is drawn where values are missing.
SCALE: Final = [(0, LOW), (0.5, ZERO), (1, HIGH)]
RED: Final = [(0, MISSING), (1, MISSING)]


def signs(missing: bool = False) -> str:
    """The legend: a square for what is below, at and above 0, and for what is missing."""
    entries = [(LOW, "−"), (ZERO, "0"), (HIGH, "+")] + [(MISSING, "NaN/Inf")] * missing
    return " ".join(f"{dye(color, '■')} {sign}" for color, sign in entries)


def number(value: float) -> str:
    """A limit in two significant digits, rounded.

    >>> number(0.912), number(12.4), number(3.2e-6), number(45678.0)
    ('0.91', '12', '3.2e−6', '4.6e+4')
    """
    if value == 0 or 0.01 <= value < 1000:
        return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent):+d}".replace("-", "−")
