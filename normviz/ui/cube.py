"""The turnable cube: a components-v2 component drawn on a 2-D canvas by `assets/cube/`.

Python sends, per picture and per tensor axis, the interval each index shares its statistic with (a few hundred bytes,
whatever the number of cells), and the values as raw float32 when they are to be seen. The browser owns the camera,
the hovered cell and the view options; a rerun happens only when a cell is pinned or a gesture has ended.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import streamlit as st

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "cube"
MODULES = (
    *("sets", "scene", "camera", "color", "bitmaps", "labels", "rulers", "grid", "marks", "paint"),
    *("look", "stats", "panel", "readout", "interact", "memory", "actions", "picture", "component", "streamlit"),
)
MEASURES = ("mean", "std", "rms", "norm")
LOOK = re.compile(r"[A-Za-z0-9_.~-]{0,120}")
MAX_CELLS = 1 << 21
Colour = Literal["set", "all", "before", "after"]


class Arrangement(Protocol):
    """Which tensor axes (by name) are seen along the front-left edge, vertically, in depth, and as separate boxes."""

    @property
    def x(self) -> tuple[str, ...]: ...
    @property
    def y(self) -> tuple[str, ...]: ...
    @property
    def z(self) -> tuple[str, ...]: ...
    @property
    def grid(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class WeightedSet:
    """S_i as a product of intervals: along axis k, index i shares with lo_k[i] <= j < hi_k[i].

    `intervals` holds (lo, hi), two integer arrays of the axis's length, for every tensor axis; `weight` is the share
    of this set in a mixture (1 when it is the only one).
    """

    intervals: tuple[tuple[np.ndarray, np.ndarray], ...]
    weight: float = 1.0


@dataclass(frozen=True)
class Buffers:
    """The running statistics an evaluating layer reads, one entry per index of the tensor axis number `axis`."""

    axis: int
    mean: tuple[float, ...]
    var: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Cube:
    """One picture; several in one component share the camera and the lit cell.

    `sets` empty means that no cell shares a statistic. `measures` are what the readout says about a set, among
    "mean", "std", "rms" and "norm"; `pinned` gives their values for the pinned cell when `values` are not sent.
    `note` stands at the right of the title ("12 sets"). `partition=False`: "all sets" cannot be coloured.
    """

    key: str
    sets: tuple[WeightedSet, ...]
    title: str = ""
    subtitle: str = ""
    note: str = ""
    measures: tuple[str, ...] = ("mean", "std")
    partition: bool = True
    buffers: Buffers | None = None
    values: np.ndarray | None = None
    pinned: tuple[float, ...] | None = None


@dataclass(frozen=True)
class CubeState:
    """What came back from the browser: the pinned cell, if any, and the camera and view as a short URL-safe text."""

    cell: tuple[int, ...] | None = None
    look: str = ""


@cache
def script() -> str:
    """The modules of `assets/cube/` as one: imports dropped, exports stripped, one default export at the end."""
    parts = []
    for name in MODULES:
        text = (ASSETS / f"{name}.js").read_text(encoding="utf-8")
        text = re.sub(r"^import\b[^;]*;\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"^[ \t]*(//[^\n]*|/\*\*(?:[^*]|\*(?!/))*\*/)\n", "", text, flags=re.MULTILINE)
        if name != MODULES[-1]:
            text = re.sub(r"^export\s+", "", text, flags=re.MULTILINE)
        parts.append(re.sub(r"^[ \t]+", "", text, flags=re.MULTILINE))
    return "".join(parts)


@cache
def style() -> str:
    """The component's CSS; it lives in a shadow root."""
    return (ASSETS / "cube.css").read_text(encoding="utf-8")


@cache
def _component() -> Any:
    return st.components.v2.component("normviz_cube", js=script(), css=style())


def default_cell(axes: Sequence[tuple[str, int]], arrangement: Arrangement) -> tuple[int, ...]:
    """The cell lit when nothing is pinned: on the front face, a little left of and above its middle.

    >>> from types import SimpleNamespace
    >>> figure2 = SimpleNamespace(x=("C",), y=("H", "W"), z=("N",), grid=())
    >>> default_cell((("N", 8), ("C", 12), ("H", 4), ("W", 4)), figure2)
    (0, 5, 1, 0)
    """
    lengths = dict(axes)
    cell = dict.fromkeys(lengths, 0)
    for names, part in ((arrangement.x, 0.42), (arrangement.y, 0.3)):
        index = int(math.prod(lengths[name] for name in names) * part)
        for name in reversed(names):
            index, cell[name] = divmod(index, lengths[name])
    return tuple(cell.values())


