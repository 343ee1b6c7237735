"""normalize(): every method in numpy, straight from its Spec and in float64.

The sums run over the intervals of each axis in turn, so the same code serves whole axes, groups and sliding windows,
and a NaN or an Inf reaches exactly the cells whose set holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from normviz.extents import Interval
from normviz.spec import L2, Response, Root, Running, Spec, StatSet

FloatArray = npt.NDArray[np.float64]
Buffers = tuple[npt.ArrayLike, npt.ArrayLike]


class Moments(NamedTuple):
    """What is shared, for every cell: arrays that broadcast against the input."""

    mean: FloatArray
    #: About the mean where the Spec is centred, else about zero.
    second: FloatArray
    size: npt.NDArray[np.intp]
    divisor: FloatArray


def normalize(
    x: npt.ArrayLike,
    spec: Spec,
    *,
    running: Buffers | None = None,
    weight: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
    second: npt.ArrayLike | None = None,
) -> FloatArray:
    """y_i = weight * (x_i - mean_i) / divisor_i + bias, over the sets that ``spec`` names.

    ``x`` has the axes of one of the Spec's layouts: (N, C), (N, L, C) or (N, C, H, W). ``running`` is (mean, variance),
    each of the shape of the running buffers, by default a new layer's zeros and ones. ``weight`` and ``bias`` have
    torch's shapes, by default a new layer's start. Adaptive Instance Norm takes them from ``second``, an input with the
    axes of x (without it they are 1 and 0). The result is float64, dimensionless but for weight and bias.

    Raises ValueError where the shape, the buffers or the parameters do not fit the Spec.

    >>> import normviz as nv
    >>> x = np.arange(4.0).reshape(1, 4)
    >>> nv.normalize(x, nv.METHODS["layer_norm"].spec()).round(3)
    array([[-1.342, -0.447,  0.447,  1.342]])
    """
    given = np.asarray(x)
    values = given.astype(np.float64)
    spec.axes(values.shape)
    if second is not None:
        if not spec.second:
            raise ValueError("This method takes no second input, but one was given. Leave it out.")
        weight, bias = transferred(second, spec)
    with np.errstate(all="ignore"):
        found = moments(given, spec, running=running)
        y = (values - found.mean) / found.divisor
        if spec.corrected:
            r, d = corrections(found, spec, values.shape, running=running)
            y = y * r + d
        if weight is not None:
            y = y * aligned(weight, spec.affine.weight, spec, values.shape, "weight")
        elif spec.affine.identity_at_start:
            y = y * found.divisor
        if bias is not None:
            y = y + aligned(bias, spec.affine.bias, spec, values.shape, "bias")
    return y


def moments(x: npt.ArrayLike, spec: Spec, *, running: Buffers | None = None) -> Moments:
    """The mean, second moment, set size and divisor that each cell is normalized with."""
    given = np.asarray(x)
    values = given.astype(np.float64)
    shape = values.shape
    one = (1,) * values.ndim
    with np.errstate(all="ignore"):
        if not spec.parts:
            if spec.running is None:
                raise ValueError(
                    "This Spec has neither sets nor running buffers: there is nothing to normalize with."
                )
            mean, second = _buffers(spec, spec.running, shape, running)
            size = np.ones(one, np.intp)
        else:
            mean, second = np.zeros(one), np.zeros(one)
            for part in spec.parts:
                part_mean, part_second = _two_moments(values, part.set, spec.centred)
                in_mean, in_variance = part.weights
                mean = mean + in_mean * part_mean
                second = second + in_variance * part_second
            size = spec.sets[0].sizes(shape)
        return Moments(mean, second, size, _divide_by(spec, second, size, given.dtype))


def corrections(
    found: Moments, spec: Spec, shape: Sequence[int], *, running: Buffers | None = None
) -> tuple[FloatArray, FloatArray]:
    """Batch Renormalization's r and d for every cell (Ioffe 2017, algorithm 1), constants in its backward pass.

    r = std_B / std clipped to [1 / r_max, r_max] and d = (mean_B - mean) / std clipped to [-d_max, d_max], with the
    mean and std = sqrt(var + eps) of the running buffers. Raises ValueError where the Spec has no such rule.

    >>> import normviz as nv
    >>> spec = nv.METHODS["batch_renorm"].spec(r_max=3.0, d_max=5.0)
    >>> x = np.array([[1.0], [5.0]])  # mean 3 and std 2 against the buffers' 0 and 1
    >>> r, d = corrections(moments(x, spec), spec, x.shape)
    >>> r[0, 0].round(3).item(), d[0, 0].round(3).item()
    (2.0, 3.0)
    """
    rule = spec.running
    if rule is None or rule.r_max is None or rule.d_max is None:
        raise ValueError(
            "This Spec has no r_max and d_max: only Batch Renormalization is corrected by r and d."
        )
    mean, var = _buffers(spec, rule, shape, running)
    std = _divide_by(spec, var, found.size, np.dtype(np.float64))
    with np.errstate(all="ignore"):
        r = np.clip(found.divisor / std, 1 / rule.r_max, rule.r_max)
        return r, np.clip((found.mean - mean) / std, -rule.d_max, rule.d_max)


def start(x: npt.ArrayLike, spec: Spec) -> FloatArray:
    """The weight that makes y = x, of the shape of the weight: where Weight Norm's g starts in torch, at the lengths.

    >>> import normviz as nv
    >>> start(np.array([[3.0, 4.0], [0.0, 2.0]]), nv.METHODS["weight_norm"].spec())
    array([5., 2.])
    """
    values = np.asarray(x)
    return _along(moments(values, spec).divisor, spec.affine.weight, spec, values.shape)


def transferred(second: npt.ArrayLike, spec: Spec) -> tuple[FloatArray, FloatArray]:
    """The weight and bias that a second input gives: its sets' divisors and means, over the axes of the Spec's affine.

    >>> import normviz as nv
    >>> style = np.array([3.0, 5.0]).reshape(1, 1, 1, 2)
    >>> weight, bias = transferred(style, nv.METHODS["adaptive_instance_norm"].spec())
    >>> weight.round(3).tolist(), bias.tolist()
    ([[1.0]], [[4.0]])
    """
    values = np.asarray(second)
    found = moments(values, spec)
    weight = _along(found.divisor, spec.affine.weight, spec, values.shape)
    return weight, _along(found.mean, spec.affine.bias, spec, values.shape)


def total(x: FloatArray, intervals: Sequence[Interval]) -> FloatArray:
    """For every cell the sum of x over the product of its intervals; broadcasts against x.

    >>> total(np.arange(3.0), [Interval(np.array([0, 0, 1]), np.array([2, 3, 3]))])
    array([1., 3., 3.])
    """
    for axis, interval in enumerate(intervals):
        distinct, number = interval.blocks()
        if (interval.hi - interval.lo == 1).all():
            continue
        sums = [x.take(range(lo, hi), axis).sum(axis, keepdims=True) for lo, hi in distinct]
        x = sums[0] if len(sums) == 1 else np.concatenate(sums, axis).take(number, axis)
    return x


def _two_moments(x: FloatArray, shared: StatSet, centred: bool) -> tuple[FloatArray, FloatArray]:
    """Mean and second moment of every cell's set, in two passes: E[x^2] - E[x]^2 would lose the digits."""
    intervals, size = shared.intervals(x.shape), shared.sizes(x.shape)
    if not centred:
        return np.zeros((1,) * x.ndim), total(x * x, intervals) / size
    mean = total(x, intervals) / size
    if shared.is_partition(x.shape):
        return mean, total((x - mean) ** 2, intervals) / size
    # Where sets overlap each cell of a set has a mean of its own: shift by one constant for all instead.
    finite = x[np.isfinite(x)]
    shift = finite.mean() if finite.size else 0.0
    return mean, total((x - shift) ** 2, intervals) / size - (mean - shift) ** 2


