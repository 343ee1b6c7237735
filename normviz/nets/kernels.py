"""Real kernels (O, I, H, W) or (O, I), float32: as torch initialises them, as training leaves them, or filters.

- `"initial"`: the weight of a new `nn.Conv2d` or `nn.Linear`, U(-1/sqrt(n), 1/sqrt(n)) with n = I * H * W inputs
  (Kaiming uniform with a = sqrt(5), torch's default). Source: He et al. 2015, and torch's `reset_parameters`.
- `"trained"`: the same weight after training, here and now, as the second layer of a small network that reads
  scikit-learn's 8 x 8 handwritten digits: conv 3x3 (1 -> I), ReLU, conv H x W (I -> O), ReLU, mean over the
  picture, linear (O -> 10). For (O, I): linear 64 -> I -> O -> 10. How well it reads: `accuracy`.
- `"filters"`: the fixed filters of `normviz.nets.filters` (edges, blobs, colours, Gabors), (O, 3, 11, 11); for a
  smaller odd H and W their middle.

Nothing here draws from torch's global random state.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
import torch
from torch.nn import functional

from normviz.layouts import WEIGHTS, layout_of
from normviz.nets.filters import MAX_CHANNELS, MIN_CHANNELS, filter_bank
from normviz.nets.kernel_network import digits, initial_weight, network
from normviz.nets.runtime import one_thread
from normviz.records import Tensor

KINDS: Final = ("initial", "trained", "filters")
#: The most weights of any kernel, and what is trained on one thread in about two seconds.
LARGEST: Final = 2**21
TRAINED: Final[Mapping[str, int]] = {"weights": 2**16, "channels": 256, "side": 11}
#: Height and width of the fixed filters, and the smallest middle that keeps each of them apart from zero.
WIDEST, NARROWEST = 11, 3

#: How the digits are learned: Adam, the learning rate rising to RATE and falling again (one cycle).
EPOCHS, BATCH, RATE, TRAINING = 10, 32, 0.02, 1200
#: How many trained kernels are kept.
KEPT = 16

MESSAGES: Final[Mapping[str, str]] = {
    "kind": "There is no kernel {which!r}: the kinds are initial, trained and filters. Try initial.",
    "large": "A kernel of shape {shape} has {weights:,} weights; at most {limit:,} are made. Try fewer channels.",
    "training": (
        "A kernel of shape {shape} is too large to be trained while you wait: at most {weights:,} weights, {channels} "
        "channels and {side} × {side} places are. Try 12 × 8 × 3 × 3, or the initial kernel."
    ),
    "filters": (
        "The fixed filters have no kernel of shape {shape}: theirs are (O, 3, K, K) with O from {low} to {high} and "
        "K odd, from {narrowest} to {widest}. Try 12 × 3 × {widest} × {widest}, or the initial kernel."
    ),
}

Progress = Callable[[float], object]


class KernelError(ValueError):
    """Why there is no such kernel: a stable `code` (a key of `MESSAGES`) and `details` for its placeholders.

    >>> print(KernelError("large", {"shape": "9 × 9", "weights": 81, "limit": 80}))
    A kernel of shape 9 × 9 has 81 weights; at most 80 are made. Try fewer channels.
    """

    def __init__(self, code: str, details: Mapping[str, int | str]) -> None:
        super().__init__(code, dict(details))  # both in args: the error survives pickling
        self.code = code
        self.details = dict(details)

    def __str__(self) -> str:
        return MESSAGES[self.code].format(**self.details)


@dataclass(frozen=True)
class Trained:
    """A kernel after training, and the share of held-out digits that its network reads rightly."""

    weight: Tensor
    accuracy: float


def kernel(which: str, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """A real kernel of this kind and shape, (O, I, H, W) or (O, I), float32, without unit.

    The seed is that of the initial weights and of the order of the training pictures; the filters have none.
    Raises `KernelError` (a ValueError) where there is no kernel of that kind and shape.

    >>> kernel("initial", (12, 8, 3, 3)).shape
    (12, 8, 3, 3)
    >>> bound = (8 * 3 * 3) ** -0.5
    >>> bool(abs(kernel("initial", (12, 8, 3, 3), seed=4)).max() <= bound)
    True
    """
    check(which, shape)
    if which == "trained":
        return trained(shape, seed).weight.copy()
    if which == "filters":
        rim = [(WIDEST - n) // 2 for n in shape[2:]]
        bank = filter_bank("fixed", shape[0]).weight
        middle = bank[:, :, rim[0] : WIDEST - rim[0], rim[1] : WIDEST - rim[1]]
        return np.ascontiguousarray(middle.numpy(), np.float32)
    return initial_weight(shape, torch.Generator().manual_seed(seed)).numpy()


def accuracy(shape: tuple[int, ...], seed: int = 0) -> float:
    """The share, 0 to 1, of held-out digits that the network around the trained kernel reads rightly."""
    return trained(shape, seed).accuracy


def check(which: str, shape: tuple[int, ...]) -> None:
    """Raise `KernelError` where there is no kernel of this kind and shape, ValueError where it is no kernel's shape."""
    if which not in KINDS:
        raise KernelError("kind", {"which": which})
    layout_of(shape, WEIGHTS)
    spoken, weights = " × ".join(map(str, shape)), int(np.prod(shape, dtype=object))
    if weights > LARGEST:
        raise KernelError("large", {"shape": spoken, "weights": weights, "limit": LARGEST})
    if which == "trained":
        wide = max(shape[:2]) > TRAINED["channels"] or max(shape[2:], default=1) > TRAINED["side"]
        if wide or weights > TRAINED["weights"]:
            raise KernelError("training", {"shape": spoken, **TRAINED})
    if which == "filters":
        square = len(shape) == 4 and shape[2] == shape[3] and shape[2] % 2 == 1
        if not (
            square
            and MIN_CHANNELS <= shape[0] <= MAX_CHANNELS
            and shape[1] == 3
            and NARROWEST <= shape[2] <= WIDEST
        ):
            limits = {"low": MIN_CHANNELS, "high": MAX_CHANNELS, "narrowest": NARROWEST, "widest": WIDEST}
            raise KernelError("filters", {"shape": spoken, **limits})


