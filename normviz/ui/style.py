"""The page's title, logo and the few rules of CSS that the theme cannot say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

ASSETS = Path(__file__).parents[2] / "assets"


def dress() -> None:
    """Set the page up; the first call of every run."""
    st.set_page_config(page_title="normviz", page_icon=str(ASSETS / "favicon.svg"), layout="wide")
    st.html(_rules())
    st.logo(str(ASSETS / "logo.svg"), size="large")


@cache
def _rules() -> str:
    """The CSS, read once: every rerun of every visitor sends it."""
    return f"<style>{(ASSETS / 'pages.css').read_text(encoding='utf-8')}</style>"