def _divide_by(spec: Spec, second: FloatArray, size: npt.NDArray[np.intp], dtype: np.dtype) -> FloatArray:
    match spec.divisor:
        case Root(eps):
            if eps is None:
                # torch computes half precision in float32, and takes that dtype's epsilon.
                floating = np.issubdtype(dtype, np.floating)
                eps = float(np.finfo(np.promote_types(dtype, np.float32) if floating else np.float64).eps)
            return np.sqrt(second + eps)
        case L2(eps):
            return np.maximum(np.sqrt(second * size), eps)
        case Response(window, alpha, beta, k):
            return np.asarray((k + alpha * (second * size / window)) ** beta)  # in torch's order


def _buffers(
    spec: Spec, rule: Running, shape: Sequence[int], running: Buffers | None
) -> tuple[FloatArray, FloatArray]:
    lengths = spec.lengths(rule.axes, shape)
    mean, var = running if running is not None else (np.zeros(lengths), np.ones(lengths))
    return (
        aligned(mean, rule.axes, spec, shape, "the running mean"),
        aligned(var, rule.axes, spec, shape, "the running variance"),
    )


def aligned(
    value: npt.ArrayLike, names: tuple[str, ...], spec: Spec, shape: Sequence[int], what: str
) -> FloatArray:
    """A parameter of the shape of the axes named, reshaped to broadcast against the whole tensor."""
    array = np.asarray(value, np.float64)
    lengths = spec.lengths(names, shape)
    if not names:
        raise ValueError(
            f"This method has no {what}, but one of shape {array.shape} was given. Leave it out."
        )
    if array.shape != lengths:
        raise ValueError(
            f"{what} has shape {array.shape}; for a tensor of shape {tuple(shape)} it needs {lengths}, "
            f"one number for each place along ({', '.join(names)})."
        )
    axes = spec.axes(shape)
    present = [n for n in names if n in axes]
    in_order = np.transpose(array, np.argsort([axes.index(n) for n in present]))
    return in_order.reshape([n if a in present else 1 for a, n in zip(axes, shape, strict=True)])


def _along(each: FloatArray, names: tuple[str, ...], spec: Spec, shape: Sequence[int]) -> FloatArray:
    """Of a statistic that broadcasts against the tensor its values along these axes, in that order."""
    axes = spec.axes(shape)
    full = np.broadcast_to(each, tuple(shape))
    first = full[tuple(slice(None) if a in names else 0 for a in axes)]
    left = [a for a in axes if a in names]
    return np.ascontiguousarray(first.transpose([left.index(n) for n in names if n in left]))
