"""What a pass is given: the module, on its device, and its inputs, as tensors of their own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.parameter import is_lazy

from normviz.nets.devices import devices
from normviz.nets.trace_ops import tensors

_KINDS = "biuf"


def placed(module: Any, device: str | None) -> torch.nn.Module:
    """The module itself, or a copy of it where it is to run on another device.

    Raises TypeError for what is no module, or a scripted one, ValueError for a device that is not here, or where no
    copy can be made.
    """
    if not isinstance(module, torch.nn.Module):
        raise TypeError(
            f"A network is a torch.nn.Module, and this is {_a(module)}: give the module itself, such as "
            "nv.trace(model, x)."
        )
    if isinstance(module, torch.jit.ScriptModule):
        raise TypeError(
            "A TorchScript module does not show what it computes: give the torch.nn.Module that it was made from."
        )
    if any(map(is_lazy, (*module.parameters(), *module.buffers()))):
        raise ValueError(
            "The module has lazy parameters, which get their shapes in its first pass: call module(x) once before."
        )
    if device is None:
        return module
    if device.partition(":")[0] not in devices():
        raise ValueError(f"The device {device!r} is not on this machine: there is {', '.join(devices())}.")
    there = torch.device(device)
    if all(one.device.type == there.type for one in (*module.parameters(), *module.buffers())):
        return module
    try:
        return copy.deepcopy(module).to(there)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"The module could not be copied to {device} ({first_line(error)}): move it there with "
            "module.to(device) and leave device out."
        ) from error


def given(
    parameters: Sequence[torch.Tensor], x: Any, device: str | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments for a module with these parameters: copies, a change in place reaches nobody else's tensor.

    A tuple holds several inputs in their order, a mapping inputs by name. Arrays of floating numbers take the dtype of
    the module's parameters. Raises TypeError for what is neither tensor nor array, or of another dtype than the module.
    """
    where = torch.device(device) if device else parameters[0].device if parameters else None
    known = {one.dtype for one in parameters if one.is_floating_point()}

    def own(value: Any) -> Any:
        return _own(value, where, known)

    if isinstance(x, Mapping):
        arguments: tuple[tuple[Any, ...], dict[str, Any]] = (
            (),
            {name: own(value) for name, value in x.items()},
        )
    else:
        arguments = (tuple(own(value) for value in (x if isinstance(x, tuple) else (x,))), {})
    if not tensors(arguments):
        raise TypeError(
            f"The input x is {_a(x)} without a tensor: a tensor or an array is needed, a tuple of them for several "
            "inputs, or a dict for inputs by name."
        )
    return arguments


def mapped(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same tuples, lists and mappings with every tensor changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(item, change) for item in value))
    if type(value) in (tuple, list):
        return type(value)(mapped(item, change) for item in value)
    if type(value) is dict:
        return {name: mapped(item, change) for name, item in value.items()}
    return value


def first_line(error: BaseException) -> str:
    """The first line of an error's own words, without the full stop."""
    lines = str(error).strip().splitlines()
    return (lines[0].strip() if lines else type(error).__name__).rstrip(".")


def _own(value: Any, where: torch.device | None, known: set[torch.dtype]) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _KINDS:
            raise TypeError(f"The input is an array of {value.dtype}: numbers are needed, such as float32.")
        tensor = torch.from_numpy(np.array(value, order="C"))
        if tensor.is_floating_point() and known and tensor.dtype not in known:
            tensor = tensor.to(min(known, key=str) if torch.float32 not in known else torch.float32)
        return tensor.to(where) if where is not None else tensor
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.is_nested or value.is_meta:
            kind = (
                "nested" if value.is_nested else "on the meta device" if value.is_meta else str(value.layout)
            )
            raise TypeError(
                f"The input is a tensor that is {kind.removeprefix('torch.')}: one that holds every value is needed, "
                "such as x.to_dense()."
            )
        if (
            value.is_floating_point()
            and known
            and value.dtype not in known
            and not torch.is_autocast_enabled()
        ):
            has, needs = (str(kind).removeprefix("torch.") for kind in (value.dtype, min(known, key=str)))
            raise TypeError(
                f"The input is {has}, the module's parameters are {needs}: give x.to(torch.{needs})."
            )
        return value.detach().to(where, copy=True) if where is not None else value.detach().clone()
    if type(value) in (tuple, list):
        return type(value)(_own(item, where, known) for item in value)
    return value


def _a(value: Any) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"
