"""Mini-batches through a real BatchNorm layer: how its running buffers evolve, and what evaluating makes of them.

>>> pool = np.random.default_rng(0).normal(3.0, 2.0, (64, 5, 4, 4))
>>> seen = course(pool, Plan(batch=8, steps=40, momentum=None))
>>> seen.layer, bool(np.abs(seen.running_mean[40] - seen.mean).max() < 0.05)
('BatchNorm2d', True)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from normviz.layouts import axes_of
from normviz.nets.devices import check
from normviz.nets.tensors import array, buffers_of
from normviz.records import Summary, shared_edges
from normviz.reference import FloatArray
from normviz.stream import Course, Evaluation, Outputs, Plan

Buffers = tuple[FloatArray, FloatArray]


def course(pool: npt.ArrayLike, plan: Plan, *, device: str = "cpu", dtype: str = "float32") -> Course:
    """Stream the plan's batches of a population through a fresh layer in training mode, and write down its buffers.

    ``pool`` is (M, C), (M, L, C) or (M, C, H, W), M samples. The layer's buffers are read after every step. Raises
    ValueError where a batch does not fit the population, and, in torch's own words, where a batch has only one value
    per channel.
    """
    kind = check(device, dtype)
    data = np.asarray(pool)
    mean, var = _moments(data)
    layer = _layer(data.shape, plan, device, kind)
    layer.train()
    batch_mean, batch_var = np.empty((2, plan.steps, mean.size))
    running_mean, running_var = np.empty((2, plan.steps + 1, mean.size))
    biased = np.ones_like(running_var)
    values = plan.batch * (data[0].size // mean.size)
    running_mean[0], running_var[0] = buffers_of(layer)
    with torch.inference_mode():
        for step, picked in enumerate(plan.batches(len(data)), 1):
            x = _moved(data[picked], plan.drift(step), mean, var)
            layer(_tensor(x, device, kind))
            running_mean[step], running_var[step] = buffers_of(layer)
            batch_mean[step - 1], batch_var[step - 1] = _moments(x)
            m = plan.weight(step)
            biased[step] = (1 - m) * biased[step - 1] + m * batch_var[step - 1]
    name = type(layer).__name__
    return Course(
        mean,
        var,
        batch_mean,
        batch_var,
        running_mean,
        running_var,
        biased,
        values,
        len(data),
        name,
        device,
        dtype,
    )


def evaluate(
    pool: npt.ArrayLike,
    plan: Plan,
    buffers: Buffers,
    step: int,
    *,
    channel: int = 0,
    shift: float = 0.0,
    scale: float = 1.0,
    device: str = "cpu",
    dtype: str = "float32",
    bins: int = 80,
) -> Evaluation:
    """Run a layer that holds these buffers in evaluation mode, beside one in training mode, on the same data.

    The data: the whole population as it is at ``step`` (``matching``), the population moved by ``shift`` of its
    standard deviations and ``scale`` (``shifted``), and the batch of that step (the first, at step 0), for the largest
    difference between the two modes.

    >>> pool = np.random.default_rng(0).normal(3.0, 2.0, (64, 5))
    >>> seen = evaluate(pool, Plan(), (np.full(5, 3.0), np.full(5, 4.0)), 60, shift=1.0)
    >>> abs(round(seen.matching.mean.mean())), round(seen.shifted.mean.mean())
    (0, 1)
    """
    kind = check(device, dtype)
    data = np.asarray(pool)
    mean, var = _moments(data)
    trained = _layer(data.shape, plan, device, kind).train()
    evaluating = _layer(data.shape, plan, device, kind, buffers).eval()
    with torch.inference_mode():
        picked = list(plan.batches(len(data)))[max(step, 1) - 1]
        batch = _tensor(_moved(data[picked], plan.drift(max(step, 1)), mean, var), device, kind)
        apart = (trained(batch) - evaluating(batch)).abs()
        gap = array(apart.amax([k for k in range(apart.ndim) if k != 1]))
        found = []
        for moved in (plan.drift(step), (shift, scale)):
            x = _tensor(_moved(data, moved, mean, var), device, kind)
            found.append([array(layer(x)) for layer in (trained, evaluating)])
    # One axis for the four histograms: where training puts the data, and where evaluating does.
    edges = _edges([y[:, channel] for pair in found for y in pair], bins)
    matching, shifted = (_outputs(train, after, channel, edges) for train, after in found)
    return Evaluation(edges, matching, shifted, gap, channel)


def _layer(
    shape: tuple[int, ...], plan: Plan, device: str, kind: torch.dtype, buffers: Buffers | None = None
) -> Any:
    """A fresh layer: no session ever shares one that trains."""
    axes = axes_of(shape)
    make = torch.nn.BatchNorm2d if axes[-2:] == ("H", "W") else torch.nn.BatchNorm1d
    layer = make(shape[axes.index("C")], eps=plan.eps, momentum=plan.momentum).to(device, kind)
    if buffers is not None:
        for name, held in zip(("running_mean", "running_var"), buffers, strict=True):
            getattr(layer, name).copy_(torch.from_numpy(np.asarray(held, np.float64)))
    return layer


def _moments(data: npt.NDArray[Any]) -> Buffers:
    """Mean and biased variance per channel in float64, by two passes."""
    axes = axes_of(data.shape)
    across = tuple(k for k, axis in enumerate(axes) if axis != "C")
    mean = data.mean(across, dtype=np.float64)
    var = ((data - _along(mean, data.shape)) ** 2).mean(across, dtype=np.float64)
    return mean, var


def _along(channels: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """A value per channel, shaped to broadcast against the data."""
    return channels.reshape([-1 if axis == "C" else 1 for axis in axes_of(shape)])


def _moved(
    data: npt.NDArray[Any], drift: tuple[float, float], mean: FloatArray, var: FloatArray
) -> npt.NDArray[Any]:
    """The data shifted by so many standard deviations of the population, and scaled about its mean."""
    shift, scale = drift
    if (shift, scale) == (0, 1):
        return data
    centre, spread = _along(mean, data.shape), _along(np.sqrt(var), data.shape)
    return np.asarray(centre + (data - centre) * scale + shift * spread)


def _tensor(data: npt.NDArray[Any], device: str, kind: torch.dtype) -> torch.Tensor:
    """The data on its device, channels where torch wants them."""
    tensor = torch.tensor(data, dtype=kind, device=device)
    return tensor.movedim(-1, 1) if axes_of(data.shape)[-1] == "C" else tensor


def _edges(values: list[FloatArray], bins: int) -> FloatArray:
    """Bin edges over nearly all of the values, not symmetric: stale statistics push everything to one side."""
    low, high = (float(f([np.quantile(v, q) for v in values])) for f, q in ((min, 0.0015), (max, 0.9985)))
    half = shared_edges([high - low, 0.0], [0.0], bins=2, cover=1.0)[-1] / 2
    middle = (low + high) / 2
    half = max(half, 1e-6 * max(1.0, abs(middle)))  # a channel whose values are all alike
    return np.linspace(middle - half, middle + half, bins + 1)


def _outputs(train: FloatArray, after: FloatArray, channel: int, edges: FloatArray) -> Outputs:
    across = tuple(k for k in range(after.ndim) if k != 1)
    seen = [y[:, channel].reshape(-1) for y in (train, after)]
    counts = [np.histogram(y, edges)[0] for y in seen]
    return Outputs(
        after.mean(across), after.std(across), counts[0], counts[1], Summary.of(seen[0]), Summary.of(seen[1])
    )
