"""The pooling and its knobs; what does not fit the map is said, with a neighbour that does one click away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from normviz.methods import Knob
from normviz.pooling import Pooling, PoolingError
from normviz.poolings import POOLINGS
from normviz.ui.cached import Knobs
from normviz.ui.choices import Choices
from normviz.ui.controls import number, pick, remember, remembered

#: The largest whole number offered: outputs of this many cells a side can still be drawn.
MOST = 1024


def choose_pooling(c: Choices) -> tuple[Pooling, dict[str, Any]]:
    """Draw the pooling and its knobs, and return what is chosen."""
    key = pick(
        "pool",
        c.say("pooling_page.pooling"),
        tuple(POOLINGS),
        next(iter(POOLINGS)),
        lang=c.lang,
        names=lambda k: c.say(f"pooling.{k}.name"),
        select=True,
        width=230,
    )
    entry = POOLINGS[key]
    return entry, {knob.name: _knob(c, knob) for knob in entry.knobs}


def refused(c: Choices, problem: PoolingError) -> None:
    """Say what does not fit, and offer what does."""
    reason = c.say(f"pooling_error.{problem.code}", **problem.details)
    fitting = problem.details["fitting"]
    with st.container(key="nv-pooling-refused", gap="small"):
        st.error(c.prose([reason, c.say("pooling_error.shown")]), icon=":material/error:")
        st.button(
            c.say("pooling_error.use", fitting=fitting),
            icon=":material/auto_fix_high:",
            on_click=_apply,
            args=(problem.fitting, c.lang),
            key="nv-pooling-use",
        )


def given(knobs: Mapping[str, Any], entry: Pooling) -> Knobs:
    """Those of the knobs that this pooling has, as far as they differ from its defaults."""
    return tuple(
        (knob.name, knobs[knob.name])
        for knob in entry.knobs
        if knob.name in knobs and knobs[knob.name] != knob.default
    )


def _apply(fitting: Mapping[str, Any], lang: str) -> None:
    for name, value in fitting.items():
        st.session_state[f"{_under(name)}/{lang}"] = value


def _under(name: str) -> str:
    """The poolings share their knobs: a kernel stays when its windows' mean is asked for instead of the largest."""
    return f"pool.{name}"


def _knob(c: Choices, knob: Knob) -> Any:
    symbol = f"${knob.symbol}$ " if knob.symbol else ""
    look: dict[str, Any] = {
        "lang": c.lang,
        "under": _under(knob.name),
        "help": c.say(f"pooling_knob.{knob.name}"),
    }
    label = f"{symbol}`{knob.name}`"
    if knob.options:
        names = {value: c.say(f"pooling_knob.{knob.name}_{str(value).lower()}") for value in knob.options}
        return pick(knob.name, label, knob.options, knob.default, names=names, **look)
    low, high = int(knob.low), int(min(knob.high, MOST))
    if knob.default is None:
        return _open(c, knob, label, low, high)
    return number(knob.name, label, knob.default, low, high, width=128, **look)


def _open(c: Choices, knob: Knob, label: str, low: int, high: int) -> int | None:
    """A whole number that may be left open: torch then takes another knob's."""

    def parse(text: str) -> int | None:
        value = int(text)
        return value if low <= value <= high else None

    under = _under(knob.name)
    now: int | None = remembered(knob.name, parse, None, under=under)
    widget = f"{under}/{c.lang}"
    # Only a field whose default is to be empty can be emptied again.
    st.session_state.setdefault(widget, now)
    value = st.number_input(
        label,
        low,
        high,
        None,
        key=widget,
        placeholder=c.say(f"pooling_knob.{knob.name}_open"),
        help=c.say(f"pooling_knob.{knob.name}"),
        width=150,
    )
    return remember(knob.name, value, None, under=under)
