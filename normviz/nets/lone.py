"""Batch Norm in training with a batch of one, beside Instance Norm; and on vectors, for several batch sizes.

>>> from normviz.catalogue import METHODS
>>> x = np.random.default_rng(0).standard_normal((8, 5, 4, 4))
>>> seen = alone(x, METHODS["batch_norm"].spec(), 2)
>>> seen.layer, seen.instance_layer, seen.difference64 < 1e-12
('BatchNorm2d', 'InstanceNorm2d', True)
>>> alone(x[:, :, 0, 0], METHODS["batch_norm"].spec(), 2).refusal[:33]
'Expected more than 1 value per ch'
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from normviz.catalogue import METHODS
from normviz.layouts import axes_of
from normviz.lone import Alone, BySize, Refused, noise
from normviz.methods import Method
from normviz.nets.devices import check
from normviz.nets.forward import compare, forward
from normviz.nets.tensors import array, resamples
from normviz.records import Tensor
from normviz.reference import FloatArray, normalize
from normviz.spec import Spec

#: More channels than these add nothing to a picture of all outputs.
CHANNELS = 64


def alone(
    x: npt.ArrayLike,
    spec: Spec,
    sample: int,
    *,
    batches: int = 20,
    momentum: float = 0.1,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
) -> Alone:
    """One sample of ``x`` through torch's Batch Norm in training: in its batch, and as a batch of its own.

    ``x`` is channels first: (N, C), (N, C, L) or (N, C, H, W). ``spec`` is a Batch Norm's: its eps is used; gamma
    is 1 and beta 0. In evaluation the layer reads buffers that have seen ``batches`` resamples of ``x``.

    Raises ValueError where the device or dtype is not there, or the sample is not in the batch.
    """
    kind = check(device, dtype)
    given = np.asarray(x, np.float64)
    if not 0 <= sample < len(given):
        raise ValueError(
            f"sample {sample} of a batch of {len(given)}: it must be from 0 to {len(given) - 1}."
        )
    eps = spec.eps
    assert eps is not None
    one = given[sample : sample + 1]
    with torch.inference_mode():
        seen = torch.tensor(given, dtype=kind, device=device)
        here = seen[sample : sample + 1]
        batch_norm = _layer("BatchNorm", given, eps).to(device, kind)
        instance_norm = _layer("InstanceNorm", given, eps).to(device, kind)
        by_itself, refusal = _try(batch_norm, here)
        instance, instance_refusal = _try(instance_norm, here)
        in_batch, _ = _try(batch_norm, seen)
        double = torch.from_numpy(one)
        exact = [_try(_layer(name, given, eps).double(), double)[0] for name in ("BatchNorm", "InstanceNorm")]
        trained = _layer("BatchNorm", given, eps, momentum).to(device, kind)
        history = ""
        for batch in resamples(seen, batches, seed):
            _, history = _try(trained, batch)
            if history:
                break
        trained.eval()
        evaluated, within = trained(here), trained(seen)[sample : sample + 1]
    by_formula = _by_formula(one, eps)
    return Alone(
        x=given[sample].astype(np.float32),
        in_batch=_one(in_batch, sample),
        alone=_one(by_itself),
        instance=_one(instance),
        formula=by_formula[0].astype(np.float32),
        difference=_apart(by_itself, instance),
        difference64=_apart(*exact),
        formula_difference=_apart(exact[0], torch.from_numpy(by_formula)),
        evaluated=_one(evaluated),
        evaluated_difference=_apart(evaluated, within),
        layer=type(batch_norm).__name__,
        instance_layer=type(instance_norm).__name__,
        dtype=dtype,
        device=device,
        refusal=refusal,
        instance_refusal=instance_refusal,
        history_refusal=history,
    )


def by_size(
    samples: npt.ArrayLike,
    vectors: npt.ArrayLike,
    spec: Spec,
    sizes: Sequence[int],
    *,
    seed: int = 0,
    draws: int = 200,
) -> BySize:
    """torch's Batch Norm in training on batches of each size, drawn from ``vectors`` (P, C) without repeating a vector
    where there are enough; and the noise of the batch's mean for batches of ``samples`` (P, C, ...).

    All in float64 on the CPU. For n = 1, where torch refuses, the outputs are the formula's. The gradient is that of a
    sum of the outputs weighed by standard normal numbers, by autograd, and its median size is given (0 for n = 1,
    where y does not depend on x).
    """
    given = np.asarray(vectors, np.float64)
    step = -(-given.shape[1] // CHANNELS)
    given = given[:, ::step]
    eps = spec.eps
    assert eps is not None
    rng = np.random.default_rng(seed)
    outputs, gradients = [], []
    for n in sizes:
        batch = given[rng.choice(len(given), size=n, replace=n > len(given))]
        weights = torch.from_numpy(rng.standard_normal(batch.shape))
        if n == 1:
            outputs.append(_by_formula(batch, eps).reshape(-1))
            gradients.append(0.0)
            continue
        x = torch.from_numpy(batch).requires_grad_()
        y = _layer("BatchNorm", batch, eps).double()(x)
        (slope,) = torch.autograd.grad((y * weights).sum(), x)
        outputs.append(y.detach().numpy().reshape(-1))
        gradients.append(float(slope.abs().median()))
    found = noise(samples, sizes, draws=draws, seed=seed)
    return BySize(tuple(sizes), tuple(outputs), tuple(gradients), found, len(given), draws)


def refusals(x: npt.ArrayLike) -> tuple[Refused, ...]:
    """Every method that can be set so that on this tensor each of its sets is one cell, and what torch's layer says.

    ``x`` has a layout of activations. What torch accepts all the same has an empty sentence.
    """
    given = np.asarray(x, np.float64)
    found = []
    for method in METHODS.values():
        for knobs in _settings(method, given.shape):
            spec = method.spec(**knobs)
            if not _one_cell(spec, given.shape):
                continue
            done = forward(given, method.key, knobs, dtype="float64")
            finite = done.y[np.isfinite(done.y)]
            largest = float(np.abs(finite).max()) if finite.size else math.nan
            told = tuple((k.name, knobs[k.name]) for k in method.knobs if k.name in knobs and k.divides)
            found.append(Refused(method.key, told, done.refusal, largest))
            break
    return tuple(found)


def _settings(method: Method, shape: tuple[int, ...]) -> Iterator[Mapping[str, Any]]:
    """The knobs' defaults, then with every knob that counts groups of an axis at that axis's length."""
    if len(axes_of(shape)) not in {len(layout) for layout in method.spec().layouts}:
        return
    lengths = dict(zip(axes_of(shape), shape, strict=True))
    usual = method.defaults(lengths)
    yield usual
    finest = {k.name: lengths[k.divides] for k in method.knobs if k.divides in lengths}
    if finest:
        yield usual | finest


def _one_cell(spec: Spec, shape: tuple[int, ...]) -> bool:
    """Whether every set is a single cell and comes out with mean 0: then there is nothing left of it."""
    return spec.outcome == "standard" and bool((spec.sets[0].sizes(shape) == 1).all())


def _layer(name: str, x: FloatArray, eps: float, momentum: float = 0.1) -> Any:
    """torch's layer of that name for this input; Instance Norm sees (N, C) as (N, C, 1), or it would take N for C."""
    if name == "BatchNorm":
        kind = nn.BatchNorm2d if x.ndim == 4 else nn.BatchNorm1d
        return kind(x.shape[1], eps=eps, momentum=momentum, affine=False)
    instance = (nn.InstanceNorm2d if x.ndim == 4 else nn.InstanceNorm1d)(x.shape[1], eps=eps)
    if x.ndim == 2:
        instance.register_forward_pre_hook(lambda module, inputs: (inputs[0].unsqueeze(-1),))
        instance.register_forward_hook(lambda module, inputs, y: y.squeeze(-1))
    return instance


def _by_formula(x: FloatArray, eps: float) -> FloatArray:
    """Batch Norm of x (N, C, ...), in training, by our reference."""
    spec = METHODS["batch_norm"].spec(eps=eps, affine=False)
    if x.ndim == 3:
        return np.moveaxis(normalize(np.moveaxis(x, 1, -1), spec), -1, 1)
    return normalize(x, spec)


def _try(layer: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor | None, str]:
    """What a layer gives, or the sentence with which it refuses."""
    try:
        return layer(x), ""
    except ValueError as refused:
        return None, str(refused)


def _apart(one: torch.Tensor | None, two: torch.Tensor | None) -> float:
    """The largest difference where both are finite; infinite where only one is, NaN where one is not there."""
    if one is None or two is None:
        return math.nan
    largest, elsewhere = compare(array(one), array(two))
    return math.inf if elsewhere else 0.0 if math.isnan(largest) else largest


def _one(tensor: torch.Tensor | None, index: int = 0) -> Tensor:
    """One sample as numpy; empty where there is none."""
    if tensor is None:
        return np.zeros(0, np.float32)
    return np.asarray(tensor[index].detach().float().cpu().numpy(), np.float32)
