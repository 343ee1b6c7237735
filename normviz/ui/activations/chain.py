"""The same activation layer after layer: how fast the gradient vanishes, or that it does not."""

from __future__ import annotations

import math

import streamlit as st

from normviz.activity import WEIGHTS, Chain
from normviz.figures.chain import chain
from normviz.text.lookup import section
from normviz.ui.activations.shown import OFFERED, Shown
from normviz.ui.cached_activations import WIDTH, chained
from normviz.ui.controls import DRAWN, number
from normviz.ui.fitted import show_fitted
from normviz.ui.numbers import amount
from normviz.ui.parts import choose, failed

#: Layers of the chain: the most, and how many at first.
MOST, START = 50, 20
#: A gradient that keeps within this factor of what it was counts as kept.
KEPT = 10.0
#: Less than this of it, and it counts as vanishing.
VANISHING = 1e-3


@st.fragment
def show(shown: Shown) -> None:
    """The controls, both panels, and how far each gradient comes; its slider redraws nothing else of the page."""
    # What is drawn alone is followed by no tidying of the link, and must not tell the next one what was drawn.
    alone = DRAWN not in st.session_state
    _show(shown)
    if alone:
        st.session_state.pop(DRAWN, None)


def _show(shown: Shown) -> None:
    c = shown.c
    st.subheader(c.say("act_page.chain"), anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", key="nv-act-chain"):
        label = c.say("act_page.layers")
        layers = number("layers", label, START, 1, MOST, lang=c.lang, slider=True, width=280)
        weights = choose(
            c, "weights", WEIGHTS, "act_page.weights_", label="act_page.weights", collapsed=False
        )
        order = "none"
        fits = shown.normalizes and "NC" in c.method.layouts
        if fits:
            options = ("none", *(k for k in OFFERED if k != "none"))
            order = choose(
                c,
                "chain_norm",
                options,
                "act_page.chain_norm_",
                label="act_page.chain_norm",
                collapsed=False,
            )
    if shown.normalizes and not fits:
        st.caption(c.say("act_page.chain_misfit", norm=c.name))
    try:
        with st.spinner(c.say("agree.loading")):
            found = [
                chained(shown.source, shown.pair(each, order), layers, weights, shown.images)
                for each in shown.chosen
            ]
    except ValueError as problem:
        failed(c, problem)
        return
    words = section(c.lang, "chain_figure")
    wide = chain(found, shown.names, words=words)
    show_fitted(wide, chain(found, shown.names, words=words, narrow=True), "act-chain")
    said = [_said(shown, name, each) for name, each in zip(shown.names, found, strict=True)]
    st.markdown("\n".join(f"- {line}" for line in said))
    numbers = {
        "rows": f"{found[0].rows:,}",
        "channels": c.shape[1],
        "width": WIDTH,
        "seed": shown.source.sample.seed,
        "dtype": c.dtype,
    }
    notes = [c.say(f"act_page.chain_note_{weights}", **numbers)]
    if order != "none":
        notes.append(c.say(f"act_page.chain_with_{order}", norm=c.name))
    st.caption(c.prose(notes))


def _said(shown: Shown, name: str, found: Chain) -> str:
    """What is left of the gradient at the first layer, in a sentence."""
    left = float(found.gradient[0])
    kind = "stays"
    if not math.isfinite(left):
        kind = "lost"
    elif left == 0:
        kind = "gone"
    elif left < VANISHING:
        kind = "vanishes"
    elif left < 1 / KEPT:
        kind = "shrinks"
    elif left > KEPT:
        kind = "grows"
    numbers = {"name": name, "left": amount(left), "kept": f"{KEPT:g}", "dtype": shown.c.dtype}
    return shown.c.say(f"act_page.chain_{kind}", **numbers)
