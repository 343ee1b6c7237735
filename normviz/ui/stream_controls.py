"""The controls of the stream: how the buffers average, and the data they are tested on."""

from __future__ import annotations

import streamlit as st

from normviz.stream import STEPS
from normviz.ui.choices import Choices
from normviz.ui.controls import number, pick, remember, remembered
from normviz.ui.pinned import pin

#: The momenta offered: torch's own meaning, the weight of the new batch.
MOMENTA = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)


def choose_course(c: Choices) -> tuple[float | None, int | None]:
    """Draw the channel, the averaging and the freeze; return the momentum and the step of the freeze, or None."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        _channel(c)
        names = {k: c.say(f"stream.{k}") for k in ("exponential", "cumulative")}
        average = pick(
            "average", c.say("stream.average"), tuple(names), "exponential", lang=c.lang, names=names
        )
        momentum = _momentum(c) if average == "exponential" else None
        label = c.say("stream.freeze", steps=STEPS)
        frozen = number("freeze", label, STEPS, 0, STEPS, lang=c.lang, slider=True, width=260)
    return momentum, frozen if frozen < STEPS else None


def choose_test(c: Choices) -> tuple[bool, float, float]:
    """Draw the shifted data: whether it drifts in, the shift in sigmas and the scale."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        names = {k: c.say(f"stream.{k}") for k in ("at_test", "drifting")}
        arrives = pick("arrives", c.say("stream.arrives"), tuple(names), "at_test", lang=c.lang, names=names)
        look = {"lang": c.lang, "slider": True, "step": 0.1, "width": 260}
        shift = number("shift", c.say("stream.shift"), 1.0, -4.0, 4.0, under="stream.shift", **look)  # type: ignore[arg-type]
        scale = number("scale", c.say("stream.scale"), 1.5, 0.1, 4.0, under="stream.scale", **look)  # type: ignore[arg-type]
    return arrives == "drifting", shift, scale


def _channel(c: Choices) -> None:
    """The pinned cell's channel; another one is pinned before the run that shows it."""
    along = c.axes.index("C")
    key = f"stream.channel/{c.lang}"

    def move() -> None:
        cell = list(c.cell)
        cell[along] = int(st.session_state[key])
        pin(tuple(cell), c.shape, c.layout)

    st.session_state[key] = c.cell[along]
    st.number_input(
        c.say("stream.channel"),
        0,
        c.shape[along] - 1,
        key=key,
        on_change=move,
        help=c.say("stream.channel_help"),
        width=150,
    )


def _momentum(c: Choices) -> float:
    """The momentum on a scale of its size, from a thousandth to 1; a link may hold any number between."""

    def parse(text: str) -> float | None:
        value = float(text)
        return value if MOMENTA[0] <= value <= MOMENTA[-1] else None

    now = remembered("momentum", parse, 0.1, under="stream.momentum")
    key = f"stream.momentum/{c.lang}"
    now = st.session_state.get(key, now)
    st.session_state[key] = now
    options = sorted({*MOMENTA, now})
    chosen = st.select_slider(
        c.say("stream.momentum"), options, key=key, width=260, format_func=lambda m: f"{m:g}"
    )
    return remember("momentum", chosen, 0.1, under="stream.momentum")
