"""The pinned output with its numbers: where its window lies, what stands in it, what comes out and what goes back."""

from __future__ import annotations

import streamlit as st

from normviz.ui.numbers import in_brackets
from normviz.ui.pool import PoolState
from normviz.ui.poolings.shown import Shown
from normviz.ui.poolings.spot import output_of
from normviz.ui.poolings.written import aligned, value_lines, window_lines


def show_value(shown: Shown, spot: PoolState) -> None:
    """One output, worked out."""
    done, entry = shown.done, shown.entry
    cell = output_of(done, spot)
    if cell is None:
        st.subheader(shown.say("unread_title"), anchor=False)
        st.markdown(shown.say("unread", cell=in_brackets(spot.cell or ())))
        return
    st.subheader(shown.say("value", cell=in_brackets(cell)), anchor=False)
    counts = entry.counts(done.x.shape, **shown.knobs)
    lines = value_lines(done, cell, counts)
    with st.container(key="nv-step-pooling", gap="small"):
        if entry.window_latex:
            st.latex(aligned(window_lines(entry, shown.windows, cell, shown.knobs)), width="content")
        st.latex(aligned(lines), width="content")
    if counts is not None:
        st.markdown(shown.say("back_mean", count=int(counts[cell])))
    elif done.winner is not None and done.winner[cell] >= 0:
        winner = divmod(int(done.winner[cell]), done.x.shape[1])
        st.markdown(shown.say("back_largest", cell=in_brackets(winner)))
    else:
        st.markdown(shown.say("back_nothing"))
