"""How the frameworks differ over the method at hand, aspect by aspect, and what that does to the numbers at hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz.convention_effects import Effect
from normviz.convention_table import aspects
from normviz.conventions import Convention, Epsilon
from normviz.figures import conventions as figures
from normviz.records import Tensor
from normviz.spec import L2, Response
from normviz.ui import cached_conventions as cached
from normviz.ui import convention_rows as rows
from normviz.ui.cached import Source
from normviz.ui.choices import Choices
from normviz.ui.controls import number, pick
from normviz.ui.inputs import choose_input, choose_kind
from normviz.ui.numbers import amount, plain, scientific
from normviz.ui.parts import caption, chart, choose, controls, credit, failed, head, pass_of
from normviz.ui.scaling_view import show_scaling

#: What the input is multiplied with: the smaller a set's variance, the more an eps weighs.
SHRINK = (1.0, 0.1, 0.01, 0.001, 1e-7)
Images = Sequence[Tensor]


def show(c: Choices) -> None:
    """One aspect at a time: the picture beside the table, how to convert, and where it is written."""
    offered = (*aspects(c.method), "scaling")
    top = st.container()
    with controls():
        kind = choose_kind(c)
        aspect = choose(c, "aspect", offered, "conventions.aspect.", label="conventions.label")
    body = st.container()
    source, images = choose_input(c, kind)
    draw = {"running": _running, "scaling": show_scaling}.get(aspect)
    try:
        if draw:
            draw(c, top, body, source, images)
        else:
            _effect(c, top, body, source, images, aspect)
    except ValueError as problem:
        with top:
            head(c.say(f"conventions.title_{aspect}", name=c.name), "")
        failed(c, problem, body)


def _running(c: Choices, top: DeltaGenerator, body: DeltaGenerator, source: Source, images: Images) -> None:
    with body:
        with st.container(horizontal=True, vertical_alignment="bottom", key="nv-convention-knobs"):
            what = choose(c, "buffer", ("var", "mean"), "conventions.", collapsed=False)
            batches = number(
                "seen",
                c.say("conventions.batches"),
                20,
                1,
                cached.BATCHES,
                lang=c.lang,
                slider=True,
                width=320,
            )
        with st.spinner(c.say("agree.loading")):
            found = cached.averages(source, pass_of(c), c.spec, c.cell, images)
        table = [kept.row for kept in found.kept]
        words = {"batches": c.say("conventions.steps"), "input": c.say("conventions.input")}
        figure = figures.course(found, rows.names(c, table), what=what, batches=batches, words=words)
        note = c.say(
            "conventions.note_running", channel=c.channel, count=f"{found.count:,}", total=cached.BATCHES
        )
        notes = [note] if c.method.own_layer else [note, c.say("conventions.note_closest")]
        _beside(c, source, images, figure, rows.running_table(c, found, batches), notes)
        rows.show_conversions(c, rows.running_conversions(c, found))
        _sources(c, table)
    values = [kept.var[batches] for kept in found.kept]
    other = rows.farthest(values, values[0])
    said = {
        "batches": batches,
        "channel": c.channel,
        "torch": plain(values[0]),
        "other": plain(values[other]),
        "framework": rows.name_of(c, table[other]),
    }
    with top:
        lead = "running" if math.isfinite(values[0]) else "untold"
        head(c.say("conventions.title_running", name=c.name), c.say(f"conventions.lead_{lead}", **said))


def _effect(
    c: Choices, top: DeltaGenerator, body: DeltaGenerator, source: Source, images: Images, aspect: str
) -> None:
    with body:
        shrink, own = 1.0, False
        if aspect in ("eps", "response"):
            with st.container(horizontal=True, vertical_alignment="bottom", key="nv-convention-knobs"):
                if aspect == "eps":
                    shrink = _shrink(c)
                else:
                    own = choose(c, "own", ("same", "each"), "conventions.", collapsed=False) == "each"
        with st.spinner(c.say("agree.loading")):
            knobs: dict[str, dict[str, float]] = {"eps": {"shrink": shrink}, "response": {"own": own}}
            found = cached.effect(source, pass_of(c), c.spec, c.cell, aspect, images, **knobs.get(aspect, {}))
        _beside(
            c,
            source,
            images,
            _figure(c, found, aspect),
            rows.effect_table(c, found, own),
            _notes(c, aspect, own),
        )
        rows.show_conversions(c, rows.conversions(c, found, own))
        _sources(c, [reading.row for reading in found.readings])
    with top:
        bounded = "_l2" if aspect == "eps" and isinstance(c.spec.divisor, L2) else ""
        title = c.say(f"conventions.title_{aspect}{bounded}", name=c.name)
        head(
            title,
            c.say(
                f"conventions.lead_{_lead(c, found, aspect, own)}", **_numbers(c, found, f"{aspect}{bounded}")
            ),
        )


def _lead(c: Choices, found: Effect, aspect: str, own: bool) -> str:
    """Which sentence is true of these readings."""
    table = [reading.row for reading in found.readings]
    differences = [reading.difference for reading in found.readings]
    if aspect == "response":
        told = math.isfinite(found.readings[0].cell)
        return f"response{'_own' * own}" if told else "untold"
    if all(math.isnan(difference) for difference in differences):
        return "untold"
    if aspect == "axes" and rows.alike(c, table):
        return "axes_alike"
    if aspect == "eps" and isinstance(c.spec.divisor, L2):
        return "eps_l2"
    if any(isinstance(row, Epsilon) and row.unbiased for row in table):
        return "eps_unbiased"
    return aspect


def _figure(c: Choices, found: Effect, aspect: str) -> Any:
    names = rows.names(c, [reading.row for reading in found.readings])
    say = c.say
    match aspect:
        case "eps":
            size = "l2" if isinstance(c.spec.divisor, L2) else "std" if c.spec.centred else "rms"
            words = {"size": say(f"conventions.size_{size}"), "left": say("conventions.left")}
            return figures.epsilons(found, names, words=words)
        case "response":
            words = {"channel": say("conventions.channel"), "left": say("conventions.left")}
            return figures.damping(found, names, channel=c.channel, words=words)
    words = {"before": say("conventions.before"), "value": say("conventions.value")}
    labels = [f"{names[reading.row.framework]}" for reading in found.readings]
    return figures.histograms(found, labels, words=words)


def _notes(c: Choices, aspect: str, own: bool) -> list[str]:
    numbers = {}
    if isinstance(c.spec.divisor, Response):
        given = c.spec.divisor
        numbers = {k: rows.written(getattr(given, k)) for k in ("size", "alpha", "beta", "k")}
    notes = [c.say("conventions.note_own" if own else f"conventions.note_{aspect}", name=c.name, **numbers)]
    if aspect == "eps" and not c.method.own_layer and not c.weighs:
        notes.append(c.say("conventions.note_closest"))
    if aspect == "eps" and c.spec.outcome == "renormalized":
        notes.append(c.say("conventions.note_renorm"))
    return notes


def _numbers(c: Choices, found: Effect, aspect: str) -> dict[str, str]:
    """What the leads say of an effect; the clauses that differ where nothing does are put together here."""
    cells = [reading.cell for reading in found.readings]
    table = [reading.row for reading in found.readings]
    other = rows.farthest(cells, cells[0])
    apart = max((r.difference for r in found.readings if r.difference == r.difference), default=float("nan"))
    said = {
        "torch": plain(cells[0]),
        "other": plain(cells[other]),
        "framework": rows.name_of(c, table[other]),
    }
    if aspect != "response":
        ending = "" if apart else "_none"
        said["effect"] = c.say(f"conventions.effect.{aspect}{ending}", difference=amount(apart))
    defaults = [row.value(c.dtype) for row in table if isinstance(row, Epsilon)]
    if defaults:
        said |= {"low": scientific(min(defaults)), "high": scientific(max(defaults))}
    learned = rows.learned(c, table)
    if learned:
        least, most = f"{min(learned):,}", f"{max(learned):,}"
        clause = "same" if least == most else "range"
        said |= {"most": most, "learned": c.say(f"conventions.effect.{clause}", least=least, most=most)}
    return said


def _beside(
    c: Choices,
    source: Source,
    images: Images,
    figure: Any,
    table: dict[str, list[str]],
    notes: Sequence[str],
) -> None:
    """The picture and the table, which wraps below it on a narrow page."""
    left, right = st.columns([1, 1], gap="medium")
    with left:
        chart(figure, "conventions")
    with right.container(key="nv-convention-table"):
        st.table(table, border="horizontal", hide_index=True)
    caption(c, source, count=len(images))
    credit(c, source)
    st.caption(c.prose(notes))


def _sources(c: Choices, table: Sequence[Convention]) -> None:
    with st.expander(c.say("conventions.sources"), icon=":material/menu_book:"):
        st.table(rows.sources(c, table), border="horizontal", hide_index=True)


def _shrink(c: Choices) -> float:
    label = c.say("conventions.shrink")
    return pick("shrink", label, SHRINK, SHRINK[0], lang=c.lang, names=lambda by: f"× {rows.written(by)}")
