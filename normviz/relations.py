"""A statement about two methods, tried on a real input: plain results that the computing room hands to the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Two results in float64 are the same when they differ by less than this share of their largest value.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Relation:
    """How a statement of the form "these two compute the same" came out on one input, in float64.

    >>> Relation("same", sets=(8, 8), sizes=(192, 192), same_sets=True, difference=4e-16).holds
    True
    >>> Relation("other", sets=(8, 40), sizes=(160, 16), same_sets=False, difference=0.5).holds
    False
    """

    #: Which statement, and the words that say it.
    key: str
    #: How many sets each of the two has, and how many cells one of them holds.
    sets: tuple[int, int] = (0, 0)
    sizes: tuple[int, int] = (0, 0)
    #: Whether the sets of the two are the same, cell by cell.
    same_sets: bool = False
    #: The largest absolute difference of what the two layers give; NaN where no cell is finite in both.
    difference: float = math.nan
    #: Cells that are finite in one alone.
    disagreements: int = 0
    #: The largest absolute value that was compared: rounding grows with it.
    largest: float = 1.0
    #: Counts the words put in.
    numbers: Mapping[str, int] = field(default_factory=dict)
    #: What no choice of per-channel parameters can remove, where the statement is about those.
    left: float = math.nan
    #: The layer that refused the input, and its own words; empty where none did.
    layer: str = ""
    refusal: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the statement is true here; None where that cannot be told."""
        if not self.same_sets or self.disagreements:
            return False
        if self.refusal or math.isnan(self.difference):
            return None
        return self.difference <= TOLERANCE * max(1.0, self.largest)
