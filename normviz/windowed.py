"""What is made of windows: their largest values, their sums, and what of a gradient each input gets back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from normviz.extents import IntArray
from normviz.reference import FloatArray
from normviz.windows import Windows


def members(windows: Sequence[Windows], knobs: Mapping[str, Any]) -> FloatArray:
    """How many members every output counts: the padding in front and behind too, unless it is not to."""
    counts = np.ones(())
    for axis in windows:
        low, high = -axis.padded[0], axis.length + axis.padded[1]
        if not knobs.get("count_include_pad", True):
            low, high = 0, axis.length
        along = [int(((axis.all_of(o) >= low) & (axis.all_of(o) < high)).sum()) for o in range(axis.count)]
        counts = np.multiply.outer(counts, np.asarray(along, np.float64))
    return counts


def largest(x: FloatArray, windows: Sequence[Windows]) -> tuple[FloatArray, IntArray]:
    """The largest of every window and its flat index: axis by axis, from the last, the first one among equals.

    A NaN is larger than anything, and the last one of a window its winner, as in torch; a window of padding alone is
    minus infinity.
    """
    rank = len(windows)
    flat = np.broadcast_to(np.arange(int(np.prod(x.shape[-rank:]))).reshape(x.shape[-rank:]), x.shape)
    best, at = x, flat
    for axis, along in zip(range(-1, -rank - 1, -1), reversed(windows), strict=True):
        best, at = np.moveaxis(best, axis, 0), np.moveaxis(at, axis, 0)
        values, places = [], []
        for output in range(along.count):
            members = along.of(output)
            if not members.size:
                values.append(np.full(best.shape[1:], -np.inf))
                places.append(np.full(best.shape[1:], -1))
                continue
            read = best[members]
            k = np.argmax(read, axis=0)[None]  # the first of equals
            if (missing := np.isnan(read)).any():
                last = len(read) - 1 - np.argmax(missing[::-1], axis=0)[None]
                k = np.where(missing.any(axis=0), last, k)
            values.append(np.take_along_axis(read, k, axis=0)[0])
            places.append(np.take_along_axis(at[members], k, axis=0)[0])
        best, at = (np.moveaxis(np.stack(found), 0, axis) for found in (values, places))
    return best, at


def sums(x: FloatArray, windows: Sequence[Windows]) -> FloatArray:
    """The sum over every window."""
    for axis, along in zip(range(-len(windows), 0), windows, strict=True):
        lined = np.moveaxis(x, axis, 0)
        # Not as a product with a matrix of 0 and 1: there one NaN would reach every output.
        with np.errstate(invalid="ignore", over="ignore"):  # infinity minus infinity is NaN, as in torch
            sums = [lined[along.of(output)].sum(axis=0) for output in range(along.count)]
        x = np.moveaxis(np.stack(sums), 0, axis)
    return x


def handed_back(shape: Sequence[int], windows: Sequence[Windows], weights: FloatArray) -> FloatArray:
    """What each input gets back when every output hands its weight to its members."""
    back = weights
    for axis, along in zip(range(-len(windows), 0), windows, strict=True):
        lined = np.moveaxis(back, axis, 0)
        sums = [lined[along.reach(index)].sum(axis=0) for index in range(along.length)]
        back = np.moveaxis(np.stack(sums), 0, axis)
    return np.broadcast_to(back, tuple(shape)).copy()
