"""What was measured of a pooling on one map: the maps, the winners, the gradient, and what a shift does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.extents import IntArray
from normviz.records import Summary
from normviz.reference import FloatArray
from normviz.windows import Windows

Counts = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Pooled:
    """A real pass of torch's pooling over one map (H, W), and its gradient by autograd.

    ``winner`` is for every output the flat index of the input that it took, -1 for none; None for means. ``gradient``
    is d(sum of y) / dx. Both histograms lie on the same bins.
    """

    x: FloatArray
    y: FloatArray
    rows: Windows
    columns: Windows
    winner: IntArray | None
    gradient: FloatArray
    before: Summary
    after: Summary
    edges: FloatArray
    before_counts: Counts
    after_counts: Counts
    #: Largest difference between torch's layer and this project's own numbers, in float64.
    difference64: float
    layer: str
    device: str


@dataclass(frozen=True)
class Shifts:
    """How much a map changes when the picture moves by whole pixels to the right, and how much the pooled maps do.

    Changes are |after the shift - before it| / |before it|, as Euclidean norms over the maps; ``pooled`` has a row for
    every pooling of ``keys``. What enters at the border are the picture's own next pixels, nothing invented.
    """

    pixels: tuple[int, ...]
    unpooled: FloatArray
    keys: tuple[str, ...]
    pooled: FloatArray
