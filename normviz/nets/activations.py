"""One real pass through an activation of torch, alone or with a normalization before or after it, and its gradient.

    before: z = norm(x), y = a(z)        after: z = x, y = norm(a(x))        none: z = x, y = a(x)

>>> x = np.random.default_rng(0).standard_normal((8, 12, 4, 4))
>>> seen = measure(x, "relu", order="before", norm="batch_norm")
>>> seen.negatives, 0.4 < seen.zeros / x.size < 0.6, seen.difference64
(0, True, 0.0)
>>> after = measure(x, "relu", order="after", norm="batch_norm")
>>> after.negatives > 0, round(abs(after.final.mean), 6)
(True, 0.0)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from normviz.activation import Activation
from normviz.activations import activation
from normviz.activity import ORDERS, Activity, Counts
from normviz.nets.devices import check
from normviz.nets.forward import compare
from normviz.nets.normalizers import Map, normalizer, sayable
from normviz.nets.runtime import one_thread
from normviz.nets.tensors import array, float64_device
from normviz.records import Summary, shared_edges
from normviz.reference import FloatArray


def measure(
    x: npt.ArrayLike,
    key: str,
    knobs: Mapping[str, Any] | None = None,
    *,
    order: str = "none",
    norm: str | None = None,
    norm_knobs: Mapping[str, Any] | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    seed: int = 0,
    edges: npt.ArrayLike | None = None,
    bins: int = 80,
) -> Activity:
    """What torch's activation makes of x, and what passes back through it.

    ``x`` is (N, C), (N, L, C) or (N, C, H, W); of any shape where ``order`` is ``none``. ``norm`` is the key of the
    normalization that stands ``before`` or ``after``, a fresh layer in training mode (see
    :func:`normviz.nets.normalizers.normalizer`). A learned slope is where it starts.

    ``edges`` are the bins of the three histograms; without them ``bins`` bins, symmetric about 0 and wide enough for
    all three (:func:`normviz.activity.common_edges` finds those that several can share). dL/dy is standard normal, by
    ``seed``. A NaN or an infinity in x goes through like any other value and is counted in the summaries.

    Nothing outside is changed. Raises ValueError for what is not known, and, with its own words, where torch refuses.
    """
    kind = check(device, dtype)
    entry = activation(key)
    if order not in ORDERS:
        raise ValueError(f"order = {order!r} is not known: it is one of {', '.join(ORDERS)}.")
    if order != "none" and norm is None:
        raise ValueError(f"order = {order!r} needs a normalization: give norm, such as 'batch_norm'.")
    given = np.asarray(x, np.float64)
    if not given.size:
        raise ValueError(f"An array of shape {given.shape} holds nothing: give at least one value.")
    complete = entry.complete(knobs or {})

    def normalized(values: torch.Tensor, place: str) -> torch.Tensor:
        if order != place or norm is None:
            return values
        return normalizer(values, norm, norm_knobs, seed=seed)(values)

    with one_thread(), torch.inference_mode(False), torch.enable_grad():
        start = torch.tensor(given, dtype=kind, device=device).requires_grad_()
        module = activation_layer(entry, complete, device, kind)
        z = normalized(start, "before")
        a = module(z)
        y = normalized(a, "after")
        (slope,) = torch.autograd.grad(a, z, torch.ones_like(a), retain_graph=True)
        noise = torch.tensor(np.random.default_rng(seed).standard_normal(y.shape), dtype=kind, device=device)
        (back,) = torch.autograd.grad(y, start, noise)

    into, out, final = array(z), array(a), array(y)
    bounds = _edges((into, out, final), bins) if edges is None else _checked(edges)
    steep = array(slope)[np.isfinite(into)]
    return Activity(
        entry.key,
        order,
        Summary.of(into),
        Summary.of(out),
        Summary.of(final),
        bounds,
        _counts(into, bounds),
        _counts(out, bounds),
        _counts(final, bounds),
        zeros=int((final == 0).sum()),
        negatives=int((final < 0).sum()),
        dead=int(entry.dead(into, **complete).sum()),
        saturated=int(entry.saturated(into, **complete).sum()),
        slope=float(steep.mean()) if steep.size else math.nan,
        passed=_passed(array(back), array(noise)),
        difference64=_difference64(entry, complete, into, device),
    )


def activation_layer(entry: Activation, knobs: Mapping[str, Any], device: str, kind: torch.dtype) -> Map:
    """torch's own layer, in this dtype; its refusals are ValueErrors of one sentence."""
    module = entry.module(torch.nn, **knobs).to(device, kind)
    if entry.learned:
        # After the cast: a float32 0.1 would stay a rounded one in float64.
        with torch.no_grad():
            getattr(module, entry.learned).fill_(entry.complete(knobs)["init"])
    return sayable(entry.key, module)


def _difference64(entry: Activation, knobs: Mapping[str, Any], values: FloatArray, device: str) -> float:
    """How far torch is from the formula on these values, both in float64."""
    where = float64_device(device)
    with torch.no_grad():
        layer = activation_layer(entry, knobs, where, torch.float64)
        y = array(layer(torch.tensor(values, dtype=torch.float64, device=where)))
    return compare(y, entry(values, **knobs))[0]


def _passed(back: FloatArray, sent: FloatArray) -> float:
    """|back| / |sent|, over the cells whose gradient is finite."""
    finite = back[np.isfinite(back)]
    return float(np.linalg.norm(finite) / np.linalg.norm(sent)) if finite.size else math.nan


def _edges(seen: tuple[FloatArray, ...], bins: int) -> FloatArray:
    """Bins wide enough for each of these, with an edge at 0 itself where there is one in the middle."""
    if bins < 1:
        raise ValueError(f"bins = {bins}: at least 1 is needed. Try 80.")
    edges = max((shared_edges(values, values, bins) for values in seen), key=lambda found: float(found[-1]))
    if bins % 2 == 0:
        edges[bins // 2] = 0.0  # rounding puts it a hair above, and every zero into the bin below
    return edges


def _checked(edges: npt.ArrayLike) -> FloatArray:
    found = np.asarray(edges, np.float64)
    if found.ndim != 1 or found.size < 2 or not (np.diff(found) > 0).all() or not np.isfinite(found).all():
        raise ValueError(
            f"edges of shape {found.shape}: two or more finite numbers that rise are needed. Try another Activity's."
        )
    return found


def _counts(values: FloatArray, edges: FloatArray) -> Counts:
    """A histogram of the finite values."""
    return np.histogram(values[np.isfinite(values)], edges)[0]
