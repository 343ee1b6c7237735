"""Real passes: before and after, training and evaluating, devices, weights and conventions, topic by topic."""

import streamlit as st

from normviz.ui.choices import Choices
from normviz.ui.controls import pick
from normviz.ui.topics.table import topics_of

c: Choices = st.session_state["choices"]
topics = topics_of(c.method)
chosen = "pass"
if len(topics) > 1:
    with st.container(key="nv-topics"):
        chosen = pick(
            "topic",
            c.say("topic.label"),
            tuple(topics),
            "pass",
            lang=c.lang,
            names=lambda key: c.say(f"topic.{key}"),
            label_visibility="collapsed",
        )
topics[chosen].show(c)
