"""What a pass would compute, without computing it: the same walk on torch's meta device, which has shapes only.

>>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())
>>> [(layer.name, layer.op, layer.shape, layer.count) for layer in plan(net, (2, 3, 8, 8))]
[('0', 'conv2d', (2, 8, 6, 6), 576), ('1', 'relu', (2, 8, 6, 6), 576)]
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from normviz.layer_kinds import kind_of
from normviz.nets.trace_drafts import Draft
from normviz.nets.trace_ops import default_axis, tensors
from normviz.nets.trace_recorder import Recorder


@dataclass(frozen=True, eq=False)
class Planned:
    """A layer to come, as :class:`normviz.traces.LayerTrace` names it."""

    name: str
    op: str
    shape: tuple[int, ...]
    channel_axis: int | None
    inputs: tuple[int, ...] = ()
    parameters: int = 0
    multiply_adds: int = 0
    method: str = ""
    knobs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many values it has."""
        return math.prod(self.shape)

    @property
    def kind(self) -> str:
        """What kind of operation it is: see :mod:`normviz.layer_kinds`."""
        return "norm" if self.method else kind_of(self.op)


def plan(
    module: torch.nn.Module, shape: Sequence[int], *, dtype: str = "float32"
) -> tuple[Planned, ...] | None:
    """The layers of a pass of this module over an input of this shape, in their order, at no cost in memory or time.

    None where that cannot be known without the values: where they decide what is computed, or the shape does not fit.
    The module is not touched: a copy of its structure runs, of which no tensor holds anything.
    """
    try:
        hollow = copy.deepcopy(module, {id(one): _hollow(one) for one in _held(module)})
        recorder = Recorder(hollow, _seen)
        with torch.inference_mode(False), torch.no_grad(), torch.device("meta"):
            x = torch.empty(tuple(shape), dtype=getattr(torch, dtype))
            with recorder.around():
                recorder.start((x,), lambda tensor: default_axis(tensor.ndim))
                hollow(x)
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
        return None
    return tuple(
        Planned(name, draft.op, draft.shape, draft.channel_axis, draft.inputs, draft.parameters,
                draft.multiply_adds, draft.method, draft.knobs)
        for name, draft in zip(recorder.names(), recorder.drafts, strict=True)
    )  # fmt: skip


def _seen(number: int, draft: Draft, output: torch.Tensor) -> torch.Tensor:
    return output


def _held(module: torch.nn.Module) -> Iterator[torch.Tensor]:
    """Every tensor that the module's attributes hold."""
    for one in module.modules():
        yield from tensors(list(vars(one).values()))


def _hollow(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of that shape which holds nothing."""
    empty = torch.empty_like(tensor, device="meta", requires_grad=False)
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(empty, requires_grad=tensor.requires_grad)
    return empty
