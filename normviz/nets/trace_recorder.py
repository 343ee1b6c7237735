"""Sees every function of torch that a pass calls, and writes down those that compute a layer.

A ``TorchFunctionMode`` sees the calls, functional ones and operators too, whatever the control flow; hooks on modules
tell in which module they happen. Both look at their own thread alone. Which tensors come from the input, and
from which layer, is followed from tensor to tensor, through views and changes in place.

All of it costs little beside a layer: what a function's name tells is found out once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from normviz.nets import trace_norms, trace_ops
from normviz.nets.trace_activations import activation_knobs
from normviz.nets.trace_drafts import Ahead, Call, Draft, joined, names
from normviz.nets.trace_hooks import modules_heard, uncompiled
from normviz.nets.trace_marks import NONE, Marks, Read
from normviz.nets.trace_ops import Facts, Function, arguments, floating, tensors
from normviz.nets.trace_products import multiply_adds
from normviz.nets.trace_state import Kept
from normviz.traces import INPUT

#: Told of every layer: its number, the draft, the tensors it was computed from, and its output.
Seen = Callable[[int, Draft, torch.Tensor], torch.Tensor]


class Recorder(TorchFunctionMode):
    """Writes down the layers of the passes within :meth:`around`.

    ``seen(number, draft, output)`` is called for every layer at once, before anything can overwrite the output, and
    returns what the pass goes on with (the output itself). ``ahead(op, args, kwargs)`` counts the saturated
    inputs of a function before it runs.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        seen: Seen,
        ahead: Callable[[str, tuple[Any, ...], Mapping[str, Any]], int | None] | None = None,
        kept: Kept | None = None,
    ) -> None:
        super().__init__()
        self.seen, self.ahead, self.kept = seen, ahead, kept
        modules = module.named_modules() if kept is None else kept.modules
        self.paths = {id(one): path for path, one in modules}
        self.marks = Marks(module.parameters() if kept is None else kept.parameters)
        #: The calls of modules that are under way, behind the pass itself.
        self.calls = [Call(module, "")]
        self.drafts: list[Draft] = []
        self.failed: tuple[BaseException, str] | None = None
        #: What a callback raised: it ends the pass, though the module may catch it.
        self.stopped: BaseException | None = None
        self.paused = False

    @contextmanager
    def around(self) -> Iterator[None]:
        """See what the pass in this block computes."""
        with uncompiled, modules_heard(self._enter, self._leave), self:
            yield

    def start(self, values: Any, axis: Callable[[torch.Tensor], int | None]) -> None:
        """These tensors are the input."""
        for tensor in tensors(values):
            self.marks.put(tensor, (INPUT,), NONE, axis(tensor))

    def __torch_function__(
        self, func: Function, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.paused:
            return func(*args, **kwargs)
        known = trace_ops.facts(func)
        if known.asks:
            return func(*args, **kwargs)
        reads = arguments(args, kwargs)
        if self.kept is not None:
            if known.mutates or "out" in kwargs:
                self.kept.before(tensors(args[:1] if known.mutates else kwargs["out"]))
            elif known.inplace and trace_ops.in_place(func, args, kwargs):
                self.kept.before(reads)
        if not reads or self.calls[-1].whole:
            result = func(*args, **kwargs)
            self._within(known.op, args, reads, result)
            return result
        read = self.marks.read(reads)
        ahead = self._ahead(func, known, args, kwargs) if read.mark else None
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            self.failed = error, self._where(known.op)
            raise
        found = tensors(result) or (tensors(args[:1]) if known.mutates else [])
        if not found or known.shapes:
            return result
        output = floating(found)
        if ahead is None:
            if read.parameters:
                for one in found:
                    self.marks.put(one, (), frozenset(read.parameters), None)
        elif known.carries or output is None:
            self._carry(func, known, args, kwargs, reads[0], read, found)
        else:
            draft = self._draft(known, args, kwargs, ahead, reads, read, output)
            taken = self._write(draft, output, found, reads)
            if taken is not output and result is output:
                return taken
        return result

    def _ahead(self, func: Function, known: Facts, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ahead:
        ends = self.ahead(known.op, args, kwargs) if known.saturates and self.ahead is not None else None
        if not known.norm:
            return Ahead({}, None, ends)
        given = trace_ops.bound(func, args, kwargs)
        buffers = trace_norms.running(given.get("running_mean"), given.get("running_var"))
        return Ahead(given, buffers, ends)

    def _within(self, op: str, args: tuple[Any, ...], reads: list[torch.Tensor], result: Any) -> None:
        """A step of a module that is one layer."""
        found = tensors(result)
        if reads and found:
            self.calls[-1].multiply_adds += multiply_adds(op, reads, found[0], args)

    def _carry(self, func: Function, known: Facts, args: tuple[Any, ...], kwargs: dict[str, Any],
               source: torch.Tensor, read: Read, found: list[torch.Tensor]) -> None:  # fmt: skip
        """No layer: what comes out comes from where its input comes from."""
        mark, parameters = self.marks.of(source), frozenset(read.parameters)
        for one in found:
            axis = trace_ops.carried_axis(func, args, kwargs, mark.axis if mark else None, one)
            self.marks.put(one, read.numbers, parameters, axis)

    def _draft(self, known: Facts, args: tuple[Any, ...], kwargs: dict[str, Any], ahead: Ahead,
               reads: list[torch.Tensor], read: Read, output: torch.Tensor) -> Draft:  # fmt: skip
        """A layer that one function computes."""
        assert read.first is not None and read.mark is not None
        op, (given, running, saturated) = known.op, ahead
        axis = trace_ops.channel_axis(op, output, given, read.mark.axis, read.first.ndim)
        method, knobs = trace_norms.norm(op, tuple(read.first.shape), given) if given else ("", {})
        if known.knobs:
            knobs = knobs or activation_knobs(op, args, kwargs)
        return Draft(
            call=self.calls[-1],
            op=op,
            shape=tuple(output.shape),
            channel_axis=axis,
            inputs=read.numbers,
            parameters=self.marks.first_use(read.parameters),
            multiply_adds=multiply_adds(op, reads, output, args),
            method=method,
            knobs=knobs,
            running=running,
            saturated=saturated,
        )

    def _write(self, draft: Draft, output: torch.Tensor, found: list[torch.Tensor],
               reads: list[torch.Tensor]) -> torch.Tensor:  # fmt: skip
        """Add a layer, let its output be summarized now, and mark all that was found."""
        if self.stopped is not None:
            raise self.stopped
        number = len(self.drafts)
        draft.call.layers += 1
        self.drafts.append(draft)
        self.paused = True
        try:
            taken = self.seen(number, draft, output)
        except BaseException as error:
            self.stopped = error
            raise
        finally:
            self.paused = False
        for one in reads:
            if one is output:  # it worked in place
                self.marks.overwritten(output, number)
                break
        for one in found:
            self.marks.put(one, (number,), NONE, draft.channel_axis)
        if taken is not output:
            self.marks.put(taken, (number,), NONE, draft.channel_axis)
        return taken

    def _enter(self, module: torch.nn.Module, args: Any) -> None:
        if self.paused:
            return
        above = self.calls[-1]
        if above.whole:
            self.calls.append(Call(module, above.path, above.whole))
            return
        path = self.paths.get(id(module))
        if path is None:  # it is no child of its parent
            path = joined(above.path, type(module).__name__)
        call = Call(module, path, trace_norms.whole_layer(module))
        self.calls.append(call)
        if call.whole:
            call.reads = tuple(one for one in tensors(args) if self.marks.of(one))
            call.whole = call.whole if call.reads else ""
            buffers = [getattr(module, name, None) for name in ("running_mean", "running_var")]
            with self._pause():
                call.running = trace_norms.running(*buffers)

    def _leave(self, module: torch.nn.Module, output: Any, error: BaseException | None) -> None:
        if self.paused:
            return
        if error is not None and (self.failed is None or self.failed[0] is not error):
            self.failed = error, self._where("")
        call, above = self.calls.pop(), self.calls[-1]
        if error is None and call.whole and not above.whole:
            self._whole(call, output)
        above.inner += call.layers + call.inner
        above.multiply_adds += call.multiply_adds

    def _whole(self, call: Call, result: Any) -> None:
        """A module that is one layer, though it computes several steps."""
        found = tensors(result)
        with self._pause():
            output = floating(found)
            if output is None:
                return
            read, given = self.marks.read(call.reads), trace_norms.attributes(call.module)
            first, mark = call.reads[0], self.marks.of(call.reads[0])
            axis = trace_ops.channel_axis("", output, {}, mark.axis if mark else None, first.ndim)
            method, knobs = trace_norms.norm(call.whole, tuple(first.shape), given, channels_first=True)
            used = self.marks.first_use([id(one) for one in call.module.parameters()])
        draft = Draft(call, call.whole, tuple(output.shape), axis, read.numbers, used, call.multiply_adds, method,
                      knobs, call.running)  # fmt: skip
        call.layers = 0
        self._write(draft, output, found, [])

    @contextmanager
    def _pause(self) -> Iterator[None]:
        """What is asked of tensors in here is no part of the pass."""
        self.paused = True
        try:
            yield
        finally:
            self.paused = False

    def names(self) -> list[str]:
        """The layers' names, each only once."""
        return names(self.drafts)

    def _where(self, op: str) -> str:
        path = self.calls[-1].path
        return f"{path} ({op})" if path and op else path or op
