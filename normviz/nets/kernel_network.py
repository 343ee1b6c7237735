"""The small network whose second layer is the kernel on show, and the handwritten digits that it reads.

Nothing here draws from torch's global random state.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional


@dataclass(frozen=True)
class Network:
    """Three layers that read a digit; the kernel is the weight of the second."""

    weights: tuple[torch.Tensor, ...]
    biases: tuple[torch.Tensor, ...]

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """What the kernel is applied to: (N, I, 8, 8), or (N, I) for a fully connected one."""
        return functional.relu(layer(pictures, self.weights[0], self.biases[0]))

    def scores(self, pictures: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """A score for each digit, (N, 10), with ``weight`` in the place of the second layer's where given."""
        kernel = self.weights[1] if weight is None else weight
        h = functional.relu(layer(self.features(pictures), kernel, self.biases[1]))
        return layer(h.mean((2, 3)) if h.ndim == 4 else h, self.weights[2], self.biases[2])


def network(shape: tuple[int, ...], seed: int = 0) -> Network:
    """The untrained network around a kernel of this shape, which is ``initial_weight`` from the same seed.

    >>> [tuple(weight.shape) for weight in network((12, 8, 3, 3)).weights]
    [(8, 1, 3, 3), (12, 8, 3, 3), (10, 12)]
    """
    generator = torch.Generator().manual_seed(seed)
    weight = initial_weight(shape, generator)  # the first to be drawn
    first = initial_weight((shape[1], 1, 3, 3) if len(shape) == 4 else (shape[1], 64), generator)
    weights = (first, weight, initial_weight((10, shape[0]), generator))
    return Network(weights, tuple(torch.zeros(len(w)) for w in weights))


def layer(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """What a kernel makes of maps (N, I, H, W), with a rim of zeros, or of rows (N, I)."""
    if weight.ndim == 2:
        return functional.linear(x.flatten(1), weight, bias)
    return functional.conv2d(x, weight, bias, padding=(weight.shape[2] // 2, weight.shape[3] // 2))


def initial_weight(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """As `nn.Conv2d` and `nn.Linear` fill their weights, from this generator."""
    return torch.nn.init.kaiming_uniform_(torch.empty(shape), a=5**0.5, generator=generator)


@lru_cache(maxsize=1)
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """scikit-learn's 1,797 digits (N, 1, 8, 8) in [-1, 1] and their labels, shuffled once: writers differ in style.

    Read from scikit-learn's folder without importing it, which would cost the first visitor seconds.
    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits (UCI).
    """
    found = find_spec("sklearn")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "The digits come with scikit-learn, which is not installed: pip install scikit-learn."
        )
    with gzip.open(Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    table = table[np.random.default_rng(0).permutation(len(table))]
    # Kept for all: tensors first made in somebody's inference mode could not be learned from.
    with torch.inference_mode(False):
        pictures = torch.from_numpy(table[:, :64] / 8 - 1).reshape(-1, 1, 8, 8)
        return pictures, torch.from_numpy(table[:, 64].astype(np.int64))
