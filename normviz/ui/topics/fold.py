"""Folding: evaluating Batch Norm is a line per channel, and the layer in front of it can take that line in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz.catalogue import evaluation
from normviz.figures.fold import clouds
from normviz.figures.panels import Panel, grid, panels
from normviz.fold import Fold, Plan, worked
from normviz.layouts import layout_of
from normviz.spec import Spec
from normviz.ui import cached_fold
from normviz.ui.cached import BATCHES, MOMENTUM, Source, device_name
from normviz.ui.choices import Choices
from normviz.ui.controls import pick
from normviz.ui.fitted import show_fitted
from normviz.ui.inputs import choose_input, choose_kind
from normviz.ui.numbers import plain, scientific, spoken
from normviz.ui.parts import chart, checked, choose, controls, credit, decimals, failed, head, rounding

AFFINE = ("drawn", "start")
KERNELS = (1, 3, 5)
#: Rows of a sheet that still tell apart, and the cells along an axis of a map that are shown.
ROWS, LARGEST = 24, 128
Rows = list[list[Panel | None]]


def show(c: Choices) -> None:
    """The two layers and the one, the numbers of the line, why training cannot be folded, and the time."""
    say, layout = c.say, layout_of(c.shape)
    shown, knobs = evaluation(c.method, c.knobs)
    spec = shown.spec(**knobs)
    channel = c.channel
    head(
        say("fold.title" if c.method.evaluating else "fold.title_always", name=c.name),
        say("fold.lead", channels=f"{c.channels:,}", layer=say(f"fold.layer_{layout}")),
    )
    row = controls()
    with row:
        kind = choose_kind(c) if layout == "NCHW" else "random"
    chosen, picture, below = (st.container() for _ in range(3))
    with chosen:
        source, images = choose_input(c, kind, below)
    source = replace(source, disturb="none", spec=None, cell=())
    plan = _plan(c, spec, source, row)
    try:
        with picture, st.spinner(say("agree.loading")):
            found = cached_fold.fold(source, spec, plan, c.cell[0], channel, images)
    except ValueError as problem:
        failed(c, problem, picture)
        return
    with picture:
        _picture(c, _pipeline(c, found, source, channel))
        with st.container(key="nv-check", gap="xsmall"):
            _agreement(c, found)
            _caption(c, source, found, plan, len(images))
    _numbers(c, found, channel)
    _linear(c, found, channel)
    _speed(c, found, source, spec, plan, images)
    with st.expander(say("fold.code"), icon=":material/code:"):
        name = "fuse_linear_bn_eval" if layout == "NC" else "fuse_conv_bn_eval"
        st.code(
            f"from torch.nn.utils.fusion import {name}\n\nfolded = {name}(layer.eval(), norm.eval())",
            language="python",
        )


def _plan(c: Choices, spec: Spec, source: Source, row: DeltaGenerator) -> Plan:
    """Draw what can be chosen about the layer in front, and return it."""
    learned, kernel = "start", 1
    with row:
        if spec.affine.weight:
            learned = choose(c, "fold_affine", AFFINE, "fold.affine_", label="fold.affine")
        if source.kind == "random" and len(c.shape) > 2:
            kernel = pick(
                "fold_kernel",
                c.say("fold.kernel"),
                KERNELS,
                3,
                lang=c.lang,
                names=lambda k: c.say("fold.kernel_of", size=spoken((k,) * (len(c.shape) - 2))),
                label_visibility="collapsed",
            )
    pictured = source.kind != "random"
    return Plan(
        c.channels,
        kernel,
        cached_fold.stride(c.shape) if pictured else 1,
        source.bank if pictured else "",
        learned == "drawn",
        c.seed,
        BATCHES,
        MOMENTUM,
        c.device,
        c.dtype,
    )


def _picture(c: Choices, rows: Rows) -> None:
    """Both equations in a line each, and on a phone in two."""
    headings = [c.say("fold.apart", layer=c.say(f"fold.layer_{layout_of(c.shape)}")), c.say("fold.together")]
    words = {"legend": c.say("fold.legend")}
    wide = panels(rows, headings=headings, words=words, between=[["∗", "=", "→"], ["∗", "=", ""]])
    halves: Rows = []
    for given, kernel, first, second in rows:
        halves += [[given, kernel], [first and replace(first, title=f"= {first.title}"), second]]
    narrow = panels(
        halves,
        headings=[headings[0], "", headings[1], ""],
        words={"legend": f"<br>{words['legend']}"},
        between=[["∗"], ["→"], ["∗"], [""]],
    )
    show_fitted(wide, narrow, "fold-picture")


def _pipeline(c: Choices, f: Fold, source: Source, channel: int) -> Rows:
    """Input, kernel, output and Batch Norm's output; and below it the same with the folded layer."""
    name = f"<i><sub>{channel}</sub></i>"
    first = min(max(0, channel - ROWS // 2), max(0, len(f.z) - ROWS))
    shown = slice(first, first + ROWS)
    outline = None
    picture = None
    if f.x.ndim == 3:
        x, weights = f.x[:, :LARGEST, :LARGEST], [grid(w[channel]) for w in (f.kernel, f.folded_kernel)]
        after = [t[channel] for t in (f.z, f.y, f.together)]
        if source.kind == "random":
            x = grid(x)
        else:
            x, picture = np.zeros(f.z.shape[1:], np.float32), (f.x.transpose(1, 2, 0) + 1) / 2
    elif f.x.ndim == 2:
        x, weights = f.x[:, :LARGEST], [w[channel] for w in (f.kernel, f.folded_kernel)]
        after = [t[shown] for t in (f.z, f.y, f.together)]
        outline = (channel - first, 0, 1, f.z.shape[1])
    else:
        x, weights = f.x[:, None], [w[shown] for w in (f.kernel, f.folded_kernel)]
        after = [t[shown, None] for t in (f.z, f.y, f.together)]
        outline = (channel - first, 0, 1, 1)
    stretched = f.x.ndim != 3
    row = (channel - first, 0, 1, f.kernel.shape[1]) if f.x.ndim == 1 else None

    def panel(title: str, z: Any, scale: str, frame: Any = None, shown: Any = None) -> Panel:
        return Panel(title, np.asarray(z), scale, frame, shown, stretched)

    given = panel(f"<i>x</i>, {c.say('fold.input')}", x, "x", None, picture)
    return [
        [
            given,
            panel(f"<i>W</i>{name}", weights[0], "w", row),
            panel(f"<i>z</i>{name}", after[0], "y", outline),
            panel(f"<i>y</i>{name}", after[1], "y", outline),
        ],
        [
            given,
            panel(f"<i>aW</i>{name}", weights[1], "w", row),
            panel(f"<i>y′</i>{name}", after[2], "y", outline),
            panel("<i>y′−y</i>", after[2] - after[1], "difference"),
        ],
    ]


def _agreement(c: Choices, f: Fold) -> None:
    """How far the two are from the one; in red where that is more than rounding."""
    fine = f.difference <= rounding(f.dtype, f.y) and f.difference64 <= rounding("float64", f.y)
    numbers = {
        "layer": f.layer,
        "norm": f.norm,
        "dtype": f.dtype,
        "difference": scientific(f.difference),
        "difference64": scientific(f.difference64),
        "formula": scientific(f.formula),
    }
    checked(fine, c.say("fold.agree", **numbers), c.say("fold.disagree", **numbers))
    if f.refusal:
        st.warning(c.say("fold.untrained", refusal=f.refusal), icon=":material/warning:")


def _caption(c: Choices, source: Source, f: Fold, plan: Plan, count: int) -> None:
    words = [
        c.say(
            f"fold.source_{source.kind}",
            shape=spoken((c.shape[0], *f.x.shape)),
            seed=source.sample.seed,
            photo=c.say(f"input.{source.photo}") if source.photo else "",
            bank=c.say(f"bank.{source.bank}_note", channels=plan.channels, seed=plan.seed),
            count=count,
        )
    ]
    if not f.refusal:
        said = {"batches": plan.batches, "momentum": plan.momentum, "dtype": f.dtype}
        words.append(c.say("fold.trained", device=device_name(f.device), **said))
    if plan.drawn:
        words.append(c.say("fold.drawn_note"))
    if max(c.shape[2:] if len(c.shape) == 4 else c.shape[1:-1], default=1) > LARGEST:
        words.append(c.say("fold.cut", most=LARGEST))
    if c.disturb != "none":
        words.append(c.say("fold.undisturbed"))
    st.caption(c.prose(words))
    credit(c, source)


def _numbers(c: Choices, f: Fold, channel: int) -> None:
    st.subheader(c.say("fold.numbers", channel=channel), anchor=False)
    left, right = st.columns(2, gap="large")
    with left.container(key="nv-step-fold"):
        st.latex(worked(f, channel), width="content")
        st.caption(c.say("fold.numbers_note"))
    table = {
        c.say("fold.channel"): list(range(len(f.a))),
        "a": f.a,
        "b": f.b,
        "γ": f.gamma,
        "β": f.beta,
        c.say("fold.mean"): f.mean,
        c.say("fold.var"): f.var,
    }
    with right:
        st.markdown(f"**{c.say('fold.every')}**")
        st.dataframe(table, hide_index=True, height=290, column_config=decimals(list(table)[1:], 4))


def _linear(c: Choices, f: Fold, channel: int) -> None:
    st.subheader(c.say("fold.linear"), anchor=False)
    st.markdown(c.say("fold.linear_lead", channel=channel))
    words = {key: c.say(f"fold.cloud_{key}") for key in ("a", "b", "sum", "before", "after")}
    left, right = st.columns(2, gap="large")
    for column, cloud, key, bend in (
        (left, f.evaluating, "eval", f.bend_eval),
        (right, f.training, "train", f.bend_train),
    ):
        with column:
            if cloud is None:
                st.caption(c.say("fold.refused", refusal=f.refusal))
                continue
            large = bend >= 1e-3
            # Whatever the method does in training, Batch Norm is what was trained here.
            said = {
                "name": c.say("method.batch_norm.name"),
                "bend": plain(bend) if large else scientific(bend),
            }
            st.markdown(c.say(f"fold.{key}_note", **said))
            chart(clouds(cloud, words=words), f"fold-cloud-{key}")
            st.caption(c.say(f"fold.{key}_why"))


def _speed(c: Choices, f: Fold, source: Source, spec: Spec, plan: Plan, images: list[Any]) -> None:
    """Measured only where asked for: the time of a machine that others use as well."""
    st.subheader(c.say("fold.speed"), anchor=False)
    shape = spoken((c.shape[0], *f.x.shape))
    numbers = {"layer": f.layer, "shape": shape, "dtype": f.dtype, "device": device_name(f.device)}
    st.markdown(c.say("fold.speed_lead", **numbers))
    asked = repr((source, spec, plan))
    before, turn = st.session_state.get("fold/measured", ("", 0))

    def measure() -> None:
        st.session_state["fold/measured"] = (asked, turn + 1)

    place = st.container()
    label = c.say("fold.again" if before == asked else "fold.measure")
    st.button(label, key="fold/measure", on_click=measure)
    if before != asked:
        return
    with place, st.spinner(c.say("fold.measuring")):
        time = cached_fold.speed(source, spec, plan, turn, images)
    said = {"apart": f"{time.apart:.3g}", "together": f"{time.together:.3g}", "ratio": f"{time.ratio:.2f}"}
    place.markdown(c.say("fold.measured", repeats=time.repeats, threads=time.threads, **said))
    place.caption(c.say("fold.honest"))
