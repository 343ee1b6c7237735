"""The head of the opened layer: what it is, the layers around it, and the numbers of its output."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from normviz.catalogue import METHODS
from normviz.traces import INPUT, LayerTrace
from normviz.ui.choices import Choices
from normviz.ui.literal import literal
from normviz.ui.network.opening import layer_names, open_layer
from normviz.ui.network.shown import Shown
from normviz.ui.numbers import amount, spoken

#: An output that many layers read names the first of them.
READERS = 4


def show_head(c: Choices, shown: Shown, number: int) -> None:
    """The name, one line of facts, buttons to the layers it reads and that read it, and the statistics."""
    trace = shown.trace
    names = layer_names(trace)
    layer = trace.input if number == INPUT else trace.layers[number]
    name = c.say("network_layer.input") if number == INPUT else literal(names[number])
    st.subheader(name, anchor=False)
    st.markdown(" · ".join(facts(c, layer, number)))
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="nv-layer-ways"):
        if INPUT in layer.inputs:
            st.markdown(c.say("network_layer.reads_input"), width="content")
        for one in dict.fromkeys(layer.inputs):
            if one != INPUT:
                _way(
                    names[one],
                    c.say("network_layer.reads", name=literal(names[one])),
                    "arrow_back",
                    f"reads-{one}",
                )
        readers = [k for k, other in enumerate(trace.layers) if number in other.inputs]
        for one in readers[:READERS]:
            _way(
                names[one],
                c.say("network_layer.read_by", name=literal(names[one])),
                "arrow_forward",
                f"read-by-{one}",
            )
    with st.container(horizontal=True, gap="medium", key="nv-layer-numbers"):
        for label, value in metrics(c, layer):
            st.metric(label, value, width="content")


def facts(c: Choices, layer: LayerTrace, number: int) -> Iterator[str]:
    """What it computes, its shape and size."""
    if number != INPUT:
        kind = c.say(f"network_layer.kind_{layer.kind}")
        op = literal(layer.op)
        yield op if kind == layer.op else f"{op} · {kind}"
        if layer.method in METHODS:
            yield c.say(f"method.{layer.method}.name")
    yield spoken(layer.shape) or c.say("network_layer.single")
    if layer.parameters:
        yield c.say("network_layer.parameters", count=f"{layer.parameters:,}")
    if layer.multiply_adds:
        yield c.say("network_layer.multiply_adds", count=f"{layer.multiply_adds:,}")


def metrics(c: Choices, layer: LayerTrace) -> Iterator[tuple[str, str]]:
    """The statistics of the finite values; those that say nothing here are left out."""

    def named(key: str) -> str:
        return c.say(f"network_layer.{key}")

    for key, value in (("mean", layer.mean), ("std", layer.std), ("min", layer.min), ("max", layer.max)):
        yield named(key), amount(value)
    if layer.finite:
        yield named("zeros"), share(layer.zeros_share)
        yield named("negatives"), share(layer.negatives_share)
        if layer.saturated is not None:
            yield named("saturated"), share(layer.saturated_share)
    if layer.channels > 1:
        yield named("dead"), f"{layer.dead_channels:,} / {layer.channels:,}"
    if layer.nonfinite:
        yield named("nonfinite"), f"{layer.nonfinite:,}"
    if layer.gradient is not None:
        yield named("gradient"), amount(layer.gradient)


def share(value: float) -> str:
    """A share in per cent; what is little is not written as nothing.

    >>> share(0.5), share(0.0), share(1e-6)
    ('50.0 %', '0 %', '< 0.1 %')
    """
    if value == 0:
        return "0 %"
    return "< 0.1 %" if value < 0.001 else f"{value:.1%}".replace("%", " %")


def _way(name: str, label: str, icon: str, key: str) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        key=f"layer-{key}",
        on_click=open_layer,
        args=(name,),
        type="tertiary",
    )
