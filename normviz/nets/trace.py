"""Every layer of a network in one pass: what it is, and how its values are distributed.

Each output is summarized inside the pass, at once, and none is kept.

>>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
>>> found = trace(net, torch.ones(2, 3))
>>> [(layer.name, layer.op, layer.shape, layer.parameters) for layer in found.layers]
[('0', 'linear', (2, 4), 16), ('1', 'relu', (2, 4), 0)]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from normviz.nets.trace_activations import saturation
from normviz.nets.trace_drafts import Draft
from normviz.nets.trace_inputs import first_line, given, mapped, placed
from normviz.nets.trace_ops import default_axis, tensors
from normviz.nets.trace_recorder import Recorder
from normviz.nets.trace_state import Kept
from normviz.nets.trace_statistics import summarized
from normviz.network_runs import TOP
from normviz.traces import INPUT, LayerTrace, Trace

Progress = Callable[[int, str], None]
Watch = Callable[[int, torch.Tensor], None]


class Enough(Exception):
    """Raised by ``watch`` when it has seen what it wants: the pass ends there, without an error."""


class _Unreadable(Exception):
    """A layer's values that cannot be summarized, as those within ``torch.func``: the pass ends there."""


@dataclass(frozen=True, eq=False)
class Recorded:
    """A pass: its trace, and what the module returned (None where the pass ended early)."""

    trace: Trace
    output: Any = None


def trace(
    module: torch.nn.Module, x: Any, *, device: str | torch.device | None = None, target: int | None = None
) -> Trace:
    """The distribution of every layer's output in one pass of ``module(x)``.

    ``x`` is a tensor or a numpy array; a tuple for a module of several inputs, a dict for inputs by name. The pass runs
    without gradients in the mode the module is in, where the module is; on another ``device`` a copy of it runs.
    With ``target``, the number of a class, a backward pass starts from its score, summed over the samples (-1: from
    each sample's highest), and every layer has its ``gradient``; all activations are then kept until its end.

    A layer is an outermost call of a torch function that computes floating numbers from x: modules, functional calls
    and operators alike, in the order of execution, whatever the control flow. Views and copies are none.

    The module is left exactly as it was: parameters, buffers, attributes, modes, hooks, gradients; so are x and the
    random numbers of torch, NumPy and Python. What other objects in its attributes hold, as NumPy's arrays or a cache
    of a class of its own, is not put back. Where the forward fails, the trace holds the layers up to there and
    ``error`` says why.

    Functions made by ``torch.compile`` run as they are written. What ``torch.func`` transforms (vmap, grad), NumPy and
    other threads compute is not followed: ``error`` says so where none of the output comes from what was, or where
    values cannot be read.

    Raises TypeError for what is no module or no tensor, ValueError for a device that is not here, and for a target
    where the output is not (N, classes).

    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU()).eval()
    >>> found = trace(net, torch.zeros(2, 3, 8, 8))
    >>> [layer.name for layer in found.layers], found.layers[1].method, found.layers[0].multiply_adds
    (['0', '1', '2'], 'batch_norm_eval', 7776)
    """
    return record(module, x, device=device, target=target).trace


