"""Sees every function of torch that a pass calls, and writes down those that compute a layer.

A ``TorchFunctionMode`` sees the calls, functional ones and operators too, whatever the control flow; hooks on modules
tell in which module they happen. Both look at their own thread alone. Which tensors come from the input, and
from which layer, is followed from tensor to tensor, through views and changes in place.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

from normviz.nets import trace_norms, trace_ops
from normviz.nets.trace_ops import Function, tensors
from normviz.nets.trace_state import Kept, storage
from normviz.reference import FloatArray
from normviz.traces import INPUT

_REGISTERING = threading.Lock()
_NONE: frozenset[int] = frozenset()


@dataclass(eq=False)
class Call:
    """A call of a module: its path, what it is where it is one layer whole, the layers in it and in its children."""

    module: torch.nn.Module
    path: str
    whole: str = ""
    layers: int = 0
    inner: int = 0
    multiply_adds: int = 0
    reads: tuple[Any, ...] = ()
    running: tuple[FloatArray, FloatArray] | None = None

    def name(self, op: str) -> str:
        """A layer's name: the module's path where it computes nothing else, with the operation behind it elsewhere."""
        return self.path if self.path and self.layers == 1 and not self.inner else _joined(self.path, op)


@dataclass(eq=False)
class Draft:
    """A layer as it is written down during the pass."""

    call: Call
    op: str
    shape: tuple[int, ...]
    channel_axis: int | None
    inputs: tuple[int, ...]
    parameters: int = 0
    multiply_adds: int = 0
    method: str = ""
    knobs: dict[str, Any] = field(default_factory=dict)
    running: tuple[FloatArray, FloatArray] | None = None
    name: str = ""


@dataclass(frozen=True, eq=False)
class Mark:
    """What is known of a tensor: the layers its values come from, the parameters in it, where its channels lie."""

    tensor: weakref.ref[torch.Tensor]
    numbers: tuple[int, ...]
    parameters: frozenset[int]
    axis: int | None


#: Told of every layer: its number, the draft, the tensors it was computed from, and its output.
Seen = Callable[[int, Draft, torch.Tensor], torch.Tensor]


class Recorder(TorchFunctionMode):
    """Writes down the layers of the passes within :meth:`around`.

    ``seen(number, draft, output)`` is called for every layer at once, before anything can overwrite the output, and
    returns what the pass goes on with (the output itself). ``ahead(op, args, kwargs)`` is called before a
    function runs.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        seen: Seen,
        ahead: Callable[[str, tuple[Any, ...], Mapping[str, Any]], None] | None = None,
        kept: Kept | None = None,
    ) -> None:
        super().__init__()
        self.seen, self.ahead, self.kept = seen, ahead, kept
        self.paths = {id(one): path for path, one in module.named_modules()}
        self.unused = {id(one): one.numel() for one in module.parameters()}
        self.root = Call(module, "")
        self.calls: list[Call] = []
        self.drafts: list[Draft] = []
        self.marks: dict[int, Mark] = {}
        self.failed: tuple[BaseException, str] | None = None
        #: What a callback raised: it ends the pass, though the module may catch it.
        self.stopped: BaseException | None = None
        self.thread, self.paused = threading.get_ident(), False

    @contextmanager
    def around(self) -> Iterator[None]:
        """See what the pass in this block computes."""
        outside = sys.exc_info()[1]

        def enter(module: torch.nn.Module, args: Any) -> None:
            if threading.get_ident() == self.thread and not self.paused:
                self._enter(module, args)

        def leave(module: torch.nn.Module, args: Any, output: Any) -> None:
            if threading.get_ident() == self.thread and not self.paused:
                error = sys.exc_info()[1]
                self._leave(module, output, None if error is outside else error)

        # Of all modules, by thread: nothing is written to those that another thread may be using.
        with _REGISTERING:
            handles = (
                hooks.register_module_forward_pre_hook(enter),
                hooks.register_module_forward_hook(leave, always_call=True),
            )
        try:
            with self:
                yield
        finally:
            with _REGISTERING:
                for handle in handles:
                    handle.remove()

    def start(self, values: Any, axis: Callable[[torch.Tensor], int | None]) -> None:
        """These tensors are the input."""
        for tensor in tensors(values):
            self._mark(tensor, (INPUT,), _NONE, axis(tensor))

    def __torch_function__(
        self, func: Function, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = trace_ops.raw_name(func)
        if self.paused or name in trace_ops.ASK:
            return func(*args, **kwargs)
        if self.kept is not None:
            self.kept.before(name, args, kwargs)
        reads = tensors((args, kwargs))
        if not reads or (self.calls and self.calls[-1].whole):
            result = func(*args, **kwargs)
            self._within(func, reads, result)
            return result
        numbers = self._numbers(reads)
        op = trace_ops.op_name(func)
        given: dict[str, Any] = {}
        buffers = None
        if numbers:
            if self.ahead is not None:
                self.ahead(op, args, kwargs)
            if op.endswith(("norm", "normalize")):
                given = trace_ops.bound(func, args, kwargs)
                buffers = trace_norms.running(given.get("running_mean"), given.get("running_var"))
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            self.failed = error, self._where(op)
            raise
        found = tensors(result) or (tensors(args[:1]) if trace_ops.mutates(name) else [])
        if not found or name in trace_ops.SHAPE:
            return result
        parameters = self._parameters(reads)
        floating = next((one for one in found if one.is_floating_point()), None)
        if not numbers:
            if parameters:
                for one in found:
                    self._mark(one, (), parameters, None)
        elif name in trace_ops.CARRY or floating is None:
            first = self._of(reads[0])
            for one in found:
                axis = trace_ops.carried_axis(func, args, kwargs, first.axis if first else None, one)
                self._mark(one, numbers, parameters, axis)
        else:
            draft = self._draft(op, args, kwargs, given, reads, floating, numbers)
            draft.parameters, draft.running = self._first_use(parameters), buffers
            taken = self._write(draft, floating, reads)
            for one in found:
                self._mark(one, (len(self.drafts) - 1,), _NONE, draft.channel_axis)
            if taken is not floating and result is floating:
                return taken
        return result

    def _within(self, func: Function, reads: list[torch.Tensor], result: Any) -> None:
        """A step of a module that is one layer."""
        found = tensors(result)
        if self.calls and reads and found:
            self.calls[-1].multiply_adds += trace_ops.multiply_adds(trace_ops.op_name(func), reads, found[0])

    def _draft(self, op: str, args: tuple[Any, ...], kwargs: dict[str, Any], given: Mapping[str, Any],
               reads: list[torch.Tensor], output: torch.Tensor, numbers: tuple[int, ...]) -> Draft:  # fmt: skip
        """A layer that one function computes."""
        first, mark = next((one, mark) for one in reads if (mark := self._of(one)))
        axis = trace_ops.channel_axis(op, output, given, mark.axis, first.ndim)
        method, knobs = trace_norms.norm(op, tuple(first.shape), given) if given else ("", {})
        knobs = knobs or trace_norms.activation_knobs(op, args, kwargs)
        adds = trace_ops.multiply_adds(op, reads, output)
        call = self.calls[-1] if self.calls else self.root
        return Draft(call, op, tuple(output.shape), axis, numbers, 0, adds, method, knobs)

    def _write(self, draft: Draft, output: torch.Tensor, reads: list[torch.Tensor]) -> torch.Tensor:
        """Add a layer, and let it be summarized now."""
        if self.stopped is not None:
            raise self.stopped
        draft.call.layers += 1
        draft.name = draft.call.name(draft.op)
        self.drafts.append(draft)
        was, self.paused = self.paused, True
        try:
            taken = self.seen(len(self.drafts) - 1, draft, output)
        except BaseException as error:
            self.stopped = error
            raise
        finally:
            self.paused = was
        if any(output is one for one in reads):
            self._overwritten(output, len(self.drafts) - 1)
        if taken is not output:
            self._mark(taken, (len(self.drafts) - 1,), _NONE, draft.channel_axis)
        return taken

    def _enter(self, module: torch.nn.Module, args: Any) -> None:
        if self.calls and self.calls[-1].whole:
            self.calls.append(Call(module, self.calls[-1].path, self.calls[-1].whole))
            return
        path = self.paths.get(id(module))
        if path is None:  # it is no child of its parent
            path = _joined(self.calls[-1].path if self.calls else "", type(module).__name__)
        call = Call(module, path, trace_norms.whole_layer(module))
        self.calls.append(call)
        if call.whole:
            call.reads = tuple(one for one in tensors(args) if self._of(one))
            buffers = [getattr(module, name, None) for name in ("running_mean", "running_var")]
            call.running = trace_norms.running(*buffers)
            call.whole = call.whole if call.reads else ""

    def _leave(self, module: torch.nn.Module, output: Any, error: BaseException | None) -> None:
        if error is not None and (self.failed is None or self.failed[0] is not error):
            self.failed = error, self._where("")
        call = self.calls.pop()
        above = self.calls[-1] if self.calls else self.root
        if error is None and call.whole and not above.whole:
            self._whole(call, output)
        above.inner += call.layers + call.inner
        above.multiply_adds += call.multiply_adds

    def _whole(self, call: Call, output: Any) -> None:
        """A module that is one layer, though it computes several steps."""
        found = next((one for one in tensors(output) if one.is_floating_point()), None)
        first, numbers = call.reads[0], self._numbers(call.reads)
        if found is None:
            return
        was, self.paused = self.paused, True
        try:
            mark = self._of(first)
            given = trace_norms.attributes(call.module)
            axis = trace_ops.channel_axis("", found, {}, mark.axis if mark else None, first.ndim)
            method, knobs = trace_norms.norm(call.whole, tuple(first.shape), given, channels_first=True)
            used = self._first_use(frozenset(id(one) for one in call.module.parameters()))
        finally:
            self.paused = was
        draft = Draft(call, call.whole, tuple(found.shape), axis, numbers, used, call.multiply_adds, method,
                      knobs, call.running)  # fmt: skip
        call.layers = 0
        self._write(draft, found, [])
        for one in tensors(output):
            self._mark(one, (len(self.drafts) - 1,), _NONE, axis)

    def names(self) -> list[str]:
        """The layers' names: a module's path where it computes one, with the operation where it computes several."""
        seen: Counter[str] = Counter()
        names = []
        for draft in self.drafts:
            name = draft.call.name(draft.op)
            seen[name] += 1
            names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
        return names

    def _where(self, op: str) -> str:
        path = self.calls[-1].path if self.calls else ""
        return f"{path} ({op})" if path and op else path or op

    def _first_use(self, parameters: frozenset[int]) -> int:
        return sum(self.unused.pop(one, 0) for one in parameters)

    def _of(self, tensor: torch.Tensor) -> Mark | None:
        """What is known of a tensor from the input; None where it is from elsewhere."""
        mark = self.marks.get(id(tensor))
        return mark if mark is not None and mark.tensor() is tensor and mark.numbers else None

    def _numbers(self, reads: Iterable[torch.Tensor]) -> tuple[int, ...]:
        found: tuple[int, ...] = ()
        for one in reads:
            mark = self._of(one)
            if mark is not None and mark.numbers != found:
                found = tuple(dict.fromkeys((*found, *mark.numbers)))
        return found

    def _parameters(self, reads: Iterable[torch.Tensor]) -> frozenset[int]:
        """The parameters among these tensors, and those that these were computed from."""
        found = _NONE
        for one in reads:
            key = id(one)
            if key in self.unused:
                found |= {key}
            elif (mark := self.marks.get(key)) is not None and mark.parameters and mark.tensor() is one:
                found |= mark.parameters
        return found

    def _mark(self, tensor: torch.Tensor, numbers: tuple[int, ...], parameters: frozenset[int],
              axis: int | None) -> None:  # fmt: skip
        self.marks[id(tensor)] = Mark(weakref.ref(tensor), numbers, parameters, axis)

    def _overwritten(self, output: torch.Tensor, number: int) -> None:
        """Other tensors in the same memory hold this layer's values now, or some of them."""
        place = storage(output)
        for key, mark in list(self.marks.items()):
            other = mark.tensor()
            if other is None:
                del self.marks[key]
            elif other is not output and mark.numbers and place is not None and storage(other) == place:
                before = () if other.numel() <= output.numel() else mark.numbers
                self._mark(other, (*before, number), mark.parameters, mark.axis)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
