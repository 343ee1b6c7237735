"""Which activations are overlaid, with which knobs, and which of them is looked at closely; all in the link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from normviz.activation import Activation
from normviz.activations import ACTIVATIONS
from normviz.figures.theme import CATEGORIES
from normviz.methods import Knob
from normviz.ui.choices import Choices
from normviz.ui.controls import number, pick, remember, remembered
from normviz.ui.knob_pickers import pick_real

#: Shown first: what is used most, and what it replaced.
START: tuple[str, ...] = ("relu", "gelu", "tanh", "sigmoid")
#: As many as there are colours to tell them apart.
MOST = len(CATEGORIES)
#: Between the keys in a link: needs no escape there.
BETWEEN = "."


@dataclass(frozen=True)
class Chosen:
    """An activation that is shown, with its knobs, and its name in the visitor's language."""

    entry: Activation
    knobs: Mapping[str, Any]
    name: str

    @property
    def key(self) -> str:
        """Its entry's."""
        return self.entry.key


def read_keys(text: str) -> tuple[str, ...] | None:
    """The activations that a link names, each once and no more than can be shown; None where it names none.

    >>> read_keys("gelu.no_such.relu.gelu"), read_keys("no_such")
    (('gelu', 'relu'), None)
    """
    return tuple(key for key in dict.fromkeys(text.split(BETWEEN)) if key in ACTIVATIONS)[:MOST] or None


def name_of(c: Choices, key: str) -> str:
    """The activation's name."""
    return c.say(f"activation.{key}.name")


def choose_activations(c: Choices) -> tuple[str, ...]:
    """Draw the row of activations, of which one to six are on; in the order in which they were chosen."""
    now = remembered("act", read_keys, START)
    widget = _widget(c)

    def check() -> None:
        """None at all, or more than there are colours for, is taken back."""
        chosen = st.session_state[widget]
        if not 1 <= len(chosen) <= MOST:
            st.session_state[widget] = list(st.session_state["chosen/act"])
            st.session_state["act/refused"] = len(chosen)

    look: dict[str, Any] = {} if widget in st.session_state else {"default": list(now)}
    chosen = st.pills(
        c.say("act_page.activations"),
        list(ACTIVATIONS),
        selection_mode="multi",
        format_func=lambda key: name_of(c, key),
        key=widget,
        on_change=check,
        label_visibility="collapsed",
        wrap=True,
        **look,
    )
    if (refused := st.session_state.pop("act/refused", None)) is not None:
        words = "act_page.too_many" if refused else "act_page.too_few"
        st.error(c.say(words, most=MOST, count=refused), icon=":material/error:")
    keys = tuple(chosen) or now
    return remember("act", keys, START, written=BETWEEN.join(keys))


def add(c: Choices, key: str) -> None:
    """Show this one too, in place of the last where there is no room; for a button's callback."""
    now = st.session_state["chosen/act"]
    st.session_state[_widget(c)] = [*now[: MOST - 1], key]


def choose_knobs(c: Choices, keys: tuple[str, ...]) -> tuple[Chosen, ...]:
    """Draw the knobs of these activations: those shown beside their names, the others in a menu."""
    entries = {key: ACTIVATIONS[key] for key in keys}
    values: dict[str, dict[str, Any]] = {key: {} for key in keys}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for key, entry in entries.items():
            for knob in (k for k in entry.knobs if k.shown):
                with st.container(horizontal=True, wrap=False, width="content", vertical_alignment="center"):
                    st.markdown(f"{name_of(c, key)} {_symbol(knob)}", width="content")
                    values[key][knob.name] = _knob(c, key, knob, label_visibility="collapsed")
        hidden = [(key, knob) for key, entry in entries.items() for knob in entry.knobs if not knob.shown]
        if hidden:
            with st.popover(c.say("frame.knobs"), key="nv-act-more"):
                for key, knob in hidden:
                    values[key][knob.name] = _knob(c, key, knob)
    return tuple(
        Chosen(entry, {knob.name: values[key][knob.name] for knob in entry.knobs}, name_of(c, key))
        for key, entry in entries.items()
    )


def choose_one(c: Choices, chosen: tuple[Chosen, ...]) -> Chosen:
    """Draw the choice of the one that is looked at closely."""
    if len(chosen) == 1:
        return chosen[0]
    by_key = {each.key: each for each in chosen}
    key = pick(
        "one",
        c.say("act_page.one"),
        tuple(by_key),
        chosen[0].key,
        lang=c.lang,
        names=lambda k: by_key[k].name,
        label_visibility="collapsed",
    )
    return by_key[key]


def _knob(c: Choices, key: str, knob: Knob, **look: Any) -> Any:
    """The widget of a knob; its name in the link is the activation's key, a point, and torch's name."""
    link = f"{key}{BETWEEN}{knob.name}"
    label = f"{name_of(c, key)}, {knob.name}: {c.say(f'activation.{key}.{knob.name}')}"
    if knob.options:
        return pick(link, label, knob.options, knob.default, lang=c.lang, **look)
    if isinstance(knob.default, int):
        low, high = int(knob.low), int(knob.high)
        return number(link, label, knob.default, low, high, lang=c.lang, width=130, **look)
    return pick_real(replace(knob, name=link), label, c.lang, link, **look)


def _symbol(knob: Knob) -> str:
    return f"${knob.symbol}$" if knob.symbol else f"`{knob.name}`"


def _widget(c: Choices) -> str:
    return f"act/{c.lang}"
