"""The opened layer: its numbers, its maps, what came in and went out, its channels; and of a norm its sets."""

from __future__ import annotations

import streamlit as st

from normviz.figures.channels import Series, channel_strip
from normviz.figures.passage import COVER, passage
from normviz.figures.theme import AFTER, AFTER_FILL, BEFORE, BEFORE_FILL
from normviz.text.lookup import section
from normviz.traces import INPUT, LayerTrace
from normviz.ui.choices import Choices
from normviz.ui.literal import literal
from normviz.ui.network.layer_cube import show_sets
from normviz.ui.network.layer_head import show_head
from normviz.ui.network.layer_maps import show_maps
from normviz.ui.network.layer_running import show_running
from normviz.ui.network.shown import Shown
from normviz.ui.parts import chart

#: The kinds that give every channel they read one of their own.
THROUGH = ("norm", "activation", "dropout")


def show_layer(c: Choices, shown: Shown, number: int) -> None:
    """Everything there is of one layer (-1: the network's input).

    Its real values are computed once, and again only for another layer or run; without them (an opened trace) one
    sentence stands for the pictures that need them.
    """
    layer = shown.trace.input if number == INPUT else shown.trace.layers[number]
    source = shown.trace.source(layer)
    show_head(c, shown, number)
    if shown.values is None:
        st.info(c.say("network_layer.no_values"), icon=":material/visibility_off:")
    else:
        show_maps(c, shown, number)
    left, right = st.columns(2, gap="large")
    with left:
        show_passage(c, source, layer)
    with right:
        show_strip(c, source, layer)
    if layer.method:
        show_sets(c, shown, number)
    if layer.running is not None:
        show_running(c, shown, number)


def show_passage(c: Choices, source: LayerTrace | None, layer: LayerTrace) -> None:
    """The histograms of what it reads first and of its output, on one axis."""
    st.subheader(c.say("network_layer.passage"), anchor=False)
    before = source.histogram if source else None
    figure = passage(before, layer.histogram, words=section(c.lang, "layer_passage"))
    chart(figure, "layer-passage")
    said = []
    if layer.finite:
        numbers = {"width": f"{layer.histogram.width:g}", "cover": f"{100 * COVER:g}"}
        said.append(c.say("network_layer.passage_note", **numbers))
    if any(note.text == "↑" for note in figure.layout.annotations):
        said.append(c.say("network_layer.passage_cut"))
    if len(layer.inputs) > 1 and source is not None:
        said.append(c.say("network_layer.first_of", name=_name(c, source), count=len(layer.inputs)))
    st.caption(c.prose(said))


def show_strip(c: Choices, source: LayerTrace | None, layer: LayerTrace) -> None:
    """Every channel's mean and standard deviation; what it reads behind it where the channels are the same ones."""
    st.subheader(c.say("network_layer.strip"), anchor=False)
    words = section(c.lang, "layer_strip")
    series = [Series(words["after"], layer.channel_mean, layer.channel_var, AFTER, AFTER_FILL)]
    if source is not None and layer.kind in THROUGH and source.channels == layer.channels:
        before = Series(words["before"], source.channel_mean, source.channel_var, BEFORE, BEFORE_FILL)
        series.insert(0, before)
    chart(channel_strip(series, words=words), "layer-strip")
    said = c.say("network_layer.strip_note", channels=f"{layer.channels:,}")
    st.caption(said if layer.channel_axis is not None else c.say("network_layer.one_channel"))


def _name(c: Choices, layer: LayerTrace) -> str:
    return literal(layer.name) or c.say("network_layer.input")
