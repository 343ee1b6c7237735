"""Pooling: the window moves over a real feature map, and what becomes of the values, the gradient and a shift."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from normviz.pooling import PoolingError
from normviz.ui import cached_poolings
from normviz.ui.cached_poolings import Job
from normviz.ui.choices import Choices
from normviz.ui.inputs import choose_input, choose_maps, maps_problem, on_maps
from normviz.ui.parts import credit, failed, head
from normviz.ui.poolings.details import show_channels, show_gradient, show_histograms
from normviz.ui.poolings.knobs import choose_pooling, given, refused
from normviz.ui.poolings.maps import choose_channel, choose_side
from normviz.ui.poolings.rail import show_rail
from normviz.ui.poolings.shift import show_shift
from normviz.ui.poolings.shown import Shown, lead, title
from normviz.ui.poolings.value import show_value
from normviz.ui.poolings.view import show_view


def show(c: Choices) -> None:
    """One pooling of one map, from the picture to its numbers."""
    c = on_maps(c)
    top = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom", key="nv-pooling"):
        entry, knobs = choose_pooling(c)
    problems = st.container()
    left, right = st.columns([7, 4], gap="large")
    # The picture comes first; what it is made of stands below it.
    picture = left.container()
    with left.container(horizontal=True, vertical_alignment="center", key="nv-pooling-map"):
        kind = choose_maps(c)
        named = st.container(width="content")
        choose_side(c)
        # A photograph and its filters are seldom changed; what is uploaded has to be seen.
        fits = not maps_problem(c)
        menu = (
            st.popover(c.say("pooling_page.menu"), icon=":material/image:")
            if kind == "photo" and fits
            else None
        )
    with menu or (left if fits else problems):
        source, images = choose_input(c, kind)
    with named:
        channel = choose_channel(c, source)
    # What is put in by hand goes into the map that is shown.
    c = replace(c, cell=(c.cell[0], channel, *c.cell[2:]))
    source = replace(source, cell=c.cell)
    lengths = tuple(min(n, cached_poolings.LARGEST) for n in c.shape[2:])
    try:
        windows = entry.windows(lengths, **knobs)
    except PoolingError as problem:
        with problems:
            refused(c, problem)
        # All below shows the neighbour that does fit.
        knobs |= problem.fitting
        windows = entry.windows(lengths, **knobs)
    job = Job(source, entry.key, given(knobs, entry), c.cell[0], channel, c.device, c.dtype)
    try:
        with picture, st.spinner(c.say("agree.loading")):
            done = cached_poolings.pooled(job, images)
    except ValueError as problem:
        with top:
            head(title(c, entry, windows), "")
        failed(c, problem, picture)
        return
    shown = Shown(c, entry, knobs, job, done, images)
    with top:
        head(title(c, entry, windows), lead(shown))
    with picture:
        spot = show_view(shown)
    with right.container(key="nv-rail"):
        show_rail(shown)
    left, right = st.columns([7, 5], gap="large")
    with left:
        show_value(shown, spot)
    with right:
        show_histograms(shown)
    show_gradient(shown)
    show_channels(shown)
    show_shift(shown)
    credit(c, source)
