"""What the topic of weights says below its pictures: where the rules sit, why torch starts so, what gradients do."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from normviz.spec import Spec
from normviz.text.lookup import section
from normviz.ui import cached_weights as cached
from normviz.ui.cached import Source
from normviz.ui.choices import Choices
from normviz.ui.numbers import plain, scientific
from normviz.ui.weights_view import place_name
from normviz.weights import Gradients, Outputs, Split, Standardized, lengths

#: What follows for outputs and gradients, or why it could not be computed.
Followed = tuple[Outputs, Gradients] | ValueError


def kernel_problem(c: Choices, problem: ValueError) -> str:
    """Why there is no such kernel, in the visitor's language where the reason has words of its own."""
    code, details = getattr(problem, "code", ""), getattr(problem, "details", {})
    reasons = section(c.lang, "kernel_error")
    if code in reasons:
        return reasons[code].format(**details)
    return c.say("error.pass", reason=str(problem))


def say_accuracy(c: Choices, source: Source) -> None:
    """How well the network around a trained kernel reads."""
    if source.kind != "trained":
        return
    learned = cached.learned(source)
    numbers = {
        "epochs": learned.epochs,
        "accuracy": f"{100 * learned.accuracy:.1f}",
        "held": f"{learned.held:,}",
        "chance": f"{100 * learned.chance:.0f}",
    }
    st.caption(c.say("weights_page.accuracy", **numbers))


def say_by_hand(
    c: Choices, setting: cached.Setting, done: Split, other: Standardized, followed: Followed
) -> None:
    """What a kernel of length 0, and one of a single weight, come to."""
    first = np.take(other.w, 0, 0)
    if lengths(done.v, done.dim)[setting.place] == 0:
        count = int(np.isnan(np.take(done.w, setting.place, done.dim)).sum())
        loss = "NaN" if isinstance(followed, ValueError) else plain(followed[1].loss)
        words = c.say("weights_page.zero", count=f"{count:,}", loss=loss)
        if done.dim == 0:
            value = plain(float(np.take(other.w, setting.place, 0).flat[0]))
            words = c.prose([words, c.say("weights_page.zero_standard", value=value)])
        st.warning(words, icon=":material/warning:")
    if first.size == 1:
        st.info(c.say("weights_page.lone", value=plain(float(first.flat[0]))), icon=":material/info:")


def show_notes(c: Choices, done: Split, followed: Followed) -> None:
    """Three cards: where the rules sit, why torch starts with w = v, and what the gradient does."""
    if isinstance(followed, ValueError):
        limits = getattr(followed, "details", {})
        words = c.say("weights_page.too_large", **limits) if limits else kernel_problem(c, followed)
        st.info(words, icon=":material/info:")
        return
    outputs, found = followed
    columns = st.columns(3, gap="small")
    with columns[0].container(border=True, height="stretch", key="nv-step-where"):
        _where(c, done, outputs)
    with columns[1].container(border=True, height="stretch", key="nv-step-why"):
        _why(c, done, outputs)
    with columns[2].container(border=True, height="stretch", key="nv-step-gradient"):
        st.markdown(f"**{c.say('weights_page.gradient')}**")
        st.latex(
            r"\frac{\partial L}{\partial v}=\frac{g}{\|v\|}\Bigl(\frac{\partial L}{\partial w}"
            r"-\frac{\partial L}{\partial g}\frac{v}{\|v\|}\Bigr)",
            width="content",
        )
        numbers = {
            "radial": scientific(found.radial),
            "plain": f"{100 * found.plain_most:.0f}",
            "g": scientific(found.g),
            "projection": scientific(found.projection),
            "gap": scientific(found.gap),
            "grown": scientific(found.stepped - found.length),
            "predicted": scientific(found.predicted - found.length),
        }
        known = math.isfinite(found.loss)
        for line in ("gradient_v", "gradient_g", "gradient_step") if known else ("gradient_none",):
            st.markdown(c.say(f"weights_page.{line}", **numbers))
        st.caption(c.say("weights_page.gradient_input", count=found.count, loss=plain(found.loss)))


def _where(c: Choices, done: Split, outputs: Outputs) -> None:
    numbers = {
        "count": outputs.count,
        "difference": scientific(outputs.alone),
        "output": c.cell[0],
        "ratio": plain(outputs.weight_norm),
        "standardized": plain(outputs.standardized),
    }
    st.markdown(f"**{c.say('weights_page.where')}**")
    layer = "conv" if len(c.shape) == 4 else "linear"
    st.latex(
        rf"v,\,g \;\longrightarrow\; w=\frac{{g\,v}}{{\|v\|}} \;\longrightarrow\; y=\mathrm{{{layer}}}(x,w)",
        width="content",
    )
    # A kernel of zeros spreads nothing, so there is no ratio to tell.
    scales = ("where_scale",) if math.isfinite(outputs.weight_norm + outputs.standardized) else ()
    alone = f"where_alone{_reach(done, outputs.alone)}"
    for line in ("where_text", alone, *scales):
        st.markdown(c.say(f"weights_page.{line}", **numbers))
    st.caption(c.say("weights_page.where_input", count=outputs.count))


def _why(c: Choices, done: Split, outputs: Outputs) -> None:
    st.markdown(f"**{c.say('weights_page.why')}**")
    st.latex(r"g=\|v\| \;\Rightarrow\; w=\frac{\|v\|\,v}{\|v\|}=v", width="content")
    missing = int(np.isnan(done.w).sum())
    numbers = {"difference": scientific(done.start), "count": f"{missing:,}", "all": f"{done.w.size:,}"}
    st.markdown(c.say(f"weights_page.why_identity{_reach(done, done.start)}", **numbers))
    if not math.isfinite(outputs.unit):
        return
    words = c.say("weights_page.why_flax", output=c.cell[0], ratio=plain(outputs.unit))
    if done.dim == 0:
        length = float(lengths(done.v, 0)[c.cell[0]])
        expected = plain(1 / length)
        words = c.prose([words, c.say("weights_page.why_expected", length=plain(length), expected=expected)])
    st.markdown(words)


def _reach(done: Split, difference: float) -> str:
    """Which sentence tells a largest difference: where w has NaN, it is one over the other cells, or over none."""
    if math.isnan(difference):
        return "_none"
    return "_partly" if np.isnan(done.w).any() else ""


def show_conventions(c: Choices, source: Source, spec: Spec, setting: cached.Setting) -> None:
    """The ways to write Weight Standardization, on this kernel."""
    with st.expander(c.say("weights_page.conventions"), icon=":material/rule:"):
        st.markdown(c.say("weights_page.conventions_lead", place=place_name(c, 0)))
        ways = cached.conventions(source, spec, setting, c.cell[0])
        rows = [
            (
                c.say(f"weights_page.way_{way.key}", eps=scientific(way.eps)),
                scientific(way.difference),
                plain(way.length),
                plain(way.cosine),
                f"{way.nonfinite:,}",
            )
            for way in ways
        ]
        names = ("way", "way_difference", "way_length", "way_cosine", "way_nonfinite")
        titles = [c.say(f"weights_page.{name}") for name in names]
        lines = [titles, ["---"] + ["---:"] * 4, *rows]
        st.markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))
        for way in ways:
            if way.refusal:
                st.markdown(c.say("weights_page.refused", refusal=way.refusal.rstrip(".")))
