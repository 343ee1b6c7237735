"""What the cube shows, as plain values; nothing here knows a browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Colour = Literal["set", "all", "before", "after"]
Axes = Sequence[tuple[str, int]]

COLOURS = ("set", "all", "before", "after")
MEASURES = ("mean", "std", "rms", "norm", "length")
SCREEN = ("x", "y", "z", "grid")

#: The texts the browser needs, and the places it fills in them.
WORDS: Mapping[str, tuple[str, ...]] = {
    "label": ("shape", "titles"),
    "keys": (),
    "cell": ("index", "value"),
    "pinned": (),
    "share": ("count", "measures"),
    "share_one": ("measures",),
    "share_plain": ("count",),
    "mixed": ("parts", "measures"),
    "and": (),
    "same": (),
    "alone": (),
    "reads": ("mean", "var"),
    "not_partition": (),
    "mixture": (),
    "nothing_shared": (),
    "legend": ("low", "high"),
    "not_finite": (),
    "tools": (),
    "play": (),
    "pause": (),
    "xray": (),
    "spread": (),
    "spread_sets": (),
    "spread_axis": ("axis",),
    "peel": (),
    "peel_axis": ("axis",),
    "lift": (),
    "reset": (),
}


@dataclass(frozen=True)
class WeightedSet:
    """S_i as a product of intervals: along axis k, index i shares with lo_k[i] <= j < hi_k[i].

    `intervals` holds (lo, hi), two integer arrays of the axis's length, for every tensor axis; `weight` is
    the share of this set in a mixture (1 for the only one).
    """

    intervals: tuple[tuple[np.ndarray, np.ndarray], ...]
    weight: float = 1.0


@dataclass(frozen=True)
class Buffers:
    """The running statistics an evaluating layer reads, one entry per index of tensor axis number `axis`."""

    axis: int
    mean: tuple[float, ...]
    var: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Cube:
    """One picture; several in one component share the camera and the lit cell.

    `sets` empty means that no cell shares a statistic. `measures` are what the readout says about a set,
    among those in `MEASURES`; `pinned` gives their values for the pinned cell when `values` (float32,
    of the tensor's shape) are not sent. `note` stands at the right of the title ("12 sets"), and a square of the colour
    `swatch` before it, which a chart beside the cubes can use as well.
    `partition=False`: "all sets" cannot be coloured, which the picture then says.
    """

    key: str
    sets: tuple[WeightedSet, ...]
    title: str = ""
    subtitle: str = ""
    note: str = ""
    swatch: str = ""
    measures: tuple[str, ...] = ("mean", "std")
    partition: bool = True
    buffers: Buffers | None = None
    values: np.ndarray | None = None
    pinned: tuple[float, ...] | None = None
