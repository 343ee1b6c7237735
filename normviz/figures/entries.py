"""What charts with a line or a row for each of a few entries have in common: names, colours, a legend that flows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from normviz.figures.theme import BEFORE, CATEGORIES, letters, marked

#: How many letters of a legend fit side by side on a phone, and how many its marks and gaps are as wide as.
FIT, MARK = 48, 4
#: Pixels of a line of the legend.
LINE = 20

#: The line at the hovered place.
HOVERED: dict[str, Any] = {"spikethickness": 1, "spikedash": "dot", "spikecolor": BEFORE}

Entry = tuple[str, str, str]


def coloured(names: Sequence[str], count: int) -> list[str]:
    """A colour for every entry; raises ValueError where there is not one name each, or there are too many.

    >>> coloured(["ReLU", "GELU"], 2)
    ['#D55E00', '#009E73']
    """
    if not 1 <= count <= len(CATEGORIES) or len(names) != count:
        raise ValueError(
            f"{count} entries came with {len(names)} names: one name each is needed, for 1 to {len(CATEGORIES)} "
            f"entries, so that their colours can be told apart. Try {'fewer' if count else 'one'}."
        )
    return list(CATEGORIES[:count])


def flowed(entries: Sequence[Entry], most: int = FIT) -> list[str]:
    """The entries of a legend (colour, mark, name) in lines of at most so many letters.

    >>> len(flowed([("#000000", "━", "LeakyReLU")] * 6)), flowed([])
    (2, [])
    """
    lines: list[list[Entry]] = []
    used = 0
    for entry in entries:
        width = letters([entry[2]]) + MARK
        if not lines or used + width > most + MARK:
            lines.append([])
            used = 0
        lines[-1].append(entry)
        used += width
    return [marked(*line) for line in lines]


def share(part: int, whole: int) -> str:
    """A share in per cent, which says 0 and 100 only where it is exactly that.

    >>> share(0, 9), share(1, 1000), share(1, 2), share(999, 1000), share(3, 3)
    ('0%', '<1%', '50%', '>99%', '100%')
    """
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 1:
        return "<1%"
    return ">99%" if 99 < percent < 100 else f"{percent:.0f}%"