def record(
    module: torch.nn.Module,
    x: Any,
    *,
    device: str | torch.device | None = None,
    target: int | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Recorded:
    """As :func:`trace`, for those who look in: the output too, a backward pass, and callbacks.

    ``target`` is the class whose score, summed over the samples, a backward pass starts from (-1: each sample's
    highest): every layer then has ``gradient_square``. Raises ValueError where the output is not (N, classes).

    ``progress(number, name)`` is called after every layer; what it raises ends the pass and is raised here.
    ``watch(number, values)`` is shown every output before anything overwrites it, number -1 first for the input; it may
    raise :class:`Enough`.
    """
    device = None if device is None else str(device)
    if isinstance(target, np.integer):
        target = int(target)
    if target is not None and not isinstance(target, int):
        raise TypeError(
            f"target = {target!r}: a class is a whole number, such as 3, or {TOP} for each sample's highest."
        )
    with torch.inference_mode(False), torch.set_grad_enabled(target is not None):
        runs = placed(module, device)
        kept = Kept(runs)
        args, kwargs = given(kept.parameters, x, device)
        work = _Pass(runs, kept, target is not None, progress, watch)
        try:
            return work.run(args, kwargs, target)
        finally:
            kept.restore()
            # They hold each other: what they hold is freed now, not when the garbage is next collected.
            del work.recorder


class _Pass:
    """One pass: what is measured of each layer besides what the recorder writes down."""

    def __init__(
        self,
        module: torch.nn.Module,
        kept: Kept,
        backward: bool,
        progress: Progress | None,
        watch: Watch | None,
    ) -> None:
        self.module, self.backward, self.progress, self.watch = module, backward, progress, watch
        self.recorder = Recorder(module, self.seen, saturation, kept)
        self.measured: list[dict[str, Any]] = []
        self.squares: dict[int, float] = {}
        self.roots: list[torch.Tensor] = []

    def run(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], target: int | None) -> Recorded:
        mode = "train" if self.module.training else "eval"
        output, error = None, ""
        first = tensors((args, dict(kwargs)))[0]
        measured = summarized(first, default_axis(first.ndim))
        layer = LayerTrace("input", "input", tuple(first.shape), default_axis(first.ndim), **measured)
        try:
            self.shown(INPUT, first.detach())
            args, kwargs = mapped(args, self.rooted), mapped(dict(kwargs), self.rooted)
            with self.recorder.around():
                self.recorder.start((args, kwargs), lambda tensor: default_axis(tensor.ndim))
                output = self.module(*args, **kwargs)
        except Enough:
            output = None
        except Exception as failed:
            if failed is self.recorder.stopped and not isinstance(failed, _Unreadable):
                raise
            error = self.explained(failed)
        if target is not None and not error and output is not None:
            error = self.back(output, target)
        stopped = self.recorder.stopped
        if isinstance(stopped, _Unreadable):
            error = error or self.explained(stopped)
        elif stopped is not None and not isinstance(stopped, Enough):
            raise stopped
        error = error or self.lost(output)
        kind = str(first.dtype).removeprefix("torch.")
        found = Trace(self.layers(), layer, type(self.module).__name__, mode, first.device.type, kind, error)
        return Recorded(found, mapped(output, torch.Tensor.detach))

    def rooted(self, tensor: torch.Tensor) -> torch.Tensor:
        """An input that a gradient reaches. Not a leaf: a first layer may work in place."""
        if not self.backward or not tensor.is_floating_point():
            return tensor
        self.roots.append(tensor.requires_grad_())
        return tensor.clone()

    def seen(self, number: int, draft: Draft, output: torch.Tensor) -> torch.Tensor:
        values = output.detach()
        try:
            measured = summarized(values, draft.channel_axis)
        except (RuntimeError, TypeError) as error:
            raise _Unreadable(f"the values of {draft.name} cannot be read ({first_line(error)})") from error
        measured["saturated"] = draft.saturated
        self.measured.append(measured)
        self.shown(number, values)
        if self.progress is not None:
            self.progress(number, draft.name)
        return self.listened(number, draft, output) if self.backward else output

    def shown(self, number: int, values: torch.Tensor) -> None:
        try:
            if self.watch is not None:
                self.watch(number, values)
        except BaseException as error:
            self.recorder.stopped = error
            raise

    def listened(self, number: int, draft: Draft, output: torch.Tensor) -> torch.Tensor:
        """Add up dL/dy squared when the backward pass comes by."""
        if not torch.is_grad_enabled():
            return output
        if not output.requires_grad:  # nothing before it can learn, as behind a frozen embedding
            self.roots.append(output.detach().requires_grad_())
            output = self.roots[-1].clone()
        elif draft.inputs == (INPUT,) and not self.roots:
            self.roots.append(output)
        self.squares[number] = 0.0

        def add(gradient: torch.Tensor) -> None:
            self.squares[number] += float(torch.linalg.vector_norm(gradient.double())) ** 2

        output.register_hook(add)
        return output

    def back(self, output: Any, target: int) -> str:
        """The backward pass from a class's scores; what went wrong in it, in a sentence."""
        if (
            not isinstance(output, torch.Tensor)
            or output.ndim != 2
            or not output.is_floating_point()
            or not output.shape[1]
        ):
            has = (
                f"shape {tuple(output.shape)}" if isinstance(output, torch.Tensor) else type(output).__name__
            )
            raise ValueError(
                f"The output is of {has}: a backward pass from a class needs (N, classes). Leave target out."
            )
        if target != TOP and not 0 <= target < output.shape[1]:
            raise ValueError(
                f"target = {target}: the output has {output.shape[1]} classes, so it is from 0 to "
                f"{output.shape[1] - 1}, or {TOP} for each sample's highest."
            )
        score = output.amax(1).sum() if target == TOP else output[:, target].sum()
        if not score.requires_grad or not self.roots:
            raise ValueError(
                "No gradient passes from the output back through this module: it computes without gradients inside. "
                "Leave target out."
            )
        try:
            torch.autograd.grad(score, self.roots, allow_unused=True)
        except RuntimeError as failed:
            self.squares.clear()
            return f"The backward pass ended early, torch said: {first_line(failed)}."
        return ""

    def explained(self, failed: Exception) -> str:
        """Where a pass ended and why, in one sentence."""
        known = self.recorder.failed
        where = known[1] if known is not None and known[0] is failed else ""
        count = len(self.measured)
        after = f"after layer {count}" if count else "before its first layer"
        return f"The pass ended {after}{f', in {where}' if where else ''}: {first_line(failed)}."

    def lost(self, output: Any) -> str:
        """Where what was followed ends although the pass went on: nothing of the output comes from it."""
        found = [one for one in tensors(output) if one.is_floating_point()]
        if not found or any(self.recorder.marks.of(one) for one in found):
            return ""
        count = len(self.measured)
        return (
            f"The pass could be followed {f'up to layer {count}' if count else 'nowhere'}: the output comes from the "
            "input by what cannot be seen, such as torch.func, NumPy, or another thread."
        )

    def layers(self) -> tuple[LayerTrace, ...]:
        names, drafts = self.recorder.names(), self.recorder.drafts
        return tuple(
            LayerTrace(name, draft.op, draft.shape, draft.channel_axis, parameters=draft.parameters,
                       multiply_adds=draft.multiply_adds, inputs=draft.inputs, method=draft.method,
                       knobs=draft.knobs, running=draft.running, gradient_square=self.squares.get(number),
                       **measured)
            for number, (name, draft, measured) in enumerate(zip(names, drafts, self.measured, strict=False))
        )  # fmt: skip
