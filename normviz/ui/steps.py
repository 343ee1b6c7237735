"""The four steps of a normalization for one cell, as four cards: the formula above its real numbers."""

from __future__ import annotations

import streamlit as st

from normviz.formula import Lines
from normviz.ui.choices import Choices

# Keeps the formulas of the four cards on one level.
_STRUT = r"\vphantom{\dfrac{x_i}{\sqrt{\sigma^2}}}"


def show_steps(c: Choices, symbols: Lines, numbers: Lines) -> None:
    """Range, moments, standardize, scale and shift."""
    fraction, _, value = numbers.result.rpartition("=")
    cards = (
        ("gather", symbols.gather, (numbers.size,)),
        ("mean", symbols.mean, (numbers.mean,)),
        ("spread", symbols.spread, (numbers.spread,)),
        ("result", symbols.result, (fraction, rf"\phantom{{y_i}}={value}", numbers.scaled)),
    )
    columns = st.columns([6, 4, 5, 5], gap="small")
    for place, (column, (key, symbol, found)) in enumerate(zip(columns, cards, strict=True), 1):
        with column.container(border=True, height="stretch", key=f"nv-step-{key}"):
            st.markdown(f":gray[{place}]&ensp;**{c.say(f'forward_page.step_{key}')}**")
            if not symbol:
                st.markdown(c.say("forward_page.no_mean"))
                continue
            lines = r" \\[8pt] ".join(f"&{line}" for line in (_STRUT + symbol, *found) if line)
            st.latex(rf"\begin{{aligned}}{lines}\end{{aligned}}", width="content")
