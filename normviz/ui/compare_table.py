"""The comparison table: methods side by side, a row a claim, each with links to the views that show it.

What a Spec can answer is computed for the shape at hand (:mod:`normviz.comparison`); the rest is words. On a narrow
screen the same cells stand as one card a method.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from normviz import comparison
from normviz.catalogue import METHODS
from normviz.comparison import CLAIMS, STATED, Axis, Count
from normviz.comparison_links import View, views
from normviz.spec import StatSet
from normviz.text.lookup import words
from normviz.ui.choices import Choices
from normviz.ui.compare_choice import with_method
from normviz.ui.topics.table import topics_of

#: What a link takes along where it differs from its default: the choices of all pages, and those of the input.
SHARED = ("shape", "cell", "seed", "device", "dtype", "lang")
INPUT = ("input", "photo", "bank", "mean", "spread", "channel_shift", "channel_spread", "sample_shift")
RULES = Path(__file__).parents[2] / "assets" / "compare_table.css"


def show_table(c: Choices, keys: Sequence[str]) -> None:
    """The table of the methods with these keys, which must work on the tensor at hand.

    Drawn behind the pickers of the page, so that its links take along what they wrote.
    """
    st.html(RULES)
    st.subheader(c.say("comparison.title"), anchor=False)
    rows = {c.say(f"comparison.claim.{claim}"): claim for claim in CLAIMS}
    cells = {
        key: {label: cell(with_method(c, key), claim) for label, claim in rows.items()}
        for key in dict.fromkeys(keys)
    }
    titles = {key: _title(with_method(c, key)) for key in cells}
    with st.container(key="nv-claims-table"):
        table = {titles[key]: column for key, column in cells.items()}
        st.table(table, border="horizontal", alt=c.say("comparison.alt"))
    with st.container(key="nv-claims-cards"):
        for key, column in cells.items():
            with st.container(border=True, key=f"nv-claims-{key}"):
                st.subheader(titles[key], anchor=False)
                for label, text in column.items():
                    st.markdown(f"**{label}**  \n{text}")
    st.caption(c.say("comparison.note"))


def cell(c: Choices, claim: str) -> str:
    """What is claimed of the method at hand, in Markdown, and below it the links that show it."""
    if claim in STATED:
        text = words(c.lang).get(f"comparison.method.{c.method.key}.{claim}", "–")
    else:
        text = _DERIVED[claim](c)
    seen = [view for view in views(c.method, claim) if _there(c, view)]
    links = " · ".join(f"[→ {_escaped(_label(c, view))}]({address(c, view)})" for view in seen)
    return f"{text}  \n{links}" if links else text


def address(c: Choices, view: View) -> str:
    """The view of the method at hand as a link from this page, with what is chosen now."""
    own = dict(view.choices)
    keys = SHARED + (INPUT if view.page == "forward" else ())
    said = {key: st.query_params[key] for key in keys if key in st.query_params}
    if "shape" in own:
        said.pop("cell", None)
    said["method"] = c.method.key
    lengths = dict(zip(c.axes, c.shape, strict=True))
    for knob in c.method.knobs:
        value = c.knobs[knob.name]
        if value != knob.suited(knob.default, lengths):
            said[knob.name] = f"{value:.12g}" if isinstance(value, float) else str(value)
    if view.topic:
        said["topic"] = view.topic
    return f"./{view.page}?{urlencode(said | own)}"


def _there(c: Choices, view: View) -> bool:
    """Whether the forward page has that topic for the method."""
    return not view.topic or view.topic in topics_of(c.method)


def _label(c: Choices, view: View) -> str:
    if view.label:
        return c.say(f"comparison.view.{view.label}")
    return c.say(f"topic.{view.topic}" if view.topic else f"nav.{view.page}")


def _title(c: Choices) -> str:
    """The method's name, and the knobs that cut an axis."""
    cuts = [f"{knob.symbol} = {c.knobs[knob.name]}" for knob in c.method.knobs if knob.divides]
    return " · ".join([_escaped(c.name), *cuts])


