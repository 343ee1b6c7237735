"""Below the picture: the distribution before and after, which inputs the gradient reaches, all channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from normviz.figures.maps import MOST
from normviz.figures.panels import Panel, panels
from normviz.figures.pool import pool_histograms
from normviz.text.lookup import section
from normviz.ui import cached_poolings
from normviz.ui.fitted import show_fitted
from normviz.ui.numbers import amount
from normviz.ui.parts import chart
from normviz.ui.poolings.shown import Shown, share, touched

#: Maps of more cells a side would be megabytes of picture.
LARGEST = 128
#: The side of a map of the gradient and of one of many, in pixels; how many of these stand side by side on a phone.
SIDE, SMALL, NARROW = 220, 92, 4


def show_histograms(shown: Shown) -> None:
    """The values before and after on one axis."""
    st.subheader(shown.say("histograms"), anchor=False)
    chart(pool_histograms(shown.done, words=section(shown.c.lang, "ridge")), "pooling-ridge")
    before, after = shown.done.before, shown.done.after
    numbers = {"mean": before.mean, "std": before.std, "mean_after": after.mean, "std_after": after.std}
    said = {name: amount(value) for name, value in numbers.items()}
    text = [shown.kind("histograms", **said)]
    # Said only where it can be seen: a maximum raises the mean, a mean brings the values together.
    if after.mean > before.mean if shown.entry.largest else after.std < before.std:
        text.append(shown.kind("moved"))
    if _counts_padding(shown):
        text.append(shown.say("padded"))
    st.markdown(shown.c.prose(text))


def show_gradient(shown: Shown) -> None:
    """How much of a gradient of ones comes back to every input."""
    done = shown.done
    st.subheader(shown.say("gradient"), anchor=False)
    largest = float(np.max(np.abs(done.gradient)))
    numbers = {
        "share": share(touched(done)),
        "largest": _amount(largest),
        "total": _amount(float(done.gradient.sum())),
    }
    text = shown.kind("gradient", **numbers)
    if not _fits(shown):
        st.markdown(shown.c.prose([text, shown.say("too_large", most=LARGEST)]))
        return
    left, right = st.columns([7, 5], gap="large", vertical_alignment="center")
    with left:
        row: list[Panel | None] = [
            Panel(shown.say("input"), done.x, "x"),
            Panel(shown.say("reached"), done.gradient, "gradient"),
        ]
        figure = panels([row], headings=[""], words={"legend": ""}, side=SIDE)
        chart(figure, "pooling-gradient")
    with right:
        st.markdown(text)


def show_channels(shown: Shown) -> None:
    """Up to eight channels around the chosen one, before above after, on one scale."""
    if not _fits(shown):
        return
    c, job = shown.c, shown.job
    st.subheader(shown.say("channels"), anchor=False)
    first = job.channel // MOST * MOST
    count = min(MOST, c.channels - first)
    with st.spinner(c.say("agree.loading")):
        before, after = cached_poolings.channels(job, first, count, shown.images)
    wide = _maps(shown, before, after, first, count)
    narrow = _maps(shown, before, after, first, min(NARROW, count))
    show_fitted(wide, narrow, "pooling-channels")


def _maps(shown: Shown, before: Any, after: Any, first: int, across: int) -> Any:
    """Rows of ``across`` channels, before and after in turn; a channel has one scale for both."""
    rows: list[list[Panel | None]] = []
    headings = []
    for start in range(0, len(before), across):
        for name, found in (("before", before), ("after", after)):
            row: list[Panel | None] = [
                Panel(f"<i>c</i> {first + k}", found[k], f"{k}")
                for k in range(start, min(start + across, len(found)))
            ]
            rows.append(row + [None] * (across - len(row)))
            headings.append(shown.say(f"channels_{name}"))
    return panels(rows, headings=headings, words={"legend": shown.say("legend")}, side=SMALL)


def _counts_padding(shown: Shown) -> bool:
    """Whether some mean is over more than the cells of the map that its window reads."""
    counts = shown.entry.counts(shown.done.x.shape, **shown.knobs)
    if counts is None:
        return False
    rows, columns = ([along.of(o).size for o in range(along.count)] for along in shown.windows)
    return bool((counts > np.outer(rows, columns)).any())


def _amount(value: float) -> str:
    """Four digits, or all of a large number's, which are windows."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _fits(shown: Shown) -> bool:
    return max(*shown.done.x.shape, *shown.done.y.shape) <= LARGEST
