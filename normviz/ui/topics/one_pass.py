"""One pass: the four steps on a real tensor, before and after, in training and evaluation, checked against torch."""

from __future__ import annotations

import streamlit as st

from normviz.catalogue import evaluation
from normviz.figures.ridge import ridge
from normviz.formula import lines
from normviz.splits import across_batch
from normviz.text.lookup import section
from normviz.ui import cached
from normviz.ui.choices import Choices
from normviz.ui.controls import number
from normviz.ui.inputs import choose_input, choose_kind
from normviz.ui.maps_view import show_maps
from normviz.ui.numbers import in_brackets
from normviz.ui.parts import (
    agreement,
    caption,
    chart,
    choose,
    controls,
    credit,
    disturbance,
    failed,
    head,
    pass_of,
)
from normviz.ui.set_table import MOST, show_table
from normviz.ui.steps import show_steps

SHOWN = 8


def show(c: Choices) -> None:
    """The four steps of one pass."""
    say = c.say
    top = st.container()
    with controls():
        kind = choose_kind(c)
        mode = "train"
        if c.method.evaluating:
            mode = choose(c, "mode", ("train", "eval"), "forward_page.")
        by = choose(c, "rows", ("by_set", "overall"), "forward_page.")
    chosen, picture, affine, below = (st.container() for _ in range(4))
    with chosen:
        source, images = choose_input(c, kind, below)
    shown, knobs = evaluation(c.method, c.knobs) if mode == "eval" else (c.method, c.knobs)
    spec = shown.spec(**knobs)
    gamma, beta = 1.0, 0.0
    with affine, st.container(horizontal=True, key="nv-affine"):
        if spec.affine.weight and not spec.second:
            gamma = _slider(c, "gamma", 1.0)
        if spec.affine.bias and not spec.second:
            beta = _slider(c, "beta", 0.0)
        if not spec.affine.weight or spec.second:
            st.caption(say(f"forward_page.no_affine{'_second' * bool(spec.affine.weight)}", name=c.name))
    with top:
        lead = "lead_overall" if by == "overall" else "lead_sets" if spec.sets else "lead_alone"
        plain = (gamma, beta) == (1.0, 0.0) or spec.affine.identity_at_start
        outcome = spec.outcome if plain else "scaled" if spec.affine.bias else "scaled_only"
        head(say(f"forward_page.title_{outcome}", name=c.name), say(f"forward_page.{lead}"))
    try:
        with picture, st.spinner(say("agree.loading")):
            x = cached.tensor(source, images)
            what = pass_of(c, gamma=gamma, beta=beta, evaluating=mode == "eval")
            done = cached.forward(source, what, images)
    except ValueError as problem:
        failed(c, problem, picture)
        return

    found = cached.distributions(source, what, spec, SHOWN, done)
    with picture:
        figure = ridge(found, words=section(c.lang, "ridge"), axes=c.axes, overall=by == "overall")
        chart(figure, "ridge")
        show_maps(c, source, images, done)
        with st.container(key="nv-check", gap="xsmall"):
            agreement(c, done)
            disturbance(c, done)
            if done.running:
                st.markdown(say("forward_page.trained", batches=cached.BATCHES, momentum=cached.MOMENTUM))
            caption(c, source, count=len(images))
            credit(c, source)
            notes = [say("forward_page.more_sets", shown=len(found.rows), sets=f"{found.sets:,}")]
            before, after = (f"{n:,}" for n in found.outside)
            if any(found.outside):
                notes.append(say("forward_page.outside", before=before, after=after))
            if not c.method.evaluating:
                batch = across_batch(spec) is not None
                notes.append(say("forward_page.batch_only" if batch else "forward_page.same", name=c.name))
            if spec.corrected:
                notes.append(say("forward_page.corrected"))
            st.caption(c.prose(notes))
    st.subheader(say("forward_page.steps", cell=in_brackets(c.cell)), anchor=False)
    show_steps(c, lines(spec, layout=c.layout), cached.worked(source, spec, gamma, beta, x, done.running))
    with st.expander(say("forward_page.table"), icon=":material/table:"):
        show_table(c, cached.distributions(source, what, spec, MOST, done), c.axes, c.shape)


def _slider(c: Choices, key: str, start: float) -> float:
    label = c.say(f"forward_page.{key}")
    return number(key, label, start, -3.0, 3.0, lang=c.lang, slider=True, step=0.1, width=320)
