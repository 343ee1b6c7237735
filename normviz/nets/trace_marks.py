"""From which layers the tensors of a pass come, and which parameters are in them, followed by their identity."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from normviz.nets.trace_state import storage

NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False, slots=True)
class Mark:
    """What is known of a tensor: the layers its values come from, the parameters in it, where its channels lie."""

    tensor: weakref.ref[torch.Tensor]
    numbers: tuple[int, ...]
    parameters: frozenset[int]
    axis: int | None


class Marks:
    """The marks of all tensors that live; none of them is kept alive by it.

    >>> weight, marks = torch.nn.Parameter(torch.ones(3)), Marks([])
    >>> marks.put(weight, (4,), NONE, 0)
    >>> marks.numbers([torch.ones(3), weight]), marks.of(torch.ones(3))
    ((4,), None)
    """

    def __init__(self, parameters: Iterable[torch.Tensor]) -> None:
        self.marks: dict[int, Mark] = {}
        #: How many numbers each parameter has that no layer has used yet.
        self.unused = {id(one): one.numel() for one in parameters}

    def put(
        self, tensor: torch.Tensor, numbers: tuple[int, ...], parameters: frozenset[int], axis: int | None
    ) -> None:
        """Say what is known of a tensor."""
        self.marks[id(tensor)] = Mark(weakref.ref(tensor), numbers, parameters, axis)

    def of(self, tensor: torch.Tensor) -> Mark | None:
        """What is known of a tensor that comes from the input; None for others."""
        mark = self.marks.get(id(tensor))
        return mark if mark is not None and mark.numbers and mark.tensor() is tensor else None

    def numbers(self, reads: Iterable[torch.Tensor]) -> tuple[int, ...]:
        """The layers that these tensors come from, in their order."""
        found: tuple[int, ...] = ()
        for one in reads:
            mark = self.of(one)
            if mark is not None and mark.numbers != found:
                found = tuple(dict.fromkeys((*found, *mark.numbers)))
        return found

    def parameters(self, reads: Iterable[torch.Tensor]) -> frozenset[int]:
        """The parameters among these tensors, and those that these were computed from."""
        found = NONE
        for one in reads:
            key = id(one)
            if key in self.unused:
                found |= {key}
            elif (mark := self.marks.get(key)) is not None and mark.parameters and mark.tensor() is one:
                found |= mark.parameters
        return found

    def first_use(self, parameters: Iterable[int]) -> int:
        """How many numbers these parameters have, but those that were used before."""
        return sum(self.unused.pop(one, 0) for one in parameters)

    def overwritten(self, output: torch.Tensor, number: int) -> None:
        """Other tensors in the memory of this layer's output hold its values now, or some of them."""
        place = storage(output)
        for key, mark in list(self.marks.items()):
            other = mark.tensor()
            if other is None:
                del self.marks[key]
            elif other is not output and mark.numbers and place is not None and storage(other) == place:
                before = () if other.numel() <= output.numel() else mark.numbers
                self.put(other, (*before, number), mark.parameters, mark.axis)
