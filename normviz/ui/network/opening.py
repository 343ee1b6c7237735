"""Which layer is open: one place for all views, kept by the layer's name, so that it stays open on another image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from normviz.text.lookup import LANGUAGES
from normviz.traces import Trace
from normviz.ui.choices import Choices
from normviz.ui.controls import remember, remembered
from normviz.ui.network.shown import Shown

KEY = "layer"
CHOSEN = f"chosen/{KEY}"
#: Where the page keeps its view, and which one shows the open layer alone.
VIEW, LAYER_VIEW = "network.view", "layer"


def layer_names(trace: Trace) -> tuple[str, ...]:
    """A name for every layer; one that is there again gets its number behind it."""
    seen: Counter[str] = Counter()
    names: dict[str, None] = {}
    for layer in trace.layers:
        seen[layer.name] += 1
        name = layer.name if seen[layer.name] == 1 else f"{layer.name} ({seen[layer.name]})"
        while name in names:
            seen[layer.name] += 1
            name = f"{layer.name} ({seen[layer.name]})"
        names[name] = None
    return tuple(names)


def opened(shown: Shown) -> int | None:
    """The number of the open layer, None where none is, or where this network has no layer of that name."""
    name = remember(KEY, remembered(KEY, str, ""), "")
    names = layer_names(shown.trace)
    return names.index(name) if name in names else None


def open_layer(name: str, *, turn: bool = False) -> None:
    """Open the layer of that name in the next run, for a callback; an empty name closes it.

    ``turn``: the page turns to the view of one layer, from a view that does not show it.
    """
    st.session_state[CHOSEN] = name
    if turn and name:
        st.session_state[f"chosen/{VIEW}"] = LAYER_VIEW
        for lang in LANGUAGES:
            st.session_state[f"{VIEW}/{lang}"] = LAYER_VIEW


def pick_layer(
    c: Choices,
    shown: Shown,
    numbers: Sequence[int] | None = None,
    place: str = "layer",
    *,
    turn: bool = False,
    otherwise: int | None = None,
) -> int | None:
    """A menu of these layers (all) with a button to the one before and the one after; returns the open one.

    It is the way for keyboards and small screens. ``place`` tells several on one page apart, ``turn`` is
    :func:`open_layer`'s, ``otherwise`` is the layer on show where none is open.
    """
    names = layer_names(shown.trace)
    numbers = range(len(names)) if numbers is None else numbers
    now = opened(shown)
    now = otherwise if now is None else now
    widget = f"{place}/{KEY}/{c.lang}"
    options = list(numbers) if now is None or now in numbers else sorted([*numbers, now])
    st.session_state[widget] = now

    def changed() -> None:
        picked = st.session_state[widget]
        open_layer("" if picked is None else names[picked], turn=turn)

    with st.container(
        horizontal=True, vertical_alignment="center", gap="xsmall", key=f"nv-open-{place}", wrap=False
    ):
        st.selectbox(
            c.say("network_view.open"),
            options,
            index=None,
            format_func=names.__getitem__,
            placeholder=c.say("network_view.open_none"),
            label_visibility="collapsed",
            key=widget,
            on_change=changed,
        )
        before = [n for n in numbers if now is not None and n < now]
        after = [n for n in numbers if now is None or n > now]
        for step, there in (("before", before[-1:]), ("after", after[:1])):
            st.button(
                "",
                icon=":material/chevron_left:" if step == "before" else ":material/chevron_right:",
                help=c.say(f"network_view.open_{step}"),
                disabled=not there,
                key=f"{place}/{step}",
                on_click=open_layer,
                args=[names[n] for n in there] or [""],
                kwargs={"turn": turn},
            )
    return now


def clicked(shown: Shown, key: str, *, turn: bool = False) -> None:
    """Open the layer whose point in the chart of this key was clicked: what its ``on_select`` calls.

    A second click on a point takes it off the chart's selection. It opens its layer again where another one had been
    opened by other means, and otherwise changes nothing.
    """
    last = f"{key}/last"
    points = st.session_state[key].selection.points
    if points:
        number = points[0].get("customdata")
        number = number[0] if isinstance(number, list) else number
        st.session_state[last] = number
    else:
        number = st.session_state.get(last)
    if isinstance(number, int) and 0 <= number < len(shown.trace.layers):
        open_layer(layer_names(shown.trace)[number], turn=turn)
