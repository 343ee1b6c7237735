"""Packs what the cube shows for the browser: one JSON header, or bytes when there are values."""

from __future__ import annotations

import json
import math
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from normviz.layouts import Arrangement, front_cell
from normviz.ui.cube_check import check
from normviz.ui.cube_types import SCREEN, WORDS, Axes, Colour, Cube

LOOK = re.compile(r"[A-Za-z0-9_.~-]{0,120}")


def payload(
    cubes: Sequence[Cube],
    *,
    axes: Axes,
    arrangement: Arrangement,
    colour: Colour,
    words: Mapping[str, str],
    key: str,
    cell: tuple[int, ...] | None = None,
    look: str = "",
    limit: float | None = None,
    tools: bool = True,
    origin: Sequence[int] = (),
) -> dict[str, Any] | bytes:
    """The header alone, or, with values, bytes: header length (uint32), header (JSON), float32 values."""
    check(cubes, axes, arrangement, colour, words)
    shown = [c.values for c in cubes if c.values is not None]
    if limit is None and shown:
        limit = max(limit_of(v) for v in shown)
    order = [name for name, _ in axes]
    pinned = valid_cell(cell, axes)
    blobs: list[bytes] = []
    header: dict[str, Any] = {
        "id": key,
        "axes": [[name, int(length)] for name, length in axes],
        "arrangement": {k: [order.index(name) for name in getattr(arrangement, k)] for k in SCREEN},
        "colour": colour,
        "words": {word: words[word] for word in WORDS},
        "cell": None if pinned is None else list(pinned),
        "home": list(front_cell(axes, arrangement)),
        "look": valid_look(look),
        "limit": None if limit is None or not math.isfinite(limit) or limit <= 0 else float(limit),
        "tools": tools,
        "origin": [int(k) for k in origin] or [0] * len(axes),
        "cubes": [_picture(c, blobs) for c in cubes],
    }
    if not blobs:
        return header
    return packed_bytes(header, blobs)


def packed_bytes(header: Mapping[str, Any], blobs: Sequence[bytes]) -> bytes:
    """Header length (uint32, little endian), header (JSON, padded to four bytes), and the blobs behind it."""
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + b"".join(blobs)


def _picture(one: Cube, blobs: list[bytes]) -> dict[str, Any]:
    place, stamp = None, ""
    if one.values is not None:
        blob = np.ascontiguousarray(one.values, dtype="<f4").tobytes()
        if blob not in blobs:  # several cubes can show the same values
            blobs.append(blob)
        place, stamp = blobs.index(blob), f"{zlib.crc32(blob):08x}"
    buffers = None
    if one.buffers is not None:
        buffers = {"axis": one.buffers.axis, "mean": _sent(one.buffers.mean), "var": _sent(one.buffers.var)}
    sets = [{"intervals": [packed(lo, hi) for lo, hi in s.intervals], "weight": s.weight} for s in one.sets]
    return {
        "key": one.key,
        "title": one.title,
        "subtitle": one.subtitle,
        "note": one.note,
        "swatch": one.swatch,
        "measures": list(one.measures),
        "partition": one.partition,
        "buffers": buffers,
        "sets": sets,
        "values": place,
        "stamp": stamp,
        "pinned": None if one.pinned is None else _sent(one.pinned),
    }


def _sent(numbers: Sequence[float]) -> list[float | str]:
    """JSON has no NaN: what is not finite travels as a text that JavaScript's Number() reads."""
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return [float(x) if math.isfinite(x) else names[str(float(x))] for x in numbers]


def packed(lo: np.ndarray, hi: np.ndarray) -> int | list[int]:
    """0 when every index is alone, else flat triples lo, hi, repeat: short for whole axes and for groups.

    >>> packed(np.array([0, 0, 2, 2]), np.array([2, 2, 4, 4]))
    [0, 2, 2, 2, 4, 2]
    """
    lo, hi = np.asarray(lo), np.asarray(hi)
    index = np.arange(lo.size)
    if np.array_equal(lo, index) and np.array_equal(hi, index + 1):
        return 0
    starts = np.flatnonzero(np.r_[True, (np.diff(lo) != 0) | (np.diff(hi) != 0)])
    repeats = np.diff(np.r_[starts, lo.size])
    triples: list[int] = np.stack([lo[starts], hi[starts], repeats], axis=1).ravel().astype(int).tolist()
    return triples


def limit_of(values: np.ndarray) -> float:
    """A round end for the colour scale: the 97 % quantile of |x| over the finite values, rounded up.

    >>> limit_of(np.array([-2.2, 0.1, 1.0, np.nan]))
    3.0
    """
    flat = values.ravel()
    sample = np.abs(flat[:: max(1, flat.size // 65536)].astype(np.float64))
    sample = sample[np.isfinite(sample)]
    top = float(np.quantile(sample, 0.97)) if sample.size else 1.0
    if top <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(top))
    return float(f"{math.ceil(top / unit - 1e-9) * unit:.6g}")


def valid_cell(cell: object, axes: Axes) -> tuple[int, ...] | None:
    """`cell` as indices of this tensor, else None: what comes from a browser is not trusted."""
    if not isinstance(cell, (list, tuple)) or len(cell) != len(axes):
        return None
    indices = []
    for index, (_, length) in zip(cell, axes, strict=True):
        if isinstance(index, bool) or not isinstance(index, (int, float)) or not 0 <= index < length:
            return None
        if int(index) != index:
            return None
        indices.append(int(index))
    return tuple(indices)


def valid_look(look: object) -> str:
    """`look` when it is a short URL-safe text, else "" (the plain view)."""
    return look if isinstance(look, str) and LOOK.fullmatch(look) else ""
