"""The seeded random tensor that pages and snippets start from, and the code that makes it anywhere.

>>> Sample(seed=0).tensor((8, 12, 4, 4)).shape
(8, 12, 4, 4)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from normviz.layouts import WEIGHTS, Shape, axes_of


class Input(Protocol):
    """What a snippet can start from: something seeded that writes out how a tensor is made."""

    @property
    def seed(self) -> int:
        """The seed of everything random about it."""

    def second(self) -> Input:
        """What stands in for a second input."""

    def code(self, shape: Shape, name: str = "x") -> str:
        """Python lines that make the tensor of that name."""


@dataclass(frozen=True)
class Sample:
    """x = mean + spread * z * channel_spread^c + channel_shift * c' + sample_shift * n, with z, c, c', n ~ N(0, 1).

    z is drawn per cell, c and c' per channel, n per sample, from ``numpy.random.default_rng(seed)`` in this order.
    """

    seed: int = 0
    mean: float = 0.0
    spread: float = 1.0
    channel_shift: float = 1.5
    channel_spread: float = 1.5
    sample_shift: float = 0.5

    def tensor(self, shape: Shape) -> npt.NDArray[np.float32]:
        """The tensor, float32, of a layout of activations."""
        axes = axes_of(shape)
        rng = np.random.default_rng(self.seed)
        z = rng.standard_normal(tuple(shape))
        channel = [n if a == "C" else 1 for a, n in zip(axes, shape, strict=True)]
        sample = [n if a == "N" else 1 for a, n in zip(axes, shape, strict=True)]
        scale = self.channel_spread ** rng.standard_normal(channel)
        shift = self.channel_shift * rng.standard_normal(channel)
        offset = self.sample_shift * rng.standard_normal(sample)
        return (self.mean + self.spread * z * scale + shift + offset).astype(np.float32)

    def second(self) -> Sample:
        """The sample that stands in for a second input where none is given: the next seed's."""
        return replace(self, seed=self.seed + 1)

    def code(self, shape: Shape, name: str = "x") -> str:
        """Python lines that make the same tensor as a torch tensor of that name, with numpy and torch alone."""
        axes = axes_of(shape)
        channel = tuple(int(n) if a == "C" else 1 for a, n in zip(axes, shape, strict=True))
        sample = tuple(int(n) if a == "N" else 1 for a, n in zip(axes, shape, strict=True))
        return "\n".join(
            [
                f"rng = np.random.default_rng({self.seed})",
                f"{name} = {self.mean!r} + {self.spread!r} * rng.standard_normal({tuple(map(int, shape))})"
                f" * {self.channel_spread!r} ** rng.standard_normal({channel})",
                f"{name} += {self.channel_shift!r} * rng.standard_normal({channel})",
                f"{name} += {self.sample_shift!r} * rng.standard_normal({sample})",
                f"{name} = torch.from_numpy({name}.astype(np.float32))",
            ]
        )


@dataclass(frozen=True)
class Kernel:
    """The weight of a new torch layer, as torch initializes it with this seed: the input of what works on weights."""

    seed: int = 0

    def second(self) -> Kernel:
        """The next seed's."""
        return Kernel(self.seed + 1)

    def code(self, shape: Shape, name: str = "x") -> str:
        """Python lines that make the weight, (O, I, H, W) of a convolution or (O, I) of a linear layer."""
        out, into, *size = (int(n) for n in shape)
        axes_of(shape, WEIGHTS)
        layer = f"Conv2d({into}, {out}, ({size[0]}, {size[1]})" if size else f"Linear({into}, {out}"
        return f"torch.manual_seed({self.seed})\n{name} = nn.{layer}, bias=False).weight.detach()"
