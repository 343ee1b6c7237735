"""Running averages against the statistics of this batch, channel by channel, and what it means in either mode."""

from __future__ import annotations

import streamlit as st

from normviz.figures.channels import Series, channel_strip
from normviz.figures.theme import SET, VERMILLION, clear
from normviz.finding_norms import initial
from normviz.layer_sets import layer_sets
from normviz.running import distance
from normviz.text.lookup import section
from normviz.ui.choices import Choices
from normviz.ui.network.shown import Shown
from normviz.ui.numbers import amount
from normviz.ui.parts import chart


def show_running(c: Choices, shown: Shown, number: int) -> None:
    """The strip of both, how far they are apart, and what this pass did with them."""
    layer = shown.trace.layers[number]
    source = shown.trace.source(layer)
    if layer.running is None:
        return
    st.subheader(c.say("network_layer.running"), anchor=False)
    words = section(c.lang, "layer_running")
    mean, var = layer.running
    series = [Series(words["buffer"], mean, var, VERMILLION, clear(VERMILLION), outlined=True)]
    known = source is not None and source.channels == mean.size
    if known and source is not None:
        series.insert(
            0, Series(words["batch"], source.channel_mean, source.channel_var, SET[0], clear(SET[0], 0.26))
        )
    apart = None if not known or source is None else distance(layer.running, source)
    chart(
        channel_strip(
            series, words=section(c.lang, "layer_strip"), mark=-1 if apart is None else apart.channel
        ),
        "layer-running",
    )
    said = []
    if apart is not None and apart.channels:
        said.append(
            c.say(
                "layer_running.apart",
                median=amount(apart.median),
                largest=amount(apart.largest),
                channel=apart.channel,
                low=amount(apart.ratios[0]),
                high=amount(apart.ratios[1]),
            )
        )
    found = layer_sets(layer)
    mode = shown.trace.mode
    if found is not None:
        mode = "corrected" if found.spec.corrected else "train" if found.spec.sets else "eval"
    said.append(c.say(f"layer_running.{mode}"))
    st.markdown(c.prose(said))
    if initial(layer):
        st.caption(c.say("layer_running.fresh"))
    st.caption(c.say("layer_running.note"))
