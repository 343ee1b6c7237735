"""Networks to trace, each of which says itself what it computes: its forward shows ``tap`` every layer's output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from normviz.catalogue import METHODS


@dataclass
class Taps:
    """What a network said: a name, torch's function, and a copy of the values, layer by layer."""

    seen: list[tuple[str, str, np.ndarray]] = field(default_factory=list)

    def __call__(self, name: str, op: str, values: torch.Tensor) -> None:
        self.seen.append((name, op, values.detach().double().numpy().copy()))


class Tapped(nn.Module):
    """Tells nobody, unless :func:`tapped` listens."""

    def tap(self, name: str, op: str, values: torch.Tensor) -> torch.Tensor:
        listener = LISTENERS[-1] if LISTENERS else None
        if listener is not None:
            listener(name, op, values)
        return values


LISTENERS: list[Taps] = []


@contextmanager
def listening() -> Iterator[Taps]:
    taps = Taps()
    LISTENERS.append(taps)
    try:
        yield taps
    finally:
        LISTENERS.pop()


class Functional(Tapped):
    """Functional calls, views between them, and operators."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, 3, 3) / 5)
        self.scale = nn.Parameter(torch.rand(4, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.tap("conv2d", "conv2d", F.conv2d(x, self.weight, padding=1))
        y = self.tap("mul", "mul", y * self.scale)
        y = self.tap("relu", "relu", F.relu(y))
        y = self.tap("max_pool2d", "max_pool2d", F.max_pool2d(y, 2))
        y = y.permute(0, 2, 3, 1).reshape(y.shape[0], -1)[:, 2:].t().contiguous().t()
        y = self.tap("sub", "sub", 1 - y)
        y = self.tap("mean", "mean", y.mean(1, keepdim=True))
        return self.tap("tanh", "tanh", torch.tanh(y))


class InPlace(Tapped):
    """Batch Norm whose output ReLU overwrites, and a first layer that would overwrite the input."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LeakyReLU(0.1, inplace=True)
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.tap("first", "leaky_relu", self.first(x))
        y = self.tap("conv", "conv2d", self.conv(x))
        y = self.tap("norm", "batch_norm", self.norm(y))
        y = self.tap("relu", "relu", self.relu(y))
        y += 1
        return self.tap("add", "add", y)


class Block(Tapped):
    def __init__(self, path: str, width: int) -> None:
        super().__init__()
        self.path = path
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.GroupNorm(2, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.tap(f"{self.path}.conv", "conv2d", self.conv(x))
        y = self.tap(f"{self.path}.norm", "group_norm", self.norm(y))
        return self.tap(f"{self.path}.add", "add", x + y)


class Branching(Tapped):
    """Residual sums, and two branches put together."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block("blocks.0", 4), Block("blocks.1", 4))
        self.left, self.right = nn.Conv2d(4, 2, 1), nn.Conv2d(4, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(x)
        left = self.tap("left", "conv2d", self.left(x))
        right = self.tap("right", "conv2d", self.right(x))
        y = self.tap("cat", "cat", torch.cat([left, right], 1))
        one, two = y.split([1, 4], 1)
        return self.tap("mul", "mul", one * two)


class Shared(Tapped):
    """One module called twice, one weight used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.lin, self.act = nn.Linear(6, 6), nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.tap("lin", "linear", self.lin(x))
        x = self.tap("act", "silu", self.act(x))
        x = self.tap("lin#2", "linear", self.lin(x))
        x = self.tap("act#2", "silu", self.act(x))
        return self.tap("linear", "linear", F.linear(x, self.lin.weight.t()))


class Control(Tapped):
    """What it computes depends on the values, and it catches an error of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(6, 6)
        self.wrong = nn.Linear(5, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        try:
            x = self.wrong(x)
        except RuntimeError:
            x = self.tap("lin", "linear", self.lin(x))
        steps = 1
        while not (x > 30).any():
            x = self.tap(f"mul#{steps}" if steps > 1 else "mul", "mul", x * 2)
            steps += 1
        return x


class Recurrent(Tapped):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, (h, _) = self.lstm(x)
        self.tap("lstm", "lstm", y)
        y = self.tap("add", "add", y[:, -1] + h[-1])
        return self.tap("head", "linear", self.head(y))


class Parametrized(Tapped):
    """A weight that is computed from two others."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))
        self.renorm = METHODS["batch_renorm"].module(nn, (4, 4, 6, 6))
        self.last = METHODS["layer_norm_last"].module(nn, (4, 4, 6, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.tap("conv", "conv2d", self.conv(x))
        x = self.tap("renorm", "batch_renorm", self.renorm(x))
        return self.tap("last", "layer_norm", self.last(x))


class Attention(Tapped):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm = nn.Embedding(11, 8), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.tap("embed", "embedding", self.embed(x))
        y = self.tap("norm", "layer_norm", self.norm(x))
        y = self.tap("attention", "multi_head_attention_forward", self.attention(y, y, y)[0])
        return self.tap("add", "add", x + y)


def images(channels: int = 3) -> torch.Tensor:
    return torch.randn(4, channels, 8, 8)


NETWORKS: dict[str, tuple[Callable[[], Tapped], Callable[[], Any]]] = {
    "functional": (Functional, images),
    "in place": (InPlace, images),
    "branching": (Branching, lambda: images(4)),
    "shared": (Shared, lambda: torch.randn(5, 6)),
    "control flow": (Control, lambda: torch.randn(5, 6)),
    "recurrent": (Recurrent, lambda: torch.randn(3, 7, 6)),
    "parametrized": (Parametrized, images),
    "attention": (Attention, lambda: torch.randint(0, 11, (3, 6))),
}


def network(name: str, training: bool = False) -> tuple[Any, Any]:
    """The network of that name, with the same weights every time, and its input."""
    torch.manual_seed(3)
    make, data = NETWORKS[name]
    return make().train(training), data()
