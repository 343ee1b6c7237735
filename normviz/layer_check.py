"""A traced normalization against the reference: the numbers its sets really have, and whether the output follows.

A trace holds no learned weights. But whatever they are, the output is gamma * z + beta with the z that the reference
computes from the input, and one gamma and one beta for many values. So gamma and beta are those of least squares, and
what the output differs from them is the difference of two computations of z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from normviz.extents import Own, Whole
from normviz.layer_sets import Box, LayerSets, closed, of_channels, part, slices
from normviz.layouts import cells
from normviz.records import Tensor
from normviz.reference import FloatArray, Moments, moments, normalize
from normviz.spec import Running, Spec

Buffers = tuple[FloatArray, FloatArray]
#: A layer of at most this many cells is compared whole; and the most cells that are summed up at all.
WHOLE, MOST = 2**21, 2**23
#: The fewest values from which a gamma and a beta are told: with fewer any output would do.
FEWEST = 3


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far an output is from gamma * z + beta.

    ``difference`` is the largest absolute one among finite values, NaN where there is none; ``disagreements`` counts
    the places where one is finite and the other is not; ``cells`` how many were compared. ``weight`` and ``bias`` are
    what was found, flat; None where the layer has none.
    """

    difference: float
    disagreements: int
    cells: int
    weight: FloatArray | None = None
    bias: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class NormPart:
    """The shown part of a normalization's input and output, float32, and the statistics of the whole layer there.

    ``mean``, ``second`` and ``divisor`` broadcast against the part; they are None where the layer was too large, and
    ``agreement`` is the reason where nothing could be compared: ``few`` values for every parameter, a ``second`` input
    that is not known, ``unknown`` buffers or input, or a layer too ``large``.
    """

    box: Box
    after: Tensor
    before: Tensor | None = None
    mean: FloatArray | None = None
    second: FloatArray | None = None
    divisor: FloatArray | None = None
    agreement: Agreement | Literal["few", "second", "unknown", "large"] = "unknown"


def norm_part(
    found: LayerSets,
    x: npt.NDArray[Any] | None,
    y: npt.NDArray[Any],
    *,
    running: Buffers | None = None,
    batch: Buffers | None = None,
) -> NormPart:
    """What a cube shows of this layer; ``x`` and ``y`` are its input and output with the traced axes.

    ``running`` are the buffers the layer had before the pass, ``batch`` the means and the biased variances of its
    input's channels over the whole batch. x and y may hold the first images only: sets that reach across the batch are
    then taken from ``batch``, where they are those of a channel. Without an input of the output's shape there is no
    before.
    """
    after = found.arranged(y)
    box = tuple((start, min(stop, n)) for (start, stop), n in zip(part(found), after.shape, strict=True))
    here = NormPart(box, np.ascontiguousarray(after[slices(box)], np.float32))
    if x is None or x.shape != y.shape:
        return here
    before = found.arranged(x)
    here = replace(here, before=np.ascontiguousarray(before[slices(box)], np.float32))
    spec, buffers = found.spec, running
    if spec.running is not None and buffers is None:
        return here
    all_there = after.shape == found.shape
    if not all_there and any(extent != Own() for extent in found.extents("N")):
        if batch is None or not _of_channels_alone(found):
            return replace(here, agreement="large")
        spec, buffers = replace(spec, parts=(), running=Running(("C",))), batch
    around = tuple(
        (start, min(stop, n)) for (start, stop), n in zip(_needed(found, spec, box), after.shape, strict=True)
    )
    if cells([stop - start for start, stop in around]) > MOST:
        return replace(here, agreement="large")
    shared = moments(before[slices(around)], spec, running=of_channels(found, buffers, around))
    mean, second, divisor = _of_part(shared, box, around)
    here = replace(here, mean=mean, second=second, divisor=divisor, agreement="second")
    if spec.second:
        return here
    compared = tuple((0, n) for n in after.shape) if cells(after.shape) <= WHOLE else around
    same = agree(
        before[slices(compared)], after[slices(compared)], spec, running=of_channels(found, buffers, compared)
    )
    return replace(here, agreement=same or "few")


