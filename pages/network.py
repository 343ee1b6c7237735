"""A real network on a real image: what happens to the numbers, layer by layer."""

import streamlit as st

from normviz.ui.choices import Choices
from normviz.ui.network.page import show

c: Choices = st.session_state["choices"]
show(c)
