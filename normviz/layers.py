"""A torch layer as a value: built with a ``torch.nn`` that is passed in, or written out as source.

One :class:`Layer` is both the module that runs and the code that is shown, so the two cannot drift apart; and nothing
here imports torch. What torch has no layer for is ``written`` out (:mod:`normviz.written`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from normviz.written import Written, source


@dataclass(frozen=True)
class Layer:
    """A call of ``torch.nn``: the class, its arguments, and where it expects the channels.

    ``move`` names the axes between which the channels travel before the call, and back after it, where the layout has
    them elsewhere than the layer: (1, -1) for a channels-last layer on (N, C, H, W). ``unsqueeze`` adds a last axis of
    length 1 for layers that want one. ``function`` calls ``nn.functional`` instead of a class. A layer that is
    ``written`` is no class of torch's: its name is that of the class the function gives. One with ``second`` takes
    another input of the same shape, called ``style``. ``frozen`` parameters are not trained. ``note`` is a comment for
    those who read the code.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    move: tuple[int, int] | None = None
    unsqueeze: bool = False
    evaluating: bool = False
    function: bool = False
    written: Written | None = None
    second: bool = False
    frozen: bool = False
    note: str = ""

    def build(self, nn: ModuleType) -> Any:
        """The ``torch.nn.Module``."""
        module = self._function(nn) if self.function else self._adapted(nn)(**self.arguments)
        if self.evaluating:
            module.eval()
        return module.requires_grad_(False) if self.frozen else module

    def code(self) -> str:
        """Lines of Python that make ``y`` from ``x``, given ``torch`` and ``from torch import nn``."""
        return "\n".join(line for line in (self.making(), self.calling()) if line)

    def making(self) -> str:
        """The lines that make the layer; empty for a function, which needs none."""
        if self.function:
            return ""
        before = f"# {self.note}\n" if self.note else ""
        after = ".eval()" if self.evaluating else ""
        after += ".requires_grad_(False)" if self.frozen else ""
        if self.written is None:
            return f"{before}layer = nn.{self.name}({self._arguments()}){after}"
        return f"{source(self.written)}\n\n\nlayer = {self.name}({self._arguments()}){after}"

    def calling(self) -> str:
        """The line that makes ``y`` from ``x`` (and from ``style``, where there is a second input)."""
        before, after = "{}", ""
        if self.move:
            before, after = f"{{}}.movedim{self.move}", f".movedim{self.move[::-1]}"
        if self.unsqueeze:
            before, after = f"{before}.unsqueeze(-1)", f".squeeze(-1){after}"
        inputs = ", ".join(before.format(name) for name in (("x", "style") if self.second else ("x",)))
        if self.function:
            return f"y = nn.functional.{self.name}({inputs}, {self._arguments()}){after}"
        return f"y = layer({inputs}){after}"

    def _arguments(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self.arguments.items())

    def _adapted(self, nn: ModuleType) -> type:
        # The torch that this torch.nn is part of has been imported by whoever gave it.
        torch = sys.modules[nn.__name__.partition(".")[0]]
        base: type = self.written(torch, nn) if self.written else getattr(nn, self.name)
        if not (self.move or self.unsqueeze):
            return base
        move, unsqueeze = self.move, self.unsqueeze

        def forward(module: Any, *inputs: Any) -> Any:
            inputs = tuple(x.movedim(*move) for x in inputs) if move else inputs
            inputs = tuple(x.unsqueeze(-1) for x in inputs) if unsqueeze else inputs
            y = base.forward(module, *inputs)  # type: ignore[attr-defined]
            y = y.squeeze(-1) if unsqueeze else y
            return y.movedim(*move[::-1]) if move else y

        # A subclass, so that weight, bias and buffers stay where torch's users look for them.
        return type(
            self.name, (base,), {"forward": forward, "__doc__": f"{base.__name__} on another layout."}
        )

    def _function(self, nn: ModuleType) -> Any:
        function, arguments = getattr(nn.functional, self.name), dict(self.arguments)

        def forward(module: Any, x: Any) -> Any:
            return function(x, **arguments)

        return type(self.name, (nn.Module,), {"forward": forward})()
