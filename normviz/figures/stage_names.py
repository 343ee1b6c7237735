"""Which name of each stage of a network stands above its layers, and where, so that none touch on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from normviz.figures.theme import letters
from normviz.stages import Stage

#: Pixels of the plot on a phone, what is free beside it, and between two names.
PHONE, LEFT, RIGHT, BETWEEN = 286, 40, 10, 5
#: Pixels of a letter at the size of a name: of a narrow one, of a wide one, and of others.
NARROW, WIDE, LETTER = 3.5, 9.0, 5.7
#: How many lines of names there may be.
LANES = 2


@dataclass(frozen=True)
class StageName:
    """A name over the middle of its stage, in layers, moved by ``shift`` pixels; lanes count from the lowest."""

    text: str
    middle: float
    shift: float
    lane: int
    #: Its ends on a phone, in pixels from the plot's left edge.
    ends: tuple[float, float]


def stage_names(parts: Sequence[Stage], layers: int) -> list[StageName]:
    """The names of as many stages as have room, in one lane or in two in alternation, in the stages' order.

    Where a name has no room, shorter forms of it are tried; stages below one path ("blocks.0", "blocks.1") have names
    of one form. A single stage has none.
    """
    if len(parts) < 2:
        return []
    tried = [_layout(parts, layers, lanes) for lanes in range(1, LANES + 1)]
    return max(tried, key=lambda names: (len(names), sum(not name.text.isdigit() for name in names)))


def _layout(parts: Sequence[Stage], layers: int, lanes: int) -> list[StageName]:
    forms = [_forms(part.label) for part in parts]
    placed: dict[int, StageName] = {}

    def place(numbers: Sequence[int], form: int) -> bool:
        """Give these stages their names of this form, where these touch none."""
        new = {k: _placed(forms[k][form], parts[k], layers, k % lanes) for k in numbers}
        there = sorted((placed | new).items())
        for lane in range(lanes):
            ends = [(-LEFT - BETWEEN,) * 2, *(name.ends for _, name in there if name.lane == lane)]
            if any(a[1] + BETWEEN > b[0] for a, b in pairwise([*ends, (PHONE + RIGHT + BETWEEN,) * 2])):
                return False
        placed.update(new)
        return True

    # The shortest form of each, long stages first; then longer ones.
    by_length = sorted(range(len(parts)), key=lambda k: parts[k].first - parts[k].last)
    for k in by_length:
        place([k], -1)
    families: dict[str, list[int]] = {}
    for k in by_length:
        if k in placed:
            path = parts[k].label.partition(" … ")[0].rpartition(".")[0]
            families.setdefault(path or f" {k}", []).append(k)
    for members in families.values():
        any(place(members, form) for form in range(len(forms[0])))
    return [name for _, name in sorted(placed.items())]


def _placed(text: str, part: Stage, layers: int, lane: int) -> StageName:
    """The name over the middle of its stage, or as near to it as the figure's edge allows."""
    half = _wide(text) / 2
    middle = (part.first + part.last) / 2
    over = (middle + 0.5) / layers * PHONE
    at = min(max(over, half - LEFT), PHONE + RIGHT - half)
    return StageName(text, middle, at - over, lane, (at - half, at + half))


def _wide(text: str) -> float:
    narrow, wide = (sum(letter in those for letter in text) for those in ("fijlrt. ", "mwMW…"))
    others = sum(letters([letter]) for letter in text) - narrow - wide
    return NARROW * narrow + WIDE * wide + LETTER * others


def _forms(label: str) -> tuple[str, str, str, str]:
    """A stage's label and shorter forms of it, the longest first.

    >>> _forms("features.10 … 12"), _forms("fc")
    (('features.10 … 12', 'features.10 …', 'features.10', '10'), ('fc', 'fc', 'fc', 'fc'))
    """
    first, more, _ = label.partition(" … ")
    return label, f"{first} …" if more else first, first, first.rpartition(".")[2]
