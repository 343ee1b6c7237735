"""Scores as positive shares of 1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from normviz.reference import FloatArray


def softmax(scores: npt.ArrayLike) -> FloatArray:
    """exp(s_i) / sum over j of exp(s_j) along the last axis; NaN where one of the scores there is NaN or +Inf.

    >>> softmax([[0.0, 0.0], [1000.0, 0.0]]).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    given = np.asarray(scores, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        # Less the largest: no power overflows, and the quotients are the same.
        powers = np.exp(given - given.max(-1, keepdims=True))
        return np.asarray(powers / powers.sum(-1, keepdims=True))
