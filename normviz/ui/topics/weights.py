"""Weights: Weight Norm keeps a kernel's length apart from its direction, Weight Standardization changes both."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import streamlit as st

from normviz.catalogue import METHODS
from normviz.layouts import WEIGHTS
from normviz.methods import Method
from normviz.records import Forward
from normviz.spec import Spec
from normviz.ui import cached_weights as cached
from normviz.ui.cached import Source
from normviz.ui.choices import Choices
from normviz.ui.controls import number
from normviz.ui.inputs import choose_kind
from normviz.ui.numbers import plain, written
from normviz.ui.parts import agreement, caption, choose, controls, default_source, head
from normviz.ui.pinned import pin
from normviz.ui.weight_notes import (
    Followed,
    kernel_problem,
    say_accuracy,
    say_by_hand,
    show_conventions,
    show_notes,
)
from normviz.ui.weights_view import (
    Panel,
    degrees,
    panels,
    place_name,
    show_arrows,
    show_directions,
    show_lengths,
)
from normviz.weights import Split, Standardized, kept_axis, lengths

#: How far g can be moved from its start.
LEAST, FURTHEST = 0.1, 2.0


def show(c: Choices) -> None:
    """The two rules for weights side by side, on one real kernel."""
    (norm, norm_spec), (standard, standard_spec) = rules(c)
    dim = kept_axis(norm_spec, c.shape)
    top = st.container()
    with controls():
        source = replace(default_source(c), kind=choose_kind(c))
    setting = _setting(c, dim)
    picture = st.container()
    try:
        with picture:
            _train(c, source)
            done = cached.split(source, norm_spec, setting)
            other = cached.standardized(source, standard_spec, setting)
    except ValueError as problem:
        with top:
            head(c.say(f"weights_page.title_{c.spec.outcome}", name=c.name), "")
        picture.error(kernel_problem(c, problem), icon=":material/error:")
        return
    moved = lengths(done.v, dim)[
        slice(None) if setting.everywhere else slice(setting.place, setting.place + 1)
    ]
    start = 1.0 if setting.start == "flax" else float(moved.max(initial=0, where=np.isfinite(moved)))
    both = ((norm, done.w, dim), (standard, other.w, kept_axis(standard_spec, c.shape)))
    shown = panels(done.v, both, c.cell, FURTHEST * start)
    with top:
        _head(c, shown[c.spec.centred])
    followed = _followed(c, source, setting, done, other)
    with picture:
        show_arrows(c, shown)
        with st.container(key="nv-check", gap="xsmall"):
            say_by_hand(c, setting, done, other, followed)
            agreement(c, _as_pass(c, done, other))
            caption(c, source)
            say_accuracy(c, source)
        show_directions(c, shown)
        show_lengths(c, done, shown)
    show_notes(c, done, followed)
    show_conventions(c, source, standard_spec, setting)


def rules(c: Choices) -> tuple[tuple[Method, Spec], tuple[Method, Spec]]:
    """The rule that keeps the direction, and the one that subtracts a mean; the chosen one with its own knobs."""
    found = [
        (entry, c.spec if entry == c.method else entry.spec())
        for entry in METHODS.values()
        if entry.layouts == WEIGHTS
    ]
    norm = next(rule for rule in found if not rule[1].centred)
    return norm, next(rule for rule in found if rule[1].centred)


def _setting(c: Choices, dim: int) -> cached.Setting:
    """Draw the widgets of g, and of what is put in by hand."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="nv-weights"):
        _choose_place(c, dim)
        label = c.say("weights_page.factor")
        factor = number("factor", label, 1.0, LEAST, FURTHEST, lang=c.lang, slider=True, step=0.05, width=260)
        reach = _buttons(c, "reach", ("one", "all"))
        start = _buttons(c, "start", ("torch", "flax"))
        by_hand = _buttons(c, "by_hand", ("none", "zero"))
    return cached.Setting(
        dim, c.cell[dim], start, factor, reach == "all", by_hand == "zero", c.device, c.dtype
    )


def _choose_place(c: Choices, dim: int) -> None:
    """Which arrow is looked at: the pinned cell's, so that every page shows the same one."""
    key = f"place.{c.axes[dim]}/{written(c.shape)}/{c.lang}"

    def move() -> None:
        cell = (*c.cell[:dim], int(st.session_state[key]), *c.cell[dim + 1 :])
        pin(cell, c.shape, c.layout)

    # The pinned cell is what holds; the widget only shows it.
    st.session_state[key] = c.cell[dim]
    label = c.say(f"weights_page.which_{c.axes[dim]}")
    st.number_input(label, 0, c.shape[dim] - 1, key=key, on_change=move, width=130)


def _buttons(c: Choices, key: str, options: tuple[str, ...]) -> str:
    label = f"weights_page.{key}"
    return choose(c, key, options, f"{label}_", label=label, collapsed=False)


def _train(c: Choices, source: Source) -> None:
    """Train the kernel where it has to be, with a bar that moves."""
    place = st.empty()
    words = c.say("weights_page.training")
    if cached.train(source, lambda share: place.progress(share, words)):
        place.empty()


def _followed(
    c: Choices, source: Source, setting: cached.Setting, done: Split, other: Standardized
) -> Followed:
    try:
        return cached.followed(source, setting, c.cell[0], done, other)
    except ValueError as problem:
        return problem


def _head(c: Choices, panel: Panel) -> None:
    before, after = panel.lengths
    known = math.isfinite(panel.cosine)
    words = {
        "n": f"{panel.size:,}",
        "place": place_name(c, panel.dim),
        "before": plain(before),
        "after": plain(after),
        "angle": degrees(panel.cosine) if known else "",
    }
    lead = panel.outcome if known else "nowhere"
    head(
        c.say(f"weights_page.title_{panel.outcome}", name=c.name), c.say(f"weights_page.lead_{lead}", **words)
    )


def _as_pass(c: Choices, done: Split, other: Standardized) -> Forward:
    """The chosen rule's result as the page's check against the reference wants it."""
    made = other if c.spec.centred else done
    layer = (
        c.method.torch_layer(c.shape, **c.knobs).name if c.spec.centred else "parametrizations.weight_norm"
    )
    return Forward(
        done.v, made.w, made.difference, made.difference64, made.disagreements, layer, c.device, c.dtype
    )
