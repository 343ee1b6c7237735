"""Mini-batches through a real Batch Renorm layer in training mode: r and d at every step, and what evaluating gives.

>>> pool = np.random.default_rng(0).normal(3.0, 2.0, (64, 5, 4, 4))
>>> seen = corrected(pool, "batch_renorm", {}, Opening(), batch=8, steps=20)
>>> seen.r.shape, bool(seen.difference < 1e-5), bool((seen.r[:10] == 1).all())
((20, 5), True, True)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from normviz.catalogue import method as find
from normviz.nets.devices import check
from normviz.nets.tensors import array, buffers_of
from normviz.reference import FloatArray, corrections, moments, normalize
from normviz.renorm import STEPS, Corrected, Opening
from normviz.spec import Running, Spec
from normviz.stream import Plan


def corrected(
    pool: npt.ArrayLike,
    method_key: str,
    knobs: Mapping[str, Any],
    opening: Opening,
    *,
    batch: int,
    steps: int = STEPS,
    momentum: float = 0.1,
    device: str = "cpu",
    dtype: str = "float32",
    seed: int = 0,
) -> Corrected:
    """Stream batches of a population through a fresh layer of a method that has r and d.

    ``pool`` is (M, C), (M, L, C) or (M, C, H, W), M samples; every epoch goes through it in a new order, drawn by
    ``seed``. The layer's bounds are set before every step as ``opening`` has them, whatever the knobs say; ``momentum``
    is the weight of the new value. The batch goes through the layer in evaluation mode, with the buffers as they are,
    and then in training mode, which moves them; and once through Batch Norm of torch.

    r, d and the statistics are the reference's, in float64, from the layer's own buffers; that the layer's y is what
    they give is what ``difference`` says. Raises ValueError where the method has no r and d, where a batch does not fit
    the population, and where a channel of a batch has a single value.
    """
    kind = check(device, dtype)
    data = np.asarray(pool)
    shape = (batch, *data.shape[1:])
    spec = find(method_key).spec(**knobs)
    rule = spec.running
    if rule is None or not spec.corrected:
        raise ValueError(f"{method_key} has no r and d: choose a method with r_max and d_max.")
    if spec.sets[0].size(shape, (0,) * len(shape)) < 2:
        raise ValueError(f"A batch of shape {shape} has one value per channel: take two samples or more.")
    channel = spec.axes(shape).index("C")
    across = tuple(k for k in range(len(shape)) if k != channel)

    def by_channel(full: npt.ArrayLike) -> FloatArray:
        """One number a channel, of what is the same at all its cells."""
        full = np.broadcast_to(np.asarray(full, np.float64), shape)
        return np.array(full[tuple(slice(None) if k == channel else 0 for k in range(len(shape)))])

    module = find(method_key).module(torch.nn, shape, **knobs).to(device, kind)
    module.momentum = momentum
    plan = Plan(batch=batch, steps=steps, momentum=momentum, seed=seed)
    rows: dict[str, list[Any]] = {name: [] for name in ROWS}
    difference = largest = 0.0
    with torch.inference_mode():
        for step, picked in enumerate(plan.batches(len(data)), 1):
            x = torch.tensor(data[picked], dtype=kind, device=device)
            running = buffers_of(module)
            now = at_step(spec, rule, *opening.at(step))
            module.r_max, module.d_max = opening.at(step)
            evaluated = array(module.eval()(x))
            y = array(module.train()(x))
            plain = array(_batch_norm(x, channel, module.eps))
            seen = array(x)
            found = moments(seen, now)
            raw = corrections(found, at_step(spec, rule, np.inf, np.inf), shape, running=running)
            used = corrections(found, now, shape, running=running)
            values = (
                picked,
                by_channel(found.mean),
                by_channel(found.divisor),
                running[0],
                np.sqrt(running[1] + module.eps),
                *map(by_channel, raw),
                *map(by_channel, used),
                *opening.at(step),
                np.abs(y - evaluated).max(across),
                np.abs(plain - evaluated).max(across),
            )
            for name, value in zip(ROWS, values, strict=True):
                rows[name].append(value)
            wanted = normalize(seen, now, running=running)
            difference = max(difference, float(np.abs(y - wanted).max()))
            largest = max(largest, float(np.abs(wanted).max()))
    layer = find(method_key).torch_layer(shape, **knobs).name
    arrays = {name: np.array(values) for name, values in rows.items()}
    return Corrected(
        **arrays, difference=difference, largest=largest, layer=layer, device=device, dtype=dtype
    )


#: What is written down at every step, in the order in which it is found.
ROWS = (
    "picked",
    "mean",
    "std",
    "running_mean",
    "running_std",
    "raw_r",
    "raw_d",
    "r",
    "d",
    "r_max",
    "d_max",
    "gap",
    "plain_gap",
)


def at_step(spec: Spec, rule: Running, r_max: float, d_max: float) -> Spec:
    """The same normalizer with the bounds of a step."""
    return replace(spec, running=replace(rule, r_max=r_max, d_max=d_max))


def _batch_norm(x: torch.Tensor, channel: int, eps: float) -> torch.Tensor:
    first = x.movedim(channel, 1)
    y = torch.nn.functional.batch_norm(first, None, None, training=True, eps=eps)
    return y.movedim(1, channel)
