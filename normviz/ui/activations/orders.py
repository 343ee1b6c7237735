"""The classic question: does the normalization come before the activation or after it? Both, and neither, measured."""

from __future__ import annotations

import streamlit as st

from normviz.activity import Activity
from normviz.catalogue import METHODS
from normviz.figures.activity import orders
from normviz.figures.entries import share
from normviz.text.lookup import section
from normviz.ui.activations.shown import OFFERED, Shown, negatives, zeros
from normviz.ui.cached_activations import measured
from normviz.ui.fitted import show_fitted
from normviz.ui.numbers import plain


def show(shown: Shown) -> None:
    """The three orders side by side, what each does in a sentence, and what is known of the question."""
    if not shown.normalizes:
        return
    c = shown.c
    st.subheader(c.say("act_page.orders", name=shown.one.name, norm=c.name), anchor=False)
    try:
        found = measured(shown.source, [shown.pair(shown.one, order) for order in OFFERED], shown.images)
    except ValueError as problem:
        st.error(c.say("error.pass", reason=str(problem)), icon=":material/error:")
        return
    names = [c.say(f"act_page.order_name_{order}", norm=c.name) for order in OFFERED]
    words = section(c.lang, "orders_figure")
    show_fitted(
        orders(found, names, words=words), orders(found, names, words=words, narrow=True), "act-orders"
    )
    alone = found[OFFERED.index("none")]
    for column, seen in zip(st.columns(len(found), gap="medium"), found, strict=True):
        with column:
            st.markdown(_said(shown, seen, alone))
    paper = METHODS["batch_norm"].paper if "batch_norm" in METHODS else c.method.paper
    st.markdown(c.say("act_page.question", title=paper.title, url=paper.url, year=paper.year))


def _said(shown: Shown, seen: Activity, alone: Activity) -> str:
    """What this order does to the values, to the zeros where there are any, and to the gradient."""
    numbers = {
        "name": shown.one.name,
        "steep": share(seen.into.count - seen.into.nonfinite - seen.dead - seen.saturated, seen.into.count),
        "zeros": zeros(seen),
        "zeros_alone": zeros(alone),
        "negatives": negatives(seen),
        "mean": plain(seen.final.mean),
        "std": plain(seen.final.std),
        "passed": plain(seen.passed),
    }
    if seen.final.nonfinite == seen.final.count:
        return shown.c.say("act_page.said_lost")
    words = [f"said_{seen.order}"]
    if seen.order == "after" and alone.zeros:
        words.append("said_zeros_after")
    elif seen.zeros:
        words.append("said_zeros")
    return shown.c.prose([shown.c.say(f"act_page.{key}", **numbers) for key in (*words, "said_passed")])
