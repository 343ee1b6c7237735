"""An activation's curve as points: dense enough to look smooth, and true at its kinks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from normviz.activation import Activation
from normviz.reference import FloatArray

#: Points along the axis; how near to a kink its two sides are read; how large a jump is one, of the curve's range.
POINTS, NEAR, TELL = 481, 1e-9, 1e-3

#: The end of a piece: x, y, and whether the function has this value there.
End = tuple[float, float, bool]


@dataclass(frozen=True)
class Course:
    """f and f' along x, each NaN between two pieces where it jumps, so that no line is drawn across.

    ``true`` (points, 2) are f and f' at x itself, as torch has them at a kink too.
    """

    x: FloatArray
    function: FloatArray
    slope: FloatArray
    true: FloatArray
    function_ends: tuple[End, ...]
    slope_ends: tuple[End, ...]


def sampled(entry: Activation, knobs: Mapping[str, Any], low: float, high: float) -> Course:
    """The curve from ``low`` to ``high``; each side of a kink is read on that side.

    >>> from normviz.activations import ACTIVATIONS
    >>> relu = sampled(ACTIVATIONS["relu"], {}, -1.0, 1.0)
    >>> relu.function_ends, relu.slope_ends
    ((), ((0.0, 0.0, True), (0.0, 1.0, False)))
    """
    kinks = [k for k in entry.kinks_at(**knobs) if low < k < high]
    edges = [low, *kinks, high]
    grid = np.unique(np.concatenate([np.linspace(low, high, POINTS), edges]))
    places: list[FloatArray] = []
    reads: list[FloatArray] = []
    for a, b in pairwise(edges):
        place = grid[(grid >= a) & (grid <= b)]
        read = place.copy()
        if a in kinks:
            read[0] += NEAR * max(1.0, abs(a))
        if b in kinks:
            read[-1] -= NEAR * max(1.0, abs(b))
        places += [place, np.array([b])]
        reads += [read, np.array([b])]
    # The last piece is followed by no kink.
    x, read = np.concatenate(places[:-1]), np.concatenate(reads[:-1])
    between = np.cumsum([len(p) for p in places])[::2]  # after each piece: its kink
    true = np.stack([entry(x, **knobs), entry.derivative(x, **knobs)], 1)
    drawn, ends = [], []
    for k, values in enumerate((entry(read, **knobs), entry.derivative(read, **knobs))):
        found: list[End] = []
        size = float(np.ptp(values)) or 1.0
        for at in between[: len(kinks)].tolist():
            sides, there = (float(values[at - 1]), float(values[at + 1])), float(true[at, k])
            if abs(sides[1] - sides[0]) > TELL * size:
                found += [(float(x[at]), side, abs(side - there) <= TELL * size) for side in sides]
                values[at] = np.nan
        drawn.append(values)
        ends.append(tuple(found))
    return Course(x, drawn[0], drawn[1], true, ends[0], ends[1])