def valid_cell(cell: object, axes: Sequence[tuple[str, int]]) -> tuple[int, ...] | None:
    """`cell` as a tuple of indices when it is one for this tensor, else None. Nothing from outside is trusted."""
    if not isinstance(cell, (list, tuple)) or len(cell) != len(axes):
        return None
    indices = []
    for index, (_, length) in zip(cell, axes, strict=True):
        if isinstance(index, bool) or not isinstance(index, (int, float)) or index != index or abs(index) > 1e9:
            return None
        if int(index) != index or not 0 <= index < length:
            return None
        indices.append(int(index))
    return tuple(indices)


def valid_look(look: object) -> str:
    """`look` when it is a short URL-safe text, else "" (the plain view)."""
    return look if isinstance(look, str) and LOOK.fullmatch(look) else ""


def limit_of(values: np.ndarray) -> float:
    """A round limit for the colour scale: the 97 % quantile of |x| over the finite values, rounded up.

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


def cube_state(key: str, axes: Sequence[tuple[str, int]]) -> CubeState:
    """What the component with this key has said so far; readable before it is drawn in this run."""
    return _state(st.session_state.get(key), axes)


def cube(
    cubes: Sequence[Cube],
    *,
    axes: Sequence[tuple[str, int]],
    arrangement: Arrangement,
    colour: Colour,
    words: Mapping[str, str],
    key: str,
    cell: tuple[int, ...] | None = None,
    look: str = "",
    limit: float | None = None,
    tools: bool = True,
) -> CubeState:
    """Draw `cubes` and return what the visitor has pinned and how they look at it.

    `axes` are the tensor's (name, length) pairs. `colour`: the lit set, all sets, or the values ("before" and "after"
    differ in what the readout calls them). `limit` is the end of the colour scale (give the same one before and
    after); None takes it from the values. `cell` and `look` are applied when they change: feed back what was returned,
    or what a link said. Raises ValueError when intervals, values or names do not match `axes`.
    """
    data = payload(
        cubes, axes=axes, arrangement=arrangement, colour=colour, words=words, key=key, cell=cell, look=look, limit=limit, tools=tools
    )
    result = _component()(key=key, data=data, on_cell_change=_ignore, on_look_change=_ignore)
    return _state(result, axes)


def payload(
    cubes: Sequence[Cube],
    *,
    axes: Sequence[tuple[str, int]],
    arrangement: Arrangement,
    colour: Colour,
    words: Mapping[str, str],
    key: str,
    cell: tuple[int, ...] | None = None,
    look: str = "",
    limit: float | None = None,
    tools: bool = True,
) -> dict[str, Any] | bytes:
    """What `cube` sends: the header alone, or, with values, bytes: uint32 header length, header, float32 values."""
    _check(cubes, axes, arrangement, colour)
    shown = [c.values for c in cubes if c.values is not None]
    if limit is None and shown:
        limit = max(limit_of(v) for v in shown)
    order = [name for name, _ in axes]
    blobs: list[bytes] = []
    header: dict[str, Any] = {
        "id": key,
        "axes": [[name, int(length)] for name, length in axes],
        "arrangement": {k: [order.index(name) for name in getattr(arrangement, k)] for k in ("x", "y", "z", "grid")},
        "colour": colour,
        "words": dict(words),
        "cell": list(cell) if (cell := valid_cell(cell, axes)) is not None else None,
        "home": list(default_cell(axes, arrangement)),
        "look": valid_look(look),
        "limit": None if limit is None or not math.isfinite(limit) or limit <= 0 else float(limit),
        "tools": tools,
        "cubes": [_picture(c, blobs) for c in cubes],
    }
    if not blobs:
        return header
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + b"".join(blobs)


def _picture(one: Cube, blobs: list[bytes]) -> dict[str, Any]:
    place, stamp = None, ""
    if one.values is not None:
        blob = np.ascontiguousarray(one.values, dtype="<f4").tobytes()
        place, stamp = len(blobs), f"{zlib.crc32(blob):08x}"
        blobs.append(blob)
    buffers = one.buffers
    return {
        "key": one.key,
        "title": one.title,
        "subtitle": one.subtitle,
        "note": one.note,
        "measures": list(one.measures),
        "partition": one.partition,
        "buffers": None if buffers is None else {"axis": buffers.axis, "mean": _texts(buffers.mean), "var": _texts(buffers.var)},
        "sets": [{"intervals": [_packed(lo, hi) for lo, hi in s.intervals], "weight": s.weight} for s in one.sets],
        "values": place,
        "stamp": stamp,
        "pinned": None if one.pinned is None else _texts(one.pinned),
    }


def _texts(numbers: Sequence[float]) -> list[float | str]:
    """JSON has no NaN: what is not finite travels as text, which the browser's Number() reads."""
    return [float(x) if math.isfinite(x) else str(float(x)).replace("inf", "Infinity").replace("nan", "NaN") for x in numbers]


