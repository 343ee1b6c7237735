"""The four steps on a real tensor: before and after, training and evaluating, checked against torch."""

import streamlit as st

from normviz.catalogue import METHODS
from normviz.figures.ridge import ridge
from normviz.formula import lines
from normviz.layouts import layout_of
from normviz.text.lookup import section
from normviz.ui import cached
from normviz.ui.choices import Choices, spoken
from normviz.ui.controls import number, pick
from normviz.ui.inputs import choose_input
from normviz.ui.parts import agreement, caption, credit, disturbance, head, pass_of
from normviz.ui.set_table import MOST, show_table
from normviz.ui.steps import show_steps

SHOWN = 8

c: Choices = st.session_state["choices"]
say = c.say
top = st.container()
controls = st.container(horizontal=True, vertical_alignment="center", key="nv-controls")
with controls:
    mode = "train"
    if c.method.evaluating:
        names = {k: say(f"forward_page.{k}") for k in ("train", "eval")}
        mode = pick("mode", say("forward_page.mode"), tuple(names), "train", lang=c.lang, names=names, label_visibility="collapsed")
    rows = {k: say(f"forward_page.{k}") for k in ("by_set", "overall")}
    by = pick("rows", say("forward_page.rows"), tuple(rows), "by_set", lang=c.lang, names=rows, label_visibility="collapsed")
if not c.method.evaluating:
    st.caption(say("forward_page.same", name=c.name))
source, images = choose_input(c)
shown = METHODS[c.method.evaluating] if mode == "eval" else c.method
spec = shown.spec(**c.knobs)
with top:
    lead = "lead_overall" if by == "overall" else "lead_sets"
    head(say(f"forward_page.title_{spec.outcome}", name=c.name), say(f"forward_page.{lead}"))
picture = st.container()
gamma, beta = 1.0, 0.0
with st.container(horizontal=True, key="nv-affine"):
    if spec.affine.weight:
        gamma = number("gamma", say("forward_page.gamma"), 1.0, -3.0, 3.0, lang=c.lang, slider=True, step=0.1, width=320)
    if spec.affine.bias:
        beta = number("beta", say("forward_page.beta"), 0.0, -3.0, 3.0, lang=c.lang, slider=True, step=0.1, width=320)
    if not spec.affine.weight:
        st.caption(say("forward_page.no_affine", name=c.name))
try:
    with picture, st.spinner(say("agree.loading")):
        x = cached.tensor(source, images)
        what = pass_of(c, gamma=gamma, beta=beta, evaluating=mode == "eval")
        done = cached.forward(source, what, images)
except ValueError as problem:
    picture.error(say("error.pass", reason=str(problem)), icon=":material/error:")
    st.stop()

found = cached.distributions(source, what, spec, SHOWN, done)
with picture:
    figure = ridge(found, words=section(c.lang, "ridge"), axes=c.axes, overall=by == "overall")
    st.plotly_chart(figure, theme="streamlit", width="stretch", config={"displayModeBar": False}, key="ridge")
    with st.container(key="nv-check", gap="xsmall"):
        agreement(c, done)
        disturbance(c, done)
        if done.running:
            st.markdown(say("forward_page.trained", batches=20, momentum=0.1))
        caption(c, source, count=len(images))
        credit(c, source)
        if by != "overall" and found.sets > len(found.rows):
            st.caption(say("forward_page.more_sets", shown=len(found.rows), sets=f"{found.sets:,}"))
        if any(found.outside):
            before, after = (f"{n:,}" for n in found.outside)
            st.caption(say("forward_page.outside", before=before, after=after))
st.subheader(say("forward_page.steps", cell=f"({', '.join(map(str, c.cell))})"), anchor=False)
show_steps(c, lines(spec, layout=layout_of(c.shape)), cached.worked(source, spec, gamma, beta, x, done.running))
with st.expander(say("forward_page.table"), icon=":material/table:"):
    show_table(c, cached.distributions(source, what, spec, MOST, done), c.axes, c.shape)
