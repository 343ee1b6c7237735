"""Feature maps of images by a real convolution, with a fixed bank of named filters or a seeded random one.

    y[n, c, i, j] = sum over colours k and offsets (a, b) of weight[c, k, a, b] * x[n, k, i + a, j + b]
    x = 2 * image - 1

Images in [0, 1] are scaled to [-1, 1], so that mid grey is 0. Borders repeat the edge pixel: zeros would draw
a frame around every map. The maps, of the image's own size, are then averaged down to the size asked for
(`adaptive_avg_pool2d`). What comes out has not been normalized or rectified: that is for the page to show.

- `"fixed"`: luma, edges, blobs, colour opponents and Gabor filters by formula, 11 x 11. Each filter is scaled
  to sum |weight| = 1, so that |y| <= 1; all but luma, the blurs and the single colours sum to 0.
- `"seeded"`: the first layer of a ResNet as it is before training, 7 x 7, Kaiming normal with fan_out:
  weight ~ N(0, 2 / (49 C)). Source: He et al. 2015, equation 10; torchvision's resnet.py draws it so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

BANKS: Final = ("fixed", "seeded")
MIN_CHANNELS: Final = 3
MAX_CHANNELS: Final = 64

Kernel = NDArray[np.float64]

_RADIUS: Final = 5
_Y, _X = np.mgrid[-_RADIUS : _RADIUS + 1, -_RADIUS : _RADIUS + 1].astype(np.float64)
_LUMA: Final = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class FilterBank:
    """The filters of one convolution: a stable name for each channel, the weight (C, 3, K, K) in float64."""

    key: str
    names: tuple[str, ...]
    weight: torch.Tensor


def filter_bank(bank: str, channels: int, seed: int = 0) -> FilterBank:
    """The first `channels` filters of `"fixed"`, or `channels` filters drawn with `seed`, on the CPU, always.

    >>> filter_bank("fixed", 4).names
    ('luma', 'sobel_x', 'sobel_y', 'laplacian')
    >>> tuple(filter_bank("seeded", 16, seed=1).weight.shape)
    (16, 3, 7, 7)
    """
    names = describe(bank, channels)
    if bank == "fixed":
        weight = torch.from_numpy(np.stack([_FIXED[name] for name in names]))
    else:
        weight = torch.empty((channels, 3, 7, 7), dtype=torch.float64)
        generator = torch.Generator().manual_seed(seed)
        torch.nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu", generator=generator)
    return FilterBank(bank, names, weight)


def describe(bank: str, channels: int) -> tuple[str, ...]:
    """Stable names of a bank's channels: `"sobel_x"`, `"gabor_45_w4_odd"`, or `"kaiming_0"`, …

    A Gabor's name gives the direction in which it oscillates, in degrees from the x axis towards the y axis
    (down), its wavelength in pixels, and its phase: even is a line detector, odd an edge detector.
    """
    if bank not in BANKS:
        raise ValueError(f"bank {bank!r} is not known: use one of {', '.join(BANKS)}")
    if not MIN_CHANNELS <= channels <= MAX_CHANNELS:
        raise ValueError(f"{channels} channels: {MIN_CHANNELS} to {MAX_CHANNELS} are required; try 16")
    if bank == "fixed":
        return tuple(_FIXED)[:channels]
    return tuple(f"kaiming_{index}" for index in range(channels))


def feature_maps(
    batch: NDArray[np.float32],
    *,
    bank: str = "fixed",
    channels: int = 16,
    seed: int = 0,
    size: tuple[int, int] = (16, 16),
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> NDArray[np.float32]:
    """Convolve images (N, side, side, 3) in [0, 1] with a bank: float32 (N, C, H, W), where (H, W) = size.

    A response that oscillates vanishes when it is averaged over large blocks: a side of two to four times H
    and W keeps it. The images need not be square. Raises `ValueError` for what does not fit.

    >>> feature_maps(np.zeros((2, 32, 32, 3), np.float32), channels=8, size=(8, 4)).shape
    (2, 8, 8, 4)
    """
    if batch.ndim != 4 or batch.shape[3] != 3 or 0 in batch.shape or batch.dtype.kind != "f":
        raise ValueError(
            f"batch of shape {batch.shape}, {batch.dtype}: floats (N, H, W, 3) in [0, 1], no axis empty, "
            "are required; try photographs.stack"
        )
    if not (1 <= size[0] <= batch.shape[1] and 1 <= size[1] <= batch.shape[2]):
        raise ValueError(
            f"size {size} of the maps: 1 to {batch.shape[1]} by 1 to {batch.shape[2]} is required, "
            "the size of the images; try smaller maps or larger images"
        )
    if not dtype.is_floating_point:
        raise ValueError(f"dtype {dtype}: a floating-point one is required; try torch.float32")
    weight = filter_bank(bank, channels, seed).weight.to(device=device, dtype=dtype)
    border = weight.shape[-1] // 2
    with torch.inference_mode():
        images = torch.from_numpy(batch.transpose(0, 3, 1, 2).copy()).to(device=device, dtype=dtype)
        padded = functional.pad(2 * images - 1, (border,) * 4, mode="replicate")
        maps = functional.adaptive_avg_pool2d(functional.conv2d(padded, weight), size)
    result: NDArray[np.float32] = maps.to(device="cpu", dtype=torch.float32).numpy()
    return result


def _coloured(plane: Kernel, colour: tuple[float, float, float] = _LUMA) -> Kernel:
    """(3, K, K): the same plane for R, G and B in these proportions, scaled to sum |weight| = 1."""
    weight: Kernel = np.multiply.outer(np.array(colour, dtype=np.float64), plane)
    weight /= np.abs(weight).sum()
    return weight


def _small(*rows: tuple[float, float, float]) -> Kernel:
    """A 3 x 3 kernel in the middle of the bank's size."""
    return np.pad(np.array(rows, dtype=np.float64), _RADIUS - 1)