def _principle(c: Choices) -> str:
    lines = [_along(c, shared, apart=len(c.spec.sets) == 1) for shared in c.spec.sets]
    return "  \n".join([c.who, *(lines or [c.say("comparison.axes.nothing")])])


def _along(c: Choices, shared: StatSet, apart: bool) -> str:
    """The axes along which a set reaches, and those along which sets lie side by side."""
    axes = comparison.reach(shared, c.shape)
    together, own = ([a for a in axes if (a.kind == "own") == alone] for alone in (False, True))
    if not together:
        return c.say("comparison.axes.nothing")
    lines = [c.say("comparison.axes.shared", axes=_axes(c, together))]
    if own and apart:
        lines.append(c.say("comparison.axes.separate", axes=_axes(c, own)))
    return "  \n".join(lines)


def _axes(c: Choices, axes: Sequence[Axis]) -> str:
    return c.say("comparison.axes.comma").join(_axis(c, axis) for axis in axes)


def _axis(c: Choices, axis: Axis) -> str:
    detail = c.say(f"axis.{axis.name}")
    if axis.kind in ("groups", "window"):
        detail = c.say(f"comparison.axes.{axis.kind}", name=detail, count=axis.count, size=axis.size)
    return c.say("comparison.axes.detail", axis=f"*{axis.name}*", detail=detail)


def _statistics(c: Choices) -> str:
    what = c.say(f"comparison.statistics.{c.spec.outcome}", parts=len(c.spec.parts))
    count = _count(comparison.statistics(c.method, c.spec, c.shape))
    return c.say("comparison.statistics.line", what=what, count=count)


def _learned(c: Choices) -> str:
    found, affine = comparison.learned(c.spec, c.shape), c.spec.affine
    kind = comparison.learned_kind(c.spec)
    numbers = {"count": _count(found, bold=not affine.bias), "total": f"{found.total * 2:,}"}
    text = c.say(f"comparison.learned.{kind}", **numbers)
    mixing = comparison.mixing(c.spec, c.shape)
    return f"{text}; {c.say('comparison.learned.mixing', count=mixing)}" if mixing else text


def _modes(c: Choices) -> str:
    kind = comparison.mode(c.method, c.spec)
    if kind == "buffers":
        then = METHODS[c.method.evaluating]
        return c.say(
            "comparison.modes.buffers", count=_count(comparison.statistics(then, then.spec(), c.shape))
        )
    return c.say(f"comparison.modes.{'weights' if kind == 'same' and c.weighs else kind}")


def _batch(c: Choices) -> str:
    kind = comparison.batch(c.spec, c.shape)
    size = comparison.other_samples(c.spec, c.shape) + 1
    samples = dict(zip(c.axes, c.shape, strict=True)).get("N", 0)
    return c.say(f"comparison.batch.{kind}", size=size, samples=samples)


def _paper(c: Choices) -> str:
    paper = c.method.paper
    return f"[{_escaped(paper.title)}]({paper.url})  \n{_escaped(paper.authors)}, {paper.year}"


_DERIVED = {
    "principle": _principle,
    "statistics": _statistics,
    "learned": _learned,
    "modes": _modes,
    "batch": _batch,
    "paper": _paper,
}


def _count(count: Count, bold: bool = True) -> str:
    """A count as it is made: *N*·*G* = 8·4 = **32**; a line may end before a sign, never behind it."""
    symbols = " +\u00a0".join("·".join(f"*{f.symbol}*" for f in term) or "1" for term in count.terms)
    numbers = " +\u00a0".join("·".join(f"{f.value:,}" for f in term) or "1" for term in count.terms)
    total = f"{count.total:,}"
    steps = [step for step in (symbols, numbers) if step != total]
    return " =\u00a0".join([*steps, f"**{total}**" if bold else total])


def _escaped(text: str) -> str:
    """Plain words in Markdown: brackets and stars mean nothing in them."""
    return "".join(f"\\{sign}" if sign in r"\`*_[]$~<>|#" else sign for sign in text)
