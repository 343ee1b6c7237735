"""A real convolution (or linear map) with Batch Norm behind it, folded by torch, and how far that is from the two.

>>> from normviz.catalogue import METHODS
>>> x = np.random.default_rng(0).standard_normal((4, 3, 6, 6))
>>> plan = Plan(channels=5, kernel=3)
>>> seen = fold(x, METHODS["batch_norm_eval"].spec(), plan)
>>> seen.layer, seen.difference64 < 1e-12, seen.bend_eval < 1e-12 < seen.bend_train
('Conv2d(3, 5, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))', True, True)
"""

from __future__ import annotations

import math
import statistics
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from normviz.fold import Cloud, Fold, Plan, Speed, folded, line
from normviz.nets.devices import check
from normviz.nets.fold_pair import fuse, pair
from normviz.nets.tensors import array, resamples
from normviz.records import Tensor
from normviz.spec import Spec

#: The most values of a cloud that are handed over to be drawn.
POINTS = 60
#: Of outputs with more cells along an axis than these, the first are handed over.
LARGEST = 128


def fold(x: npt.ArrayLike, spec: Spec, plan: Plan, *, sample: int = 0, channel: int = 0) -> Fold:
    """Run the layer and Batch Norm in evaluation, fold them by ``torch.nn.utils.fusion``, and run the one.

    ``x`` is the layer's input, channels first: (N, C_in), (N, C_in, L) or (N, C_in, H, W). ``spec`` is of Batch Norm in
    evaluation: its eps, and whether it has gamma and beta, are used. ``sample`` is the one whose tensors are handed
    over, ``channel`` the one whose values are. Batches A and B of the linearity are the layer's own output, and a
    resample of it.

    Raises ValueError where the input does not fit, or the device or dtype is not there.
    """
    kind = check(plan.device, plan.dtype)
    given = np.asarray(x, np.float64)
    if given.ndim not in (2, 3, 4) or not given.size:
        raise ValueError(
            f"An input of shape {given.shape}: (N, C_in), (N, C_in, L) or (N, C_in, H, W) is needed, no axis empty."
        )
    with torch.inference_mode():
        layer, norm, refusal = pair(given, spec, plan)
        one = fuse(layer, norm)
        exact = torch.from_numpy(given)
        z64, together64 = layer(exact), one(exact)
        numbers = {
            "gamma": array(norm.weight),
            "beta": array(norm.bias),
            "mean": array(norm.running_mean),
            "var": array(norm.running_var),
        }
        a, b = line(**numbers, eps=norm.eps)
        weight, offset = folded(array(layer.weight), None if layer.bias is None else array(layer.bias), a, b)
        difference64 = _largest(norm(z64) - together64)
        formula = max(
            float(np.abs(array(one.weight) - weight).max()), float(np.abs(array(one.bias) - offset).max())
        )
        (other,) = resamples(z64, 1, plan.seed)
        clouds = [
            _cloud(norm, z64, other, channel, trained) if not (trained and refusal) else None
            for trained in (False, True)
        ]
        bends = [
            _bend(norm, z64, other, trained) if not (trained and refusal) else math.nan
            for trained in (False, True)
        ]
        seen = torch.tensor(given, dtype=kind, device=plan.device)
        layer, norm, one = (module.to(plan.device, kind) for module in (layer, norm, one))
        z = layer(seen)
        y, together = norm(z), one(seen)
        assert clouds[0] is not None
        return Fold(
            **numbers,
            eps=norm.eps,
            a=a,
            b=b,
            bias=np.zeros(plan.channels) if layer.bias is None else array(layer.bias),
            folded_bias=array(one.bias),
            kernel=_tensor(layer.weight),
            folded_kernel=_tensor(one.weight),
            x=_tensor(seen[sample]),
            z=_corner(z[sample]),
            y=_corner(y[sample]),
            together=_corner(together[sample]),
            difference=_largest(y - together),
            difference64=difference64,
            formula=formula,
            bend_eval=bends[0],
            bend_train=bends[1],
            evaluating=clouds[0],
            training=clouds[1],
            layer=_named(layer),
            norm=type(norm).__name__,
            dtype=plan.dtype,
            device=plan.device,
            refusal=refusal,
        )


