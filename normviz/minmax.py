"""Standardization and min-max scaling of the same values: both are called normalization.

    standardized = (x - mean) / std,    scaled = (x - min) / (max - min)

>>> values = np.array([1.0, 2.0, 3.0, 6.0])
>>> min_max(values).tolist()
[0.0, 0.2, 0.4, 1.0]
>>> standardized(values).round(3).tolist()
[-1.069, -0.535, 0.0, 1.604]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.records import Summary
from normviz.reference import FloatArray

BINS = 40


def standardized(x: npt.ArrayLike) -> FloatArray:
    """(x - mean) / std over the finite values, std biased and without eps; values that are all alike become 0."""
    return _scaled(x, lambda finite: (float(finite.mean()), float(finite.std())))


def min_max(x: npt.ArrayLike) -> FloatArray:
    """(x - min) / (max - min) over the finite values, from 0 to 1; values that are all alike become 0."""
    return _scaled(x, lambda finite: (float(finite.min()), float(finite.max() - finite.min())))


@dataclass(frozen=True)
class Scaled:
    """One of the three: its summary, the outlier's value, the range of the others and their histogram in it."""

    summary: Summary
    edges: FloatArray
    counts: FloatArray
    outlier: float
    rest: tuple[float, float]


@dataclass(frozen=True)
class Scaling:
    """The same values before, standardized and scaled to [0, 1], and the axis that holds all three."""

    axis: tuple[float, float]
    before: Scaled
    standardized: Scaled
    min_max: Scaled

    @property
    def squeezed(self) -> float:
        """The share of [0, 1] that min-max scaling leaves to all values but the outlier."""
        low, high = self.min_max.rest
        return high - low


def scaling(x: npt.ArrayLike, place: int, sigmas: float = 0.0, bins: int = BINS) -> Scaling:
    """Both scalings of these values, in which the one at ``place`` is first put ``sigmas`` standard deviations of the
    others above their mean; 0 leaves it as it is.

    >>> plain = scaling(np.linspace(-1, 1, 101), 50)
    >>> far = scaling(np.linspace(-1, 1, 101), 50, sigmas=20)
    >>> round(plain.squeezed, 3), round(far.squeezed, 3)
    (1.0, 0.157)
    """
    values = np.array(x, np.float64).reshape(-1)
    others = np.delete(values, place)
    finite = others[np.isfinite(others)]
    if sigmas and finite.size:
        values[place] = finite.mean() + sigmas * finite.std()
    three = (values, standardized(values), min_max(values))
    seen = np.concatenate([v[np.isfinite(v)] for v in three])
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    reach = (low, high if high > low else low + 1.0)
    return Scaling(reach, *(_one(v, place, bins) for v in three))


def _one(values: FloatArray, place: int, bins: int) -> Scaled:
    rest = np.delete(values, place)
    rest = rest[np.isfinite(rest)]
    reach = (float(rest.min()), float(rest.max())) if rest.size else (float("nan"), float("nan"))
    low, high = reach if rest.size else (0.0, 1.0)
    # Values that are all alike, or one alone, still need a bin of some width.
    half = 0.0 if high > low else 0.01 * max(1.0, abs(low))
    edges = np.linspace(low - half, high + half, bins + 1)
    counts = np.histogram(rest, edges)[0].astype(np.float64)
    return Scaled(Summary.of(values), edges, counts, float(values[place]), reach)


def _scaled(x: npt.ArrayLike, of: Callable[[FloatArray], tuple[float, float]]) -> FloatArray:
    values = np.asarray(x, np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return values.copy()
    shift, size = of(finite)
    # Rounding leaves a tiny deviation where all values are alike; it must not be blown up to 1.
    alike = size <= 10 * np.finfo(np.float64).eps * max(1.0, abs(shift))
    return np.asarray(values * 0.0 if alike else (values - shift) / size)
