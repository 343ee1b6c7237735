"""The visitor's language: from the link, else from the browser, and switchable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from normviz.text.lookup import LANGUAGES, language_of, say
from normviz.ui.controls import remembered

KEY = "lang"


def browser_language() -> str:
    """The language the browser asks for, of those there are."""
    return language_of(st.context.locale)


def language() -> str:
    """The language of this run, known before any widget is drawn."""
    now = remembered(KEY, _known, browser_language())
    picked: list[str | None] = [st.session_state.get(f"{KEY}/{lang}") for lang in LANGUAGES]
    fresh = next((lang for lang in picked if lang and lang in LANGUAGES and lang != now), now)
    st.session_state[f"chosen/{KEY}"] = fresh
    return fresh


def _known(text: str) -> str | None:
    return text if text in LANGUAGES else None


def speaker(lang: str) -> Callable[..., str]:
    """A function that says a key in this language."""

    def speak(key: str, **numbers: Any) -> str:
        return say(lang, key, **numbers)

    return speak
