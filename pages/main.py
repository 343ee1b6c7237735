"""The frame of every page: the table of pages and the pickers they share."""

import streamlit as st

from normviz.ui.cached import available_devices
from normviz.ui.choices import shared_pickers
from normviz.ui.controls import tidy
from normviz.ui.language import language, speaker
from normviz.ui.serving import warm_up
from normviz.ui.style import dress

PAGES = ("cube", "compare", "forward", "activations", "network")
#: Those that show pictures of feature maps: their shape is one of their own, large enough to be seen.
MAPS = ("activations",)
#: Those that ask for no method and no shape: what they ask for stands in the frame's row.
OWN = ("network",)

lang = language()
say = speaker(lang)
dress()
# Streamlit serves its default page at the root alone; under its own name it is a second, hidden page that leads there.
first, *rest = PAGES
shown = [
    st.Page(f"{first}.py", title=say(f"nav.{first}"), url_path="home", default=True),
    *(st.Page(f"{key}.py", title=say(f"nav.{key}"), url_path=key) for key in rest),
]
alias = st.Page(f"{first}.py", url_path=first, visibility="hidden")
page = st.navigation([*shown, alias], position="top")
if page == alias:
    st.switch_page(shown[0], query_params=st.query_params.to_dict())
devices = available_devices(st.query_params.get("device"))
st.session_state["choices"] = shared_pickers(lang, devices, page.url_path in MAPS, page.url_path in OWN)
page.run()
tidy()
warm_up()
