"""Sees every function of torch that a pass calls, and writes down those that compute a layer.

A ``TorchFunctionMode`` sees the calls, functional ones and operators too, whatever the control flow; hooks on modules
tell in which module they happen. Both look at their own thread alone. Which tensors come from the input, and
from which layer, is followed from tensor to tensor, through views and changes in place.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

from normviz.nets import trace_norms, trace_ops
from normviz.nets.trace_drafts import Call, Draft, joined, names
from normviz.nets.trace_marks import NONE, Marks
from normviz.nets.trace_ops import Function, tensors
from normviz.nets.trace_state import Kept
from normviz.traces import INPUT

_REGISTERING = threading.Lock()


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
        self.marks = Marks(module.parameters())
        self.root = Call(module, "")
        self.calls: list[Call] = []
        self.drafts: list[Draft] = []
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
            self.marks.put(tensor, (INPUT,), NONE, axis(tensor))

    def __torch_function__(
        self, func: Function, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        known = trace_ops.facts(func)
        if self.paused or known.asks:
            return func(*args, **kwargs)
        if self.kept is not None and (known.mutates or "out" in kwargs):
            self.kept.before(known.name, args, kwargs)
        reads = tensors((args, kwargs)) if kwargs else tensors(args)
        if not reads or (self.calls and self.calls[-1].whole):
            result = func(*args, **kwargs)
            self._within(func, reads, result)
            return result
        numbers = self.marks.numbers(reads)
        op = known.op
        given: dict[str, Any] = {}
        buffers = None
        if numbers:
            if self.ahead is not None:
                self.ahead(op, args, kwargs)
            if known.norm:
                given = trace_ops.bound(func, args, kwargs)
                buffers = trace_norms.running(given.get("running_mean"), given.get("running_var"))
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            self.failed = error, self._where(op)
            raise
        found = tensors(result) or (tensors(args[:1]) if known.mutates else [])
        if not found or known.shapes:
            return result
        parameters = self.marks.parameters(reads)
        floating = next((one for one in found if one.is_floating_point()), None)
        if not numbers:
            if parameters:
                for one in found:
                    self.marks.put(one, (), parameters, None)
        elif known.carries or floating is None:
            first = self.marks.of(reads[0])
            for one in found:
                axis = trace_ops.carried_axis(func, args, kwargs, first.axis if first else None, one)
                self.marks.put(one, numbers, parameters, axis)
        else:
            draft = self._draft(op, args, kwargs, given, reads, floating, numbers)
            draft.parameters, draft.running = self.marks.first_use(parameters), buffers
            taken = self._write(draft, floating, reads)
            for one in found:
                self.marks.put(one, (len(self.drafts) - 1,), NONE, draft.channel_axis)
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
        first, mark = next((one, mark) for one in reads if (mark := self.marks.of(one)))
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
            self.marks.overwritten(output, len(self.drafts) - 1)
        if taken is not output:
            self.marks.put(taken, (len(self.drafts) - 1,), NONE, draft.channel_axis)
        return taken

    def _enter(self, module: torch.nn.Module, args: Any) -> None:
        if self.calls and self.calls[-1].whole:
            self.calls.append(Call(module, self.calls[-1].path, self.calls[-1].whole))
            return
        path = self.paths.get(id(module))
        if path is None:  # it is no child of its parent
            path = joined(self.calls[-1].path if self.calls else "", type(module).__name__)
        call = Call(module, path, trace_norms.whole_layer(module))
        self.calls.append(call)
        if call.whole:
            call.reads = tuple(one for one in tensors(args) if self.marks.of(one))
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
        first, numbers = call.reads[0], self.marks.numbers(call.reads)
        if found is None:
            return
        was, self.paused = self.paused, True
        try:
            mark = self.marks.of(first)
            given = trace_norms.attributes(call.module)
            axis = trace_ops.channel_axis("", found, {}, mark.axis if mark else None, first.ndim)
            method, knobs = trace_norms.norm(call.whole, tuple(first.shape), given, channels_first=True)
            used = self.marks.first_use(frozenset(id(one) for one in call.module.parameters()))
        finally:
            self.paused = was
        draft = Draft(call, call.whole, tuple(found.shape), axis, numbers, used, call.multiply_adds, method,
                      knobs, call.running)  # fmt: skip
        call.layers = 0
        self._write(draft, found, [])
        for one in tensors(output):
            self.marks.put(one, (len(self.drafts) - 1,), NONE, axis)

    def names(self) -> list[str]:
        """The layers' names, each only once."""
        return names(self.drafts)

    def _where(self, op: str) -> str:
        path = self.calls[-1].path if self.calls else ""
        return f"{path} ({op})" if path and op else path or op
