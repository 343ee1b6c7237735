"""One real pass through torch's own layer, and the same again by the reference: do they agree?

>>> x = np.random.default_rng(0).standard_normal((8, 12, 4, 4))
>>> seen = forward(x, "group_norm", {"num_groups": 3}, gamma=1.3)
>>> seen.layer, seen.difference64 < 1e-12, seen.disagreements
('GroupNorm', True, 0)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from normviz.catalogue import evaluation
from normviz.catalogue import method as find
from normviz.nets.devices import check
from normviz.nets.runtime import one_thread
from normviz.nets.tensors import array, buffers_of, float64_device, resamples
from normviz.records import Forward
from normviz.reference import FloatArray, aligned, normalize, start, transferred
from normviz.samples import Sample
from normviz.spec import Spec


def forward(
    x: npt.ArrayLike,
    method_key: str,
    knobs: Mapping[str, Any],
    *,
    gamma: float = 1.0,
    beta: float = 0.0,
    evaluating: bool = False,
    batches: int = 20,
    momentum: float = 0.1,
    device: str = "cpu",
    dtype: str = "float32",
    seed: int = 0,
    history: npt.ArrayLike | None = None,
    second: npt.ArrayLike | None = None,
) -> Forward:
    """y = layer(x) with a fresh torch layer of the method, and how far the reference is from it.

    ``x`` has a layout of the method. ``gamma`` and ``beta`` fill the layer's weight and bias; they have no
    effect where it has none, that is where ``spec.affine.weight`` (``.bias``) is empty. Where the weight starts at the
    divisor (Weight Norm's g at the length) ``gamma`` multiplies that start; where scale and shift are a second input's
    statistics, that is ``second`` (of x's shape; the next seed's sample where none is given) and the two do nothing.

    A method that differs in evaluation, when ``evaluating``, and one that reads running buffers, first meets
    ``batches`` mini-batches in training mode: each N samples of ``history`` (of x where none is given, and of x's
    shape), drawn with replacement by ``seed``. Then y is what the layer makes of x, in evaluation mode unless it only
    corrects towards its buffers, and ``running`` is what those held before (torch keeps the unbiased variance;
    ``momentum`` is the weight of the new batch).

    The reference is held against the layer in ``dtype`` (``difference``) and once more in float64
    (``difference64``, of the same buffers, on the CPU where the device has no float64): the largest absolute
    differences over the cells that are finite in both, NaN where there are none. Where torch refuses the
    input, ``refusal`` is its sentence, y is the reference's, and both differences are NaN.

    Nothing outside is changed: no module is shared, no global random state is drawn from. Raises ValueError
    where the input, a knob, the device or the dtype is not allowed.
    """
    kind = check(device, dtype)
    if batches < 1 or not 0 <= momentum <= 1:
        raise ValueError(
            f"batches = {batches}, momentum = {momentum}: the first must be 1 or more, "
            "the second from 0 to 1. Try 20 and 0.1."
        )
    method = find(method_key)
    shown, shown_knobs = evaluation(method, knobs) if evaluating else (method, dict(knobs))
    given = np.asarray(x, np.float64)
    spec = shown.spec(**shown_knobs)
    layer = method.torch_layer(given.shape, **knobs)
    inputs = [given]
    if spec.second:
        inputs.append(
            Sample(seed).second().tensor(given.shape).astype(np.float64)
            if second is None
            else np.asarray(second, np.float64)
        )
    parameters = _parameters(spec, inputs, gamma, beta)

    def fresh(where: str, kind: torch.dtype) -> Any:
        module = method.module(torch.nn, given.shape, **knobs).to(where, kind)
        _fill(module, spec, given.shape, parameters, where, kind)
        return module

    with one_thread(), torch.inference_mode():
        seen = [torch.tensor(each, dtype=kind, device=device) for each in inputs]
        module = fresh(device, kind)
        running, refusal = None, ""
        try:
            if spec.running is not None:
                past = torch.tensor(given if history is None else history, dtype=kind, device=device)
                train_buffers(module, past, batches=batches, momentum=momentum, seed=seed)
                running = buffers_of(module)
                module.train(bool(spec.parts))
            held = {name: buffer.clone() for name, buffer in module.named_buffers()}
            y = array(module(*seen))
            y64 = _in_float64(fresh, inputs, held, module.training, device)
        except (ValueError, RuntimeError) as refused:
            refusal = str(refused)
            running = buffers_of(module) if spec.running else None

    # float32 holds every value of the half precisions; numpy has no bfloat16.
    rounded = inputs if kind == torch.float64 else [array(x.float()).astype(np.float32) for x in seen]
    values = rounded[0]
    reference = normalize(values, spec, running=running, **_parameters(spec, rounded, gamma, beta))
    if refusal:
        y, difference, difference64, disagreements = reference, math.nan, math.nan, 0
    else:
        difference, disagreements = compare(y, reference)
        difference64, _ = compare(y64, normalize(given, spec, running=running, **parameters))
    with np.errstate(over="ignore"):
        return Forward(
            values.astype(np.float32),
            y.astype(np.float32),
            difference,
            difference64,
            disagreements,
            f"functional.{layer.name}" if layer.function else layer.name,
            device,
            dtype,
            running,
            refusal,
        )


def compare(y: FloatArray, reference: FloatArray) -> tuple[float, int]:
    """The largest absolute difference where both are finite, and how many cells are NaN or Inf in one alone.

    >>> compare(np.array([1.0, np.inf, np.nan]), np.array([1.5, np.inf, 0.0]))
    (0.5, 1)
    """
    both = np.isfinite(y) & np.isfinite(reference)
    same = both | (np.isnan(y) & np.isnan(reference)) | (y == reference)
    largest = float(np.abs(y[both] - reference[both]).max()) if both.any() else math.nan
    return largest, int((~same).sum())


def _fill(
    module: Any,
    spec: Spec,
    shape: tuple[int, ...],
    parameters: Mapping[str, FloatArray],
    where: str,
    kind: torch.dtype,
) -> None:
    """Set the module's weight and bias, after the cast: a float32 1.3 would stay a rounded one in float64."""
    for name, value in parameters.items():
        tensor = torch.tensor(value, dtype=kind, device=where)
        match getattr(module, name, None):
            case torch.nn.Parameter() as parameter:
                parameter.copy_(tensor.reshape(parameter.shape))
            case None if spec.affine.identity_at_start:  # Weight Norm's g has as many axes as v
                module.weight = tensor.reshape(
                    aligned(value, spec.affine.weight, spec, shape, "weight").shape
                )


def _parameters(
    spec: Spec, inputs: Sequence[npt.NDArray[Any]], gamma: float, beta: float
) -> dict[str, FloatArray]:
    """The weight and bias, whatever their origin."""
    if spec.second:
        return dict(zip(("weight", "bias"), transferred(inputs[1], spec), strict=True))
    shape = inputs[0].shape
    named = {"weight": (spec.affine.weight, gamma), "bias": (spec.affine.bias, beta)}
    filled = {
        name: np.full(spec.lengths(axes, shape), value) for name, (axes, value) in named.items() if axes
    }
    if spec.affine.identity_at_start:
        filled["weight"] *= start(inputs[0], spec)
    return filled


def train_buffers(
    module: Any, x: torch.Tensor, *, batches: int = 20, momentum: float = 0.1, seed: int = 0
) -> None:
    """Let a layer's buffers see ``batches`` resamples of x, and leave it in evaluation mode.

    Each is as many samples as x has, drawn with replacement by ``seed``; ``momentum`` is the weight of the new batch.
    """
    module.momentum = momentum
    module.train()
    try:
        for batch in resamples(x, batches, seed):
            module(batch)
    finally:
        module.eval()


def _in_float64(
    fresh: Callable[[str, torch.dtype], Any],
    inputs: Sequence[FloatArray],
    held: Mapping[str, torch.Tensor],
    training: bool,
    device: str,
) -> FloatArray:
    """The pass in float64, with these buffers."""
    where = float64_device(device)
    module = fresh(where, torch.float64).train(training)
    for name, buffer in module.named_buffers():
        buffer.copy_(held[name])
    return array(module(*(torch.tensor(x, dtype=torch.float64, device=where) for x in inputs)))
