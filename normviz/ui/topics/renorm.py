"""r and d of Batch Renorm over the steps, as their bounds open, and what training and evaluation give at each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from normviz.figures.renorm import renorm_figure
from normviz.records import Tensor
from normviz.renorm import CHANNELS, MOST, PAPER_D, PAPER_R, PRESSED, STEPS, Corrected, Opening
from normviz.text.lookup import section
from normviz.ui.cached_renorm import Correcting, corrected, spread
from normviz.ui.cached_stream import NoRoom, population
from normviz.ui.choices import Choices
from normviz.ui.controls import number, pick, remember, remembered
from normviz.ui.inputs import choose_input, choose_kind
from normviz.ui.numbers import plain, scientific, spoken
from normviz.ui.parts import TOLERANCE, caption, chart, checked, credit, head
from normviz.ui.population_notes import population_notes
from normviz.ui.renorm_step import numbers, show_step
from normviz.ui.step_mark import course
from normviz.ui.transport import Transport

TRANSPORT = Transport("renorm", "renorm_step", 1, STEPS, start=14, stride=2)
#: Batch sizes that are compared.
SIZES = (1, 2, 4, 8, 16, 32, 64)
Span = tuple[int, int]


def show(c: Choices) -> None:
    """The run of r and d, one of its steps, and the same for other batch sizes."""
    say = c.say
    top = st.container()
    with st.container(horizontal=True, vertical_alignment="center", key="nv-controls"):
        kind = choose_kind(c)
        bounds = pick(
            "bounds",
            say("renorm.bounds"),
            ("schedule", "fixed"),
            "schedule",
            lang=c.lang,
            names=lambda k: say(f"renorm.{k}"),
            label_visibility="collapsed",
        )
    chosen = st.container()
    picture = st.container(key="nv-renorm-picture")
    settings = st.container(key="nv-renorm-bounds")
    with chosen:
        source, images = choose_input(c, kind, settings)
    with settings:
        opening, momentum = _opening(c, bounds)
    problem = _too_much(c, c.shape[0])
    try:
        pool = population(source, c.shape[0])
    except NoRoom as full:
        problem = problem or say("renorm.no_pool", shape=spoken(c.shape), samples=full.samples)
    if problem:
        with top:
            head(say("renorm.title", name=c.name), say("renorm.lead_none"))
        picture.error(problem, icon=":material/error:")
        return

    what = Correcting(
        pool, c.method.key, tuple(c.knobs.items()), opening, c.shape[0], momentum, c.device, c.dtype
    )
    with picture:
        with st.spinner(say("agree.loading")):
            run = corrected(what, images)
        step, plays = TRANSPORT.draw(c)
        channel = c.channel
        with course(TRANSPORT.name):
            figure = renorm_figure(run, channel=channel, words=section(c.lang, "renorm_figure"))
            chart(figure, "renorm-course")
        TRANSPORT.follow(c, step, plays, lambda now: numbers(c, run, now))
        with st.container(key="nv-check", gap="xsmall"):
            _agreement(c, run)
            caption(c, replace(source, disturb="none"), count=len(images))
            credit(c, source)
            _note(c, run, pool.shape[0], len(images), bounds, opening)
    with top:
        _head(c, run, None if plays else step)
    show_step(c, run, step, pool, images)
    _sizes(c, what, images)


def _opening(c: Choices, bounds: str) -> tuple[Opening, float]:
    """When the bounds open to the method's own, and the weight of a new value in the buffers."""
    rule = c.spec.running
    r_max, d_max = (rule.r_max or 1.0, rule.d_max or 0.0) if rule else (1.0, 0.0)
    start = Opening()
    spans = {"r_open": start.r, "d_open": start.d} if bounds == "schedule" else {}
    columns = st.columns(3, gap="medium")
    chosen = {}
    for column, (key, default) in zip(columns, spans.items(), strict=False):
        with column:
            chosen[key] = _span(c, key, c.say(f"renorm.{key}"), default, STEPS)
    with columns[len(spans)]:
        momentum = number(
            "renorm_momentum", c.say("renorm.momentum"), 0.1, 0.01, 1.0, lang=c.lang, slider=True, step=0.01
        )
    return Opening(chosen.get("r_open", (0, 0)), chosen.get("d_open", (0, 0)), r_max, d_max), momentum


