"""The four steps of a normalization for one cell, as four cards: the formula above its real numbers."""

from __future__ import annotations

import streamlit as st

from normviz.formula import Lines
from normviz.ui.choices import Choices

# Keeps the formulas of the four cards on one level.
_STRUT = r"\vphantom{\dfrac{x_i}{\sqrt{\sigma^2}}}"


def show_steps(c: Choices, symbols: Lines, numbers: Lines) -> None:
    """Range, moments, standardize, scale and shift."""
    members = rf"\hphantom{{S_i}}={numbers.gather.partition('=')[2]}" if numbers.size else ""
    cards = (
        ("range", (symbols.gather,), (members, numbers.size)),
        ("moments", (symbols.mean, symbols.spread), (numbers.mean, numbers.spread)),
        ("standardize", (symbols.standardized,), _broken(numbers.standardized)),
        ("rescale", (symbols.rescaled,), _broken(numbers.rescaled)),
    )
    columns = st.columns([6, 5, 4, 5], gap="small")
    for place, (column, (key, formulas, found)) in enumerate(zip(columns, cards, strict=True), 1):
        with column.container(border=True, height="stretch", key=f"nv-step-{key}"):
            st.markdown(f":gray[{place}]&ensp;**{c.say(f'forward_page.step_{key}')}**")
            lines = [line for line in (*formulas, *found) if line]
            aligned = r" \\[6pt] ".join(f"&{line}" for line in (_STRUT + lines[0], *lines[1:]))
            st.latex(rf"\begin{{aligned}}{aligned}\end{{aligned}}", width="content")


def _broken(line: str) -> tuple[str, ...]:
    """An equation over two lines where it is one of three sides: the cards are narrow."""
    start, _, end = line.rpartition("=")
    return (start, rf"\hphantom{{y_i}}={end}") if "=" in start else (line,)
