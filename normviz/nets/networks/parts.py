"""What the definitions are made of: a normalization for a given length, and an activation, asked from the tables.

A definition runs on torch's device "meta", where a convolution costs nothing and draws no random numbers; what a
normalization or an activation holds is made on the real device at once, as it starts with numbers of its own.

>>> from normviz.networks import network
>>> parts = Parts(network("mlp"), "layer_norm", "tanh")
>>> with torch.device("meta"):
...     net = nn.Sequential(nn.Linear(6, 4), parts.norm(4), parts.act())
>>> allocate(net, "cpu")
Sequential(
  (0): Linear(in_features=6, out_features=4, bias=True)
  (1): LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)
  (2): Tanh()
)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from normviz.activations import ACTIVATIONS
from normviz.catalogue import METHODS
from normviz.networks import NONE, Network
from normviz.windows import sliding


@dataclass(frozen=True)
class Parts:
    """The norm and the activation that a definition is to use, by their keys, and the device they are made on."""

    row: Network
    norm_key: str
    activation_key: str
    device: torch.device | str = "cpu"

    @property
    def normed(self) -> bool:
        """Whether there is a normalization at all."""
        return self.norm_key != NONE

    def norm(self, *lengths: int) -> nn.Module:
        """The method's layer for tensors of these lengths, all but that of N; what changes nothing where there is none.

        The knobs are the catalogue's defaults, or what this network has of its own.
        """
        if not self.normed:
            return nn.Identity()
        entry, shape = METHODS[self.norm_key], (1, *lengths)
        knobs = entry.defaults(dict(zip(self.row.layout, shape, strict=True)))
        with torch.device(self.device):
            module: nn.Module = entry.module(
                nn, shape, **knobs | dict(self.row.norm_knobs.get(entry.key, {}))
            )
        return module

    def act(self) -> nn.Module:
        """A fresh activation."""
        with torch.device(self.device):
            module: nn.Module = ACTIVATIONS[self.activation_key].module(nn)
        return module


def narrowed(side: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """The side of the maps that a convolution or a pool makes of maps of this side.

    >>> narrowed(227, 11, 4), narrowed(224, 7, 2, 3)
    (55, 112)
    """
    return sliding(side, kernel_size=kernel, stride=stride, padding=padding).count


def allocate(net: nn.Module, device: torch.device | str) -> nn.Module:
    """Give every parameter that is still on "meta" memory on the device, with whatever numbers lie there."""
    for part in net.modules():
        for name, tensor in list(part.named_parameters(recurse=False)):
            if tensor.is_meta:
                setattr(part, name, nn.Parameter(torch.empty(tensor.shape, device=device)))
    return net
