"""From which layers the tensors of a pass come, and which parameters are in them, followed by their identity."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import torch

from normviz.nets.trace_state import storage

NONE: frozenset[int] = frozenset()


@dataclass(eq=False, slots=True)
class Mark:
    """What is known of a tensor: the layers its values come from, the parameters in it, where its channels lie."""

    tensor: weakref.ref[torch.Tensor]
    numbers: tuple[int, ...]
    parameters: frozenset[int]
    axis: int | None


@dataclass(eq=False, slots=True)
class Read:
    """What is known of the tensors that a function reads, together."""

    #: The layers that they come from, in their order.
    numbers: tuple[int, ...] = ()
    #: The parameters among them, and those that they were computed from; one may be there twice.
    parameters: list[int] = field(default_factory=list)
    #: The first that comes from the input, and its mark.
    first: torch.Tensor | None = None
    mark: Mark | None = None


class Marks:
    """The marks of all tensors that live; none of them is kept alive by it.

    >>> weight, marks = torch.nn.Parameter(torch.ones(3)), Marks([])
    >>> marks.put(weight, (4,), NONE, 0)
    >>> marks.read([torch.ones(3), weight]).numbers, marks.of(torch.ones(3))
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

    def read(self, reads: Iterable[torch.Tensor]) -> Read:
        """What is known of the tensors that a function reads."""
        found, marks, unused = Read(), self.marks, self.unused
        for one in reads:
            key = id(one)
            mark = marks.get(key)
            if mark is not None and mark.tensor() is not one:
                mark = None
            if key in unused:
                found.parameters.append(key)
            elif mark is not None and mark.parameters:
                found.parameters += mark.parameters
            if mark is not None and mark.numbers:
                if found.mark is None:
                    found.first, found.mark, found.numbers = one, mark, mark.numbers
                elif mark.numbers != found.numbers:
                    found.numbers = tuple(dict.fromkeys((*found.numbers, *mark.numbers)))
        return found

    def first_use(self, parameters: Collection[int]) -> int:
        """How many numbers these parameters have, but those that were used before."""
        return sum([self.unused.pop(one, 0) for one in parameters]) if parameters else 0

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
