"""Mini-batches that stream through a layer with running buffers: the plan, and plain numpy results.

The population is a fixed pool of samples. Every epoch goes through it in a new random order, without replacement; an
incomplete last batch is dropped. The buffers follow, with torch's meaning of momentum (the weight of the new value),

    mean <- (1 - m) mean + m mean_B,    var <- (1 - m) var + m n / (n - 1) var_B

where var_B is the biased variance of the batch, n its values per channel, and m = 1 / step for a cumulative average.

>>> plan = Plan(batch=2, steps=3)
>>> [sorted(picked.tolist()) for picked in plan.batches(6)], plan.weight(3)
([[2, 3], [4, 5], [0, 1]], 0.1)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.extents import IntArray
from normviz.layouts import axes_of
from normviz.records import Summary
from normviz.reference import FloatArray

#: How many batches a stream has.
STEPS = 60
#: The samples of a population, the most cells it may have, and the most channels whose course is kept.
SAMPLES, CELLS, CHANNELS = 256, 2**20, 2048


@dataclass(frozen=True)
class Plan:
    """What streams: the batch size, how the buffers average, and how far the data has drifted at the last step.

    ``momentum`` is the weight of the new value, 0 to 1; None is the cumulative average. ``shift`` is in standard
    deviations of the population, ``scale`` a factor of them, per channel; both grow linearly from nothing at step 0.
    Raises ValueError for what is not allowed.
    """

    batch: int = 8
    steps: int = STEPS
    momentum: float | None = 0.1
    eps: float = 1e-5
    shift: float = 0.0
    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch < 1 or self.steps < 1:
            raise ValueError(
                f"batch = {self.batch}, steps = {self.steps}: both must be 1 or more. Try 8 and {STEPS}."
            )
        if self.momentum is not None and not 0 <= self.momentum <= 1:
            raise ValueError(
                f"momentum = {self.momentum}: it must be from 0 to 1, or None for the cumulative average. Try 0.1."
            )
        if not (math.isfinite(self.shift) and 0 < self.scale < math.inf):
            raise ValueError(
                f"shift = {self.shift}, scale = {self.scale}: a finite shift and a positive scale are needed. "
                "Try 0 and 1."
            )

    def drift(self, step: int) -> tuple[float, float]:
        """The shift and the scale of the data at a step, 0 ... steps."""
        along = step / self.steps
        return self.shift * along, 1 + (self.scale - 1) * along

    def weight(self, step: int) -> float:
        """m, the weight of the new value at a step, 1 ... steps."""
        return 1 / step if self.momentum is None else self.momentum

    def batches(self, samples: int) -> Iterator[IntArray]:
        """The numbers of the samples of every step's batch.

        Raises ValueError where a batch has more samples than the population.
        """
        if samples < self.batch:
            raise ValueError(
                f"A batch of {self.batch} samples cannot be drawn from a population of {samples}: "
                "take a smaller batch or more samples."
            )
        rng = np.random.default_rng(self.seed)
        order, start = rng.permutation(samples), 0
        for _ in range(self.steps):
            if start + self.batch > samples:
                order, start = rng.permutation(samples), 0
            yield order[start : start + self.batch]
            start += self.batch


@dataclass(frozen=True)
class Course:
    """What a layer's buffers held, and what they saw; C channels, T steps; row t of the buffers is after t batches."""

    #: The population's own mean and biased variance, shape (C,), before any drift.
    mean: FloatArray
    var: FloatArray
    #: Every batch's mean and biased variance, shape (T, C).
    batch_mean: FloatArray
    batch_var: FloatArray
    #: The layer's buffers, shape (T + 1, C); the variance as torch stores it, unbiased.
    running_mean: FloatArray
    running_var: FloatArray
    #: What the second buffer would hold with biased variances of the same batches, as Keras and Flax have it.
    biased_var: FloatArray
    #: Values per channel in a batch, samples in the population.
    values: int
    samples: int
    layer: str
    device: str
    dtype: str

    def target(self, plan: Plan) -> tuple[FloatArray, FloatArray]:
        """The mean and variance of the population at every step, shape (T + 1, C): they move where the data drifts."""
        drifts = np.array([plan.drift(t) for t in range(plan.steps + 1)])
        mean = self.mean + drifts[:, :1] * np.sqrt(self.var)
        return mean, self.var * drifts[:, 1:] ** 2


@dataclass(frozen=True)
class Outputs:
    """One set of data through the layer: its mean and standard deviation per channel, shape (C,), after evaluating;
    and of one channel the histograms and summaries of what training (the data's own statistics) and evaluating (the
    buffers) make of it."""

    mean: FloatArray
    std: FloatArray
    train_counts: npt.NDArray[np.intp]
    eval_counts: npt.NDArray[np.intp]
    train: Summary
    eval: Summary


@dataclass(frozen=True)
class Evaluation:
    """The layer in evaluation mode with the buffers of one step."""

    #: Shared bin edges of all histograms.
    edges: FloatArray
    #: The data as it is at this step, and the shifted data.
    matching: Outputs
    shifted: Outputs
    #: Largest |training - evaluation| of one batch's outputs, shape (C,).
    gap: FloatArray
    channel: int


def pool_size(shape: Sequence[int], *, most: int = CELLS) -> int:
    """How many samples a population for batches of this (N, ...) shape has within ``most`` cells: 256, or four batches.

    Fewer than two batches of it, 2 N, are no population. 0 where there are more channels than are kept.

    >>> pool_size((8, 12, 4, 4)), pool_size((100, 12, 4, 4)), pool_size((32, 64, 32, 32))
    (256, 400, 16)
    """
    n, cells = int(shape[0]), math.prod(int(k) for k in shape[1:])
    if int(shape[axes_of(shape).index("C")]) > CHANNELS:
        return 0
    return min(max(SAMPLES, 4 * n), most // cells)
