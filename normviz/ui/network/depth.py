"""A network over its depth: lines for every layer's statistics, and below them what stands out and why."""

from __future__ import annotations

import streamlit as st

from normviz.figures.depth import lines
from normviz.finding_rules import EVIDENCE, judged
from normviz.findings import SERIOUS, Finding, findings, told
from normviz.stages import stages
from normviz.text.lookup import section
from normviz.traces import Trace
from normviz.ui.choices import Choices
from normviz.ui.literal import literal
from normviz.ui.network.about import model_name
from normviz.ui.network.opening import layer_names, open_layer, pick_layer
from normviz.ui.network.rows import clickable
from normviz.ui.network.shown import Shown

#: How many layers of a finding are offered to be opened.
NAMED = 6


def show_depth(c: Choices, shown: Shown) -> None:
    """The panels, the way to open a layer without a mouse, and the findings."""
    trace = shown.trace
    if not trace.layers:
        st.info(c.say("network_view.empty"), icon=":material/info:")
        return
    found = findings(trace)
    titles = {each.code: c.say(f"finding.{each.code}.title", **told(each)) for each in found}
    words = section(c.lang, "layers_figure") | section(c.lang, "depth_figure")
    parts = stages(trace)
    figure = lines(trace, found, parts, words=words, titles=titles)
    alt = c.say("network_view.depth_alt", layers=len(trace.layers), model=model_name(c, trace))
    clickable(shown, figure, f"depth-{shown.key}", alt, turn=True)
    known = any(layer.gradient is not None for layer in trace.layers)
    said = [c.say("network_view.depth_note")]
    if len(parts) > 1:
        said.append(c.say("network_view.depth_stages"))
    if not all(judged(layer) for layer in trace.layers):
        said.append(c.say("network_view.depth_unjudged", evidence=EVIDENCE))
    said.append(c.say(f"network_view.depth_{'' if known else 'no_'}gradient"))
    st.caption(c.prose(said))
    pick_layer(c, shown, place="depth", turn=True)
    _findings(c, trace, found)


def _findings(c: Choices, trace: Trace, found: tuple[Finding, ...]) -> None:
    """What stands out: each with what it is, its reason and what usually helps."""
    st.subheader(c.say("network_view.findings"), anchor=False)
    if not found:
        st.markdown(f":green[:material/check_circle:] {c.say('network_view.findings_none')}")
        return
    for each in found:
        with st.container(border=True, gap="xsmall", key=f"nv-finding-{each.code}"):
            _finding(c, trace, each)


def _finding(c: Choices, trace: Trace, found: Finding) -> None:
    numbers = told(found)

    def say(part: str) -> str:
        return c.say(f"finding.{found.code}.{part}", **numbers)

    icon = ":red[:material/error:]" if found.severity == SERIOUS else ":orange[:material/warning:]"
    st.markdown(f"{icon} **{say('title')}**")
    st.markdown(say("says"))
    st.markdown(c.say("network_view.finding_why", said=say("why")))
    st.markdown(c.say("network_view.finding_helps", said=say("helps")))
    names = layer_names(trace)
    there = [n for n in found.layers if n >= 0]
    first = [n for n in (found.layer,) if n in there]
    offered = (first + [n for n in there if n not in first])[:NAMED]
    if not offered:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for n in offered:
            st.button(
                literal(names[n]),
                type="tertiary",
                icon=":material/open_in_new:",
                help=c.say("network_view.finding_open", layer=literal(names[n])),
                key=f"finding/{found.code}/{n}",
                on_click=open_layer,
                args=[names[n]],
                kwargs={"turn": True},
            )
        if more := len(there) - len(offered):
            st.caption(c.say("network_view.finding_more", count=f"{more:,}"))
