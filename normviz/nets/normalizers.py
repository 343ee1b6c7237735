"""A method of the catalogue as a function on torch tensors, ready to stand before or after an activation.

>>> x = torch.arange(12.0).reshape(4, 3)
>>> y = normalizer(x, "layer_norm_last", {})(x)
>>> bool(y.mean(-1).abs().max() < 1e-6)
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch

from normviz.catalogue import METHODS, method
from normviz.layouts import ACTIVATIONS, layout_of
from normviz.nets.forward import train_buffers
from normviz.samples import Sample

Map = Callable[[torch.Tensor], torch.Tensor]
Found = TypeVar("Found")


def normalizer(x: torch.Tensor, key: str, knobs: Mapping[str, Any] | None = None, *, seed: int = 0) -> Map:
    """A fresh layer of that method in training mode, for x's shape, dtype and device; gamma is 1 and beta 0.

    Knobs left out take the default that suits the shape. One that reads running buffers has met 20 resamples of x
    first, and is in evaluation mode unless it only corrects towards them; one that takes a second input gets the next
    seed's sample. Nothing outside is changed. Raises ValueError where the method does not work on x's layout.
    """
    entry, shape = method(key), tuple(x.shape)
    layout = layout_of(shape, ACTIVATIONS)
    if layout not in entry.layouts:
        known = ", ".join(normalizing(layout))
        raise ValueError(
            f"{key} does not work on ({', '.join(layout)}), it works on {', '.join(entry.layouts)}: try one of {known}."
        )
    knobs = entry.defaults(dict(zip(layout, shape, strict=True))) | dict(knobs or {})
    spec = entry.spec(**knobs)
    module = entry.module(torch.nn, shape, **knobs).to(x.device, x.dtype)
    if spec.running is not None:

        def train(values: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                train_buffers(module, values.detach(), seed=seed)
            return values

        sayable(key, train)(x)
        module.train(bool(spec.parts))
    if not spec.second:
        return sayable(key, module)
    style = torch.tensor(Sample(seed).second().tensor(shape), dtype=x.dtype, device=x.device)
    return sayable(key, lambda values: module(values, style))


def normalizing(layout: str) -> tuple[str, ...]:
    """The keys of the methods that work on tensors of this layout.

    >>> "batch_norm" in normalizing("NC"), "positional_norm" in normalizing("OI")
    (True, False)
    """
    return tuple(key for key, entry in METHODS.items() if layout in entry.layouts)


def sayable(name: str, run: Callable[[torch.Tensor], Found]) -> Callable[[torch.Tensor], Found]:
    """The same function, whose refusals by torch are a ValueError of one sentence: who refused, and torch's own words.

    >>> sayable("prelu", torch.nn.PReLU(2))(torch.zeros(1, 3))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: torch refuses prelu on float32 values of shape (1, 3): Mismatch of parameter numbers...
    """

    def said(x: torch.Tensor) -> Found:
        try:
            return run(x)
        except (RuntimeError, ValueError) as refused:
            words = (str(refused).strip().splitlines() or [type(refused).__name__])[0].rstrip(".")
            kind = str(x.dtype).removeprefix("torch.")
            raise ValueError(
                f"torch refuses {name} on {kind} values of shape {tuple(x.shape)}: {words}."
            ) from refused

    return said
