"""An activation that learns: its slope trained on handwritten digits, live, with a chart that grows."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import streamlit as st

from normviz.activations import ACTIVATIONS
from normviz.activity import SlopeRun
from normviz.figures.slopes import slopes
from normviz.text.lookup import section
from normviz.ui.activations.choice import Chosen, add, name_of
from normviz.ui.activations.shown import Shown
from normviz.ui.cached_activations import EVERY, STEPS, Training, trained
from normviz.ui.choices import Choices
from normviz.ui.parts import chart

#: What the last training of this session found, and for what.
KEPT = "activations/slopes"


def show(shown: Shown) -> None:
    """For every chosen activation that learns a button and its run; where there is none, one is offered."""
    c = shown.c
    learning = [each for each in shown.chosen if each.entry.learned]
    for each in learning:
        _show(c, each)
    offered = [key for key, entry in ACTIVATIONS.items() if entry.learned]
    if learning or not offered:
        return
    name = name_of(c, offered[0])
    st.subheader(c.say("act_page.learn", name=name), anchor=False)
    st.markdown(c.say("act_page.learn_offer", name=name))
    label = c.say("act_page.learn_add", name=name)
    st.button(label, icon=":material/add:", key="nv-act-add", on_click=add, args=(c, offered[0]))


def _show(c: Choices, each: Chosen) -> None:
    what = Training(each.key, float(each.knobs["init"]), c.seed)
    st.subheader(c.say("act_page.learn", name=each.name), anchor=False)
    numbers = {"name": each.name, "init": f"{what.init:g}", "steps": STEPS}
    st.markdown(c.say("act_page.learn_lead", **numbers))
    label = c.say("act_page.learn_run", steps=STEPS)
    pressed = st.button(label, icon=":material/play_arrow:", key=f"nv-act-train-{each.key}")
    with st.container(key=f"nv-act-run-{each.key}"):
        if pressed:
            _run(c, what)
        kept = st.session_state.get(KEPT)
        if kept and kept[0] == what:
            _draw(c, kept[1], f"act-slopes-{each.key}")
            _said(c, each, kept[1])


def _run(c: Choices, what: Training) -> None:
    """Train, and draw what is there so far; pressing Stop runs the page anew, which ends it at its next word."""
    place = st.empty()
    with place.container():
        with st.container(horizontal=True, vertical_alignment="center"):
            bar = st.progress(0.0, width="stretch")
            st.button(c.say("act_page.learn_stop"), icon=":material/stop:", key="nv-act-stop")
        picture = st.empty()
        try:
            with closing(trained(what)) as steps:
                for run in steps:
                    st.session_state[KEPT] = (what, run)
                    done = len(run.loss) - 1
                    bar.progress(done / STEPS, c.say("act_page.learn_step", step=done, steps=STEPS))
                    with picture.container():
                        _draw(c, run, f"act-slopes-live-{done}")
        except ValueError as problem:
            st.error(c.say("error.pass", reason=str(problem)), icon=":material/error:")
    place.empty()


def _draw(c: Choices, run: SlopeRun, key: str) -> None:
    chart(slopes(run, words=section(c.lang, "slopes_figure"), total=STEPS), key)


def _said(c: Choices, each: Chosen, run: SlopeRun) -> None:
    """The slopes and the accuracy at the end, or where it was stopped."""
    done = len(run.loss) - 1
    known = run.accuracy[np.isfinite(run.accuracy)]
    between = c.say("act_page.and")
    numbers = {
        "name": each.name,
        "step": done,
        "steps": STEPS,
        "every": EVERY,
        "slopes": between.join(f"**{value:.3f}**".replace("-", "−") for value in run.slopes[-1]),
        "start": f"{run.slopes[0, 0]:.3f}",
        "first": f"{100 * known[0]:.1f}",
        "accuracy": f"{100 * known[-1]:.1f}",
        "loss_first": f"{run.loss[0]:.3f}",
        "loss": f"{run.loss[-1]:.3f}",
    }
    words = "act_page.learned" if done == STEPS else "act_page.learned_stopped"
    st.markdown(c.say(words, **numbers))
    st.caption(c.say("act_page.learned_note", seed=c.seed, layers=run.slopes.shape[1]))
