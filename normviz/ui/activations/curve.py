"""The curves and their derivatives over the real inputs, and what one activation is: formula, range, paper."""

from __future__ import annotations

import streamlit as st

from normviz.figures.activation import curves
from normviz.text.lookup import section
from normviz.ui.activations.choice import Chosen
from normviz.ui.activations.shown import Shown
from normviz.ui.cached_activations import stages
from normviz.ui.choices import Choices
from normviz.ui.parts import chart


def show_curves(shown: Shown) -> None:
    """Every chosen activation over the values that reach it, which are the same for all."""
    into = stages(shown.source, shown.pair(shown.chosen[0]), shown.images).into
    items = [(each.entry, each.knobs, each.name) for each in shown.chosen]
    chart(curves(items, words=section(shown.c.lang, "activation_figure"), x=into), "act-curves")


def show_rule(c: Choices, one: Chosen) -> None:
    """The formula, its derivative, the range, what it is known for, and where it comes from."""
    entry, paper = one.entry, one.entry.paper
    st.markdown(f"**{one.name}**{c.say('act_page.colon')}{c.say(f'activation.{one.key}.what')}")
    # What both formulas abbreviate stands once.
    lines = dict.fromkeys(part for formula in entry.formulas(**one.knobs) for part in broken(formula))
    aligned = r" \\[8pt] ".join(f"&{line}" for line in lines)
    st.latex(rf"\begin{{aligned}}{aligned}\end{{aligned}}", width="content")
    limits = entry.limits(**one.knobs)
    st.markdown(c.say("act_page.range", range=limits.latex))
    said = {"title": paper.title, "authors": paper.authors, "year": paper.year, "url": paper.url}
    st.caption(c.say("act_page.paper", **said))


def broken(line: str) -> tuple[str, ...]:
    r"""A formula over several lines: what it approximates, and what its letters mean, stand below it.

    >>> broken(r"f(x) = x\,\Phi(x) \approx x")
    ('f(x) = x\\,\\Phi(x)', '\\approx x')
    """
    parts = []
    for part in line.replace(r",\quad", r"\qquad").split(r"\qquad"):
        start, sign, rest = part.partition(r" \approx ")
        parts += [start, rf"\approx {rest}"] if sign and "=" in start else [part]
    return tuple(part.strip() for part in parts)
