"""Charts whose points are layers: a click opens one, and where there is a row for each, the open one is marked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from normviz.figures.layer_rows import Ridge
from normviz.figures.theme import CONFIG
from normviz.figures.value_axis import TAIL, read
from normviz.ui.choices import Choices
from normviz.ui.network.opening import clicked, opened
from normviz.ui.network.shown import Shown
from normviz.ui.numbers import scientific

Row = TypeVar("Row")

RULES = Path(__file__).parents[3] / "assets" / "ridge.css"
#: Numbers only: where the mark of the open layer lies on the chart, whose figure must not change for it.
MARK = "<style>.st-key-nv-ridge-rows {{ --nv-top: {top:.1f}px; --nv-high: {high:d}px }}</style><i></i>"
#: So many rows are drawn at a time: a browser needs seconds for thousands.
MOST = 400
#: A longer chart is moved within itself, at this height in pixels.
HEIGHT = 760


def first_rows(groups: Sequence[tuple[str, Sequence[Row]]]) -> list[tuple[str, Sequence[Row]]]:
    """The first ``MOST`` rows of all groups, in order.

    >>> [(title, len(rows)) for title, rows in first_rows([("a", range(300)), ("b", range(200)), ("c", [1])])]
    [('a', 300), ('b', 100), ('c', 0)]
    """
    kept, room = [], MOST
    for title, rows in groups:
        kept.append((title, rows[:room]))
        room -= len(kept[-1][1])
    return kept


def show_rows(shown: Shown, drawn: Ridge, key: str, alt: str, *, turn: bool = False) -> None:
    """A ridge, as long as it is or moved within itself, with the open layer's row marked."""
    now = opened(shown)
    top = None if now is None else drawn.tops.get(now)
    tall = drawn.figure.layout.height > HEIGHT * 1.2
    with (
        st.container(height=HEIGHT if tall else "content", border=tall, gap=None, key="nv-ridge"),
        st.container(key="nv-ridge-rows", gap=None),
    ):
        st.html(_rules())
        st.html(MARK.format(top=-100.0 if top is None else top, high=0 if top is None else drawn.row))
        clickable(shown, drawn.figure, key, alt, turn=turn)


def clickable(shown: Shown, figure: Any, key: str, alt: str, *, turn: bool = False) -> None:
    """A chart whose points carry the numbers of layers; ``alt`` says it in words, ``turn``: a click leads there."""
    st.plotly_chart(
        figure,
        theme="streamlit",
        width="stretch",
        config=CONFIG,
        key=key,
        on_select=lambda: clicked(shown, key, turn=turn),
        selection_mode="points",
        alt=alt,
    )


def show_reading(c: Choices, drawn: Ridge, *, joint: bool = False) -> None:
    """How heights and the axis are to be read, with what lies outside."""
    linear = drawn.axis.linear
    heights = f"read_{'joint' if joint else 'row'}{'' if linear is None else '_log'}"
    said = [c.say("network_view.read_click"), c.say(f"network_view.{heights}")]
    if linear is not None:
        said.append(c.say("network_view.read_log", linear=_written(linear)))
    beyond = f"{100 * drawn.outside:.3g}%"
    said.append(
        c.say(
            "network_view.read_outside" if drawn.outside else "network_view.read_inside",
            share=beyond,
            inside=f"{100 * (1 - 2 * TAIL):.4g}%",
        )
    )
    st.caption(c.prose(said))


def _written(value: float) -> str:
    """A power of ten in a sentence."""
    return read(value) if 1e-3 <= value < 1e4 else scientific(value)


@cache
def _rules() -> str:
    return f"<style>{RULES.read_text(encoding='utf-8')}</style>"
