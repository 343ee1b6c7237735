"""A chart that is drawn again and again without a flicker."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from normviz.figures.theme import CONFIG

RULES = Path(__file__).parents[2] / "assets" / "stream.css"
#: Which turn it is, beside the charts and within each, for the rules: they tell a chart that is still to come from the
#: one that stood in its place before.
TURNS = (
    '<i class="nv-turn-0"></i>',
    '<i class="nv-turn-1"></i>',
    '<i class="nv-turn-2"></i>',
    '<i class="nv-turn-3"></i>',
)
MARKS = tuple("\u2009" * k for k in range(1, 5))  # thin spaces: what stands in CSS must not look like HTML


def stage(name: str, figure: Any, of: object) -> None:
    """Show a figure where another one stood; ``of`` tells whether it is another one.

    Streamlit takes a chart away before it draws its next state, and between the two the page shows a hole. So there are
    two places on top of each other: the new figure goes to the one, and the other is hidden once that is drawn.
    """
    turn, shown, before = st.session_state.get(f"stage/{name}", (0, (None, None), None))
    if shown[0] != of:
        turn, shown, before = (turn + 1) % 4, (of, figure), shown[1]
        # Nothing to see: Plotly keeps an annotation's text as an attribute, which the rules can read.
        figure.add_annotation(
            text=MARKS[turn], x=0, y=0, xref="paper", yref="paper", showarrow=False, opacity=0
        )
    st.session_state[f"stage/{name}"] = (turn, shown, before)
    st.html(_rules())
    with st.container(key=f"nv-stage-{name}"):
        for slot in range(2):
            with st.container(key=f"nv-slot-{slot}-{name}"):
                drawn = shown[1] if slot == turn % 2 else before
                if drawn is not None:
                    key = f"{name}-{slot}"
                    st.plotly_chart(drawn, theme="streamlit", width="stretch", config=CONFIG, key=key)
        st.html(TURNS[turn])


@cache
def _rules() -> str:
    return f"<style>{RULES.read_text(encoding='utf-8')}</style>"
