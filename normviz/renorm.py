"""Batch Renormalization over many steps: how far its bounds are open at each, and what a layer did, in plain numpy.

>>> opening = Opening(r=(5, 40), d=(5, 25), r_max=3.0, d_max=5.0)
>>> opening.at(5), opening.at(15), opening.at(40)
((1.0, 0.0), (1.5714285714285714, 2.5), (3.0, 5.0))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.extents import IntArray
from normviz.reference import FloatArray

#: The paper's steps between which r_max goes from 1 to 3 and d_max from 0 to 5, and how many are pressed into one here.
PAPER_R, PAPER_D, PRESSED = (5_000, 40_000), (5_000, 25_000), 500
#: How many steps a run has; the most numbers it may pass through the layer, and the most channels it keeps.
STEPS, MOST, CHANNELS = 100, 2**22, 512


@dataclass(frozen=True)
class Opening:
    """The bounds at every step: closed (r = 1, d = 0, that is Batch Norm), then opening linearly, then wide open.

    ``r`` and ``d`` are the steps at which r_max leaves 1 and d_max leaves 0, and those from which they stay at
    ``r_max`` and ``d_max``. (0, 0) is open from the first step on. Ioffe 2017, section 4.
    """

    r: tuple[int, int] = (PAPER_R[0] // PRESSED, PAPER_R[1] // PRESSED)
    d: tuple[int, int] = (PAPER_D[0] // PRESSED, PAPER_D[1] // PRESSED)
    r_max: float = 3.0
    d_max: float = 5.0

    def at(self, step: int) -> tuple[float, float]:
        """r_max and d_max at a step, counted from 1."""
        return 1 + (self.r_max - 1) * _along(step, self.r), self.d_max * _along(step, self.d)


def _along(step: int, between: tuple[int, int]) -> float:
    first, last = between
    if step >= last:
        return 1.0
    return 0.0 if step <= first else (step - first) / (last - first)


@dataclass(frozen=True)
class Corrected:
    """A layer in training mode over T steps and C channels. Row t belongs to step t + 1, and its buffers are those
    that the layer had before that step."""

    #: Which samples of the population every batch held, shape (T, N).
    picked: IntArray
    #: The batches' means and standard deviations sqrt(var + eps), and the buffers', shape (T, C).
    mean: FloatArray
    std: FloatArray
    running_mean: FloatArray
    running_std: FloatArray
    #: r and d before clipping, and as used, shape (T, C).
    raw_r: FloatArray
    raw_d: FloatArray
    r: FloatArray
    d: FloatArray
    #: The bounds, shape (T,).
    r_max: FloatArray
    d_max: FloatArray
    #: Largest |y - y evaluated| in a channel, of this layer and of Batch Norm on the same batch, shape (T, C).
    gap: FloatArray
    plain_gap: FloatArray
    #: The largest difference of the layer from the reference in all steps, and the largest |y|.
    difference: float
    largest: float
    layer: str
    device: str
    dtype: str

    @property
    def clipped(self) -> npt.NDArray[np.bool_]:
        """Where r or d reached beyond its bounds, shape (T, C)."""
        return self.clipped_r | self.clipped_d

    @property
    def clipped_r(self) -> npt.NDArray[np.bool_]:
        """Where r did."""
        bound = self.r_max[:, None]
        return (self.raw_r > bound) | (self.raw_r < 1 / bound)

    @property
    def clipped_d(self) -> npt.NDArray[np.bool_]:
        """Where d did."""
        return np.abs(self.raw_d) > self.d_max[:, None]

    def spread(self) -> tuple[float, float]:
        """The root mean squares of r - 1 and d before clipping, over all channels and the later half of the steps.

        Then the buffers have forgotten their start, and what is left is the noise of the batch.
        """
        half = len(self.raw_r) // 2
        r, d = self.raw_r[half:] - 1, self.raw_d[half:]
        return float(np.sqrt(np.mean(r**2))), float(np.sqrt(np.mean(d**2)))
