"""The page's title, logo and the few rules of CSS that the theme cannot say."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

ASSETS = Path(__file__).parents[2] / "assets"


def dress() -> None:
    """Set the page up; the first call of every run."""
    st.set_page_config(page_title="normviz", page_icon=str(ASSETS / "favicon.svg"), layout="wide")
    st.html(ASSETS / "pages.css")
    st.logo(str(ASSETS / "logo.svg"), size="large")
