"""A torch layer as a value: built with a ``torch.nn`` that is passed in, or written out as source.

One :class:`Layer` is both the module that runs and the code that is shown, so the two cannot drift apart; and nothing
here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Layer:
    """A call of ``torch.nn``: the class, its arguments, and where it expects the channels.

    ``move`` names the axes between which the channels travel before the call, and back after it, where the layout has
    them elsewhere than the layer: (1, -1) for a channels-last layer on (N, C, H, W). ``unsqueeze`` adds a last axis of
    length 1 for layers that want one. ``function`` calls ``nn.functional`` instead of a class.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    move: tuple[int, int] | None = None
    unsqueeze: bool = False
    evaluating: bool = False
    function: bool = False

    def build(self, nn: ModuleType) -> Any:
        """The ``torch.nn.Module``."""
        module = self._function(nn) if self.function else self._adapted(nn)(**self.arguments)
        return module.eval() if self.evaluating else module

    def code(self) -> str:
        """Lines of Python that make ``y`` from ``x``, given ``from torch import nn``."""
        return "\n".join(line for line in (self.making(), self.calling()) if line)

    def making(self) -> str:
        """The line that makes the layer; empty for a function, which needs none."""
        if self.function:
            return ""
        return f"layer = nn.{self.name}({self._arguments()}){'.eval()' if self.evaluating else ''}"

    def calling(self) -> str:
        """The line that makes ``y`` from ``x``."""
        x, after = "x", ""
        if self.move:
            x, after = f"x.movedim{self.move}", f".movedim{self.move[::-1]}"
        if self.unsqueeze:
            x, after = f"{x}.unsqueeze(-1)", f".squeeze(-1){after}"
        if self.function:
            return f"y = nn.functional.{self.name}({x}, {self._arguments()}){after}"
        return f"y = layer({x}){after}"

    def _arguments(self) -> str:
        return ", ".join(f"{k}={v!r}" for k, v in self.arguments.items())

    def _adapted(self, nn: ModuleType) -> type:
        base: type = getattr(nn, self.name)
        if not (self.move or self.unsqueeze):
            return base
        move, unsqueeze = self.move, self.unsqueeze

        def forward(module: Any, x: Any) -> Any:
            x = x.movedim(*move) if move else x
            y = base.forward(module, x.unsqueeze(-1) if unsqueeze else x)  # type: ignore[attr-defined]
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