def speed(x: npt.ArrayLike, spec: Spec, plan: Plan, *, budget: float = 0.4) -> Speed:
    """How long the two and the one take: medians of passes in turn, for ``budget`` seconds but 3 at least."""
    kind = check(plan.device, plan.dtype)
    given = np.asarray(x, np.float64)
    with torch.inference_mode():
        layer, norm, _ = pair(given, spec, plan)
        one = fuse(layer, norm)
        layer, norm, one = (module.to(plan.device, kind) for module in (layer, norm, one))
        seen = torch.tensor(given, dtype=kind, device=plan.device)
        apart: list[float] = []
        together: list[float] = []
        for _ in range(2):  # the first passes choose kernels and touch memory for the first time
            norm(layer(seen))
            one(seen)
        end = time.perf_counter() + budget
        while len(apart) < 3 or time.perf_counter() < end:
            _wait(plan.device)
            start = time.perf_counter()
            norm(layer(seen))
            _wait(plan.device)
            middle = time.perf_counter()
            one(seen)
            _wait(plan.device)
            together.append(time.perf_counter() - middle)
            apart.append(middle - start)
    return Speed(
        1e3 * statistics.median(apart),
        1e3 * statistics.median(together),
        len(apart),
        torch.get_num_threads(),
    )


def _map(norm: Any, z: torch.Tensor, trained: bool) -> torch.Tensor:
    """Batch Norm of z without a trace in its buffers."""
    mean, var = (None, None) if trained else (norm.running_mean, norm.running_var)
    return nn.functional.batch_norm(z, mean, var, norm.weight, norm.bias, training=trained, eps=norm.eps)


def _bend(norm: Any, one: torch.Tensor, two: torch.Tensor, trained: bool) -> float:
    """How far Batch Norm is from a linear map and a constant: |f(A + B) - f(A) - f(B) + f(0)|, the largest."""
    sum_, first, second, none = (_map(norm, z, trained) for z in (one + two, one, two, torch.zeros_like(one)))
    return _largest(sum_ - first - second + none)


def _cloud(norm: Any, one: torch.Tensor, two: torch.Tensor, channel: int, trained: bool) -> Cloud:
    points, lines = [], []
    for z in (one, two, one + two):
        x, y = (array(t[:, channel]).reshape(-1) for t in (z, _map(norm, z, trained)))
        where = np.unique(np.linspace(0, x.size - 1, min(x.size, POINTS)).astype(int))
        points.append((x[where], y[where]))
        mean, var = (
            (x.mean(), x.var())
            if trained
            else (_at(norm.running_mean, channel), _at(norm.running_var, channel))
        )
        gamma, beta = _at(norm.weight, channel), _at(norm.bias, channel)
        a, b = line([gamma], [beta], [mean], [var], norm.eps)
        lines.append((float(a[0]), float(b[0])))
    return Cloud(tuple(points), tuple(lines))


def _named(layer: Any) -> str:
    """The layer as torch writes it, without what is usual."""
    return f"{type(layer).__name__}({layer.extra_repr()})"


def _at(values: torch.Tensor, channel: int) -> float:
    return float(values[channel])


def _largest(difference: torch.Tensor) -> float:
    return float(difference.abs().max())


def _wait(device: str) -> None:
    """Until the device has done all it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()


def _corner(tensor: torch.Tensor) -> Tensor:
    """What of (C, ...) is handed over: whole but for very large maps."""
    return _tensor(tensor[(slice(None), *[slice(LARGEST)] * (tensor.ndim - 1))])


def _tensor(tensor: torch.Tensor) -> Tensor:
    return array(tensor).astype(np.float32)
