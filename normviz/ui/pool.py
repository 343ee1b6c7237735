"""Pooling under the hand: a components-v2 component drawn on a 2-D canvas by the modules in `assets/pool/`.

Python sends both maps as raw float32 and the windows along the two axes. Which cells an output reads, and which outputs
read a cell, the browser works out at every move of the pointer; a rerun happens only when a cell is pinned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from normviz.ui import cube
from normviz.ui.pool_payload import SIDES, WORDS, Cell, PoolPicture, Side, pool_payload, valid_spot
from normviz.ui.scripts import joined

__all__ = ["WORDS", "PoolPicture", "PoolState", "pool_payload", "pool_state", "pool_view"]

ASSETS = Path(__file__).parents[2] / "assets" / "pool"
#: What it takes from the cube, and its own; joined in this order, as the cube's.
SHARED = ("sets", "color", "bitmaps", "panel", "play", "shared", "bytes", "stats")
MODULES = (
    "windows",
    "lit",
    "layout",
    "marks",
    "maps",
    "paint",
    "frame",
    "readout",
    "hands",
    "component",
    "mount",
)


@dataclass(frozen=True)
class PoolState:
    """What is pinned: a cell (h, w) of the output ("out") or of the input ("in"); no cell when nothing is."""

    side: Side = "out"
    cell: Cell | None = None


def pool_view(
    picture: PoolPicture, *, words: Mapping[str, str], key: str, cell: Cell | None = None, side: Side = "out"
) -> PoolState:
    """Draw a map before and after pooling, and return what the visitor has pinned.

    ``words`` are the texts of :data:`WORDS`, as of the section ``pool_view``. ``cell`` and ``side`` are applied when
    they change: feed back what was returned, or what a link says. Without a cell the middle one of that side is lit.
    Raises ValueError when something does not fit together.
    """
    data = pool_payload(picture, words=words, key=key, cell=cell, side=side)
    result = _component()(key=key, data=data, on_pinned_change=_ignore)
    return _state(result, picture, PoolState(side, valid_spot(cell, picture.shape(side))))


def pool_state(key: str, picture: PoolPicture) -> PoolState | None:
    """What the component with this key has said, None if nothing yet; can be read before it is drawn in this run."""
    said = st.session_state.get(key)
    return _state(said, picture) if isinstance(said, Mapping) and "pinned" in said else None


def _state(result: object, picture: PoolPicture, silent: PoolState = PoolState()) -> PoolState:
    """The state from what a browser says, which is not trusted; ``silent`` where it has not said anything."""
    if not isinstance(result, Mapping) or "pinned" not in result:
        return silent
    match result["pinned"]:
        case {"side": side, "cell": cell} if side in SIDES:
            spot = valid_spot(cell, picture.shape(side))
            return PoolState() if spot is None else PoolState(side, spot)
        case _:
            return PoolState()


def _ignore() -> None:
    """State is read from the result; the component wants a callback only to know its names."""


@cache
def _component() -> Any:
    return st.components.v2.component("normviz_pool", js=script(), css=style())


@cache
def script() -> str:
    """The modules as one."""
    return joined(
        [*(cube.ASSETS / f"{name}.js" for name in SHARED), *(ASSETS / f"{name}.js" for name in MODULES)]
    )


@cache
def style() -> str:
    """The component's CSS, behind the cube's, whose frame it shares; it lives in a shadow root."""
    return cube.style() + (ASSETS / "pool.css").read_text(encoding="utf-8")
