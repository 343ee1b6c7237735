"""What the conventions do to the numbers at hand: plain records, computed in ``nets/conventions.py``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from normviz.conventions import Average, Convention
from normviz.reference import FloatArray


@dataclass(frozen=True)
class Kept:
    """One framework's running mean and variance of a channel, after 0, 1, 2 ... batches."""

    row: Average
    mean: FloatArray
    var: FloatArray
    #: Largest difference to torch's own layer with the weight converted, relative to the buffer where that is above 1.
    converted: float


@dataclass(frozen=True)
class Averages:
    """The running statistics of one channel, from the same batches in every framework's way."""

    kept: tuple[Kept, ...]
    #: How many values of the channel a batch has: torch's variance is n / (n - 1) times the others'.
    count: int
    #: The biased mean and variance of the channel in the whole input.
    mean: float
    var: float
    #: The pinned cell's value, and the eps that it is normalized with.
    value: float
    eps: float

    def evaluated(self, kept: Kept, batches: int) -> float:
        """y of the pinned cell, evaluating with the buffers after that many batches."""
        with np.errstate(all="ignore"):
            return float((self.value - kept.mean[batches]) / np.sqrt(kept.var[batches] + self.eps))


@dataclass(frozen=True)
class Reading:
    """What one framework's convention makes of the input."""

    row: Convention
    #: y of the pinned cell.
    cell: float
    #: Largest difference over the tensor to the first row (``Effect.against`` says to what else).
    difference: float
    #: Largest difference to torch with the arguments converted; NaN where no argument of torch's does it.
    converted: float
    #: What is drawn, at the places ``Effect.at``.
    drawn: FloatArray


@dataclass(frozen=True)
class Effect:
    """Every framework's reading of one aspect, and where it is drawn.

    ``at`` holds, by aspect, the sizes (standard deviation, root mean square or length) of the sets, the channels, or
    the edges of bins; ``before`` the counts of the input in those bins, and is empty where nothing is counted.
    """

    readings: tuple[Reading, ...]
    at: FloatArray
    before: FloatArray
