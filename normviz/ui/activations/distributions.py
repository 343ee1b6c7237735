"""Before and after on one axis for every chosen activation, what it was computed from, and the maps of one of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from normviz.activity import Activity
from normviz.catalogue import METHODS
from normviz.figures.activity import activity
from normviz.figures.maps import MOST, feature_maps
from normviz.text.lookup import section
from normviz.ui.activations.shown import Shown
from normviz.ui.cached import pictures
from normviz.ui.cached_activations import stages
from normviz.ui.maps_view import LARGEST
from normviz.ui.numbers import plain, scientific
from normviz.ui.parts import TOLERANCE, caption, chart, checked, credit


def show(shown: Shown, found: Sequence[Activity]) -> None:
    """The rows, whether torch agrees, what the input is, and the maps."""
    c = shown.c
    st.subheader(c.say("act_page.rows"), anchor=False)
    chart(activity(found, shown.names, words=section(c.lang, "activity_figure")), "act-rows")
    with st.container(key="nv-check", gap="xsmall"):
        _agreement(shown, found)
        _disturbance(shown, found)
        _caption(shown)
    _maps(shown)


def _agreement(shown: Shown, found: Sequence[Activity]) -> None:
    """Whether torch's layers and the formulas agree, in float64; nothing where no value is finite."""
    known = [each for each in found if not math.isnan(each.difference64)]
    if not known:
        return
    worst = max(each.difference64 for each in known)
    ends = (abs(end) for each in known for end in (each.out.min, each.out.max) if math.isfinite(end))
    layers = shown.c.say("act_page.and").join(f"`{each.entry.layer}`" for each in shown.chosen)
    numbers = {"layers": layers, "difference": scientific(worst)}
    fine = worst <= TOLERANCE["float64"] * max((1.0, *ends))
    checked(fine, shown.c.say("act_page.agree", **numbers), shown.c.say("act_page.disagree", **numbers))


def _disturbance(shown: Shown, found: Sequence[Activity]) -> None:
    """What a NaN, an Inf or a constant set did, counted for the activation that is looked at closely."""
    c = shown.c
    if c.disturb == "none" or (c.disturb == "constant" and not c.spec.sets):
        return
    seen = found[shown.chosen.index(shown.one)]
    into, final = f"{seen.into.nonfinite:,}", f"{seen.final.nonfinite:,}"
    if c.disturb == "constant":
        passed = stages(shown.source, shown.pair(shown.one), shown.images)
        into, final = (plain(float(values[c.cell])) for values in (passed.into, passed.final))
    said = c.say(f"act_page.disturbed_{c.disturb}", name=shown.one.name, into=into, final=final)
    st.info(said, icon=":material/science:")


def _caption(shown: Shown) -> None:
    """What the input is; where the method takes a second one, that is the next seed's, whatever the first is."""
    c, count = shown.c, len(shown.images)
    if c.spec.second:
        first = next(entry for entry in METHODS.values() if not entry.spec().second)
        lengths = dict(zip(c.axes, c.shape, strict=True))
        caption(replace(c, method=first, knobs=first.defaults(lengths)), shown.source, count=count)
        st.caption(c.say("caption.second_random", seed=shown.source.sample.second().seed))
    else:
        caption(c, shown.source, count=count)
    credit(c, shown.source)


def _maps(shown: Shown) -> None:
    """Up to eight channels of the pinned cell's sample, before and after the activation that is looked at closely."""
    c, source = shown.c, shown.source
    if source.kind not in ("photo", "upload") or max(c.shape[2:]) > LARGEST:
        return
    from normviz.nets.filters import describe

    st.subheader(c.say("act_page.maps", name=shown.one.name), anchor=False)
    passed = stages(source, shown.pair(shown.one), shown.images)
    n, channel, h, w = c.cell
    first = channel // MOST * MOST
    seen = slice(first, first + MOST)
    words = section(c.lang, "maps") | section(c.lang, "act_maps")
    words["before"] = words[f"before_{shown.order}"].format(norm=c.name)
    words["after"] = words[f"after_{shown.order}"].format(norm=c.name, name=shown.one.name)
    figure = feature_maps(
        passed.into[n, seen],
        passed.final[n, seen],
        names=describe(source.bank, c.shape[1])[seen],
        words=words,
        pictures=[pictures(source, list(shown.images))[n]],
        cell=(h, w),
        channel=channel - first,
        first=first,
    )
    chart(figure, "act-maps")
