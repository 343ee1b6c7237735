"""What follows the normalization: activations and pooling on real feature maps."""

from importlib import import_module

import streamlit as st

from normviz.ui.choices import Choices
from normviz.ui.parts import choose

#: Imported when it is first opened.
VIEWS = {
    "activations": lambda: import_module("normviz.ui.activations.page"),
    "pooling": lambda: import_module("normviz.ui.poolings.page"),
}

c: Choices = st.session_state["choices"]
with st.container(key="nv-topics"):
    chosen = choose(c, "part", tuple(VIEWS), "part.", label="part.label")
VIEWS[chosen]().show(c)
