"""The picture moves by a few pixels: how much the map changes, and how much less the pooled one does."""

from __future__ import annotations

import streamlit as st

from normviz.figures.pool import shift_curves
from normviz.pooling import Pooling
from normviz.poolings import POOLINGS
from normviz.text.lookup import section
from normviz.ui import cached_poolings
from normviz.ui.cached import Knobs
from normviz.ui.cached_poolings import SHIFTS, Move
from normviz.ui.controls import number
from normviz.ui.parts import chart, failed
from normviz.ui.poolings.knobs import given
from normviz.ui.poolings.shown import Shown, share

#: The sides of the maps that are moved, a cell for every pixel.
LEAST, LARGEST = 16, 128


def show_shift(shown: Shown) -> None:
    """A slider for the shift, the changes as numbers, and both over all shifts."""
    c, source = shown.c, shown.job.source
    st.subheader(shown.say("shift"), anchor=False)
    if source.kind not in ("photo", "upload"):
        st.markdown(shown.say("shift_picture"))
        return
    side = min(max(LEAST, min(c.shape[2:])), LARGEST)
    poolings = compared(shown)
    move = Move(source, poolings, shown.job.sample, shown.job.channel, side, c.device, c.dtype)
    try:
        with st.spinner(c.say("agree.loading")):
            found = cached_poolings.moved(move, shown.images)
    except ValueError as problem:
        failed(c, problem)
        return
    left, right = st.columns([5, 7], gap="large")
    with left:
        pixels = number(
            "shift",
            shown.say("pixels"),
            1,
            SHIFTS[0],
            SHIFTS[-1],
            lang=c.lang,
            under="pool.shift",
            slider=True,
        )
        at = found.pixels.index(pixels)
        own = found.keys.index(shown.entry.key)
        with st.container(horizontal=True, gap="medium", key="nv-pooling-shift"):
            st.metric(shown.say("unpooled"), share(found.unpooled[at]), width="content")
            for k in (own, *(k for k in range(len(found.keys)) if k != own)):
                st.metric(c.say(f"pooling.{found.keys[k]}.name"), share(found.pooled[k, at]), width="content")
        st.markdown(shown.say("shift_lead", side=side))
        st.markdown(shown.say("shift_honest"))
    with right:
        words = section(c.lang, "pooling_page")
        names = [c.say(f"pooling.{key}.name") for key in found.keys]
        figure = shift_curves(
            found,
            names,
            words={"unpooled": words["unpooled"], "change": words["change"], "pixels": words["pixels"]},
        )
        chart(figure, "pooling-shift")


def compared(shown: Shown) -> tuple[tuple[str, Knobs], ...]:
    """The chosen pooling beside the first maximum and the first mean, with the same knobs where they have them."""
    firsts: dict[bool, Pooling] = {}
    for entry in POOLINGS.values():
        firsts.setdefault(entry.largest, entry)
    entries = {entry.key: entry for entry in (*firsts.values(), shown.entry)}
    return tuple((entry.key, given(shown.knobs, entry)) for entry in entries.values())
