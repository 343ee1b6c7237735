"""Pickers whose choice lives in the link under a stable key, in every language.

Streamlit's own ``bind`` would store the translated label. Here the first run of a session reads the link once; from
then on the session remembers, every run writes what differs from its default back into the link, and a widget has
one key per language so that its labels can change. What a link says is parsed, never trusted: anything unknown is the
default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

T = TypeVar("T")
N = TypeVar("N", int, float)

LINK = "link"
DRAWN = "link/drawn"
Parse = Callable[[str], T | None]


def remembered(key: str, parse: Parse[T], default: T, *, under: str = "") -> T:
    """What was chosen earlier in this session, else what the link says, else the default.

    ``under`` is the name in the session where it differs from the one in the link (a knob of each method).
    """
    said = linked(key)
    store = f"chosen/{under or key}"
    if store not in st.session_state:
        st.session_state[LINK].pop(key, None)
        value = _parsed(parse, said)
        st.session_state[store] = default if value is None else value
    chosen: T = st.session_state[store]
    return chosen


def linked(key: str) -> str | None:
    """What the link of this session's first run says under this key, as long as no picker has read it."""
    if LINK not in st.session_state:
        st.session_state[LINK] = dict(st.query_params)
    said: str | None = st.session_state[LINK].get(key)
    return said


def remember(key: str, value: T, default: T, *, under: str = "", written: str | None = None) -> T:
    """Keep a choice for the next run and in the link, where only what differs from its default is written."""
    st.session_state[f"chosen/{under or key}"] = value
    st.session_state.setdefault(DRAWN, set()).add(key)
    text = str(value) if written is None else written
    if value == default:
        if key in st.query_params:
            del st.query_params[key]
    elif st.query_params.get(key) != text:
        st.query_params[key] = text
    return value


def tidy() -> None:
    """Drop from the link what no picker of this run has a word in: knobs of another method, choices of another page."""
    drawn = st.session_state.pop(DRAWN, set())
    for key in [key for key in st.query_params if key not in drawn]:
        del st.query_params[key]


def pick(
    key: str,
    label: str,
    options: Sequence[T],
    default: T,
    *,
    lang: str,
    names: Mapping[T, str] | Callable[[T], str] = str,
    under: str = "",
    select: bool = False,
    **look: Any,
) -> T:
    """One of ``options``, as a row of buttons or (``select``) a menu; its link holds ``str(option)``."""
    by_text = {str(option): option for option in options}
    now = remembered(key, by_text.get, default, under=under)
    widget = _widget(under or key, lang)
    now = st.session_state.get(widget, now)
    # The value of now goes along in every run: a popover that is opened later still has to show it. Only where the
    # options have changed under a widget is its value set from here.
    if now in options:
        look |= {"index": options.index(now)} if select else {"default": now}
    else:
        st.session_state[widget] = default
    if not select:
        look.setdefault("required", True)
    draw: Any = st.selectbox if select else st.segmented_control
    show = names if callable(names) else names.__getitem__
    value = draw(label, list(options), format_func=show, key=widget, **look)
    return remember(key, value, default, under=under)


def number(
    key: str,
    label: str,
    default: N,
    low: N,
    high: N,
    *,
    lang: str,
    under: str = "",
    slider: bool = False,
    **look: Any,
) -> N:
    """A number between ``low`` and ``high``, whole where the default is."""
    kind = type(default)

    def parse(text: str) -> N | None:
        value = kind(text)
        return value if low <= value <= high else None

    now = remembered(key, parse, default, under=under)
    widget = _widget(under or key, lang)
    held = st.session_state.get(widget)
    now = now if held is None else held
    draw: Any = st.slider if slider else st.number_input
    value = draw(label, low, high, min(max(now, low), high), key=widget, **look)
    return remember(key, now if value is None else value, default, under=under)


def _widget(name: str, lang: str) -> str:
    return f"{name}/{lang}"


def _parsed(parse: Parse[T], text: str | None) -> T | None:
    if text is None:
        return None
    try:
        return parse(text)
    except (ValueError, TypeError, OverflowError):
        return None
