"""Which cells share a mean and a variance."""

import streamlit as st

from normviz.formula import latex
from normviz.layouts import ARRANGEMENTS
from normviz.snippet import snippet
from normviz.ui import cached
from normviz.ui.choices import Choices
from normviz.ui.controls import pick
from normviz.ui.cube_view import COLOURS, show_cube
from normviz.ui.parts import (
    agreement,
    caption,
    changes,
    default_source,
    disturbance,
    head,
    lead_numbers,
    pass_of,
)

# Above this the pass is run only where its result is shown.
COMPARED = 2**18

c: Choices = st.session_state["choices"]
source, what = default_source(c), pass_of(c)
layout = c.layout
running = c.spec.running is not None
method = {"name": c.name, "who": c.who}
head(c.say("cube_page.title", **method), lead_numbers(c))

left, right = st.columns([7, 4], gap="large")
with left:
    with st.container(horizontal=True, gap="small", key="nv-views"):
        colour = pick(
            "colour",
            c.say("cube_page.colour"),
            COLOURS,
            "set",
            lang=c.lang,
            names=lambda k: c.say(f"colour.{k}"),
            label_visibility="collapsed",
        )
        arranged = next(iter(ARRANGEMENTS[layout]))
        if len(ARRANGEMENTS[layout]) > 1:
            arranged = pick(
                "view",
                c.say("arrangement.label"),
                tuple(ARRANGEMENTS[layout]),
                arranged,
                lang=c.lang,
                names=lambda k: c.say(f"arrangement.{k}"),
                label_visibility="collapsed",
            )
    x = cached.tensor(source)
    done = cached.forward(source, what) if colour == "after" or running else None
    buffers = done.running if done else None
    values = {"before": x, "after": done.y if done else None}.get(colour)
    show_cube(c, x, colour, ARRANGEMENTS[layout][arranged], values, buffers)

with right.container(key="nv-rail"):
    with st.container(horizontal=True, gap="medium", key="nv-counts"):
        size = c.spec.sets[0].size(c.shape, c.cell) if c.spec.sets else 0
        st.metric(c.say("cube_page.size"), f"{size:,}", width="content")
        label = "sets" if c.spec.outcome == "standard" else "sets_other"
        st.metric(c.say(f"cube_page.{label}"), f"{c.spec.statistic_count(c.shape):,}", width="content")
        st.metric(c.say("cube_page.learned"), f"{c.spec.parameter_count(c.shape):,}", width="content")
    st.latex(latex(c.spec, layout=layout), width="content")
    pinned = st.container()
    check = st.container(key="nv-check", gap="xsmall")
    numbers = st.container()
    with st.expander(c.say("cube_page.code"), icon=":material/code:"):
        code = snippet(
            c.method,
            c.shape,
            sample=c.start,
            dtype=c.dtype,
            batches=cached.BATCHES,
            changes=changes(c),
            **c.knobs,
        )
        st.code(code, language="python")
    paper = c.method.paper
    words = {"title": paper.title, "url": paper.url, "authors": paper.authors, "year": paper.year}
    st.caption(c.say("cube_page.paper", **words))

with check:
    if done or x.size <= COMPARED:
        with st.spinner(c.say("agree.loading")):
            done = cached.forward(source, what)
        agreement(c, done)
        disturbance(c, done)
    else:
        st.markdown(c.say("agree.too_large", cells=f"{COMPARED:,}"))
    caption(c, source)
if x.size <= COMPARED:
    lines = cached.worked(source, c.spec, 1.0, 0.0, x, buffers)
    pinned.latex(lines.gather, width="content")
    with numbers.expander(c.say("cube_page.numbers"), icon=":material/calculate:"):
        st.latex(lines.aligned(), width="content")
