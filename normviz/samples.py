"""The seeded random tensor that pages and snippets start from, and the code that makes it anywhere.

>>> Sample(seed=0).tensor((8, 12, 4, 4)).shape
(8, 12, 4, 4)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from normviz.layouts import Shape, axes_of


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

    def code(self, shape: Shape) -> str:
        """Python lines that make the same tensor as a torch tensor ``x``, with numpy and torch alone."""
        axes = axes_of(shape)
        channel = tuple(int(n) if a == "C" else 1 for a, n in zip(axes, shape, strict=True))
        sample = tuple(int(n) if a == "N" else 1 for a, n in zip(axes, shape, strict=True))
        return "\n".join(
            [
                f"rng = np.random.default_rng({self.seed})",
                f"x = {self.mean!r} + {self.spread!r} * rng.standard_normal({tuple(map(int, shape))})"
                f" * {self.channel_spread!r} ** rng.standard_normal({channel})",
                f"x += {self.channel_shift!r} * rng.standard_normal({channel})",
                f"x += {self.sample_shift!r} * rng.standard_normal({sample})",
                "x = torch.from_numpy(x.astype(np.float32))",
            ]
        )
