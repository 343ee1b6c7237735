"""One real pass through torch's own layer, and the same again by the reference: do they agree?

>>> x = np.random.default_rng(0).standard_normal((8, 12, 4, 4))
>>> seen = forward(x, "group_norm", {"num_groups": 3}, gamma=1.3)
>>> seen.layer, seen.difference64 < 1e-12, seen.disagreements
('GroupNorm', True, 0)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from normviz.catalogue import METHODS
from normviz.catalogue import method as find
from normviz.methods import Method
from normviz.nets.devices import check
from normviz.records import Forward
from normviz.reference import FloatArray, normalize
from normviz.spec import Spec

Running = tuple[FloatArray, FloatArray]


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
) -> Forward:
    """y = layer(x) with a fresh torch layer of the method, and how far the reference is from it.

    ``x`` has a layout of the method. ``gamma`` and ``beta`` fill the layer's weight and bias; they have no
    effect where it has none, that is where ``spec.affine.weight`` (``.bias``) is empty.

    A method that differs in evaluation, when ``evaluating``, and one that only reads running buffers, first
    meets ``batches`` mini-batches in training mode: each N samples of ``history`` (of x where none is given, and of
    x's shape), drawn with replacement by ``seed``.
    Then y is what the layer makes of x in evaluation mode, and ``running`` is what its buffers hold (torch
    keeps the unbiased variance; ``momentum`` is the weight of the new batch).

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
    if evaluating and method.evaluating:
        method = METHODS[method.evaluating]
    given = np.asarray(x, np.float64)
    spec = method.spec(**knobs)
    layer = method.torch_layer(given.shape, **knobs)
    parameters = _parameters(spec, given.shape, gamma, beta)

    with _one_thread(), torch.inference_mode():
        seen = torch.tensor(given, dtype=kind, device=device)
        module = _module(method, given.shape, knobs, gamma, beta, device, kind)
        reads_buffers = spec.running is not None and not spec.parts
        refusal = ""
        try:
            if reads_buffers:
                past = (
                    seen if history is None else torch.tensor(np.asarray(history), dtype=kind, device=device)
                )
                _train(module, past, batches, momentum, seed)
            y = _array(module(seen))
            y64 = _in_float64(method, given, knobs, gamma, beta, module, device)
        except (ValueError, RuntimeError) as refused:
            refusal = str(refused)
        running = _running(module) if reads_buffers else None

    # float32 holds every value of the half precisions; numpy has no bfloat16.
    values = given if kind == torch.float64 else _array(seen.float()).astype(np.float32)
    reference = normalize(values, spec, running=running, **parameters)
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


def _module(
    method: Method,
    shape: tuple[int, ...],
    knobs: Mapping[str, Any],
    gamma: float,
    beta: float,
    device: str,
    kind: torch.dtype,
) -> Any:
    module = method.module(torch.nn, shape, **knobs).to(device, kind)
    # Filled after the cast: a float32 1.3 would stay a rounded one in float64.
    for name, value in (("weight", gamma), ("bias", beta)):
        parameter = getattr(module, name, None)
        if parameter is not None:
            parameter.fill_(value)
    return module


def _parameters(spec: Spec, shape: tuple[int, ...], gamma: float, beta: float) -> dict[str, FloatArray]:
    named = {"weight": (spec.affine.weight, gamma), "bias": (spec.affine.bias, beta)}
    return {name: np.full(spec.lengths(axes, shape), value) for name, (axes, value) in named.items() if axes}


def _train(module: Any, x: torch.Tensor, batches: int, momentum: float, seed: int) -> None:
    """Let the layer's buffers see resamples of x, and leave it in evaluation mode."""
    rng = np.random.default_rng(seed)
    module.momentum = momentum
    module.train()
    try:
        for _ in range(batches):
            module(x[torch.from_numpy(rng.integers(len(x), size=len(x))).to(x.device)])
    finally:
        module.eval()


def _in_float64(
    method: Method,
    x: FloatArray,
    knobs: Mapping[str, Any],
    gamma: float,
    beta: float,
    trained: Any,
    device: str,
) -> FloatArray:
    """The pass in float64, with the buffers of ``trained`` if the layer reads any."""
    where = "cpu" if device == "mps" else device
    module = _module(method, x.shape, knobs, gamma, beta, where, torch.float64)
    buffers = dict(trained.named_buffers())
    for name, buffer in module.named_buffers():
        buffer.copy_(buffers[name])
    return _array(module(torch.tensor(x, dtype=torch.float64, device=where)))


def _running(module: Any) -> Running:
    return _array(module.running_mean), _array(module.running_var)


def _array(tensor: torch.Tensor) -> FloatArray:
    # To the CPU first: MPS has no float64.
    array: FloatArray = tensor.detach().cpu().to(torch.float64).numpy()
    return array


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for torch: layers this small gain nothing from more, and other sessions need the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
