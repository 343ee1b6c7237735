"""Looking at a module leaves it as it was: what a pass may change is kept before, and put back after."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Collection
from typing import Any

import torch

from normviz.nets.trace_ops import mutates, tensors

_CONTAINERS = frozenset((dict, OrderedDict, list, set))


class Kept:
    """The state of a module, and of torch's random numbers, at the moment this is made.

    Buffers are copied at once. Parameters and other tensors are copied where :meth:`before` hears that a function is
    about to change one. Attributes, containers in them, hooks, modes and ``.grad`` are kept by reference.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        modules = list(module.modules())
        self.attributes = [(vars(one), vars(one).copy()) for one in modules]
        self.contents: list[tuple[Any, Any]] = []
        self.empty: list[Any] = []
        loose: list[torch.Tensor] = []
        for _, attributes in self.attributes:
            for name, value in attributes.items():
                if isinstance(value, torch.Tensor):
                    loose.append(value)
                elif type(value) not in _CONTAINERS:
                    continue
                elif not value:
                    self.empty.append(value)
                else:
                    self.contents.append((value, value.copy()))
                    if name[0] != "_":
                        loose += tensors(value)
        self.buffers = [(one, one.detach().clone()) for one in _values(modules, "_buffers")]
        parameters = _values(modules, "_parameters")
        self.parameters = [(one, one.detach(), one.grad, one.requires_grad) for one in parameters]
        self.owned = {storage(one): one for one in (*parameters, *loose)}
        self.copies: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.random = torch.get_rng_state()
        self.random_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        self.random_mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None

    def before(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Copy what a call of this function is about to change, where it is the module's."""
        if mutates(name):
            touched = tensors(args[0])
        elif "out" in kwargs:
            touched = tensors(kwargs["out"])
        else:
            return
        for one in touched:
            owner = self.owned.pop(storage(one), None)
            if owner is not None:
                self.copies.append((owner.detach(), owner.detach().clone()))

    def restore(self) -> None:
        """Put back what is no longer as it was; what is, is not written to."""
        for container, before in (*self.attributes, *self.contents):
            _refill(container, before)
        for container in self.empty:
            if container:
                container.clear()
        with torch.no_grad():
            for tensor, copy in self.copies:
                tensor.copy_(copy)
            for parameter, data, grad, requires in self.parameters:
                if parameter.data_ptr() != data.data_ptr() or parameter.shape != data.shape:
                    parameter.data = data
                if parameter.requires_grad is not requires:
                    parameter.requires_grad_(requires)
                if parameter.grad is not grad:
                    parameter.grad = grad
            for buffer, copy in self.buffers:
                if buffer.shape != copy.shape:
                    buffer.data = copy
                elif not torch.equal(buffer, copy):
                    buffer.copy_(copy)
        if not torch.equal(torch.get_rng_state(), self.random):
            torch.set_rng_state(self.random)
        if self.random_cuda:
            torch.cuda.set_rng_state_all(self.random_cuda)
        if self.random_mps is not None:
            torch.mps.set_rng_state(self.random_mps)


def storage(tensor: torch.Tensor) -> int | None:
    """What tells the memory of one tensor from that of another; views have their owner's."""
    return tensor.untyped_storage()._cdata if tensor.layout == torch.strided else None


def _values(modules: list[torch.nn.Module], kind: str) -> list[torch.Tensor]:
    """All parameters, or all buffers, each once."""
    found = {id(one): one for module in modules for one in vars(module)[kind].values() if one is not None}
    return list(found.values())


def _refill(container: Any, before: Any) -> None:
    """Make a container hold again what it held, where it does not."""
    if isinstance(container, dict):
        if not (_same(container, before) and _same(container.values(), before.values())):
            container.clear()
            container.update(before)
    elif isinstance(container, set):
        if container != before:
            container.clear()
            container.update(before)
    elif not _same(container, before):
        container[:] = before


def _same(now: Collection[Any], before: Collection[Any]) -> bool:
    return len(now) == len(before) and all(map(operator.is_, now, before))