def _packed(lo: np.ndarray, hi: np.ndarray) -> int | list[int]:
    """0 when every index is alone, else flat triples lo, hi, repeat: short for whole axes and for groups."""
    lo, hi = np.asarray(lo), np.asarray(hi)
    index = np.arange(lo.size)
    if np.array_equal(lo, index) and np.array_equal(hi, index + 1):
        return 0
    starts = np.flatnonzero(np.r_[True, (np.diff(lo) != 0) | (np.diff(hi) != 0)])
    repeats = np.diff(np.r_[starts, lo.size])
    return np.stack([lo[starts], hi[starts], repeats], axis=1).ravel().astype(int).tolist()


def _check(cubes: Sequence[Cube], axes: Sequence[tuple[str, int]], arrangement: Arrangement, colour: str) -> None:
    lengths = dict(axes)
    shape = tuple(length for _, length in axes)
    used = [name for k in ("x", "y", "z", "grid") for name in getattr(arrangement, k)]
    if len(lengths) != len(axes) or sorted(used) != sorted(lengths):
        raise ValueError(
            f"The arrangement shows the axes {used}, the tensor has {list(lengths)}. Each axis is shown exactly once: "
            "put every name into one of x, y, z and grid."
        )
    if not cubes:
        raise ValueError("Received no cube. At least one is required: pass [Cube(key=..., sets=...)].")
    if min(shape) < 1 or math.prod(shape) > MAX_CELLS:
        raise ValueError(f"Received the shape {shape}. Lengths >= 1 and at most {MAX_CELLS:,} cells are required.")
    if colour not in ("set", "all", "before", "after"):
        raise ValueError(f"Received colour={colour!r}. Use 'set', 'all', 'before' or 'after'.")
    for one in cubes:
        _check_one(one, shape)


def _check_one(one: Cube, shape: tuple[int, ...]) -> None:
    for given in one.sets:
        if len(given.intervals) != len(shape):
            raise ValueError(f"Cube {one.key!r}: {len(given.intervals)} intervals for a tensor with {len(shape)} axes. Give one an axis.")
        for (lo, hi), n in zip(given.intervals, shape, strict=True):
            lo, hi, index = np.asarray(lo), np.asarray(hi), np.arange(n)
            if lo.shape != (n,) or hi.shape != (n,) or np.any(lo > index) or np.any(hi <= index) or np.any(lo < 0) or np.any(hi > n):
                raise ValueError(
                    f"Cube {one.key!r}: intervals of shapes {lo.shape} and {hi.shape} for an axis of length {n}. "
                    "Required: 0 <= lo[i] <= i < hi[i] <= n, for every i."
                )
    if one.values is not None and tuple(one.values.shape) != shape:
        raise ValueError(f"Cube {one.key!r}: values of shape {one.values.shape} for a tensor of shape {shape}. They must be equal.")
    if unknown := [m for m in one.measures if m not in MEASURES]:
        raise ValueError(f"Cube {one.key!r}: unknown measures {unknown}. Choose among {list(MEASURES)}.")
    if one.pinned is not None and len(one.pinned) != len(one.measures):
        raise ValueError(f"Cube {one.key!r}: {len(one.pinned)} pinned numbers for {len(one.measures)} measures. Give one a measure.")
    if (b := one.buffers) is not None and not (0 <= b.axis < len(shape) and len(b.mean) == len(b.var) == shape[b.axis]):
        raise ValueError(f"Cube {one.key!r}: buffers of {len(b.mean)} and {len(b.var)} entries do not fit axis {b.axis} of {shape}.")


def _state(result: object, axes: Sequence[tuple[str, int]]) -> CubeState:
    said = result if isinstance(result, Mapping) else {}
    return CubeState(cell=valid_cell(said.get("cell"), axes), look=valid_look(said.get("look")))


def _ignore() -> None:
    """State travels through the return value; the component wants a callback to know its names."""
