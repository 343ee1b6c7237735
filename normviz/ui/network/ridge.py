"""The ridge of a network: every layer's distribution on one axis, by stage and by kind; a click opens a layer."""

from __future__ import annotations

from typing import Any

import streamlit as st

from normviz.figures.layers import CHANGING, layer_ridge
from normviz.layer_kinds import KINDS
from normviz.stages import stages
from normviz.text.lookup import section
from normviz.traces import Trace
from normviz.ui.choices import Choices
from normviz.ui.controls import pick
from normviz.ui.network.about import model_name
from normviz.ui.network.opening import pick_layer
from normviz.ui.network.rows import first_rows, show_reading, show_rows
from normviz.ui.network.shown import Shown

#: What is drawn at first, and all of it.
CHANGES, ALL = "changes", "all"
#: Fewer norms and activations than this, and all layers are drawn at first.
FEW = 2
HIDDEN: dict[str, Any] = {"label_visibility": "collapsed"}


def show_ridge(c: Choices, shown: Shown) -> list[int]:
    """The controls, the ridge, and how to read it; returns the numbers of the layers that were chosen."""
    if not shown.trace.layers:
        st.info(c.say("network_view.empty"), icon=":material/info:")
        return []
    with st.container(horizontal=True, vertical_alignment="center", key="nv-ridge-controls"):
        groups, numbers = _which(c, shown.trace)
        with st.popover(c.say("network_view.scales"), icon=":material/straighten:"):
            log = _pick(c, "axis", {"auto": None, "linear": False, "log": True})
            joint = _pick(c, "heights", {"row": False, "joint": True})
        pick_layer(c, shown, numbers, "ridge")
    drawn = layer_ridge(
        shown.trace, first_rows(groups), words=section(c.lang, "layers_figure"), log=log, joint=bool(joint)
    )
    if not drawn.numbers:
        st.info(c.say("network_view.none_of_kind"), icon=":material/info:")
        return numbers
    alt = c.say("network_view.ridge_alt", rows=len(drawn.numbers), model=model_name(c, shown.trace))
    if len(drawn.numbers) < len(numbers):
        st.caption(
            c.say("network_view.ridge_first", count=f"{len(drawn.numbers):,}", all=f"{len(numbers):,}")
        )
    show_rows(shown, drawn, f"ridge-{shown.key}", alt)
    show_reading(c, drawn, joint=bool(joint))
    return numbers


def _which(c: Choices, trace: Trace) -> tuple[list[tuple[str, list[int]]], list[int]]:
    """Which layers are drawn, by stage: as chosen."""
    there = {layer.kind for layer in trace.layers}
    changing = sum(layer.kind in CHANGING for layer in trace.layers)
    options = [CHANGES] * (changing > 0) + [ALL] + [kind for kind in KINDS if kind in there]
    default = CHANGES if changing >= FEW else ALL
    names = {option: c.say(f"network_view.kind_{option}") for option in options}
    label = c.say("network_view.kinds")
    kind = pick("kinds", label, options, default, lang=c.lang, names=names, select=True, width=190, **HIDDEN)
    parts = stages(trace)
    if len(parts) > 1:
        labels = [ALL, *(part.label for part in parts)]
        stage = pick(
            "stage", c.say("network_view.stage"), labels, ALL, lang=c.lang,
            names=lambda s: c.say("network_view.stage_all") if s == ALL else s, select=True, width=150, **HIDDEN,
        )  # fmt: skip
        parts = tuple(part for part in parts if stage in (ALL, part.label))
    kinds = {CHANGES: CHANGING, ALL: KINDS}.get(kind, (kind,))
    groups = [
        (
            part.label if len(parts) > 1 else "",
            [n for n in range(part.first, part.last + 1) if trace.layers[n].kind in kinds],
        )
        for part in parts
    ]
    return groups, [n for _, members in groups for n in members]


def _pick(c: Choices, key: str, options: dict[str, bool | None]) -> bool | None:
    names = {option: c.say(f"network_view.{key}_{option}") for option in options}
    first = next(iter(options))
    return options[pick(key, c.say(f"network_view.{key}"), tuple(options), first, lang=c.lang, names=names)]
