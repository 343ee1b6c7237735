"""Photographs that need no network (scikit-learn's sample images), and square batches made from images.

The two files are read from scikit-learn's folder without importing scikit-learn, which would cost the first
visitor seconds. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from normviz.nets.images import load_image
from normviz.nets.pixels import resize


@dataclass(frozen=True)
class Photograph:
    """A photograph that ships with scikit-learn: its key, its file there, and whom to credit."""

    key: str
    file: str
    author: str
    url: str
    licence: str = "CC BY 2.0"
    licence_url: str = "https://creativecommons.org/licenses/by/2.0/"

    @property
    def credit(self) -> str:
        """One line to show under the picture."""
        return f"{self.file}: {self.author} (Flickr), {self.licence}, as shipped with scikit-learn"


# Source: sklearn/datasets/images/README.txt. Its text names danielbuechele for both, but both links given for
# flower.jpg lead to the account vultilion.
PHOTOGRAPHS: Final[Mapping[str, Photograph]] = MappingProxyType(
    {
        photo.key: photo
        for photo in (
            Photograph(
                "china",
                "china.jpg",
                "danielbuechele",
                "https://www.flickr.com/photos/danielbuechele/6061409035/sizes/z/in/photostream/",
            ),
            Photograph(
                "flower",
                "flower.jpg",
                "vultilion",
                "https://www.flickr.com/photos/vultilion/6056698931/sizes/z/in/photostream/",
            ),
        )
    }
)


@lru_cache(maxsize=len(PHOTOGRAPHS))
def photograph(key: str) -> NDArray[np.float32]:
    """A photograph as float32 (427, 640, 3) in [0, 1], R, G, B; read-only, as all callers share it.

    Raises `ValueError` for an unknown key and `FileNotFoundError` where scikit-learn is not installed whole.

    >>> photograph("china").shape
    (427, 640, 3)
    """
    if key not in PHOTOGRAPHS:
        raise ValueError(f"photograph {key!r} is not known: use one of {', '.join(PHOTOGRAPHS)}")
    package = find_spec("sklearn")
    folder = Path(package.origin).parent / "datasets" / "images" if package and package.origin else None
    if folder is None or not (folder / PHOTOGRAPHS[key].file).is_file():
        raise FileNotFoundError(
            f"{PHOTOGRAPHS[key].file} was not found in scikit-learn's datasets/images: "
            "the file ships with it; try `pip install --force-reinstall scikit-learn`"
        )
    image = load_image((folder / PHOTOGRAPHS[key].file).read_bytes(), side=640)
    image.setflags(write=False)
    return image


def crops(image: NDArray[np.float32], n: int, side: int) -> NDArray[np.float32]:
    """n square crops of one (H, W, 3) image as a batch (n, side, side, 3), the same at every call.

    The crops lie evenly in rows from the top left to the bottom right. The image is scaled first, so that a
    crop shows a good part of it: neighbours overlap by half, one crop alone is the largest centred square. No
    two crops have the same place as long as `side` leaves room for that (side >= 2n always does). Of an image
    more than n times as long as wide, the middle is used.

    >>> crops(photograph("flower"), 6, 64).shape
    (6, 64, 64, 3)
    """
    _check(image, side)
    if n < 1:
        raise ValueError(f"n={n} crops: at least 1 is required")
    image = _middle(image, n)
    height, width = image.shape[:2]
    rows = min(n, max(1, round((n * height / width) ** 0.5)))
    columns = -(-n // rows)
    # k crops that overlap by half are (k + 1) / 2 sides long. A small image is enlarged to 1.5 sides at most.
    least = side / min(height, width)
    wanted = max(side * (rows + 1) / 2 / height, side * (columns + 1) / 2 / width, least)
    scale = min(wanted, max(1.0, 1.5 * least)) if n > 1 else least
    tall, wide = max(side, round(height * scale)), max(side, round(width * scale))
    scaled = resize(image, tall, wide)
    batch = []
    for top, members in zip(_starts(tall - side, rows), np.array_split(np.arange(n), rows), strict=True):
        for left in _starts(wide - side, len(members)):
            batch.append(scaled[top : top + side, left : left + side])
    return np.stack(batch)


def stack(images: Sequence[NDArray[np.float32]], side: int) -> NDArray[np.float32]:
    """Several (H, W, 3) images of any sizes as one batch (N, side, side, 3): each one's centred square.

    >>> stack([photograph("china"), np.ones((3, 9, 3), np.float32)], 32).shape
    (2, 32, 32, 3)
    """
    if len(images) == 0:
        raise ValueError("stack received no image: at least 1 is required")
    return np.concatenate([crops(image, 1, side) for image in images])


def _check(image: NDArray[np.float32], side: int) -> None:
    if side < 1:
        raise ValueError(f"side={side} pixels: at least 1 is required; try 64")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"image of shape {image.shape}: (H, W, 3), H, W >= 1 is required; try load_image")


def _middle(image: NDArray[np.float32], longest: int) -> NDArray[np.float32]:
    """The middle, at most `longest` times as long as wide: a thin strip, scaled, would fill the memory."""
    height, width = image.shape[:2]
    tall, wide = min(height, longest * width), min(width, longest * height)
    top, left = (height - tall) // 2, (width - wide) // 2
    return image[top : top + tall, left : left + wide]


def _starts(room: int, count: int) -> list[int]:
    """Where `count` crops begin when the last may begin at `room`: evenly, one alone in the middle."""
    return [room // 2] if count == 1 else [round(room * index / (count - 1)) for index in range(count)]
