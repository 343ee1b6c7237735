"""What the views of the network page are given: a trace, and where there is one, the way to its real values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.traces import Trace

Values = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Shown:
    """One pass on show. ``key`` tells it from another in the keys of widgets and caches, ``label`` names it in words.

    ``values(number)`` runs the pass again and returns the real output of that layer (-1: the network's input); None
    where only a trace was opened, whose values are not in it.
    """

    trace: Trace
    key: str
    label: str
    values: Callable[[int], Values] | None = None
