"""What follows the normalization: activations and pooling on real feature maps."""

import streamlit as st

from normviz.ui.choices import Choices
from normviz.ui.parts import choose

c: Choices = st.session_state["choices"]
with st.container(key="nv-topics"):
    chosen = choose(c, "part", ("activations", "pooling"), "part.", label="part.label")
# Each is imported when it is first opened: both with their figures would keep the first visitor waiting.
if chosen == "activations":
    from normviz.ui.activations.page import show
else:
    from normviz.ui.poolings.page import show
show(c)
