"""An activation's slope being learned, step by step: a small network on handwritten digits, trained here and now.

conv 3x3 (1 -> 16), conv 3x3 (16 -> 32), conv 3x3 (32 -> 32), each followed by torch's own layer of the activation; mean
over the picture; linear (32 -> 10). The data are scikit-learn's 8 x 8 digits. Source: He et al. 2015, section 2.1.

>>> first, *_, last = train_slopes(steps=4, every=2)
>>> first.slopes.tolist(), last.slopes.shape
([[0.25, 0.25, 0.25]], (5, 3))
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional

from normviz.activation import Activation
from normviz.activations import ACTIVATIONS, activation
from normviz.activity import SlopeRun
from normviz.nets.kernel_network import digits, initial_weight, layer
from normviz.nets.kernels import TRAINING
from normviz.nets.runtime import one_thread
from normviz.nets.tensors import array
from normviz.reference import FloatArray

#: Output channels of the layers that end in the activation, and how many such layers that makes.
CHANNELS: Final = (16, 32, 32)
LAYERS: Final = len(CHANNELS)
BATCH: Final = 64


def trainable() -> tuple[str, ...]:
    """The keys of the activations that learn something.

    >>> trainable()
    ('prelu',)
    """
    return tuple(key for key, entry in ACTIVATIONS.items() if entry.learned)


def train_slopes(
    key: str = "prelu",
    *,
    seed: int = 0,
    init: float = 0.25,
    steps: int = 150,
    every: int = 5,
    per_channel: bool = False,
    rate: float = 0.01,
) -> Generator[SlopeRun, None, None]:
    """Train the network with Adam, slopes and weights together, and yield what was seen so far.

    Yields first the untrained network, then everything up to now after every ``every`` steps and at the end; whoever
    stops asking ends the training. ``rate`` is Adam's for all parameters, without weight decay, which would pull the
    slopes to 0. ``seed`` is that of the weights and of the order of the pictures. With ``per_channel`` every channel
    has its own slope. The loss is the cross-entropy of a fixed batch of training pictures, so that it can be compared
    from step to step; the accuracy, measured at every yield, is that on digits it never trained on.

    Nothing outside is changed, no global random state is drawn from. Raises ValueError, before anything is trained,
    for an activation that learns nothing and for numbers that make no training.
    """
    entry = activation(key)
    if not entry.learned:
        raise ValueError(f"{entry.key} has nothing to learn: those that do are {', '.join(trainable())}.")
    if steps < 1 or every < 1 or not 0 < rate <= 1:
        raise ValueError(
            f"steps = {steps}, every = {every}, rate = {rate}: the first two must be 1 or more, the rate above 0 and "
            "at most 1. Try 150, 5 and 0.01."
        )
    entry.complete({"init": init})
    return _training(entry, seed, init, steps, every, per_channel, rate)


def _training(
    entry: Activation, seed: int, init: float, steps: int, every: int, per_channel: bool, rate: float
) -> Generator[SlopeRun, None, None]:
    pictures, labels = digits()
    with _learning():
        net = _network(entry, seed, init, per_channel)
        optimizer = torch.optim.Adam(net.learned, lr=rate)
    # Its own stream: how many weights there are does not change the order of the pictures.
    generator = torch.Generator().manual_seed(seed)
    shown = slice(0, 4 * BATCH)
    slopes, loss, accuracy = [], [], []
    for step in range(steps + 1):
        # Not around the yield: whoever is asked in between keeps threads and modes of their own.
        with _learning():
            if step:
                picked = torch.randint(TRAINING, (BATCH,), generator=generator)
                optimizer.zero_grad()
                functional.cross_entropy(net.scores(pictures[picked]), labels[picked]).backward()
                optimizer.step()
            asked = step % every == 0 or step == steps
            with torch.no_grad():
                loss.append(float(functional.cross_entropy(net.scores(pictures[shown]), labels[shown])))
                accuracy.append(net.accuracy(pictures[TRAINING:], labels[TRAINING:]) if asked else math.nan)
        channels = net.slopes()
        slopes.append([float(layer.mean()) for layer in channels])
        if asked:
            yield SlopeRun(np.array(slopes), np.array(loss), np.array(accuracy), channels)


@dataclass(frozen=True)
class _Network:
    """Weights and biases of the layers, and between them torch's own activations."""

    weights: tuple[torch.Tensor, ...]
    biases: tuple[torch.Tensor, ...]
    activations: tuple[Any, ...]
    name: str

    @property
    def learned(self) -> list[torch.Tensor]:
        return [*self.weights, *self.biases, *(p for each in self.activations for p in each.parameters())]

    def slopes(self) -> tuple[FloatArray, ...]:
        return tuple(array(getattr(each, self.name)).reshape(-1) for each in self.activations)

    def scores(self, x: torch.Tensor) -> torch.Tensor:
        for weight, bias, after in zip(self.weights[:-1], self.biases[:-1], self.activations, strict=True):
            x = after(layer(x, weight, bias))
        return layer(x.mean((2, 3)), self.weights[-1], self.biases[-1])

    def accuracy(self, pictures: torch.Tensor, labels: torch.Tensor) -> float:
        return float((self.scores(pictures).argmax(1) == labels).double().mean())


def _network(entry: Activation, seed: int, init: float, per_channel: bool) -> _Network:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(out, into, 3, 3) for into, out in zip((1, *CHANNELS[:-1]), CHANNELS, strict=True)] + [
        (10, CHANNELS[-1])
    ]
    weights = tuple(initial_weight(shape, generator).requires_grad_() for shape in shapes)
    biases = tuple(torch.zeros(len(weight)).requires_grad_() for weight in weights)
    counts = CHANNELS if per_channel else (1,) * LAYERS
    activations = tuple(
        entry.module(torch.nn, init=init, **({"num_parameters": n} if per_channel else {})) for n in counts
    )
    return _Network(weights, biases, activations, entry.learned)


@contextmanager
def _learning() -> Iterator[None]:
    """One thread, and gradients even where the caller has turned them off."""
    with one_thread(), torch.inference_mode(False), torch.enable_grad():
        yield
