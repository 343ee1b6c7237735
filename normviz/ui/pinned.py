"""The pinned cell: what the cube, the session and the link say of it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from normviz.layouts import default_cell
from normviz.ui.controls import remember, remembered
from normviz.ui.cube import cube_state
from normviz.ui.numbers import read_lengths, written

#: The key of the one cube a page shows.
CUBE = "cube"


def cell_now(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """The pinned cell, or the one to start from where the pinned one is not in this tensor.

    What the cube says is read before it is drawn, so that a click needs one run of the script and not two.
    """
    said = cube_state(CUBE, tuple(zip(layout, shape, strict=True)))
    if news(CUBE, "cell", said.cell):
        pin(said.cell, shape, layout)
    if news(CUBE, "look", said.look):
        remember("look", said.look, "")
    nothing: tuple[int, ...] = ()
    cell = remembered("cell", read_lengths, nothing)
    fits = len(cell) == len(shape) and all(0 <= i < n for i, n in zip(cell, shape, strict=True))
    return pin(cell if fits else None, shape, layout)


def news(cube: str, part: str, said: object) -> bool:
    """Whether the cube of this key says something else than in the last run; until a hand has moved it says nothing.

    What was never said is absent from its state, and so is not taken for "nothing is pinned".
    """
    told = st.session_state.get(cube)
    seen = f"{cube}/{part}"
    if not isinstance(told, Mapping) or part not in told:
        st.session_state.pop(seen, None)
        return False
    other = seen not in st.session_state or st.session_state[seen] != said
    st.session_state[seen] = said
    return other


def pin(cell: tuple[int, ...] | None, shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """Keep a pinned cell in the session and the link; the one to start from is not kept: it follows the shape."""
    start = default_cell(shape, layout)
    nothing: tuple[int, ...] = ()
    kept = nothing if cell is None or cell == start else cell
    return remember("cell", kept, nothing, written=written(kept)) or start
