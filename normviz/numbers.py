"""What is given as numbers, as an array: whatever holds none is refused in one sentence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from normviz.reference import FloatArray


def real(x: npt.ArrayLike) -> FloatArray:
    """``x`` as float64. Raises ValueError where it holds no real numbers, or its rows differ in length.

    >>> real([1, 2]).tolist()
    [1.0, 2.0]
    >>> real("abc")
    Traceback (most recent call last):
    ValueError: x holds <U3, but real numbers are needed. Try an array of floats.
    """
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError(
            "x has rows of different lengths: every row needs as many numbers. Try [[1, 2], [3, 4]]."
        ) from None
    if array.dtype.kind not in "biuf":
        raise ValueError(f"x holds {array.dtype}, but real numbers are needed. Try an array of floats.")
    return array.astype(np.float64, copy=False)
