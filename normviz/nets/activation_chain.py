"""Signal and gradient down a chain of layers that all end in the same activation.

    x_l = a(W_l x_{l-1}),  W_l ~ N(0, gain^2 / fan_in),  gain = sqrt(2) for "he", 1 for "xavier"
    x_l = a(x_{l-1})  for "none": the activation composed with itself

with a normalization, where there is one, around a. Source: Glorot and Bengio 2010; He et al. 2015, equation 10.

>>> x = np.random.default_rng(0).standard_normal((64, 8))
>>> sigmoid, relu = (chain(x, key, layers=30) for key in ("sigmoid", "relu"))
>>> bool(sigmoid.gradient[0] < 1e-12), bool(0.1 < relu.gradient[0] < 10)
(True, True)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from normviz.activations import activation
from normviz.activity import WEIGHTS, Chain
from normviz.layouts import axes_of
from normviz.nets.activations import activation_layer
from normviz.nets.devices import check
from normviz.nets.normalizers import normalizer, normalizing
from normviz.nets.runtime import one_thread
from normviz.nets.tensors import array
from normviz.reference import FloatArray

#: How many layers and how many features there may be, and the most rows that are looked at.
LAYERS: Final = (1, 200)
WIDTHS: Final = (2, 512)
ROWS: Final = 1024
#: The standard deviation of a weight times sqrt(fan_in); none where there are no weights.
GAINS: Final[Mapping[str, float | None]] = dict(zip(WEIGHTS, (math.sqrt(2), 1.0, None), strict=True))


def chain(
    x: npt.ArrayLike,
    key: str,
    knobs: Mapping[str, Any] | None = None,
    *,
    layers: int = 50,
    weights: str = "he",
    width: int = 64,
    norm: str | None = None,
    norm_knobs: Mapping[str, Any] | None = None,
    order: str = "before",
    device: str = "cpu",
    dtype: str = "float32",
    seed: int = 0,
) -> Chain:
    """Send data down ``layers`` layers and a gradient back up, with torch, and measure both after every layer.

    ``x`` is (N, C), (N, L, C) or (N, C, H, W); what goes in is :func:`rows` of it: (R, C), every position a row and
    every channel a feature, standardized. The first layer has C inputs, all have ``width`` outputs; without weights
    every layer has C of both. Biases are 0; the weights are drawn by ``seed``, the same ones whatever the activation.
    ``norm`` is the key of a normalization that stands ``before`` or ``after`` (``order``) every activation.

    The gradient that starts from the end is standard normal, by ``seed``. Underflow is part of what is measured: in
    float32 a gradient smaller than 1e-45 is 0 (float16: 6e-8, bfloat16: 1e-40), so that a sigmoid's is lost within
    a hundred layers there, and only float64 shows how far it falls.

    Raises ValueError for what is not known or does not fit, and, with its own words, where torch refuses.
    """
    kind = check(device, dtype)
    entry = activation(key)
    complete = entry.complete(knobs or {})
    _check(layers, weights, width, norm, order)
    given = rows(x, seed)

    with one_thread(), torch.inference_mode(False), torch.enable_grad():
        generator = torch.Generator().manual_seed(seed)
        layer = activation_layer(entry, complete, device, kind)
        last = torch.tensor(given, dtype=kind, device=device).requires_grad_()
        xs = [last]
        for _ in range(layers):
            gain = GAINS[weights]
            if gain is not None:
                fan_in = last.shape[1]
                # Drawn in float64 on the CPU: the same weights in every dtype and on every device.
                drawn = torch.randn((width, fan_in), generator=generator, dtype=torch.float64)
                last = last @ (drawn * (gain / math.sqrt(fan_in))).to(device, kind).T
            if norm and order == "before":
                last = normalizer(last, norm, norm_knobs, seed=seed)(last)
            last = layer(last)
            if norm and order == "after":
                last = normalizer(last, norm, norm_knobs, seed=seed)(last)
            xs.append(last)
        sent = torch.randn(last.shape, generator=generator, dtype=torch.float64).to(device, kind)
        gradients = torch.autograd.grad(last, xs, sent)
    signal = np.array([_spread(array(values)) for values in xs])
    sizes = np.array([_size(array(gradient)) for gradient in gradients])
    return Chain(entry.key, signal, sizes / sizes[-1], len(given))


def works_with() -> tuple[str, ...]:
    """The keys of the normalizations that can stand in a chain: those that work on (N, C)."""
    return normalizing("NC")


def rows(x: npt.ArrayLike, seed: int = 0) -> FloatArray:
    """Data as rows (R, C): every position of every sample is a row, its channels are the features.

    Rows with a NaN or an infinity are left out: down a chain one would soon be all there is. Of more than ``ROWS`` rows
    so many are drawn by ``seed``. Then every feature is standardized over the rows: mean 0, variance 1; one that is the
    same everywhere is 0. Raises ValueError where no row is left.

    >>> rows(np.arange(24.0).reshape(2, 3, 2, 2)).shape
    (8, 3)
    """
    given = np.asarray(x, np.float64)
    channels = axes_of(given.shape).index("C")
    by_position = np.moveaxis(given, channels, -1).reshape(-1, given.shape[channels])
    whole = by_position[np.isfinite(by_position).all(axis=1)]
    if not len(whole):
        raise ValueError(
            f"None of the {len(by_position)} positions of this tensor has only finite values: take out the NaN or Inf."
        )
    if len(whole) > ROWS:
        whole = whole[np.sort(np.random.default_rng(seed).choice(len(whole), ROWS, replace=False))]
    centred = whole - whole.mean(axis=0)
    std = np.sqrt((centred**2).mean(axis=0))
    # What is constant keeps only rounding, which must not be blown up.
    varies = std > 1e-12 * np.abs(whole).max(axis=0)
    return np.where(varies, centred / np.where(varies, std, 1.0), 0.0)


def _check(layers: int, weights: str, width: int, norm: str | None, order: str) -> None:
    for name, value, (low, high) in (("layers", layers, LAYERS), ("width", width, WIDTHS)):
        if not low <= value <= high:
            raise ValueError(f"{name} = {value}: it must be from {low} to {high}. Try {min(50, high)}.")
    if weights not in WEIGHTS:
        raise ValueError(f"weights = {weights!r} is not known: it is one of {', '.join(WEIGHTS)}.")
    if order not in ("before", "after"):
        raise ValueError(f"order = {order!r} is not known: a normalization stands before or after.")
    if norm is not None and norm not in works_with():
        raise ValueError(
            f"{norm!r} does not work on rows (N, C), which a chain has: try one of {', '.join(works_with())}."
        )


def _spread(values: FloatArray) -> float:
    """The standard deviation; infinite where a value grew beyond the dtype, as all went in finite."""
    return _size(values - values.mean()) if np.isfinite(values).all() else math.inf


def _size(values: FloatArray) -> float:
    """The root mean square, though squares would leave float64's range."""
    largest = float(np.abs(values).max())
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(((values / largest) ** 2).mean()))
