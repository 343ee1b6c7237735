"""The map that is pooled: which channel of the input, and how many cells it has."""

from __future__ import annotations

import streamlit as st

from normviz.ui.cached import Source
from normviz.ui.cached_poolings import channel_names
from normviz.ui.choices import Choices
from normviz.ui.controls import pick
from normviz.ui.shape_picker import axis_key

#: Sides of maps to choose from at a click: few enough cells to point at every one, up to those of a real network.
SIDES = (8, 16, 32, 64, 112)


def choose_channel(c: Choices, source: Source) -> int:
    """Draw the channel, by its filter's name where it has one."""
    names = channel_names(source)
    return pick(
        "channel",
        c.say("pooling_page.channel"),
        range(c.channels),
        0,
        lang=c.lang,
        names=lambda k: f"{k} · {names[k]}" if names else c.say("pooling_page.channel_of", channel=k),
        under="pool.channel",
        select=True,
        width=190,
        label_visibility="collapsed",
    )


def choose_side(c: Choices) -> None:
    """Draw the maps' usual sides; any other is set where the shape of the input is."""
    widget = f"pool.side/{c.lang}"
    height, width = c.shape[-2:]

    def resize() -> None:
        if side := st.session_state[widget]:
            for axis in "HW":
                st.session_state[axis_key(c.layout, axis, c.lang, True)] = side

    # The frame's shape is what counts: the buttons follow it, and none is pressed where it is another.
    st.session_state[widget] = height if height == width and height in SIDES else None
    st.segmented_control(
        c.say("pooling_page.side"),
        SIDES,
        format_func=lambda side: f"{side}²",
        key=widget,
        on_change=resize,
        label_visibility="collapsed",
    )
