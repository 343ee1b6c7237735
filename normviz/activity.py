"""What was measured of an activation: on one input, down a chain of layers, and while its slope is learned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.records import Summary
from normviz.reference import FloatArray

#: Where a normalization stands: not at all, before the activation, or after it.
ORDERS = ("none", "before", "after")
#: What the layers of a chain multiply with: weights of variance 2 / fan_in, of 1 / fan_in, or nothing at all.
WEIGHTS = ("he", "xavier", "none")
Counts = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Activity:
    """A real pass through an activation, alone or with a normalization before or after it.

    ``into`` is what reaches the activation (the input itself, unless the normalization comes before), ``out`` what
    leaves it, ``final`` what leaves the pair (``out`` itself unless the normalization comes after). The three
    histograms lie on the same bins; what lies beyond them, and what is not finite, is in none.
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
    #: Mean of da/dz over the cells where z, what reaches the activation, is finite; by autograd. NaN where none is.
    slope: float
    #: |dL/dx| / |dL/dy| of the pair, as Euclidean norms, for a seeded random dL/dy; by autograd. Cells whose gradient
    #: is not finite count as nothing passed; NaN where that is all of them.
    passed: float
    #: Largest difference between torch's activation and this project's own formula, in float64; NaN where nothing is
    #: finite.
    difference64: float


@dataclass(frozen=True)
class Chain:
    """Signal and gradient down a chain of L layers that all end in the same activation.

    Index 0 is the input, index l what layer l puts out. ``gradient[l]`` is |dL/dx_l| / |dL/dx_L| as root mean
    squares, so that the last is 1; ``std`` is the standard deviation of x_l, over all rows and features. Both have
    length L + 1. What grew beyond the dtype is infinite (a gradient that had to pass there may be NaN), and a gradient
    below the dtype's smallest number is 0.
    """

    key: str
    std: FloatArray
    gradient: FloatArray
    #: How many rows of data went down the chain.
    rows: int = 0


@dataclass(frozen=True)
class SlopeRun:
    """A small network's learned slopes, step by step: ``slopes`` (T + 1, layers), ``loss`` (T + 1) and,
    on data it never trained on, ``accuracy`` (T + 1, from 0 to 1; NaN where it was not measured).

    Row t is the network after t steps. Where every channel has a slope of its own, ``slopes`` holds their mean, and
    ``channels`` the last step's slopes themselves, an array (C,) a layer.
    """

    slopes: FloatArray
    loss: FloatArray
    accuracy: FloatArray
    channels: tuple[FloatArray, ...] = ()


def common_edges(activities: Iterable[Activity]) -> FloatArray:
    """The bin edges of the widest of these, for all of them to be measured on one axis."""
    return max((each.edges for each in activities), key=lambda edges: float(edges[-1] - edges[0]))
