"""A page that is nothing but an opened layer: the session holds the pass and the layer's number."""

import streamlit as st

from normviz.catalogue import METHODS
from normviz.ui.choices import Choices
from normviz.ui.language import language
from normviz.ui.network.layer import show_layer

st.title("layer")
choices = Choices(
    language(), METHODS["batch_norm"], {}, (8, 12, 4, 4), (0, 5, 1, 0), 0, "cpu", "float32", "none"
)
show_layer(choices, st.session_state["shown"], st.session_state["number"])
