"""A chart in two arrangements: the server does not know how wide a page is, so CSS shows the one that fits it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from normviz.ui.parts import chart


def show_fitted(wide: Any, narrow: Any, key: str) -> None:
    """The same picture for a page and for a phone; the rules are in ``assets/pages.css``."""
    for name, figure in (("wide", wide), ("narrow", narrow)):
        with st.container(key=f"nv-{name}-{key}"):
            chart(figure, f"{key}-{name}")
