"""What a pass writes down of its layers before they have their final names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from normviz.reference import FloatArray


@dataclass(eq=False, slots=True)
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
        return self.path if self.path and self.layers == 1 and not self.inner else joined(self.path, op)


@dataclass(eq=False, slots=True)
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
    #: How many of an activation's inputs lie where it is saturated; None where it never is.
    saturated: int | None = None

    @property
    def name(self) -> str:
        """Its name as far as the pass has come."""
        return self.call.name(self.op)


class Ahead(NamedTuple):
    """What is asked before a function runs, as it may change what it reads: its arguments by name, and of the draft."""

    given: Mapping[str, Any]
    running: tuple[FloatArray, FloatArray] | None
    saturated: int | None


def joined(path: str, name: str) -> str:
    """A path with a name behind it."""
    return f"{path}.{name}" if path else name


def names(drafts: Iterable[Draft]) -> list[str]:
    """The layers' names, a repeated one with its number: relu, relu#2, relu#3."""
    seen: Counter[str] = Counter()
    found = []
    for draft in drafts:
        name = draft.name
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found
