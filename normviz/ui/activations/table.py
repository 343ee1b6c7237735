"""All that was measured, a column for each activation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from normviz.activation import SATURATED
from normviz.activity import Activity
from normviz.figures.entries import share
from normviz.ui.activations.choice import Chosen
from normviz.ui.activations.shown import Shown, negatives, zeros
from normviz.ui.numbers import plain

Cell = Callable[[Chosen, Activity], str]
ROWS: dict[str, Cell] = {
    "range": lambda each, _: f"${each.entry.limits(**each.knobs).latex}$",
    "measured": lambda _, found: f"{plain(found.out.min)} … {plain(found.out.max)}",
    "mean": lambda _, found: plain(found.final.mean),
    "std": lambda _, found: plain(found.final.std),
    "zeros": lambda _, found: zeros(found),
    "negatives": lambda _, found: negatives(found),
    "dead": lambda _, found: share(found.dead, found.into.count),
    "saturated": lambda _, found: share(found.saturated, found.into.count),
    "slope": lambda _, found: plain(found.slope),
    "passed": lambda _, found: plain(found.passed),
}


def show(shown: Shown, found: Sequence[Activity]) -> None:
    """The table, and what its words mean."""
    c = shown.c
    st.subheader(c.say("act_page.table"), anchor=False)
    first = [c.say(f"act_table.{row}", threshold=f"{SATURATED:g}") for row in ROWS]
    columns = {
        each.name: [cell(each, seen) for cell in ROWS.values()]
        for each, seen in zip(shown.chosen, found, strict=True)
    }
    with st.container(key="nv-act-table"):
        st.table({c.say("act_table.what"): first, **columns}, border="horizontal", hide_index=True)
    notes = [c.say(f"act_table.note_{shown.order}", norm=c.name), c.say("act_table.note")]
    st.caption(c.prose(notes))
