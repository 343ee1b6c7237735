"""Activations on real feature maps: curves, distributions, gradients, and a normalization before or after them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from normviz.activity import Activity
from normviz.figures.entries import share
from normviz.ui.activations import chain, curve, distributions, orders, slopes, snippet, table
from normviz.ui.activations.choice import choose_activations, choose_knobs, choose_one
from normviz.ui.activations.shown import OFFERED, Shown, zeros
from normviz.ui.cached_activations import measured
from normviz.ui.choices import Choices
from normviz.ui.inputs import choose_input, choose_maps, on_maps
from normviz.ui.numbers import plain
from normviz.ui.parts import choose, controls, failed, head

#: A share of values that is worth the title.
MANY = 0.05


def show(c: Choices) -> None:
    """The view, from its answer down to a snippet."""
    maps = on_maps(c)
    top = st.container()
    with st.container(key="nv-act-keys"):
        keys = choose_activations(c)
    with controls():
        order = "none"
        if not c.weighs:
            order = choose(c, "order", OFFERED, "act_page.order_", label="act_page.order")
        kind = choose_maps(maps)
    above, picture, given, rest = (st.container() for _ in range(4))
    # The uploader stands where it is looked for; which photograph it is can wait until one has been seen.
    with above if kind == "upload" else given:
        source, images = choose_input(maps, kind, given)
    with picture:
        left, right = st.columns([7, 4], gap="large")
    with right.container(key="nv-rail"):
        rule, knobs = st.container(), st.container(key="nv-act-knobs")
    with knobs:
        chosen = choose_knobs(c, keys)
    with rule:
        one = choose_one(c, chosen)
        curve.show_rule(c, one)
    shown = Shown(maps, source, images, chosen, one, order, not c.weighs)
    try:
        with left, st.spinner(c.say("agree.loading")):
            found = measured(source, shown.pairs, images)
            curve.show_curves(shown)
    except ValueError as problem:
        with top:
            head(c.say("act_page.title_failed", names=c.say("act_page.and").join(shown.names)), "")
        failed(c, problem, left)
        return
    with top:
        _head(shown, found)
    if c.weighs:
        picture.info(c.say("act_page.weighs", name=c.name), icon=":material/info:")
    with rest:
        distributions.show(shown, found)
        table.show(shown, found)
        orders.show(shown)
        chain.show(shown)
        slopes.show(shown)
        snippet.show(shown)


def _head(shown: Shown, found: Sequence[Activity]) -> None:
    """What became of the values and of the gradient: of the one activation, or of the extremes among several."""
    say = shown.c.say
    if any(math.isnan(each.slope) for each in found):
        head(
            say("act_page.title_failed", names=say("act_page.and").join(shown.names)),
            say("act_page.lead_failed"),
        )
        return
    if len(found) == 1:
        _head_of_one(shown, found[0])
        return
    slopes = [each.slope for each in found]
    low, high = (slopes.index(f(slopes)) for f in (min, max))
    numbers = {
        "low_name": shown.names[low],
        "low": plain(slopes[low]),
        "high_name": shown.names[high],
        "high": plain(slopes[high]),
    }
    most = max(range(len(found)), key=lambda k: found[k].zeros)
    flat = max(range(len(found)), key=lambda k: found[k].saturated)
    lead = {
        "how": shown.how,
        "zero_name": shown.names[most],
        "zeros": zeros(found[most]),
        "flat_name": shown.names[flat],
        "flat": share(found[flat].saturated, found[flat].into.count),
    }
    kind = {
        (True, True): "both",
        (True, False): "zeros",
        (False, True): "flat",
        (False, False): "neither",
    }[found[most].zeros > 0, found[flat].saturated > 0]
    title = say("act_page.title_several", **numbers)
    if numbers["low"] == numbers["high"]:
        title = say("act_page.title_alike", slope=numbers["low"])
    head(title, say(f"act_page.lead_{kind}", **lead))


def _head_of_one(shown: Shown, found: Activity) -> None:
    flat = found.dead + found.saturated
    kind = "passes"
    if found.zeros >= MANY * found.final.count:
        kind = "zero"
    elif flat >= MANY * found.into.count:
        kind = "flat"
    numbers = {
        "name": shown.one.name,
        "zeros": zeros(found),
        "flat": share(flat, found.into.count),
        "slope": plain(found.slope),
        "how": shown.how,
        "into_mean": plain(found.into.mean),
        "into_std": plain(found.into.std),
        "mean": plain(found.final.mean),
        "std": plain(found.final.std),
    }
    head(shown.c.say(f"act_page.title_{kind}", **numbers), shown.c.say("act_page.lead_one", **numbers))
