"""Looking at a module leaves it as it was: what a pass may change is kept before, and put back after."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import torch

from normviz.nets.trace_ops import tensors

_CONTAINERS = frozenset((dict, OrderedDict, list, set))


class Kept:
    """The state of a module, and of torch's random numbers, at the moment this is made.

    Buffers are copied at once. Parameters and other tensors are copied where :meth:`before` hears that a function is
    about to change one. Attributes, containers in them, hooks, modes and ``.grad`` are kept by reference.
    """

    # What belongs together lies in lists side by side: thousands of pairs would set off the garbage collector.
    def __init__(self, module: torch.nn.Module) -> None:
        #: Every module, behind its path.
        self.modules = list(module.named_modules())
        self.containers: list[Any] = [vars(one) for _, one in self.modules]
        self.empty: list[Any] = []
        loose: list[torch.Tensor] = []
        for attributes in self.containers[:]:
            for name, value in attributes.items():
                if type(value) in _CONTAINERS:
                    if not value:
                        self.empty.append(value)
                        continue
                    self.containers.append(value)
                    if name[0] != "_":
                        loose += tensors(value)
                elif isinstance(value, torch.Tensor):
                    loose.append(value)
        self.contents = [one.copy() for one in self.containers]
        self.buffers = self._values("_buffers")
        with torch.no_grad():
            self.held = [one.clone() for one in self.buffers]
        self.parameters = self._values("_parameters")
        self.data = [one.detach() for one in self.parameters]
        self.grads = [one.grad for one in self.parameters]
        self.learns = [one.requires_grad for one in self.parameters]
        self.loose = {storage(one): one for one in loose}
        self.copies: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.random = torch.get_rng_state()
        self.random_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        self.random_mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None

    @cached_property
    def owned(self) -> dict[int | None, torch.Tensor]:
        """The tensors that are copied before they change, by their memory; many passes change none."""
        return {storage(one): one for one in self.data} | self.loose

    def before(self, changed: Iterable[torch.Tensor]) -> None:
        """Copy what a function is about to change, where it is the module's."""
        for one in changed:
            owner = self.owned.pop(storage(one), None)
            if owner is not None:
                self.copies.append((owner.detach(), owner.detach().clone()))

    def restore(self) -> None:
        """Put back what is no longer as it was; what is, is not written to."""
        for container, before in zip(self.containers, self.contents, strict=True):
            if not _same(container, before):
                _refill(container, before)
        for container in self.empty:
            if container:
                container.clear()
        with torch.no_grad():
            for tensor, copy in self.copies:
                tensor.copy_(copy)
            for parameter, data, grad, learns in zip(
                self.parameters, self.data, self.grads, self.learns, strict=True
            ):
                if parameter.data_ptr() != data.data_ptr() or parameter.shape != data.shape:
                    parameter.data = data
                if parameter.requires_grad is not learns:
                    parameter.requires_grad_(learns)
                if parameter.grad is not grad:
                    parameter.grad = grad
            for buffer, copy in zip(self.buffers, self.held, strict=True):
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

    def _values(self, kind: str) -> list[torch.Tensor]:
        """All parameters, or all buffers, each once."""
        found = {id(one): one for _, module in self.modules
                 for one in vars(module)[kind].values() if one is not None}  # fmt: skip
        return list(found.values())


def storage(tensor: torch.Tensor) -> int | None:
    """What tells the memory of one tensor from that of another; views have their owner's."""
    return tensor.untyped_storage()._cdata if tensor.layout == torch.strided else None


def _same(now: Any, before: Any) -> bool:
    """Whether a container holds the very objects that it held."""
    if isinstance(now, set):
        return bool(now == before)
    if len(now) != len(before) or not all(map(operator.is_, now, before)):
        return False
    return not isinstance(now, dict) or all(map(operator.is_, now.values(), before.values()))


def _refill(container: Any, before: Any) -> None:
    """Make a container hold again what it held."""
    if isinstance(container, list):
        container[:] = before
    else:
        container.clear()
        container.update(before)
