"""One step of a Batch Renorm run: choosing and playing it, and its numbers."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from normviz.formula import number
from normviz.records import Tensor
from normviz.renorm import STEPS, Corrected
from normviz.ui import cached
from normviz.ui.cached import Source
from normviz.ui.choices import Choices
from normviz.ui.controls import remember, remembered
from normviz.ui.numbers import plain, scientific

#: The step shown first; seconds between two pictures while playing, and steps from one to the next.
FIRST, PACE, STRIDE = 14, 0.7, 2
#: When playing last went on; whoever left the page for longer than this comes back to a still picture.
PLAYING, PATIENCE = "renorm/playing", 10.0
Span = tuple[int, int]


def choose_step(c: Choices) -> int:
    """The button that plays the run, and the slider of its step.

    While it plays a bar stands in for the slider: the browser would answer every move of the slider with where it was.
    """
    widget = f"renorm_step/{c.lang}"
    now = remembered("renorm_step", _step, FIRST)
    last = st.session_state.get(PLAYING)
    playing = last is not None and time.monotonic() - last < PATIENCE and now < STEPS
    with st.container(horizontal=True, vertical_alignment="center", key="nv-renorm-step"):
        icon = ":material/pause:" if playing else ":material/play_arrow:"
        label = c.say("renorm.pause" if playing else "renorm.play")
        st.button(label, icon=icon, key="renorm/play", on_click=_toggle, args=(playing,), width=120)
        if playing:
            st.session_state.pop(widget, None)
            st.progress(now / STEPS)
        else:
            st.session_state[widget] = now = st.session_state.get(widget, now)
            label = c.say("renorm.step")
            now = st.slider(label, 1, STEPS, key=widget, label_visibility="collapsed")
    remember("renorm_step", now, FIRST)
    if playing:
        _play(now)
    return now


def span(c: Choices, key: str, label: str, default: Span, last: int) -> Span:
    """Two steps between 0 and ``last``; in the link as ``10-80``."""

    def parse(text: str) -> Span | None:
        first, _, second = text.partition("-")
        found = int(first), int(second)
        return found if 0 <= found[0] <= found[1] <= last else None

    widget = f"{key}/{c.lang}"
    now = st.session_state.get(widget, remembered(key, parse, default))
    first, second = st.slider(label, 0, last, now, key=widget)
    return remember(key, (first, second), default, written=f"{first}-{second}")


def show_step(c: Choices, run: Corrected, step: int, pool: Source, images: Sequence[Tensor]) -> None:
    """What training and evaluation give at this step, and the numbers of the pinned cell."""
    st.subheader(c.say("renorm.at_step", step=step), anchor=False)
    row = step - 1
    inside = ~run.clipped[row]
    lines = (
        ("renorm.inside", run.gap[row, inside]),
        ("renorm.outside", run.gap[row, ~inside]),
        ("method.batch_norm.name", run.plain_gap[row]),
    )
    table = [[c.say(f"renorm.{key}") for key in ("output", "channels", "difference")], ["---"] * 3]
    for key, gaps in lines:
        if gaps.size:
            largest = float(gaps.max())
            said = scientific(largest) if largest < 1e-3 else plain(largest)
            table.append([c.say(key, name=c.name), str(gaps.size), f"**{said}**"])
    with st.container(key="nv-renorm-table"):
        st.markdown("\n".join(f"| {' | '.join(line)} |" for line in table))
    channel = c.cell[c.axes.index("C")]
    sample = int(run.picked[row, c.cell[0]])
    x = float(cached.tensor(pool, images)[(sample, *c.cell[1:])])
    _cards(c, run, row, channel, x)


def _cards(c: Choices, run: Corrected, row: int, channel: int, x: float) -> None:
    """r, d, y in training and y in evaluation of one cell, the formula above its numbers."""
    names = ("mean", "std", "running_mean", "running_std", "raw_r", "raw_d", "r", "d")
    mean, std, old_mean, old_std, raw_r, raw_d, r, d = (float(getattr(run, n)[row, channel]) for n in names)
    r_max, d_max = float(run.r_max[row]), float(run.d_max[row])
    hat = (x - mean) / std
    cards = {
        "r": (
            r"r=\Bigl[\frac{\sigma_B}{\sigma}\Bigr]_{1/r_{\max}}^{r_{\max}}",
            rf"\frac{{{number(std)}}}{{{number(old_std)}}}={number(raw_r)}",
            _clipped("r", raw_r, r, 1 / r_max, r_max),
        ),
        "d": (
            r"d=\Bigl[\frac{\mu_B-\mu}{\sigma}\Bigr]_{-d_{\max}}^{d_{\max}}",
            rf"\frac{{{number(mean)}-{_bracket(old_mean)}}}{{{number(old_std)}}}={number(raw_d)}",
            _clipped("d", raw_d, d, -d_max, d_max),
        ),
        "training": (
            r"y=\frac{x-\mu_B}{\sigma_B}\,r+d",
            rf"\frac{{{number(x)}-{_bracket(mean)}}}{{{number(std)}}}={number(hat)}",
            rf"{_bracket(hat)}\cdot {number(r)}+{_bracket(d)}",
            rf"y={number(hat * r + d)}",
        ),
        "evaluation": (
            r"y=\frac{x-\mu}{\sigma}",
            rf"\frac{{{number(x)}-{_bracket(old_mean)}}}{{{number(old_std)}}}",
            rf"y={number((x - old_mean) / old_std)}",
        ),
    }
    st.markdown(c.say("renorm.cell", cell=f"({', '.join(map(str, c.cell))})", channel=channel))
    # Two rows of two: training stands beside evaluation, and the longest line fits.
    for pair in (("r", "d"), ("training", "evaluation")):
        for column, key in zip(st.columns(2, gap="small"), pair, strict=True):
            with column.container(border=True, height="stretch", key=f"nv-renorm-{key}"):
                st.markdown(f"**{c.say(f'renorm.card_{key}')}**")
                aligned = r" \\[6pt] ".join(f"&{line}" for line in cards[key])
                st.latex(rf"\begin{{aligned}}{aligned}\end{{aligned}}", width="content")


def _clipped(name: str, raw: float, used: float, low: float, high: float) -> str:
    """The number that is used, and the bounds it was held to where it was."""
    if low <= raw <= high:
        return rf"{name}={number(used)}"
    return rf"[{number(low)},\,{number(high)}]:\; {name}={number(used)}"


def _bracket(value: float) -> str:
    return f"({number(value)})" if value < 0 else number(value)


def _step(text: str) -> int | None:
    step = int(text)
    return step if 1 <= step <= STEPS else None


def _toggle(playing: bool) -> None:
    """Pause, or play: from the start again where the end is shown."""
    st.session_state[PLAYING] = None if playing else time.monotonic()
    if not playing and st.session_state["chosen/renorm_step"] >= STEPS:
        st.session_state["chosen/renorm_step"] = 1


def _play(step: int) -> None:
    """Go on a little later. The fragment's first run belongs to this one of the page; the timer calls the others."""
    first = [True]

    @st.fragment(run_every=PACE)
    def later() -> None:
        if first:
            first.clear()
            return
        st.session_state["chosen/renorm_step"] = min(step + STRIDE, STEPS)
        st.session_state[PLAYING] = time.monotonic()
        st.rerun()

    later()
