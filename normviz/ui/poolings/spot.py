"""The pinned cell of either map: what the component, the session and the link say of it."""

from __future__ import annotations

import streamlit as st

from normviz.pooled import Pooled
from normviz.ui.controls import remember, remembered
from normviz.ui.numbers import read_lengths, written
from normviz.ui.pool import PoolPicture, PoolState, pool_state
from normviz.ui.pool_payload import SIDES, valid_spot

#: The key of the one component.
KEY = "pool"
SEEN = f"{KEY}/seen"


def spot_now(picture: PoolPicture) -> PoolState:
    """What is pinned; read before the component is drawn, so that a click needs one run of the script and not two."""
    said = pool_state(KEY, picture)
    if said is None:
        st.session_state.pop(SEEN, None)
    elif st.session_state.get(SEEN) != said:
        st.session_state[SEEN] = said
        return _pin(said)
    nothing: tuple[int, ...] = ()
    for side in SIDES:
        cell = valid_spot(remembered(side, read_lengths, nothing, under=_under(side)), picture.shape(side))
        if cell is not None:
            return _pin(PoolState(side, cell))
    return _pin(PoolState())


def output_of(done: Pooled, spot: PoolState) -> tuple[int, int] | None:
    """The output that a pinned cell is about: itself, of an input one that it wins or the middle one that reads it.

    Without a pinned cell the middle output, where the component starts; None where no output reads the input.
    """
    if spot.cell is None:
        return done.y.shape[0] // 2, done.y.shape[1] // 2
    if spot.side == "out":
        return spot.cell
    rows, columns = done.rows.reach(spot.cell[0]), done.columns.reach(spot.cell[1])
    if not rows.size or not columns.size:
        return None
    if done.winner is not None:
        flat = spot.cell[0] * done.x.shape[1] + spot.cell[1]
        for h in rows:
            for w in columns:
                if done.winner[h, w] == flat:
                    return int(h), int(w)
    return int(rows[rows.size // 2]), int(columns[columns.size // 2])


def _pin(state: PoolState) -> PoolState:
    """Keep it in the session and the link."""
    nothing: tuple[int, ...] = ()
    for side in SIDES:
        cell = state.cell if side == state.side and state.cell else nothing
        remember(side, cell, nothing, under=_under(side), written=written(cell))
    return state


def _under(side: str) -> str:
    return f"pool.{side}"
