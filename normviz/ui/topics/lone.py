"""A batch of one: on maps Batch Norm becomes Instance Norm, on vectors it erases everything and torch refuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import streamlit as st

from normviz import lone, records
from normviz.catalogue import METHODS
from normviz.figures.lone import noise, outputs
from normviz.figures.maps import MOST, tiled
from normviz.figures.panels import Panel, panels
from normviz.figures.ridge import ridge
from normviz.text.lookup import section
from normviz.ui import cached_fold
from normviz.ui.cached import BATCHES, MOMENTUM, Source
from normviz.ui.choices import Choices
from normviz.ui.controls import pick
from normviz.ui.fitted import show_fitted
from normviz.ui.inputs import choose_input, choose_kind
from normviz.ui.numbers import amount, in_brackets, plain, scientific
from normviz.ui.parts import caption, chart, checked, controls, credit, decimals, failed, head, rounding

CASES = ("maps", "vectors")
#: The height of the maps, in pixels, on a page and on a phone; larger maps than these cells a side are cut to their
#: first rows.
SIDE, NARROW, LARGEST, ROWS = 104, 38, 128, 24


def show(c: Choices) -> None:
    """One sample or one vector, what torch says, small batches, evaluation."""
    say = c.say
    cells = math.prod(n for a, n in zip(c.axes, c.shape, strict=True) if a not in "NC")
    top = st.container()
    with controls():
        case = "vectors"
        if cells > 1:
            words = {key: say(f"lone.case_{key}", cells=f"{cells:,}") for key in CASES}
            case = pick(
                "lone_case",
                say("lone.case"),
                CASES,
                CASES[0],
                lang=c.lang,
                names=words,
                label_visibility="collapsed",
            )
        kind = choose_kind(c)
    chosen, picture, below = (st.container() for _ in range(3))
    with chosen:
        source, images = choose_input(c, kind, below)
    vectors = case == "vectors"
    try:
        with picture, st.spinner(say("agree.loading")):
            found = cached_fold.alone(source, c.spec, c.cell[0], vectors, c.device, c.dtype, images)
            sizes = cached_fold.by_size(source, c.spec, vectors, images)
    except ValueError as problem:
        with top:
            head(say(f"lone.title_{case}", name=c.name), "")
        failed(c, problem, picture)
        return
    with top:
        numbers = {
            "channels": f"{c.channels:,}",
            "cells": f"{cells:,}",
            "largest": amount(_largest(found.formula)),
        }
        broken = vectors and not np.isfinite(found.formula).all()
        lead = say("lone.lead_broken") if broken else say(f"lone.lead_{case}", **numbers)
        head(say(f"lone.title_{case}", name=c.name), lead)
    with picture:
        if vectors:
            _vectors(c, found, sizes)
        else:
            _maps(c, found)
        caption(c, source, count=len(images))
        credit(c, source)
    if not vectors:
        left, right = st.columns([7, 5], gap="large")
        with left:
            _histograms(c, found)
        with right:
            st.subheader(say("lone.small_maps"), anchor=False)
            st.markdown(say("lone.noise"))
            _noise(c, sizes)
    _evaluation(c, found)
    with st.expander(say("lone.table"), icon=":material/table:"):
        _table(c, sizes)
    with st.expander(say("lone.others"), icon=":material/block:", expanded=vectors):
        _others(c, source, images)


def _maps(c: Choices, found: lone.Alone) -> None:
    """The pinned sample's channels in its batch, alone, and through Instance Norm: the last two are one picture."""
    say = c.say
    channel = c.channel
    titles = [say("lone.in_batch", n=c.shape[0]), say("lone.alone"), say("lone.instance")]
    results = (found.in_batch, found.alone, found.instance)
    if found.x.ndim == 3:
        first = channel // MOST * MOST
        last = min(first + MOST, len(found.x))
        rows: list[list[Panel | None]] = [
            [Panel("", tiled(y[first:last, :LARGEST, :LARGEST]), "y")] for y in results
        ]
        headings, side = titles, SIDE
    else:
        first = min(max(0, channel - ROWS // 2), max(0, len(found.x) - ROWS))
        last = min(first + ROWS, len(found.x))
        # The name of the scale is one, so the three can be compared.
        rows = [
            [
                Panel(t, y[first:last, :LARGEST], "y", stretched=True)
                for t, y in zip(titles, results, strict=True)
            ]
        ]
        headings, side = [""], 2 * SIDE
    legend = say("lone.legend", first=first, last=last - 1)
    if max(found.x.shape[1:]) > LARGEST:
        legend += say("lone.cut", most=LARGEST)
    wide = panels(rows, headings=headings, words={"legend": legend}, side=side)
    small = NARROW
    if len(rows) == 1:
        rows, headings, small = [[panel] for panel in rows[0]], [""] * len(titles), 3 * NARROW
    narrow = panels(rows, headings=headings, words={"legend": f"<br>{legend}"}, side=small)
    show_fitted(wide, narrow, "lone-picture")
    y = found.instance
    fine = found.difference <= rounding(found.dtype, y) and found.difference64 <= rounding("float64", y)
    said = {
        "layer": found.layer,
        "instance": found.instance_layer,
        "shape": in_brackets((1, *found.x.shape)),
        "dtype": found.dtype,
        "difference": scientific(found.difference),
        "difference64": scientific(found.difference64),
        "formula": scientific(found.formula_difference),
    }
    with st.container(key="nv-check", gap="xsmall"):
        checked(fine, say("lone.agree", **said), say("lone.disagree", **said))


def _vectors(c: Choices, found: lone.Alone, sizes: lone.BySize) -> None:
    """What torch says and what it hides, every output for small batches, and the noise."""
    left, right = st.columns([7, 5], gap="large")
    with left:
        st.markdown(f"**{c.say('lone.outputs')}**")
        words = {key: c.say(f"lone.{key}") for key in ("size", "output", "bound")}
        figure = outputs(sizes, words=words)
        chart(figure, "lone-picture")
    with right:
        st.markdown(f"**{c.say('lone.noise')}**")
        _noise(c, sizes)
    with st.container(key="nv-check", gap="xsmall"):
        shape = in_brackets((1, *found.x.shape))
        refusal = found.refusal.rstrip(".")
        if refusal:
            st.warning(
                c.say("lone.refused", layer=found.layer, shape=shape, refusal=refusal),
                icon=":material/warning:",
            )
        st.markdown(c.say("lone.hides"))
        pair = np.abs(sizes.outputs[sizes.sizes.index(2)])
        st.markdown(
            c.say(
                "lone.two",
                low=plain(float(pair.min())),
                high=plain(float(pair.max())),
                gradient=amount(sizes.gradients[sizes.sizes.index(2)]),
                last=sizes.sizes[-1],
                gradient_last=amount(sizes.gradients[-1]),
            )
        )
    if len(c.shape) > 2:
        st.caption(c.say("lone.pooled"))


def _histograms(c: Choices, found: lone.Alone) -> None:
    """The two outputs on one axis, a row a channel: what is over each other cannot be told apart."""
    st.subheader(c.say("lone.histograms"), anchor=False)
    spec = METHODS["instance_norm"].spec()
    one, two = (
        y[None] if y.ndim == 3 else np.moveaxis(y, 0, -1)[None] for y in (found.alone, found.instance)
    )
    channel = [0] * one.ndim
    channel[c.axes.index("C")] = c.channel
    both = records.distributions(one, two, spec, limit=6, first=tuple(channel))
    words = section(c.lang, "ridge") | {"before": c.say("lone.alone"), "after": c.say("lone.instance")}
    chart(ridge(both, words=words, axes=c.axes), "lone-ridge")


def _noise(c: Choices, sizes: lone.BySize) -> None:
    words = {key: c.say(f"lone.{key}") for key in ("size", "measured", "expected")}
    chart(noise(sizes, words=words), "lone-noise")
    numbers = {"count": sizes.population, "channels": cached_fold.CHANNELS, "draws": sizes.draws}
    st.caption(c.say("lone.population", **numbers))


def _evaluation(c: Choices, found: lone.Alone) -> None:
    st.subheader(c.say("lone.evaluating"), anchor=False)
    said = {"n": c.shape[0], "difference": amount(found.evaluated_difference)}
    if found.history_refusal:
        st.markdown(c.say("lone.never_trained", **said))
        return
    spread = plain(float(found.evaluated.std()))
    st.markdown(c.say("lone.evaluated", std=spread, batches=BATCHES, momentum=MOMENTUM, **said))


def _table(c: Choices, sizes: lone.BySize) -> None:
    sized = [np.abs(y) for y in sizes.outputs]
    table = {
        "N": list(sizes.sizes),
        c.say("lone.low"): [float(y.min()) for y in sized],
        c.say("lone.high"): [float(y.max()) for y in sized],
        c.say("lone.limit"): [math.sqrt(n - 1) for n in sizes.sizes],
        c.say("lone.gradient"): list(sizes.gradients),
        c.say("lone.noise"): sizes.noise,
    }
    st.dataframe(table, hide_index=True, column_config=decimals(list(table)[1:]))


def _others(c: Choices, source: Source, images: list[Any]) -> None:
    st.markdown(c.say("lone.others_lead", channels=c.channels))
    found = cached_fold.refusals(source, c.cell[0], images)
    st.dataframe(
        {
            c.say("lone.method"): [c.say(f"method.{each.method}.name") for each in found],
            c.say("lone.settings"): [", ".join(f"{k} = {v}" for k, v in each.knobs) for each in found],
            c.say("lone.says"): [each.refusal or c.say("lone.accepts") for each in found],
            c.say("lone.formula"): [each.largest for each in found],
        },
        hide_index=True,
    )


def _largest(values: records.Tensor) -> float:
    return float(np.abs(values).max()) if values.size else math.nan
