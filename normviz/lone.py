"""What is left of batch statistics when the batch is one sample, or small.

With one value in a set the mean is the value itself and the variance is 0: every output is beta, whatever came in.
With two values x and x + 2d they become -1 and +1 (times d / sqrt(d^2 + eps)); of n values none can get beyond
sqrt(n - 1). And the mean of n samples is itself noisy: of independent values its standard deviation is sigma / sqrt(n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.records import Tensor
from normviz.reference import FloatArray


def noise(
    samples: npt.ArrayLike, sizes: Sequence[int], *, draws: int = 200, seed: int = 0, channels: int = 64
) -> FloatArray:
    """std(mean of a batch) / sigma for each batch size: how far one batch's mean is from another's.

    ``samples`` (P, C, ...) is the population; batches of N are drawn from it with replacement. sigma is the standard
    deviation of a channel over the whole population; the ratio is the root mean square over the channels (at most
    ``channels`` of them, evenly chosen; constant ones do not count). Dimensionless; NaN where all are constant.

    Raises ValueError for an empty population or a size below 1.

    >>> independent = np.random.default_rng(0).standard_normal((512, 8))
    >>> noise(independent, [1, 4]).round(1).tolist()
    [1.0, 0.5]
    """
    given = np.asarray(samples, np.float64)
    if given.ndim < 2 or not given.size or min(sizes, default=0) < 1:
        raise ValueError(
            f"samples of shape {given.shape} in batches of {tuple(sizes)}: samples (P, C, ...), none of the axes "
            "empty, and sizes of 1 or more are needed. Try noise(x, [1, 2, 4])."
        )
    step = -(-given.shape[1] // channels)
    flat = given[:, ::step].reshape(len(given), -(-given.shape[1] // step), -1)
    means, sigma = flat.mean(2), flat.std((0, 2))
    varied = sigma > 1e-12 * np.maximum(1e-300, np.abs(flat).max((0, 2)))
    if not varied.any():
        return np.full(len(sizes), np.nan)
    rng = np.random.default_rng(seed)
    found = []
    for n in sizes:
        batch = means[rng.integers(len(means), size=(draws, n))].mean(1)
        found.append(float(np.sqrt(np.mean((batch.std(0)[varied] / sigma[varied]) ** 2))))
    return np.asarray(found)


@dataclass(frozen=True)
class Alone:
    """One sample (C, ...) in its batch, alone, and through Instance Norm, all in training; and evaluated.

    A result is empty where torch refused, whose sentences ``refusal`` and ``instance_refusal`` are; ``formula`` is
    then what the mathematics gives, by our reference.
    """

    x: Tensor
    in_batch: Tensor
    alone: Tensor
    instance: Tensor
    formula: Tensor
    #: Largest |alone - instance|, in the dtype shown and in float64; NaN where either was refused.
    difference: float
    difference64: float
    #: Largest |alone - formula| in float64.
    formula_difference: float
    #: In evaluation: the sample's output, and the largest difference between alone and within its batch.
    evaluated: Tensor
    evaluated_difference: float
    layer: str
    instance_layer: str
    dtype: str
    device: str
    refusal: str = ""
    instance_refusal: str = ""
    #: torch's sentence where even the running averages could not be gathered: they are then a new layer's.
    history_refusal: str = ""


@dataclass(frozen=True)
class BySize:
    """Batch Norm on (n, C), one value a channel and sample, for several n: its outputs, and the noise of its mean."""

    sizes: tuple[int, ...]
    #: All outputs (n * C,) for each n; from torch, but for n = 1 by the formula, since torch refuses.
    outputs: tuple[FloatArray, ...]
    #: Median |dL/dx| for L = the sum of outputs weighed at random, for each n.
    gradients: tuple[float, ...]
    noise: FloatArray
    population: int
    draws: int


@dataclass(frozen=True)
class Refused:
    """A layer whose every set is one cell, what torch says to it, and the largest |output| by the formula."""

    method: str
    knobs: tuple[tuple[str, object], ...]
    refusal: str
    largest: float
