"""Which of the activations a call of torch's functions is, with its knobs, and where it is saturated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import numpy as np
import torch

from normviz.activation import SATURATED, Region
from normviz.activations import ACTIVATIONS


def _beyond(low: object = None, high: object = None) -> tuple[Region, ...]:
    """What lies beyond these ends. Below an end at 0 come out zeros, as of ReLU, which are counted as such."""
    below = Region("saturated", -np.inf, float(low)) if isinstance(low, (int, float)) and low != 0 else None
    above = Region("saturated", float(high), np.inf) if isinstance(high, (int, float)) else None
    return tuple(region for region in (below, above) if region)


#: Where torch's other functions of one value that end somewhere are saturated, by the arguments behind their input:
#: beyond where they clip, or where their slope is below ``SATURATED``.
_OTHERS: Final[Mapping[str, Callable[..., tuple[Region, ...]]]] = {
    "relu6": lambda *_, **__: _beyond(high=6.0),
    "hardtanh": lambda min_val=-1.0, max_val=1.0, *_, **__: _beyond(min_val, max_val),
    "hardsigmoid": lambda *_, **__: _beyond(-3.0, 3.0),
    "clamp": lambda min=None, max=None, *_, **__: () if min is None or max is None else _beyond(min, max),
    "celu": lambda alpha=1.0, *_, **__: _beyond(alpha * math.log(SATURATED)) if alpha > 0 else (),
    "softsign": lambda *_, **__: _beyond(1 - SATURATED**-0.5, SATURATED**-0.5 - 1),
    "log_sigmoid": lambda *_, **__: _beyond(high=math.log(1 / SATURATED - 1)),
}


@cache
def saturates(op: str) -> bool:
    """Whether it is an activation that ends somewhere, for some values of its knobs.

    >>> saturates("tanh"), saturates("relu6"), saturates("relu"), saturates("conv2d")
    (True, True, False, False)
    """
    if op in _OTHERS:
        return True
    entry = ACTIVATIONS.get(op)
    return entry is not None and not entry.learned and (has_knobs(op) or bool(_tails(op, ())))


def has_knobs(op: str) -> bool:
    """Whether it is an activation with knobs that are given, not learned.

    >>> has_knobs("leaky_relu"), has_knobs("prelu"), has_knobs("relu")
    (True, False, False)
    """
    entry = ACTIVATIONS.get(op)
    return entry is not None and not entry.learned and bool(entry.knobs)


def activation_knobs(op: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs of an activation, by the arguments behind its input; empty for what is none.

    >>> activation_knobs("leaky_relu", (None, 0.2), {}), activation_knobs("gelu", (None,), {"approximate": "tanh"})
    ({'negative_slope': 0.2}, {'approximate': 'tanh'})
    """
    if not has_knobs(op):
        return {}
    entry = ACTIVATIONS[op]
    names = [knob.name for knob in entry.knobs]
    given = {**dict(zip(names, args[1:], strict=False)), **kwargs}
    return entry.complete({name: given[name] for name in names if name in given})


def saturation(op: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int | None:
    """How many of an activation's inputs lie where it is saturated; None where it never is, and for what is none.

    >>> saturation("sigmoid", (torch.tensor([-9.0, 0.0, 9.0]),), {}), saturation("relu", (torch.zeros(3),), {})
    (2, None)
    """
    if not saturates(op):
        return None
    if op in _OTHERS:
        regions = _OTHERS[op](*args[1:], **kwargs)
    else:
        regions = _tails(op, tuple(activation_knobs(op, args, kwargs).items()))
    x = args[0] if args else kwargs.get("input")
    if not regions or not isinstance(x, torch.Tensor) or not readable(x):
        return None
    return sum(int(_within(x.detach(), region).sum()) for region in regions)


@cache
def _tails(key: str, knobs: tuple[tuple[str, Any], ...]) -> tuple[Region, ...]:
    return tuple(region for region in ACTIVATIONS[key].regions(**dict(knobs)) if region.kind == "saturated")


def readable(values: torch.Tensor) -> bool:
    """Whether a tensor holds floating numbers, all of them: no sparse or nested one."""
    return values.is_floating_point() and values.layout is torch.strided and not values.is_nested


def _within(x: torch.Tensor, region: Region) -> torch.Tensor:
    """Which values lie strictly within, as exactly as in float64."""
    x = x if x.dtype in (torch.float32, torch.float64) else x.float()
    low, high = region.low, region.high
    if x.dtype == torch.float32:
        # A float32 is above a number when it is above the largest float32 that is not.
        low, high = _rounded(low, -np.inf), _rounded(high, np.inf)
    return (x > low) & (x < high)


def _rounded(value: float, towards: float) -> float:
    nearest = np.float32(value)
    done = float(nearest) == value or (float(nearest) < value) == (towards < 0)
    return float(nearest if done else np.nextafter(nearest, np.float32(towards)))
