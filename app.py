"""The server: `streamlit run app.py` (or `make app`) serves `pages/main.py` as an ASGI application.

Everything that belongs to the process and not to a visitor is here: its tuning (`normviz.ui.serving`) and
what a visitor sees when a page fails. Pages, pickers and words are in `pages/` and `normviz/`.
"""

from __future__ import annotations

import streamlit as st

from normviz.ui.serving import lifespan


def on_script_error(error: Exception) -> bool:
    """Say one sentence in the page in place of a traceback; Streamlit has logged `error` before."""
    # Imported here: what can fail while importing must not stop the server from starting.
    from normviz.ui.errors import show_error

    return show_error(error)


# The path is relative to this file. The main script lies inside pages/ because otherwise a first visitor's
# deep link would run the page file alone, without its frame.
app = st.App("pages/main.py", lifespan=lifespan, on_script_error=on_script_error)
