"""The turnable cube: a components-v2 component drawn on a 2-D canvas by the modules in `assets/cube/`.

Python sends, per picture and tensor axis, the interval each index shares its statistic with (a few hundred
bytes, whatever the number of cells), and the values as raw float32 when they are to be seen. The browser owns
camera, hovered cell and view; a rerun happens only when a cell is pinned or a gesture has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from normviz.layouts import Arrangement
from normviz.ui.cube_payload import limit_of, payload, valid_cell, valid_look
from normviz.ui.cube_types import WORDS, Axes, Buffers, Colour, Cube, WeightedSet
from normviz.ui.scripts import joined

__all__ = [
    "WORDS",
    "Arrangement",
    "Buffers",
    "Colour",
    "Cube",
    "CubeState",
    "WeightedSet",
    "cube",
    "cube_state",
    "limit_of",
    "payload",
]

ASSETS = Path(__file__).parents[2] / "assets" / "cube"
#: In this order they are joined into one script; a name at their top level must be unique among all of them.
MODULES = (
    *("sets", "scene", "camera", "color", "bitmaps", "labels", "rulers", "grid", "marks", "paint"),
    *("play", "shared", "bytes", "look", "stats", "panel", "readout", "interact", "memory", "actions"),
    *("picture", "component", "streamlit"),
)


@dataclass(frozen=True)
class CubeState:
    """What came back: the pinned cell, if any, and the camera and view as a short URL-safe text."""

    cell: tuple[int, ...] | None = None
    look: str = ""


def cube(
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
) -> CubeState:
    """Draw `cubes` and return what the visitor has pinned and how they look at it.

    `axes` are the tensor's (name, length) pairs. `colour`: the lit set, all sets, or the values ("before" and
    "after" differ in what the readout calls them). `limit` is the end of the colour scale (give the same one
    before and after); None takes it from the values. `cell` and `look` are applied when they change: feed
    back what was returned, or what a link says. `origin`, where a part of a tensor is drawn, is its first cell there:
    the readout counts as the whole tensor does. Raises ValueError when something does not fit `axes`.
    """
    data = payload(
        cubes,
        axes=axes,
        arrangement=arrangement,
        colour=colour,
        words=words,
        key=key,
        cell=cell,
        look=look,
        limit=limit,
        tools=tools,
        origin=origin,
    )
    result = _component()(key=key, data=data, on_cell_change=_ignore, on_look_change=_ignore)
    return _state(result, axes)


def cube_state(key: str, axes: Axes) -> CubeState:
    """What the component with this key has said so far; can be read before it is drawn in this run."""
    return _state(st.session_state.get(key), axes)


def _state(result: object, axes: Axes) -> CubeState:
    said = result if isinstance(result, Mapping) else {}
    return CubeState(cell=valid_cell(said.get("cell"), axes), look=valid_look(said.get("look")))


def _ignore() -> None:
    """State is read from the result; the component wants a callback only to know its names."""


@cache
def _component() -> Any:
    return st.components.v2.component("normviz_cube", js=script(), css=style())


@cache
def script() -> str:
    """The modules as one."""
    return joined(ASSETS / f"{name}.js" for name in MODULES)


@cache
def style() -> str:
    """The component's CSS; it lives in a shadow root."""
    return (ASSETS / "cube.css").read_text(encoding="utf-8")
