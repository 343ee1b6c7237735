"""The methods side by side: one camera and one cell over all cubes, one axis under all outcomes."""

import streamlit as st

from normviz.ui import cached, cached_compare
from normviz.ui.choices import Choices
from normviz.ui.compare_choice import choose_methods, with_method
from normviz.ui.compare_table import show_table
from normviz.ui.compare_view import SENT, show_cubes, show_outcomes, show_relations, values_sent
from normviz.ui.controls import pick
from normviz.ui.cube_view import COLOURS
from normviz.ui.inputs import choose_input, choose_kind
from normviz.ui.parts import caption, controls, credit, failed, head, pass_of

c: Choices = st.session_state["choices"]
say = c.say
with st.container(horizontal=True, vertical_alignment="bottom", key="nv-compare"):
    top = st.container()
    with st.container(
        horizontal=True, vertical_alignment="center", width="content", gap="small", key="nv-views"
    ):
        colour = pick(
            "colour",
            say("cube_page.colour"),
            COLOURS,
            "set",
            lang=c.lang,
            names=lambda k: say(f"colour.{k}"),
            label_visibility="collapsed",
        )
        keys = choose_methods(c)
chosen = [with_method(c, key) for key in keys]
passes = {one.method.key: pass_of(one) for one in chosen}
count = say(f"compare_page.count_{len(keys)}")
with top:
    lead = "lead_weights" if c.weighs else "lead"
    head(say("compare_page.title", count=count), say(f"compare_page.{lead}"))
cubes = st.container()
st.subheader(say("compare_page.outcomes", count=count), anchor=False)
with controls():
    kind = choose_kind(c)
chosen_input, outcomes, sliders = (st.container() for _ in range(3))
with chosen_input:
    source, images = choose_input(c, kind, sliders)

values = values_sent(colour, c, len(keys))
sent = values <= SENT
try:
    with cubes, st.spinner(say("agree.loading")):
        x = cached.tensor(source, images)
        # The cubes come first: only what they show is computed before them.
        first = [one.method.key for one in chosen if (colour == "after" and sent) or not one.spec.sets]
        done = {key: cached.forward(source, passes[key], images) for key in first}
        show_cubes(chosen, colour if sent else "set", x, done)
        if not sent:
            numbers = {"values": f"{values:,}", "most": f"{SENT:,}"}
            st.info(say("compare_page.too_many_values", **numbers), icon=":material/info:")
    with outcomes, st.spinner(say("agree.loading")):
        done |= {key: cached.forward(source, what, images) for key, what in passes.items() if key not in done}
        found = cached_compare.outcomes(source, tuple(passes.values()), images)
except ValueError as problem:
    failed(c, problem, outcomes)
else:
    with outcomes:
        show_outcomes(c, chosen, found, done)
        caption(c, source, count=len(images))
        credit(c, source)
    st.subheader(say("compare_page.relations"), anchor=False)
    if c.weighs:
        st.caption(say("compare_page.relations_weights"))
    else:
        with st.spinner(say("agree.loading")):
            statements = cached_compare.relations(source, images)
        show_relations(c, statements)
show_table(c, keys)
