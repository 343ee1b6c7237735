"""Which methods stand side by side: two to six of those that work on the tensor, in the link."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from normviz.catalogue import METHODS
from normviz.ui.choices import Choices
from normviz.ui.controls import remember, remembered

#: The four of the Group Norm paper's Figure 2.
FIGURE_2 = ("batch_norm", "layer_norm", "instance_norm", "group_norm")
FEWEST, MOST = 2, 6
#: Between the keys in a link: needs no escape there.
BETWEEN = "."


def offered(c: Choices) -> tuple[str, ...]:
    """The methods that work on a tensor of this layout."""
    return tuple(key for key, method in METHODS.items() if c.layout in method.layouts)


def read_methods(text: str, options: tuple[str, ...]) -> tuple[str, ...] | None:
    """The methods a link names, each once and at most six; None where fewer than two of them are offered.

    >>> read_methods("group_norm.no_such.batch_norm.group_norm", FIGURE_2)
    ('group_norm', 'batch_norm')
    >>> read_methods("group_norm.group_norm", FIGURE_2) is None
    True
    """
    known = tuple(key for key in dict.fromkeys(text.split(BETWEEN)) if key in options)[:MOST]
    return known if len(known) >= FEWEST else None


def choose_methods(c: Choices) -> tuple[str, ...]:
    """Draw the menu of methods; the ones chosen, in the order in which they were."""
    options = offered(c)
    start = tuple(key for key in FIGURE_2 if key in options)
    default = start if len(start) >= FEWEST else options[: len(FIGURE_2)]
    # What was chosen for kernels says nothing about feature maps.
    under = "methods/weights" if c.weighs else "methods"
    now = remembered("methods", lambda text: read_methods(text, options), default, under=under)

    keys = {key: f"{under}/{key}/{c.lang}" for key in options}
    ticked = {key: st.session_state.get(keys[key], key in now) for key in options}
    chosen = (*(k for k in now if ticked[k]), *(k for k in options if ticked[k] and k not in now))
    # Clicks can come faster than the boxes that would be too many are locked.
    chosen = chosen[:MOST] if len(chosen) >= FEWEST else now

    with st.popover(c.say("compare_page.methods", count=len(chosen)), icon=":material/grid_view:"):
        st.caption(c.say("compare_page.choose", fewest=FEWEST, most=MOST))
        columns = st.columns([6, 5], gap="small") if len(options) > MOST else [st.container()]
        for number, (key, widget) in enumerate(keys.items()):
            # Set in every run: a menu that is opened later has to show it.
            st.session_state[widget] = key in chosen
            locked = len(chosen) <= FEWEST if key in chosen else len(chosen) >= MOST
            with columns[number * len(columns) // len(options)]:
                st.checkbox(c.say(f"method.{key}.name"), key=widget, disabled=locked)
    return remember("methods", chosen, default, under=under, written=BETWEEN.join(chosen))


def with_method(c: Choices, key: str) -> Choices:
    """The same choices for another method, its knobs fitted to the tensor; the picked method keeps its own knobs."""
    if key == c.method.key:
        return c
    lengths = dict(zip(c.axes, c.shape, strict=True))
    method = METHODS[key]
    knobs = method.defaults(lengths)
    return replace(c, method=method, knobs=knobs)
