"""Between torch's tensors and numpy's arrays, and between a tensor and the mini-batches drawn from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from normviz.reference import FloatArray


def array(tensor: torch.Tensor) -> FloatArray:
    """A copy in float64: what a buffer holds now, though it goes on changing.

    >>> array(torch.tensor([0.5, 1.0])).dtype
    dtype('float64')
    """
    # To the CPU first: MPS has no float64.
    copied: FloatArray = tensor.detach().cpu().to(torch.float64, copy=True).numpy()
    return copied


def buffers_of(module: Any) -> tuple[FloatArray, FloatArray]:
    """The running mean and variance of a layer."""
    return array(module.running_mean), array(module.running_var)


def resamples(x: torch.Tensor, batches: int, seed: int) -> Iterator[torch.Tensor]:
    """``batches`` mini-batches, each as many samples as x has, drawn from it with replacement by ``seed``.

    >>> [tuple(batch.shape) for batch in resamples(torch.zeros(4, 3), 2, seed=0)]
    [(4, 3), (4, 3)]
    """
    rng = np.random.default_rng(seed)
    for _ in range(batches):
        yield x[torch.from_numpy(rng.integers(len(x), size=len(x))).to(x.device)]


def float64_device(device: str) -> str:
    """The device itself, or the CPU where it has no float64."""
    return "cpu" if device == "mps" else device
