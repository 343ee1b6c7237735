"""Standardization against min-max scaling, on the same values and one axis, with an outlier put in by hand."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz.figures.conventions import scalings
from normviz.minmax import Scaled, Scaling
from normviz.records import Tensor, set_box, set_number
from normviz.ui import cached_conventions as cached
from normviz.ui.cached import Source
from normviz.ui.choices import Choices
from normviz.ui.controls import number
from normviz.ui.numbers import plain
from normviz.ui.parts import caption, chart, choose, credit, head

#: How far the outlier may be put, in standard deviations of the others.
FARTHEST = 50
ROWS = ("before", "standardized", "min_max")


def show_scaling(
    c: Choices,
    top: DeltaGenerator,
    body: DeltaGenerator,
    source: Source,
    images: Sequence[Tensor],
) -> None:
    """The three rows, their numbers, and what one far value does to them."""
    say = c.say
    with body:
        with st.container(horizontal=True, vertical_alignment="bottom", key="nv-convention-knobs"):
            offered = ("set", "all")
            by = choose(c, "values", offered, "conventions.", label="conventions.by", collapsed=False)
            label = say("conventions.outlier")
            sigmas = number("outlier", label, 0, 0, FARTHEST, lang=c.lang, slider=True, width=420)
        whole = tuple((0, n) for n in c.shape)
        box = whole if by == "all" else set_box(c.spec, c.shape, set_number(c.spec, c.shape, c.cell))
        found = cached.scaling(source, box, c.cell, float(sigmas), images)
        words = {key: say(f"conventions.{key}") for key in ROWS}
        left, right = st.columns([1, 1], gap="medium")
        with left:
            chart(scalings(found, words=words), "conventions")
        with right.container(key="nv-convention-table"):
            st.table(_table(c, found), border="horizontal", hide_index=True)
        caption(c, source, count=len(images))
        credit(c, source)
        notes = [say("conventions.note_scaling")]
        if found.before.summary.std == 0:
            notes.append(say("conventions.note_alike"))
        st.caption(c.prose(notes))
    with top:
        lead = say("conventions.lead_scaling")
        if sigmas:
            share, count = f"{100 * found.squeezed:.1f} %", f"{found.before.summary.count - 1:,}"
            lead = say("conventions.lead_outlier", sigmas=sigmas, count=count, share=share)
        head(say("conventions.title_scaling"), lead)


def _table(c: Choices, found: Scaling) -> dict[str, list[str]]:
    """Mean, deviation and extremes of each, and where the values but the pinned one lie."""
    three = [getattr(found, key) for key in ROWS]
    return {
        "": [c.say(f"conventions.{key}") for key in ROWS],
        c.say("conventions.mean_std"): [f"{plain(s.summary.mean)} ± {plain(s.summary.std)}" for s in three],
        c.say("conventions.extremes"): [_range(s.summary.min, s.summary.max) for s in three],
        c.say("conventions.rest"): [_rest(s) for s in three],
    }


def _rest(scaled: Scaled) -> str:
    return _range(*scaled.rest)


def _range(low: float, high: float) -> str:
    return f"{plain(low)} … {plain(high)}"
