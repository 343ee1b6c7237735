"""Looking at a module leaves it as it was: what a pass may change is kept before, and put back after."""

from __future__ import annotations

import operator
import random
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np
import torch

_CONTAINERS = frozenset((dict, OrderedDict, defaultdict, Counter, list, deque, set))
#: What holds nothing that could change.
_PLAIN = frozenset((bool, int, float, str, type(None), torch.dtype, torch.device))
#: What every module has for itself: parameters, buffers, children, hooks. They are kept, but not looked into.
_MODULES_OWN = frozenset(vars(torch.nn.Module()))


class Kept:
    """The state of a module, and of torch's, NumPy's and Python's random numbers, at the moment this is made.

    Buffers are copied at once. Parameters, gradients and other tensors are copied where :meth:`before` hears that a
    function is about to change one. Attributes, containers in them, hooks, modes and ``.grad`` are kept by reference.
    """

    # What belongs together lies in lists side by side: thousands of pairs would set off the garbage collector.
    def __init__(self, module: torch.nn.Module) -> None:
        #: Every module, behind its path.
        self.modules = list(module.named_modules())
        #: Those in plain lists and the like, which torch does not know of.
        self.others: list[torch.nn.Module] = []
        self.containers: list[Any] = [vars(one) for _, one in self.modules]
        self.empty: list[Any] = []
        #: Tensors and sources of random numbers that attributes hold.
        self.loose: list[torch.Tensor] = []
        self.generators: list[torch.Generator] = []
        self._find()
        self.contents = [one.copy() for one in self.containers]
        # TorchScript keeps the mode of a module for itself.
        self.scripted = [one for _, one in self.modules if isinstance(one, torch.jit.ScriptModule)]
        self.modes = [one.training for one in self.scripted]
        self.buffers = self._values("_buffers")
        with torch.no_grad():
            self.held = [one.clone() for one in self.buffers]
        self.loose_data = [one.detach() for one in self.loose]
        self.parameters = self._values("_parameters")
        self.data = [one.detach() for one in self.parameters]
        self.grads = [one.grad for one in self.parameters]
        self.learns = [one.requires_grad for one in self.parameters]
        #: Memory that a function was about to change, and what was in it.
        self.changed: list[Any] = []
        self.copies: list[Any] = []
        self.states = [one.get_state() for one in self.generators]
        self.random = torch.get_rng_state()
        self.random_numpy, self.random_python = np.random.get_state(), random.getstate()
        self.random_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        self.random_mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None

    @cached_property
    def owned(self) -> dict[int, torch.Tensor]:
        """The tensors that are copied before they change, by their memory; many passes change none."""
        grads = [one for one in self.grads if one is not None]
        return {_key(one): one for one in (*self.data, *grads, *self.loose_data, *self.loose)}

    def before(self, changed: Iterable[torch.Tensor]) -> None:
        """Copy what a function is about to change, where it is the module's: all its memory, others may view it."""
        for one in changed:
            owner = self.owned.pop(_key(one), None)
            if owner is not None:
                memory = owner.detach() if storage(owner) is None else owner.untyped_storage()
                self.copies.append(memory.clone())
                self.changed.append(memory)

    def restore(self) -> None:
        """Put back what is no longer as it was; what is, is not written to. What cannot fail comes first."""
        self._restore_random()
        for container, before in zip(self.containers, self.contents, strict=True):
            if not _same(container, before):
                _refill(container, before)
        for container in self.empty:
            if container:
                container.clear()
        for module, mode in zip(self.scripted, self.modes, strict=True):
            if module.training is not mode:
                module.training = mode
        # Tensors made in an inference mode are only written to in one, and others are too.
        with torch.inference_mode():
            failed = _each(_put_memory, self.changed, self.copies)
            failed += _each(_put_data, self.loose, self.loose_data)
            failed += _each(_put_parameter, self.parameters, self.data, self.grads, self.learns)
            failed += _each(_put_buffer, self.buffers, self.held)
        if failed:
            raise failed[0]

    def _restore_random(self) -> None:
        if not torch.equal(torch.get_rng_state(), self.random):
            torch.set_rng_state(self.random)
        if random.getstate() != self.random_python:
            random.setstate(self.random_python)
        if not all(map(np.array_equal, np.random.get_state(), self.random_numpy)):
            np.random.set_state(self.random_numpy)
        for generator, state in zip(self.generators, self.states, strict=True):
            generator.set_state(state)
        if self.random_cuda:
            torch.cuda.set_rng_state_all(self.random_cuda)
        if self.random_mps is not None:
            torch.mps.set_rng_state(self.random_mps)

    def _find(self) -> None:
        """Find what the modules' attributes hold."""
        reached: list[Any] = []
        self._look(self.containers[:], reached)
        self._follow(reached)

    def _look(self, modules: list[dict[str, Any]], reached: list[Any]) -> None:
        """What these modules' attributes hold, their own containers at once."""
        for attributes in modules:
            for name, value in attributes.items():
                kind = type(value)
                if kind in _PLAIN:
                    continue
                if name not in _MODULES_OWN:
                    reached.append(value)
                elif kind in _CONTAINERS:
                    (self.containers if value else self.empty).append(value)

    def _follow(self, reached: list[Any]) -> None:
        """Look into containers in containers, each once: they may hold each other."""
        seen = {id(one) for _, one in self.modules}
        for value in reached:  # it grows on the way
            kind = type(value)
            if kind in _CONTAINERS or isinstance(value, tuple):
                if id(value) in seen:
                    continue
                seen.add(id(value))
                if kind in _CONTAINERS:
                    (self.containers if value else self.empty).append(value)
                inside = value.values() if isinstance(value, dict) else value
                if not _PLAIN.issuperset(map(type, inside)):
                    reached.extend(inside)
            elif isinstance(value, torch.Tensor):
                self.loose.append(value)
            elif isinstance(value, torch.Generator):
                self.generators.append(value)
            elif isinstance(value, torch.nn.Module) and id(value) not in seen:
                new = [one for one in value.modules() if id(one) not in seen]
                seen.update(map(id, new))
                self.others += new
                self.containers += (attributes := [vars(one) for one in new])
                self._look(attributes, reached)

    def _values(self, kind: str) -> list[torch.Tensor]:
        """All parameters, or all buffers, each once."""
        # Not vars(): TorchScript has them elsewhere.
        found = {id(one): one for module in (*(one for _, one in self.modules), *self.others)
                 for one in getattr(module, kind).values() if one is not None}  # fmt: skip
        return list(found.values())


