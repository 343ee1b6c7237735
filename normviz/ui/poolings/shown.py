"""What the pooling view shows, as one value, and the sentences above it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from normviz.pooled import Pooled
from normviz.pooling import Pooling
from normviz.records import Tensor
from normviz.ui.cached_poolings import Job
from normviz.ui.choices import Choices
from normviz.windows import Windows


@dataclass(frozen=True, eq=False)
class Shown:
    """The choices, the pooling with its knobs, the job that was run, what came out, and the decoded uploads."""

    c: Choices
    entry: Pooling
    knobs: Mapping[str, Any]
    job: Job
    done: Pooled
    images: Sequence[Tensor]

    @property
    def windows(self) -> tuple[Windows, Windows]:
        """Those along H and W."""
        return self.done.rows, self.done.columns

    def say(self, key: str, **numbers: Any) -> str:
        """Words of this view, those of the largest or of the mean where they differ."""
        return self.c.say(f"pooling_page.{key}", **numbers)

    def kind(self, key: str, **numbers: Any) -> str:
        """Words that a maximum and a mean have each for itself."""
        return self.say(f"{key}_{'largest' if self.entry.largest else 'mean'}", **numbers)


def title(c: Choices, entry: Pooling, windows: Sequence[Windows]) -> str:
    """What the pooling does to this map."""
    return c.say(
        "pooling_page.title",
        name=c.say(f"pooling.{entry.key}.name"),
        who=c.say(f"pooling.{entry.key}.who"),
        before=f"{np.prod([along.length for along in windows]):,}",
        after=f"{np.prod([along.count for along in windows]):,}",
    )


def lead(shown: Shown) -> str:
    """The windows, and how many inputs have a say."""
    window = " × ".join(_sizes(along) for along in shown.windows)
    return shown.kind("lead", window=window, share=share(touched(shown.done)))


def touched(done: Pooled) -> float:
    """The share of inputs that a gradient reaches."""
    return float(np.count_nonzero(done.gradient) / done.gradient.size)


def share(part: float) -> str:
    """A share in per cent, three digits at most.

    >>> share(0.25), share(1 / 3), share(1.0), share(0.0009765625), share(float("nan"))
    ('25%', '33.3%', '100%', '0.0977%', 'NaN')
    """
    return "NaN" if np.isnan(part) else f"{100 * part:.3g}%" if part < 9.995 else f"{100 * part:,.0f}%"


def _sizes(along: Windows) -> str:
    low, high = min(along.size), max(along.size)
    return str(low) if low == high else f"{low}–{high}"
