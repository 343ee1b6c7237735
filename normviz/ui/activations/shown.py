"""All that is chosen in this view, and the two numbers that it says in many places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from normviz.activity import Activity
from normviz.figures.entries import share
from normviz.records import Tensor
from normviz.ui.activations.choice import Chosen
from normviz.ui.cached import Source
from normviz.ui.cached_activations import Pair
from normviz.ui.choices import Choices

#: The orders as they are offered: the first paper's own comes first.
OFFERED = ("before", "after", "none")


@dataclass(frozen=True)
class Shown:
    """The input, the activations on it, the one looked at closely, and where the frame's method stands.

    ``normalizes`` is False where that method works on weights: no normalization is shown then.
    """

    c: Choices
    source: Source
    images: Sequence[Tensor]
    chosen: tuple[Chosen, ...]
    one: Chosen
    order: str
    normalizes: bool

    def pair(self, each: Chosen, order: str | None = None) -> Pair:
        """This activation in the chosen order, or another one."""
        return Pair(
            each.key,
            tuple(each.knobs.items()),
            self.order if order is None else order,
            self.c.method.key,
            tuple(self.c.knobs.items()),
            self.c.device,
            self.c.dtype,
        )

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All of them in the chosen order."""
        return tuple(self.pair(each) for each in self.chosen)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the activations that are shown."""
        return tuple(each.name for each in self.chosen)

    @property
    def how(self) -> str:
        """Where the normalization stands, as a sentence begins."""
        return self.c.say(f"act_page.how_{self.order}", norm=self.c.name)


def zeros(found: Activity) -> str:
    """The share of what leaves the pair that is exactly 0."""
    return share(found.zeros, found.final.count)


def negatives(found: Activity) -> str:
    """The share of what leaves the pair that is below 0."""
    return share(found.negatives, found.final.count)
