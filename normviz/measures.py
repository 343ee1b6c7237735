"""What a set of numbers is told by: its mean, spread and size, from the sums that its cells share."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

#: What stands beside a set, by what the sets of a Spec have in common (:attr:`normviz.spec.Spec.outcome`).
MEASURES: Mapping[str, tuple[str, ...]] = {
    "standard": ("mean", "std"),
    "rms": ("rms",),
    "unit": ("norm",),
    "response": ("norm",),
    "running": (),
    "direction": ("length",),
    "renormalized": ("mean", "std"),
    "mixture": ("mean", "std"),
    "transferred": ("mean", "std"),
}


def measures(mean: float, second: float, size: int) -> dict[str, float]:
    """By name, of ``size`` values with this mean and second moment (about the mean, or about 0):

        std = rms = sqrt(second),    norm = length = sqrt(size * second)

    std is meant where the moment is about the mean, the other three where it is about 0. NaN has no root, nor has what
    is below 0.

    >>> measures(0.0, 12.5, 2)["length"]  # of 3 and 4
    5.0
    """
    # A file may say that a variance is negative.
    root, length = (math.sqrt(each) if each >= 0 else math.nan for each in (second, second * size))
    return {"mean": mean, "std": root, "rms": root, "norm": length, "length": length}


def measured(values: npt.ArrayLike) -> dict[str, float]:
    """All of these values, std about their mean and the others about 0; NaN or Inf among them shows.

    >>> measured([3.0, 4.0])
    {'mean': 3.5, 'std': 0.5, 'rms': 3.5355339059327378, 'norm': 5.0, 'length': 5.0}
    """
    each = np.asarray(values, np.float64)
    with np.errstate(invalid="ignore"):
        about_zero = measures(float(each.mean()), float((each**2).mean()), each.size)
        return about_zero | {"std": float(each.std())}
