"""What the pooling component shows, and how it is packed for the browser: a JSON header and the numbers behind it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from normviz.extents import IntArray
from normviz.reference import FloatArray
from normviz.ui.cube_payload import limit_of, packed_bytes, valid_cell
from normviz.windows import Windows

Side = Literal["out", "in"]
Cell = tuple[int, int]

SIDES: tuple[Side, ...] = ("out", "in")
MAX_CELLS = 1 << 20

#: The texts the browser needs, and the places it fills in them. A page may put its own in the place of one: what an
#: average says it is ("the mean of {cells}") stands under ``computed``.
WORDS: Mapping[str, tuple[str, ...]] = {
    "label": (),
    "keys": (),
    "map_in": ("height", "width"),
    "map_out": ("height", "width"),
    "value_in": ("cell", "value"),
    "value_out": ("cell", "value"),
    "cells": ("count",),
    "cell_one": (),
    "outputs": ("count",),
    "output_one": (),
    "computed": ("cells",),
    "largest": ("cells",),
    "padding": ("count",),
    "beyond": ("count",),
    "winner": ("cell",),
    "no_winner": (),
    "read_by": ("outputs",),
    "unread": (),
    "wins": ("count",),
    "wins_none": (),
    "pinned": (),
    "legend": ("low", "high"),
    "not_finite": (),
    "tools": (),
    "play": (),
    "pause": (),
}


@dataclass(frozen=True, eq=False)
class PoolPicture:
    """A map before and after pooling, and which cells every output read.

    ``before`` is the input (H, W), ``after`` the output (H', W'); ``rows`` and ``columns`` are the windows along H and
    W. ``winner`` names for every output the flat index (h W + w) of the input cell that won, -1 for none; None where
    outputs are computed from their whole window. A sequence is a map of one row.
    """

    before: FloatArray
    after: FloatArray
    rows: Windows
    columns: Windows
    winner: IntArray | None = None

    def shape(self, side: Side) -> Cell:
        """The height and width of one of the two maps."""
        height, width = (self.before if side == "in" else self.after).shape
        return height, width


def pool_payload(
    picture: PoolPicture, *, words: Mapping[str, str], key: str, cell: Cell | None = None, side: Side = "out"
) -> bytes:
    """Header length (uint32), header (JSON), both maps as float32, and the winners, where there are some, as int32.

    ValueError where something does not fit.
    """
    _check(picture, words, side)
    with np.errstate(over="ignore"):  # what is too large for float32 is shown as infinite
        blobs = [np.ascontiguousarray(x, "<f4").tobytes() for x in (picture.before, picture.after)]
    if picture.winner is not None:
        blobs.append(np.ascontiguousarray(picture.winner, "<i4").tobytes())
    pinned = valid_spot(cell, picture.shape(side))
    header = {
        "id": key,
        "sizes": {name: list(picture.shape(name)) for name in SIDES},
        "windows": {"rows": _sent(picture.rows), "columns": _sent(picture.columns)},
        "winners": picture.winner is not None,
        "stamp": f"{zlib.crc32(b''.join(blobs)):08x}",
        "limit": max(limit_of(picture.before), limit_of(picture.after)),
        "words": {word: words[word] for word in WORDS},
        "side": side,
        "pinned": None if pinned is None else {"side": side, "cell": list(pinned)},
    }
    return packed_bytes(header, blobs)


def valid_spot(cell: object, shape: Cell) -> Cell | None:
    """``cell`` as (h, w) of a map of this shape, else None: what comes from a browser or a link is not trusted.

    >>> valid_spot([1, 2], (3, 3)), valid_spot([3, 0], (3, 3)), valid_spot("12", (3, 3))
    ((1, 2), None, None)
    """
    found = valid_cell(cell, tuple(zip("HW", shape, strict=True)))
    return None if found is None else (found[0], found[1])


def _sent(windows: Windows) -> dict[str, Any]:
    return {
        "length": int(windows.length),
        "start": [int(i) for i in windows.start],
        "size": [int(n) for n in windows.size],
        "step": int(windows.step),
        "padded": [int(n) for n in windows.padded],
    }


def _check(picture: PoolPicture, words: Mapping[str, str], side: str) -> None:
    before, after = np.shape(picture.before), np.shape(picture.after)
    for name, shape in (("before", before), ("after", after)):
        if len(shape) != 2 or not 1 <= np.prod(shape) <= MAX_CELLS:
            raise ValueError(
                f"The map {name} has the shape {shape}. Required is (height, width) with at least one cell and at "
                f"most {MAX_CELLS:,}: pass one channel, a sequence as (1, length)."
            )
    for axis, windows, length, count in zip(
        ("rows", "columns"), (picture.rows, picture.columns), before, after, strict=True
    ):
        if (windows.length, windows.count) != (length, count):
            raise ValueError(
                f"The windows along the {axis} lead from {windows.length} to {windows.count} cells, the maps have "
                f"{length} and {count}. Pass the windows that made this output."
            )
        if windows.step < 1 or min(windows.size) < 1 or min(windows.padded) < 0:
            raise ValueError(
                f"The windows along the {axis} have sizes from {min(windows.size)}, step {windows.step} and padding "
                f"{windows.padded}. Sizes and step of at least 1, and no negative padding, are required."
            )
    if picture.winner is not None:
        _check_winners(picture, np.asarray(picture.winner))
    if side not in SIDES:
        raise ValueError(f"Received side={side!r}. Required is one of {SIDES}.")
    if missing := [word for word in WORDS if word not in words]:
        raise ValueError(f"Received no words for {missing}. Every key of WORDS is required.")


def _check_winners(picture: PoolPicture, winner: IntArray) -> None:
    if winner.shape != np.shape(picture.after) or winner.dtype.kind not in "iu":
        raise ValueError(
            f"The winners are {winner.dtype} of shape {winner.shape}. Required is an integer for every output, of "
            f"shape {np.shape(picture.after)}."
        )
    h, w = np.divmod(winner, picture.columns.length)
    read = _reads(picture.rows, h.T).T & _reads(picture.columns, w)
    if wrong := np.argwhere((winner != -1) & ~read).tolist():
        at = tuple(wrong[0])
        raise ValueError(
            f"Output {at} names the winner {winner[at]}, which its window does not read. Required is the flat index "
            "h * W + w of a cell in its window, or -1 for none."
        )


def _reads(windows: Windows, index: IntArray) -> np.ndarray:
    """Whether output o, the last axis, reads the index there."""
    past = index - np.asarray(windows.start)
    inside = (index >= 0) & (index < windows.length)
    return (
        inside & (past >= 0) & (past % windows.step == 0) & (past < windows.step * np.asarray(windows.size))
    )
