"""Which of the catalogue's normalizations a call of torch's functions or a module is, with its knobs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch

from normviz.catalogue import METHODS, evaluation
from normviz.layers import Layer
from normviz.layouts import axes_of
from normviz.methods import Method
from normviz.nets.tensors import array
from normviz.reference import FloatArray

#: Arguments that say whether a norm looks at its input (True) or at its running buffers.
_LOOKS = ("training", "use_input_stats")
#: torch's arguments that are told beside the catalogue's knobs.
_BESIDE = ("momentum", *_LOOKS)
_PLAIN = (bool, int, float, str, tuple, type(None))
_PROBES = ((4, 12, 4, 4), (4, 12, 4), (4, 12))


def snake(name: str) -> str:
    """The function's name of one of torch's classes.

    >>> snake("BatchNorm2d"), snake("RMSNorm"), snake("LocalResponseNorm"), snake("normalize")
    ('batch_norm', 'rms_norm', 'local_response_norm', 'normalize')
    """
    bare = re.sub(r"\dd$", "", name)
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", bare).lower()


@cache
def _candidates(op: str) -> tuple[Method, ...]:
    """The catalogue's rows that torch computes with this function, first those with a layer of their own."""
    found = [entry for entry in METHODS.values() if _probed(entry) == op and not _on_weights(entry)]
    return tuple(sorted(found, key=lambda entry: not entry.own_layer))


@cache
def takes_maps(op: str) -> bool:
    """Whether it is a norm of the catalogue whose function takes the channels along axis 1, and names no axes.

    >>> takes_maps("group_norm"), takes_maps("layer_norm"), takes_maps("relu")
    (True, False, False)
    """
    layers = [_layer(entry, shape, {}) for entry in _candidates(op) for shape in _PROBES]
    return any(
        found is not None and not {"normalized_shape", "dim"} & set(found.arguments) for found in layers
    )


def _on_weights(entry: Method) -> bool:
    return all("I" in layout for layout in entry.layouts)


@cache
def _probed(entry: Method) -> str:
    """The name of torch's function for a row, asked for a tensor of some shape."""
    for shape in _PROBES:
        if (found := _layer(entry, shape, {})) is not None:
            return snake(found.name)
    return ""


def _layer(entry: Method, shape: tuple[int, ...], knobs: Mapping[str, Any]) -> Layer | None:
    try:
        lengths = dict(zip(axes_of(shape, entry.layouts), shape, strict=True))
        return entry.torch_layer(shape, **{**entry.defaults(lengths), **knobs})
    except ValueError:  # not for tensors of this shape
        return None


def norm(
    op: str, shape: tuple[int, ...], given: Mapping[str, Any], *, channels_first: bool = False
) -> tuple[str, dict[str, Any]]:
    """The catalogue's key of this operation on an input of this shape, and its knobs; empty where it is no norm.

    ``given`` are the arguments by torch's names. In evaluation a norm with running buffers is what the catalogue says
    it becomes. ``channels_first``: the shape is (N, C, ...) though the norm is of the last axis.

    >>> norm("group_norm", (2, 12, 4, 4), {"num_groups": 3, "eps": 1e-3, "weight": None})
    ('group_norm', {'num_groups': 3, 'eps': 0.001, 'affine': False})
    >>> norm("layer_norm", (2, 4, 4, 12), {"normalized_shape": (12,)})[0]
    'layer_norm_last'
    """
    known = tuple([(name, value) for name, value in given.items() if isinstance(value, _PLAIN)])
    key, knobs = _norm(op, shape, known, given.get("weight") is not None, channels_first)
    return key, dict(knobs)


@lru_cache(4096)
def _norm(op: str, shape: tuple[int, ...], known: tuple[tuple[str, Any], ...], affine: bool,
          channels_first: bool) -> tuple[str, dict[str, Any]]:  # fmt: skip
    given = dict(known)
    for entry in _candidates(op):
        for knobs in _variants(entry, given, affine):
            if _fits(entry, shape, knobs, given, channels_first):
                return _in_mode(entry, {**knobs, **_beside(given)}, given)
    return "", {}


