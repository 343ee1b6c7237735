"""The opened layer below the chart in which it was clicked: it comes into view where a click has opened it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import streamlit as st

from normviz.ui.choices import Choices
from normviz.ui.network.opening import pick_layer
from normviz.ui.network.shown import Shown

SCRIPT = Path(__file__).parents[3] / "assets" / "turn_to_layer.html"
#: A number only: another layer has to be another piece of HTML, or the browser would not run the script again.
MARK = '<i data-layer="{number:d}"></i>'
#: Which layer was open in the last run.
LAST = "network/below"


def show_below(c: Choices, shown: Shown, number: int | None, numbers: Sequence[int] | None = None) -> None:
    """The layer, where one is open; a link that says which is open does not scroll the page away from its picture.

    Above its name stands the way to the other layers of ``numbers`` (all), so that nobody has to go back for it.
    """
    last = st.session_state.get(LAST, number)
    st.session_state[LAST] = number
    if number is None:
        return
    from normviz.ui.network.layer import show_layer

    with st.container(key="nv-opened"):
        if number != last:
            st.html(MARK.format(number=number) + _script(), unsafe_allow_javascript=True)
        pick_layer(c, shown, numbers, "below")
        show_layer(c, shown, number)


@cache
def _script() -> str:
    return SCRIPT.read_text(encoding="utf-8")