def is_trained(shape: tuple[int, ...], seed: int = 0) -> bool:
    """Whether the trained kernel is there already, so that asking for it costs nothing."""
    with _lock:
        return (shape, seed) in _kept


def trained(shape: tuple[int, ...], seed: int = 0, progress: Progress | None = None) -> Trained:
    """Train the small network, or recall it; a few tenths of a second on one thread, two seconds at most.

    ``progress`` is called with the share done some forty times; whatever it raises ends the training, and
    nothing is kept.
    """
    check("trained", shape)
    place = (tuple(int(n) for n in shape), int(seed))
    with _lock:
        if place in _kept:
            _kept.move_to_end(place)
            return _kept[place]
    done = _train(*place, progress)
    done.weight.setflags(write=False)
    with _lock:
        _kept[place] = done
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return done


_kept: OrderedDict[tuple[tuple[int, ...], int], Trained] = OrderedDict()
_lock = Lock()


def _train(shape: tuple[int, ...], seed: int, progress: Progress | None) -> Trained:
    pictures, labels = digits()
    net = network(shape, seed)
    # Its own stream: how many weights there are does not change the order of the pictures.
    generator = torch.Generator().manual_seed(seed)
    learned = [w.requires_grad_() for w in (*net.weights, *net.biases)]
    steps = TRAINING // BATCH
    optimizer = torch.optim.Adam(learned, lr=RATE)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=EPOCHS * steps)
    with one_thread(), torch.enable_grad():
        for step in range(EPOCHS * steps):
            if step % steps == 0:
                order = torch.randperm(TRAINING, generator=generator)
            if progress and step % (steps // 4) == 0:
                progress(step / (EPOCHS * steps))
            batch = order[step % steps * BATCH :][:BATCH]
            optimizer.zero_grad()
            functional.cross_entropy(net.scores(pictures[batch]), labels[batch]).backward()
            optimizer.step()
            rate.step()
        with torch.no_grad():
            right = net.scores(pictures[TRAINING:]).argmax(1) == labels[TRAINING:]
    return Trained(net.weights[1].detach().numpy().copy(), float(right.double().mean()))