def _beside(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in _BESIDE if isinstance(given.get(name), (bool, float, int))}


def _in_mode(entry: Method, knobs: dict[str, Any], given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The row that holds in this mode: one that reads running buffers shares nothing."""
    if all(given.get(name, True) for name in _LOOKS):
        return entry.key, knobs
    if not entry.evaluating:
        # Instance Norm that keeps buffers does in evaluation what Batch Norm does there.
        entry = next(other for other in METHODS.values() if other.evaluating)
    then, kept = evaluation(entry, knobs)
    return then.key, {**kept, **_beside(given)}


def _variants(entry: Method, given: Mapping[str, Any], affine: bool) -> Iterator[dict[str, Any]]:
    """The knobs as given, once for every value of those that torch has no like argument for."""
    knobs: dict[str, Any] = {}
    choices: tuple[str, tuple[Any, ...]] = ("", ())
    for knob in entry.knobs:
        if knob.name.endswith("affine"):
            knobs[knob.name] = affine
        elif knob.options and not isinstance(given.get(knob.name), type(knob.options[0])):
            choices = knob.name, knob.options
        elif knob.name in given:
            knobs[knob.name] = given[knob.name]
    if not choices[0]:
        yield knobs
    for value in choices[1]:
        yield {**knobs, choices[0]: value}


def _fits(entry: Method, shape: tuple[int, ...], knobs: Mapping[str, Any], given: Mapping[str, Any],
          channels_first: bool) -> bool:  # fmt: skip
    """Whether the row's layer normalizes over the same axes, where torch's argument names them."""
    over = given.get("normalized_shape")
    if over is None:
        return True
    over = (over,) if isinstance(over, int) else tuple(over)
    for adapted in (False, True):
        # A layer of the last axis stands behind a move of the channels: the catalogue wants them on axis 1.
        at = (shape[0], shape[-1], *shape[1:-1]) if adapted and not channels_first else shape
        known = {name: value for name, value in knobs.items() if name in {knob.name for knob in entry.knobs}}
        found = _layer(entry, at, {name: value for name, value in known.items() if name != "eps"})
        if (
            found is not None
            and (found.move is not None and len(shape) == 4) == adapted
            and tuple(found.arguments.get("normalized_shape", ())) == over
        ):
            return True
    return False


def whole_layer(module: torch.nn.Module) -> str:
    """The function's name of a module that is one layer though it computes several steps; empty for others.

    Such are the layers that torch does not have (:mod:`normviz.written`), those made for another layout, attention with
    its transpositions, and what is compiled to a script.
    """
    kind: Any = type(module)
    return _whole(kind)


@lru_cache(1024)
def _whole(kind: Any) -> str:
    if issubclass(kind, torch.nn.MultiheadAttention):
        return "multi_head_attention_forward"
    written = any(base.__module__ == "normviz.written" for base in kind.__mro__)
    adapted = kind.__module__ == "normviz.layers" and kind.__mro__[1] is not torch.nn.Module
    return snake(kind.__name__) if written or adapted or issubclass(kind, torch.jit.ScriptModule) else ""


def attributes(module: torch.nn.Module) -> dict[str, Any]:
    """A module's arguments, by the names under which it keeps them."""
    found = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    if getattr(module, "running_mean", None) is None:
        found.pop("training", None)  # it looks at its input in either mode
    return {**found, "weight": getattr(module, "weight", None)}


def running(mean: Any, var: Any) -> tuple[FloatArray, FloatArray] | None:
    """Copies of the running buffers, where there are any."""
    if not isinstance(mean, torch.Tensor) or not isinstance(var, torch.Tensor) or mean.is_meta:
        return None
    return _copied(mean), _copied(var)


def _copied(buffer: torch.Tensor) -> FloatArray:
    if buffer.is_cpu and buffer.dtype is torch.float32 and type(buffer) is torch.Tensor:
        return buffer.detach().numpy().astype(np.float64)  # as below, in a third of the time
    return array(buffer)
