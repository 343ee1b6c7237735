"""Random weights, from a generator of their own: torch's global random state is neither read nor moved.

| scheme | weight of a convolution or linear layer | bias |
| --- | --- | --- |
| default | U(-1/sqrt(n), 1/sqrt(n)), as torch's layers draw | the same |
| xavier | U(-a, a), a = sqrt(6 / (n + m)). Source: Glorot and Bengio 2010, equation 16 | 0 |
| he | N(0, 2 / n). Source: He et al. 2015, equation 10 | 0 |

n is how many inputs an output is computed from, m how many outputs an input goes to. torch's normalizations and
activations go back to where torch starts them (weight 1, bias 0, mean 0, variance 1).

>>> first, second = (initialize(nn.Linear(3, 2), "he", seed=4) for _ in range(2))
>>> torch.equal(first.weight, second.weight), first.bias.tolist()
(True, [0.0, 0.0])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import nn

from normviz.network_runs import INITS

#: A tensor to be filled with numbers of this generator, in place.
Fill = Callable[[torch.Tensor, torch.Generator], object]
Module = TypeVar("Module", bound=nn.Module)

_LAYERS = (nn.Linear, nn.Conv2d)


@runtime_checkable
class DrawsItsOwn(Protocol):
    """A module with parameters that no layer of torch's holds, and how they start."""

    def own(self) -> list[tuple[torch.Tensor, Fill]]:
        """The parameters, each with what fills it."""


def _default(tensor: torch.Tensor, inputs: int, generator: torch.Generator) -> None:
    bound = inputs**-0.5
    tensor.uniform_(-bound, bound, generator=generator)


def _initialize_layer(layer: nn.Linear | nn.Conv2d, scheme: str, generator: torch.Generator) -> None:
    inputs = layer.weight[0].numel()

    def weight(tensor: torch.Tensor, generator: torch.Generator) -> None:
        if scheme == "default":
            _default(tensor, inputs, generator)
        elif scheme == "xavier":
            nn.init.xavier_uniform_(tensor, generator=generator)
        else:
            nn.init.kaiming_normal_(tensor, generator=generator)

    _draw(layer.weight, weight, generator)
    if layer.bias is None:
        return
    if scheme == "default":
        _draw(layer.bias, lambda tensor, generator: _default(tensor, inputs, generator), generator)
    else:
        layer.bias.zero_()


def _draw(tensor: torch.Tensor, fill: Fill, generator: torch.Generator) -> None:
    """Fill it with numbers drawn on the CPU, so that they are the same on every device."""
    if tensor.device.type == "cpu":
        fill(tensor, generator)
    else:
        drawn = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")
        fill(drawn, generator)
        tensor.copy_(drawn)


def check_scheme(scheme: str) -> None:
    """Raises ValueError for an unknown initialization."""
    if scheme not in INITS:
        raise ValueError(f"There is no initialization {scheme!r}: use one of {', '.join(INITS)}.")


@torch.no_grad()
def initialize(module: Module, scheme: str = "default", seed: int = 0) -> Module:
    """Fill the module's weights in place, and return it; the same seed gives the same numbers on every device.

    Raises ValueError for an unknown scheme.
    """
    check_scheme(scheme)
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, _LAYERS):
            _initialize_layer(part, scheme, generator)
        elif isinstance(part, DrawsItsOwn):
            for tensor, fill in part.own():
                _draw(tensor, fill, generator)
        elif not list(part.children()) and callable(reset := getattr(part, "reset_parameters", None)):
            reset()
    return module
