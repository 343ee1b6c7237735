"""The widgets of a method's knobs, from what the catalogue says of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz.layouts import axes_of
from normviz.methods import Knob, Method
from normviz.ui.controls import linked, number, pick, remember, remembered
from normviz.ui.language import speaker


def pick_knobs(method: Method, shape: tuple[int, ...], lang: str, notes: DeltaGenerator) -> dict[str, Any]:
    """The widgets of a method's knobs: those shown stand beside it, the others wait in a menu.

    What is wrong with a link's value is said in ``notes``, where there is room for a sentence.
    """
    lengths = dict(zip(axes_of(shape, method.layouts), shape, strict=True))
    values: dict[str, Any] = {}
    for knob in (k for k in method.knobs if k.shown):
        with st.container(
            horizontal=True,
            wrap=False,
            width="content",
            vertical_alignment="center",
            key=f"nv-knob-{knob.name}",
        ):
            st.markdown(f"${knob.symbol}$", width="content")
            values[knob.name] = _knob(method, knob, lengths, lang, notes, label_visibility="collapsed")
    hidden = [k for k in method.knobs if not k.shown]
    if hidden:
        with st.popover(speaker(lang)("frame.knobs"), key="nv-knobs"):
            for knob in hidden:
                values[knob.name] = _knob(method, knob, lengths, lang, notes)
    return values


def _knob(
    method: Method, knob: Knob, lengths: Mapping[str, int], lang: str, notes: DeltaGenerator, **look: Any
) -> Any:
    under = f"{method.key}.{knob.name}"
    label = f"{knob.name}: {speaker(lang)(f'knob.{knob.name}')}"
    choices = knob.choices(lengths)
    if choices:
        before = st.session_state.get(f"chosen/{under}")
        used = knob.suited(knob.default, lengths)
        if knob.divides:
            with notes:
                _complain(knob, choices, used, lengths, lang)
        if before is not None and before not in choices:
            st.toast(
                speaker(lang)("frame.knob_out", knob=knob.name, value=before, axis=knob.divides, used=used)
            )
        if len(choices) > 8:
            look |= {"select": True, "width": 110}
        return pick(knob.name, label, choices, used, lang=lang, under=under, **look)
    if isinstance(knob.default, int):
        return number(
            knob.name,
            label,
            knob.default,
            int(knob.low),
            int(knob.high),
            lang=lang,
            under=under,
            width=130,
            **look,
        )
    return pick_real(knob, label, lang, under, **look)


def _complain(knob: Knob, choices: tuple[Any, ...], used: Any, lengths: Mapping[str, int], lang: str) -> None:
    """Say that the value a link asks for does not divide its axis."""
    said = linked(knob.name)
    if said is None or said in map(str, choices):
        return
    words = {"knob": knob.name, "value": said[:20], "axis": knob.divides, "length": lengths[knob.divides]}
    possible = ", ".join(map(str, choices))
    st.error(speaker(lang)("frame.knob_link", used=used, choices=possible, **words), icon=":material/error:")


def pick_real(knob: Knob, label: str, lang: str, under: str, **look: Any) -> float | None:
    """A real knob as text, for values like 1e-5; what cannot be read leaves the last one standing."""

    def parse(text: str) -> float | None:
        return float(knob.check(float(text)))

    now = remembered(knob.name, parse, knob.default, under=under)
    shown = "" if now is None else f"{now:g}"
    if knob.shown:
        look["width"] = 110
    text = st.text_input(
        label,
        shown,
        key=f"{under}/{lang}",
        placeholder="finfo(dtype).eps" if knob.default is None else None,
        **look,
    )
    value = now
    if text.strip():
        try:
            value = parse(text)
        except ValueError:
            numbers = {"low": f"{knob.low:g}", "high": f"{knob.high:g}", "default": knob.default or 1e-5}
            words = speaker(lang)("frame.not_a_number", knob=knob.name, text=text[:40], **numbers)
            st.error(words, icon=":material/error:")
    elif knob.default is None:
        value = None
    return remember(
        knob.name, value, knob.default, under=under, written="" if value is None else f"{value:.12g}"
    )
