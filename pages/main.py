"""The frame of every page: the table of pages and the pickers they share."""

import streamlit as st

from normviz.ui.cached import available_devices
from normviz.ui.choices import shared_pickers
from normviz.ui.language import language, speaker
from normviz.ui.serving import warm_up
from normviz.ui.style import dress

PAGES = ("cube", "forward")

lang = language()
say = speaker(lang)
dress()
pages = [
    st.Page(f"{key}.py", title=say(f"nav.{key}"), url_path=key, default=key == PAGES[0]) for key in PAGES
]
page = st.navigation(pages, position="top")
st.session_state["choices"] = shared_pickers(lang, available_devices(st.query_params.get("device")))
page.run()
warm_up()
