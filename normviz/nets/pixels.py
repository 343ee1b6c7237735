"""A decoded Pillow picture of any mode as a small float32 (H, W, 3) array in [0, 1], and resizing those."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float32]

_BAND = 2**19  # pixels turned to float at a time


def resize(image: Pixels, height: int, width: int) -> Pixels:
    """Scale a float (H, W, 3) image in [0, 1] to (height, width, 3), antialiased (Lanczos) and clipped.

    >>> resize(np.full((4, 6, 3), 0.5, np.float32), 2, 3).shape
    (2, 3, 3)
    """
    return _resample(image, (height, width), (image.shape[0], image.shape[1]))


def shrink(
    picture: Image.Image,
    target: tuple[int, int],
    extent: tuple[float, float],
    transparent: NDArray[np.int64] | None,
) -> Pixels:
    """The loaded picture on white, scaled down to the target (height, width).

    extent: the (height, width) that the scene covers, up to a pixel less than the picture's own size where a
    decoder has already scaled it. transparent: the one colour that is transparent, in the samples' units.

    A large picture is averaged over whole f x f blocks first, band by band, so that its float copy never
    exists; f leaves it at least twice too large, and the Lanczos filter does the rest.
    """
    width, height = picture.size
    factor = max(1, max(width, height) // (2 * max(target)))
    rows = factor * max(1, _BAND // (width * factor))
    bands = []
    for top in range(0, height, rows):
        band = on_white(picture.crop((0, top, width, min(height, top + rows))), transparent)
        bands.append(_block_means(band, factor))
    small = np.concatenate(bands)
    if small.shape[:2] == target:
        return small
    return _resample(small, target, (extent[0] / factor, extent[1] / factor))


def on_white(picture: Image.Image, transparent: NDArray[np.int64] | None) -> Pixels:
    """Any mode as (H, W, 3) in [0, 1], composited onto white: alpha * colour + 1 - alpha."""
    if picture.mode in ("1", "CMYK"):
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    elif picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA")  # looks up the palette and its transparency
    samples = np.asarray(picture)
    samples = samples[..., None] if samples.ndim == 2 else samples
    values = samples.astype(np.float32) / np.float32(255 if samples.dtype == np.uint8 else 65535)
    alpha: Pixels | None = None
    if picture.mode in ("LA", "RGBA"):
        values, alpha = values[..., :-1], values[..., -1:]
    elif transparent is not None:
        alpha = (samples != transparent).any(axis=-1, keepdims=True).astype(np.float32)
    if alpha is not None:
        values = values * alpha + (1 - alpha)
    return np.clip(np.broadcast_to(values, (*values.shape[:2], 3)), 0, 1)


def turn(image: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation: 2 to 4 are mirrored or upside down, 5 to 8 have rows and columns swapped too.

    A view, not a copy. Source: CIPA DC-008 (EXIF 2.32), section 4.6.4.
    """
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def _block_means(image: Pixels, factor: int) -> Pixels:
    """Means over factor x factor blocks; the last block of an axis is what is left of it."""
    if factor == 1:
        return image
    for axis in (0, 1):
        starts = np.arange(0, image.shape[axis], factor)
        counts = np.diff(starts, append=image.shape[axis]).astype(np.float32)
        image = np.add.reduceat(image, starts, axis=axis)
        image /= np.expand_dims(counts, (1, 2) if axis == 0 else (0, 2))
    return image


def _resample(image: Pixels, target: tuple[int, int], extent: tuple[float, float]) -> Pixels:
    """Lanczos over the first `extent` (height, width) of the image, plane by plane, clipped."""
    box = (0.0, 0.0, min(extent[1], image.shape[1]), min(extent[0], image.shape[0]))
    planes = []
    for channel in range(image.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(image[..., channel], dtype=np.float32))
        planes.append(np.asarray(plane.resize(target[::-1], Image.Resampling.LANCZOS, box=box)))
    result: Pixels = np.stack(planes, axis=-1)
    return np.clip(result, 0, 1, out=result)
