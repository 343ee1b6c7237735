"""What was measured of an activation: on one input, down a chain of layers, and while its slope is learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.records import Summary
from normviz.reference import FloatArray

#: Where a normalization stands: not at all, before the activation, or after it.
ORDERS = ("none", "before", "after")
Counts = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Activity:
    """A real pass through an activation, alone or with a normalization before or after it.

    ``into`` is what reaches the activation, ``out`` what leaves it, ``final`` what leaves the pair (``out`` itself
    unless the normalization comes after). The three histograms lie on the same bins.
    """

    key: str
    order: str
    into: Summary
    out: Summary
    final: Summary
    edges: FloatArray
    into_counts: Counts
    out_counts: Counts
    final_counts: Counts
    #: Of the values that leave the pair: how many are exactly 0, and how many below 0.
    zeros: int
    negatives: int
    #: Of the values that reach the activation: how many lie where its slope is 0, and where it is nearly 0.
    dead: int
    saturated: int
    #: Mean of da/dz over the cells, z being what reaches the activation; by autograd.
    slope: float
    #: |dL/dx| / |dL/dy| of the pair, as Euclidean norms, for a seeded random dL/dy; by autograd.
    passed: float
    #: Largest difference between torch's activation and this project's own formula, in float64.
    difference64: float


@dataclass(frozen=True)
class Chain:
    """Signal and gradient down a chain of L layers that all end in the same activation.

    Index 0 is the input, index l what layer l puts out. ``gradient[l]`` is |dL/dx_l| / |dL/dx_L| as root mean
    squares, so that the last is 1; ``std`` is the standard deviation of x_l.
    """

    key: str
    std: FloatArray
    gradient: FloatArray


@dataclass(frozen=True)
class SlopeRun:
    """A small network's learned slopes, step by step: ``slopes`` (T + 1, layers), ``loss`` (T + 1) and,
    on data it never trained on, ``accuracy`` (T + 1, from 0 to 1; NaN where it was not measured)."""

    slopes: FloatArray
    loss: FloatArray
    accuracy: FloatArray