def _gaussian(sigma: float) -> Kernel:
    plane: Kernel = np.exp(-(_X**2 + _Y**2) / (2 * sigma**2))
    plane /= plane.sum()
    return plane


def _gabor(degrees: float, wavelength: float, phase: str) -> Kernel:
    """cos or sin of 2 pi u / wavelength under a Gaussian of sigma = 0.4 wavelength; the mean taken out.

    u is the coordinate along the direction. Source: Daugman 1985; the even one's mean is removed under the
    same Gaussian, so that a constant image gives 0.
    """
    angle = math.radians(degrees)
    wave = 2 * math.pi * (_X * math.cos(angle) + _Y * math.sin(angle)) / wavelength
    envelope = _gaussian(0.4 * wavelength)
    plane: Kernel = envelope * (np.cos(wave) if phase == "even" else np.sin(wave))
    plane -= envelope * plane.sum()
    return plane


def _gabors(degrees: tuple[float, ...], wavelength: int, phase: str) -> dict[str, Kernel]:
    return {f"gabor_{a:g}_w{wavelength}_{phase}": _coloured(_gabor(a, wavelength, phase)) for a in degrees}


def _fixed_bank() -> dict[str, Kernel]:
    """The 64 filters (3, K, K) in order: the first few are varied, the finer Gabors come last."""
    identity = _small((0, 0, 0), (0, 1, 0), (0, 0, 0))
    sobel = _small((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))
    diagonal = _small((-2, -1, 0), (-1, 0, 1), (0, 1, 2))
    cardinal, between = (0.0, 45.0, 90.0, 135.0), (22.5, 67.5, 112.5, 157.5)
    bank = {
        "luma": _coloured(identity),
        "sobel_x": _coloured(sobel),
        "sobel_y": _coloured(sobel.T),
        "laplacian": _coloured(_small((0, 1, 0), (1, -4, 1), (0, 1, 0))),
        "gaussian_s2": _coloured(_gaussian(2)),
        "red_green": _coloured(_gaussian(1), (1, -1, 0)),
        "blue_yellow": _coloured(_gaussian(1), (-0.5, -0.5, 1)),
        "centre_surround": _coloured(_gaussian(1) - _gaussian(2)),
        **_gabors(cardinal, 4, "even"),
        **_gabors(cardinal, 8, "odd"),
        "red": _coloured(identity, (1, 0, 0)),
        "green": _coloured(identity, (0, 1, 0)),
        "blue": _coloured(identity, (0, 0, 1)),
        "gaussian_s1": _coloured(_gaussian(1)),
        "sobel_45": _coloured(diagonal),
        "sobel_135": _coloured(diagonal[:, ::-1]),
        "red_green_edge": _coloured(_gabor(0, 8, "odd"), (1, -1, 0)),
        "blue_yellow_edge": _coloured(_gabor(0, 8, "odd"), (-0.5, -0.5, 1)),
    }
    for degrees in (cardinal, between):
        for wavelength in (4, 8, 6):
            bank |= _gabors(degrees, wavelength, "odd") | _gabors(degrees, wavelength, "even")
    return bank


_FIXED: Final = _fixed_bank()