def _needed(found: LayerSets, spec: Spec, box: Box) -> Box:
    """The cells that the statistics of the box are made from: none but its own where they are read."""
    return closed(found, box) if spec.sets else box


def _of_channels_alone(found: LayerSets) -> bool:
    """Whether there is one set, that of all values of a channel, and nothing else is needed."""
    spec = found.spec
    return (
        len(spec.sets) == 1
        and spec.centred
        and spec.running is None
        and all(found.extents(axis)[0] == (Own() if axis == "C" else Whole()) for axis in found.axes)
    )


def agree(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    spec: Spec,
    *,
    running: Buffers | None = None,
) -> Agreement | None:
    """How far ``y`` is from gamma * normalize(x) + beta with the gamma and beta that fit it best.

    x and y have the axes of one of the Spec's layouts and hold whole sets. None where a parameter has fewer than three
    values, from which nothing could be told.

    >>> import normviz as nv
    >>> x, spec = nv.Sample().tensor((4, 3, 5, 5)), nv.METHODS["batch_norm"].spec()
    >>> y = nv.normalize(x, spec, weight=[1.0, 2.0, 3.0], bias=[0.0, 0.5, 0.0])
    >>> found = agree(x, y, spec)
    >>> found.weight.round(6).tolist(), found.difference < 1e-12
    ([1.0, 2.0, 3.0], True)
    """
    z = normalize(x, spec, running=running)
    made = np.asarray(y, np.float64)
    both = np.isfinite(z) & np.isfinite(made)
    apart = int((np.isfinite(z) != np.isfinite(made)).sum())
    weight = bias = None
    if spec.affine.weight or spec.affine.bias:
        names = spec.affine.weight or spec.affine.bias
        axes = spec.axes(z.shape)
        kept = [k for k, axis in enumerate(axes) if axis in names]
        rest = [k for k in range(z.ndim) if k not in kept]
        count = math.prod(z.shape[k] for k in kept)
        if math.prod(z.shape[k] for k in rest) < FEWEST:
            return None
        z, made = (v.transpose(*kept, *rest).reshape(count, -1) for v in (z, made))
        both = both.transpose(*kept, *rest).reshape(count, -1)
        weight, bias = _least_squares(z, made, both, bool(spec.affine.bias))
        z = weight[:, None] * z + (0.0 if bias is None else bias[:, None])
    difference = float(np.abs(z - made)[both].max()) if both.any() else math.nan
    return Agreement(difference, apart, z.size, weight, bias)


def _least_squares(
    z: FloatArray, y: FloatArray, known: npt.NDArray[np.bool_], shifted: bool
) -> tuple[FloatArray, FloatArray | None]:
    """For every row the gamma and beta with the least squares of y - gamma z - beta; a constant z has gamma 0."""
    count = np.maximum(known.sum(1), 1)
    z, y = np.where(known, z, 0.0), np.where(known, y, 0.0)
    middle, height = (z.sum(1) / count, y.sum(1) / count) if shifted else (np.zeros(len(z)), np.zeros(len(z)))
    away = np.where(known, z - middle[:, None], 0.0)
    square = (away**2).sum(1)
    # Rounding alone is no slope.
    flat = square <= count * 1e-12
    weight = np.where(flat, 0.0, (away * (y - height[:, None])).sum(1) / np.where(flat, 1.0, square))
    return weight, height - weight * middle if shifted else None


def _of_part(shared: Moments, box: Box, around: Box) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The statistics of the cells in the box, of those of the box around it."""
    where = slices(tuple((a - c, b - c) for (a, b), (c, _) in zip(box, around, strict=True)))
    return tuple(
        each[tuple(slice(None) if each.shape[k] == 1 else s for k, s in enumerate(where))]
        for each in (shared.mean, shared.second, shared.divisor)
    )  # type: ignore[return-value]
