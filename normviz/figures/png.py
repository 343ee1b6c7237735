"""A picture as the address of a PNG that holds it, for a figure to show."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt


def png(picture: npt.NDArray[Any], side: int = 84) -> str:
    """A picture, (H, W) or (H, W, 3), uint8 or floats in [0, 1], as a data address.

    Where its shorter side is more than twice as long as ``side``, the pixels it is shown on, blocks of its own pixels
    are averaged.
    """
    pixels = np.asarray(picture)
    if pixels.ndim not in (2, 3) or not pixels.size or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError(f"A picture of shape {pixels.shape}: it must be (H, W) or (H, W, 3).")
    values = pixels.astype(np.float64) * (1 if pixels.dtype == np.uint8 else 255)
    values = np.broadcast_to(values if values.ndim == 3 else values[..., None], (*values.shape[:2], 3))
    block = max(1, min(values.shape[:2]) // (2 * side))
    rows, columns = (n // block for n in values.shape[:2])
    values = values[: rows * block, : columns * block].reshape(rows, block, columns, block, 3).mean((1, 3))
    bytes_ = np.clip(np.rint(np.nan_to_num(values)), 0, 255).astype(np.uint8).reshape(rows, -1)
    lines = np.pad(bytes_, ((0, 0), (1, 0))).tobytes()
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    chunks = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts]
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()
