"""Beside the picture: the counts, the rule, the size of the output, torch beside the reference, and the code."""

from __future__ import annotations

import math

import streamlit as st

from normviz.pooling import Pooling
from normviz.ui.cached_poolings import LARGEST
from normviz.ui.input_code import input_lines
from normviz.ui.numbers import scientific
from normviz.ui.parts import TOLERANCE, caption, changes, checked
from normviz.ui.poolings.shown import Shown, share
from normviz.ui.poolings.written import aligned, is_cut, size_lines, values_of


def show_rail(shown: Shown) -> None:
    """All of it, from top to bottom."""
    c, entry, done = shown.c, shown.entry, shown.done
    before, after = done.x.size, done.y.size
    with st.container(horizontal=True, gap="medium", key="nv-counts"):
        st.metric(shown.say("cells"), f"{before:,} → {after:,}", width="content")
        st.metric(shown.say("ratio"), share(after / before), width="content")
        st.metric(c.say("cube_page.learned"), f"{entry.parameter_count():,}", width="content")
    rule = [entry.latex]
    if entry.window_latex:
        rule.append(rf"W(o) = \left\{{\, {entry.window_latex} \,\right\}}")
    st.latex(aligned([*rule, *size_lines(entry, shown.windows, shown.knobs)]), width="content")
    up = bool(entry.complete(shown.knobs).get("ceil_mode"))
    if any(is_cut(along, values_of(entry, shown.knobs), up) for along in shown.windows):
        st.markdown(shown.say("cut"))
    with st.container(key="nv-check", gap="xsmall"):
        if not math.isnan(done.difference64):  # nothing finite came out of both: nothing to compare
            numbers = {"layer": done.layer, "difference": scientific(done.difference64)}
            fine = done.difference64 <= TOLERANCE["float64"]
            checked(fine, shown.say("agree", **numbers), shown.say("disagree", **numbers))
        caption(c, shown.job.source, count=len(shown.images))
        notes = [shown.say("which", sample=shown.job.sample, channel=shown.job.channel)]
        if max(c.shape[2:]) > LARGEST:
            notes.append(shown.say("cut_map", most=LARGEST))
        st.caption(c.prose(notes))
    with st.expander(c.say("cube_page.code"), icon=":material/code:"):
        if shown.job.source.kind in ("photo", "upload"):
            st.caption(c.say(f"act_page.snippet_{shown.job.source.kind}"))
        st.code(_code(shown, entry), language="python")


def _code(shown: Shown, entry: Pooling) -> str:
    """The map that is shown through the same layer, and the share of its cells that a gradient reaches."""
    c, job = shown.c, shown.job
    layer = entry.torch_layer(2, **dict(job.knobs))
    lines = ["import numpy as np", "import torch", "from torch import nn", ""]
    lines += input_lines(job.source, shown.images)
    if c.dtype != "float32":
        lines.append(f"x = x.to(torch.{c.dtype})")
    lines += changes(c)
    cut = f", :{LARGEST}, :{LARGEST}" if max(c.shape[2:]) > LARGEST else ""
    lines += [
        f"x = x[{job.sample}, {job.channel}{cut}][None, None].requires_grad_()",
        layer.making(),
        layer.calling(),
        "y.sum().backward()",
        "print(y.shape, y.mean().item(), (x.grad != 0).double().mean().item())",
    ]
    return "\n".join(lines)