def storage(tensor: torch.Tensor) -> int | None:
    """What tells the memory of one tensor from that of another; views have their owner's."""
    if tensor.layout != torch.strided:
        return None
    try:
        return tensor.untyped_storage()._cdata
    except RuntimeError:  # the wrappers of torch.func and the like have none
        return None


def _key(tensor: torch.Tensor) -> int:
    """What a tensor is found by: its memory, or itself where that cannot be asked for."""
    return storage(tensor) or id(tensor)


def _each(put: Callable[..., None], *columns: Iterable[Any]) -> list[RuntimeError]:
    """Put back row by row, and what went wrong: what cannot be put back does not keep the rest from it."""
    failed = []
    for row in zip(*columns, strict=True):
        try:
            put(*row)
        except RuntimeError as error:
            failed.append(error)
    return failed


def _put_memory(memory: Any, copy: Any) -> None:
    """Values that changed in place, in all views of them at once."""
    if isinstance(memory, torch.UntypedStorage) and memory.nbytes() != copy.nbytes():
        memory.resize_(copy.nbytes())
    memory.copy_(copy)


def _put_data(tensor: torch.Tensor, data: torch.Tensor) -> None:
    """Memory that was exchanged for other."""
    moved = data.layout == torch.strided and tensor.data_ptr() != data.data_ptr()
    if moved or tensor.shape != data.shape or tensor.dtype is not data.dtype:
        tensor.data = data


def _put_parameter(parameter: torch.Tensor, data: torch.Tensor, grad: Any, learns: bool) -> None:
    """What else belongs to a parameter; its gradient last, which must have its shape and dtype."""
    _put_data(parameter, data)
    if parameter.requires_grad is not learns:
        parameter.requires_grad_(learns)
    if parameter.grad is not grad:
        parameter.grad = grad


def _put_buffer(buffer: torch.Tensor, copy: torch.Tensor) -> None:
    """Values, where the memory can be kept; else the copy becomes its memory."""
    if buffer.shape == copy.shape and buffer.dtype is copy.dtype:
        try:
            if not torch.equal(buffer, copy):
                buffer.copy_(copy)
            return
        except RuntimeError:  # sparse ones cannot be compared, expanded ones not written to
            pass
    # Whether a tensor is one for inference comes with its data: what is cloned in an inference mode is.
    buffer.data = copy.clone() if buffer.is_inference() else copy


def _same(now: Any, before: Any) -> bool:
    """Whether a container holds the very objects that it held."""
    if isinstance(now, set):
        return bool(now == before)
    if len(now) != len(before) or not all(map(operator.is_, now, before)):
        return False
    return not isinstance(now, dict) or all(map(operator.is_, now.values(), before.values()))


def _refill(container: Any, before: Any) -> None:
    """Make a container hold again what it held."""
    container.clear()
    if isinstance(container, dict):
        for key, value in before.items():  # the update of a Counter counts
            container[key] = value
    elif isinstance(container, set):
        container.update(before)
    else:
        container.extend(before)
