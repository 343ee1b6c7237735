"""Images as a network's input, and the handwritten digits that come with scikit-learn.

The digits are split once and for all: of ``kernel_network.digits()``, which is shuffled, the last 360 are held out;
nothing shipped with this project was trained on them, and what is shown to a visitor is one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import torch

from normviz.nets.kernel_network import digits
from normviz.nets.photographs import stack
from normviz.networks import network

Image = npt.NDArray[np.float32]
Part = Literal["train", "held_out"]

#: How many of the 1,797 digits are held out: the last ones.
HELD_OUT: Final = 360
#: The weights of R, G and B in grey. Source: ITU-R BT.601, as Pillow's mode "L" has them.
GREY: Final = np.array([0.299, 0.587, 0.114], np.float32)


def prepare(images: Sequence[Image], key: str, side: int = 0) -> torch.Tensor:
    """Images (H, W, 3) in [0, 1] as the input of that network: float32 (N, C, side, side).

    Each one's largest centred square is brought to ``side`` (0: the network's own), antialiased; a network with one
    channel gets it grey; then x = (image - mean) / std, of each channel. Nothing is inverted: what is
    bright is a digit's ink, so that a dark digit on white paper has to be inverted first.
    Raises ValueError where there is no image, or none of that shape.

    >>> prepare([np.ones((40, 60, 3), np.float32)], "small_cnn").shape
    torch.Size([1, 1, 32, 32])
    """
    row = network(key)
    batch = stack(images, row.chosen_side(side))
    if row.channels == 1:
        batch = (batch @ GREY)[..., None]
    scaled = (batch - np.asarray(row.mean, np.float32)) / np.asarray(row.std, np.float32)
    maps = scaled.transpose(0, 3, 1, 2)
    # Into torch's own strides: a single channel keeps numpy's, which a convolution takes for channels last.
    return torch.empty(maps.shape).copy_(torch.from_numpy(maps))


def digit_data(part: Part) -> tuple[list[Image], npt.NDArray[np.int64]]:
    """The images of that part of the digits, float32 (8, 8, 3) in [0, 1] with bright ink, and which digits they are.

    >>> images, classes = digit_data("held_out")
    >>> len(images), images[0].shape, classes.shape
    (360, (8, 8, 3), (360,))
    """
    pictures, classes = digits()
    here = slice(None, -HELD_OUT) if part == "train" else slice(-HELD_OUT, None)
    grey = (pictures[here, 0].numpy() + 1) / 2
    return list(np.repeat(grey[..., None], 3, axis=-1)), classes[here].numpy().copy()


def draw_digits(count: int, seed: int = 0) -> tuple[list[Image], npt.NDArray[np.int64]]:
    """So many held-out digits, different ones, as :func:`digit_data` gives them; the seed decides which.

    >>> images, classes = draw_digits(2)
    >>> [image.shape for image in images], classes.shape
    ([(8, 8, 3), (8, 8, 3)], (2,))
    """
    if not 1 <= count <= HELD_OUT:
        raise ValueError(f"{count} digits are not to be had: 1 to {HELD_OUT} are held out. Try 8.")
    images, classes = digit_data("held_out")
    drawn = np.random.default_rng(seed).permutation(HELD_OUT)[:count]
    return [images[number] for number in drawn], classes[drawn]
