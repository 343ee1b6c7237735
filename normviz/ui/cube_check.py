"""Refuses what does not fit the tensor, before it reaches the browser."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from normviz.layouts import Arrangement
from normviz.ui.cube_types import COLOURS, MEASURES, SCREEN, WORDS, Axes, Cube

MAX_CELLS = 1 << 21


def check(
    cubes: Sequence[Cube], axes: Axes, arrangement: Arrangement, colour: str, words: Mapping[str, str]
) -> None:
    """ValueError when something does not fit the tensor; says what was received and what is required."""
    names = [name for name, _ in axes]
    shape = tuple(length for _, length in axes)
    used = [name for k in SCREEN for name in getattr(arrangement, k)]
    if len(set(names)) != len(names) or sorted(used) != sorted(names):
        raise ValueError(
            f"The arrangement shows the axes {used}, the tensor has {names}. Each axis is shown exactly "
            "once: put every name into one of x, y, z and grid."
        )
    if not cubes:
        raise ValueError("Received no cube. At least one is required: pass [Cube(key=..., sets=...)].")
    if min(shape) < 1 or math.prod(shape) > MAX_CELLS:
        raise ValueError(
            f"Received the shape {shape}. Lengths of 1 or more and at most {MAX_CELLS:,} cells are required. "
            "Try fewer samples or a smaller map."
        )
    if colour not in COLOURS:
        raise ValueError(f"Received colour={colour!r}. Required is one of {COLOURS}.")
    if missing := [word for word in WORDS if word not in words]:
        raise ValueError(f"Received no words for {missing}. Every key of WORDS is required.")
    for one in cubes:
        _check_one(one, shape)


def _check_one(one: Cube, shape: tuple[int, ...]) -> None:
    def refuse(received: str, required: str) -> ValueError:
        return ValueError(f"Cube {one.key!r}: received {received}. Required: {required}.")

    for given in one.sets:
        if len(given.intervals) != len(shape):
            raise refuse(f"{len(given.intervals)} intervals", f"one for each of the {len(shape)} axes")
        for (lo, hi), n in zip(given.intervals, shape, strict=True):
            lo, hi, index = np.asarray(lo), np.asarray(hi), np.arange(n)
            fits = lo.shape == hi.shape == (n,)
            if not fits or np.any((lo < 0) | (lo > index) | (hi <= index) | (hi > n)):
                required = f"arrays of length {n} with 0 <= lo[i] <= i < hi[i] <= {n}"
                raise refuse(f"intervals lo = {lo} and hi = {hi}", required)
    if one.values is not None and tuple(one.values.shape) != shape:
        raise refuse(f"values of shape {one.values.shape}", f"the tensor's shape {shape}")
    if unknown := [m for m in one.measures if m not in MEASURES]:
        raise refuse(f"the measures {unknown}", f"some of {MEASURES}")
    if one.pinned is not None and len(one.pinned) != len(one.measures):
        raise refuse(f"{len(one.pinned)} pinned numbers", f"one for each of {one.measures}")
    if (b := one.buffers) is not None:
        length = shape[b.axis] if 0 <= b.axis < len(shape) else -1
        if not len(b.mean) == len(b.var) == length:
            received = f"buffers of {len(b.mean)} and {len(b.var)} entries for axis {b.axis}"
            raise refuse(received, f"an axis of {shape}, and as many entries as it is long")