def _span(c: Choices, key: str, label: str, default: Span, last: int) -> Span:
    """Two steps between 0 and ``last``; in the link as ``10-80``."""

    def parse(text: str) -> Span | None:
        first, _, second = text.partition("-")
        found = int(first), int(second)
        return found if 0 <= found[0] <= found[1] <= last else None

    widget = f"{key}/{c.lang}"
    now = st.session_state.get(widget, remembered(key, parse, default))
    first, second = st.slider(label, 0, last, now, key=widget)
    return remember(key, (first, second), default, written=f"{first}-{second}")


def _too_much(c: Choices, batch: int) -> str:
    """Why these batches cannot be streamed; empty where they can."""
    shape = (batch, *c.shape[1:])
    cells, channels = math.prod(shape), c.channels
    if c.spec.sets[0].size(shape, (0,) * len(shape)) < 2:
        return c.say("renorm.lone", shape=spoken(shape))
    if cells * STEPS > MOST or channels > CHANNELS:
        limits = {"cells": f"{MOST // STEPS:,}", "channels": f"{CHANNELS:,}"}
        return c.say("renorm.too_large", shape=spoken(shape), count=f"{cells:,}", **limits)
    return ""


def _head(c: Choices, run: Corrected, step: int | None) -> None:
    """The answer, with the numbers of a step where one stands still."""
    if step is None:
        head(c.say("renorm.title", name=c.name), c.say("renorm.lead_none"))
        return
    inside = ~run.clipped[step - 1]
    numbers = {
        "step": step,
        "inside": int(inside.sum()),
        "channels": inside.size,
        "difference": scientific(float(run.gap[step - 1, inside].max())) if inside.any() else "",
        "other": c.say("method.batch_norm.name"),
        "plain": plain(float(run.plain_gap[step - 1].max())),
    }
    head(
        c.say("renorm.title", name=c.name),
        c.say("renorm.lead" if inside.any() else "renorm.lead_all", **numbers),
    )


def _agreement(c: Choices, run: Corrected) -> None:
    """Whether the layer and the reference agree in all steps; in red where they do not."""
    numbers = {"layer": run.layer, "steps": len(run.r), "difference": scientific(run.difference)}
    fine = run.difference <= TOLERANCE[run.dtype] * max(1.0, run.largest)
    checked(fine, c.say("renorm.agree", **numbers), c.say("renorm.disagree", **numbers))


def _note(c: Choices, run: Corrected, samples: int, images: int, bounds: str, opening: Opening) -> None:
    """Where the batches come from, what the schedule is, and how much of it is drawn."""
    words = [c.say("renorm.streamed", steps=len(run.r), batch=c.shape[0], samples=samples)]
    if bounds == "schedule":
        words.append(
            c.say(
                "renorm.pressed",
                pressed=PRESSED,
                r_from=f"{PAPER_R[0]:,}",
                r_to=f"{PAPER_R[1]:,}",
                d_from=f"{PAPER_D[0]:,}",
                d_to=f"{PAPER_D[1]:,}",
                r_max=f"{opening.r_max:g}",
                d_max=f"{opening.d_max:g}",
            )
        )
    words += population_notes(c, samples, images, run.r.shape[1])
    st.caption(c.prose(words))


def _sizes(c: Choices, what: Correcting, images: Sequence[Tensor]) -> None:
    """How far r and d scatter, by batch size: the smaller the batch, the more there is to correct."""
    st.subheader(c.say("renorm.sizes"), anchor=False)
    sizes = sorted({n for n in SIZES if 2 * n <= what.population.shape[0]} | {c.shape[0]})
    sizes = [n for n in sizes if not _too_much(c, n)]
    with st.spinner(c.say("agree.loading")):
        found = [spread(replace(what, batch=n), images) for n in sizes]
    rows = [[c.say("renorm.batch"), *map(str, sizes)], ["---"] * (len(sizes) + 1)]
    for key, values in zip(("spread_r", "spread_d"), zip(*found, strict=True), strict=True):
        said = [
            f"**{plain(v)}**" if n == c.shape[0] else plain(v) for n, v in zip(sizes, values, strict=True)
        ]
        rows.append([c.say(f"renorm.{key}"), *said])
    with st.container(key="nv-renorm-sizes"):
        st.markdown("\n".join(f"| {' | '.join(row)} |" for row in rows))
    st.caption(c.say("renorm.sizes_note", steps=f"{STEPS // 2 + 1}–{STEPS}"))
