"""Pieces that several pages show: the head, a row of buttons, a chart, the agreement with torch, the caption."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz import records
from normviz.figures.theme import CONFIG
from normviz.ui.cached import Pass, Source, device_name, second
from normviz.ui.choices import Choices
from normviz.ui.controls import pick
from normviz.ui.numbers import plain, scientific, spoken

#: Two results of one dtype agree when they differ by less than this.
TOLERANCE = {"float32": 1e-3, "float64": 1e-9}


def head(title: str, lead: str) -> None:
    """The page's answer and at most one sentence more."""
    with st.container(key="nv-lead"):
        st.title(title, anchor=False)
        st.markdown(lead)


def controls() -> DeltaGenerator:
    """The row of a page's own controls, below its answer."""
    return st.container(horizontal=True, vertical_alignment="center", key="nv-controls")


def choose(
    c: Choices,
    key: str,
    options: Sequence[str],
    words: str,
    *,
    label: str = "",
    link: str = "",
    collapsed: bool = True,
    **look: Any,
) -> str:
    """One of ``options``, the first by default, as a row of buttons; ``words`` is where the words of each begin.

    Its label is the words' ``key``, or ``label``; its name in the link is the key, or ``link``.
    """
    if collapsed:
        look["label_visibility"] = "collapsed"
    names = {option: c.say(f"{words}{option}") for option in options}
    said = c.say(label or f"{words}{key}")
    return pick(link or key, said, options, options[0], lang=c.lang, names=names, **look)


def chart(figure: Any, key: str) -> None:
    """A figure as wide as there is room, in the page's colours."""
    st.plotly_chart(figure, theme="streamlit", width="stretch", config=CONFIG, key=key)


def failed(c: Choices, problem: ValueError, place: DeltaGenerator | None = None) -> None:
    """Why there is nothing to show."""
    (place or st).error(c.say("error.pass", reason=str(problem)), icon=":material/error:")


def checked(fine: bool, yes: str, no: str) -> None:
    """What two results agree in, with a green mark; in red where they do not."""
    if fine:
        st.markdown(f":green[:material/check_circle:] {yes}")
    else:
        st.error(no, icon=":material/report:")


def rounding(dtype: str, y: npt.NDArray[Any]) -> float:
    """How far two results of this dtype may be apart: rounding grows with the values themselves."""
    finite = y[np.isfinite(y)]
    return TOLERANCE[dtype] * max(1.0, float(np.abs(finite).max()) if finite.size else 1.0)


def decimals(names: Iterable[str], places: int = 5) -> dict[str, Any]:
    """How a table writes these columns."""
    return dict.fromkeys(names, st.column_config.NumberColumn(format=f"%.{places}f"))


def lead_numbers(c: Choices) -> str:
    """How many cells share, and how many statistics there are."""
    size = c.spec.sets[0].size(c.shape, c.cell) if c.spec.sets else 0
    sets = c.spec.statistic_count(c.shape)
    return c.say("lead.alone" if size == 1 else f"lead.{c.spec.outcome}", size=f"{size:,}", sets=f"{sets:,}")


def agreement(c: Choices, done: records.Forward) -> None:
    """Whether torch's layer and the reference agree, with the largest difference; in red where they do not."""
    if done.refusal:
        st.warning(
            c.say("agree.refused", layer=done.layer, refusal=done.refusal.rstrip(".")),
            icon=":material/warning:",
        )
        return
    apart = done.difference64 > TOLERANCE["float64"] or done.difference > rounding(done.dtype, done.y)
    largest = scientific(max(done.difference, done.difference64))
    no = c.say("agree.no", layer=done.layer, difference=largest, count=f"{done.disagreements:,}")
    numbers = {"difference": scientific(done.difference), "difference64": scientific(done.difference64)}
    yes = c.say("agree.yes", layer=done.layer, **numbers)
    if not c.method.own_layer:
        yes += c.say("agree.stand_in", name=c.name)
    checked(not (done.disagreements or apart), yes, no)


def caption(c: Choices, source: Source, *, count: int = 0) -> None:
    """What the input is, its seed, dtype and device; and the second one, where there is one."""
    channels = c.channels if "C" in c.axes else 0
    bank = c.say(f"bank.{source.bank}_note", channels=channels, seed=source.sample.seed)
    words = c.say(
        f"caption.{source.kind}",
        shape=spoken(c.shape),
        seed=source.sample.seed,
        dtype=c.dtype,
        device=device_name(c.device),
        photo=c.say(f"input.{source.photo}") if source.photo else "",
        bank=bank,
        count=count,
    )
    if source.disturb != "none":
        words = c.prose([words, c.say("caption.disturbed", what=c.say(f"disturb.{source.disturb}"))])
    if c.spec.second:
        other = second(source)
        photo = c.say(f"input.{other.photo}") if other.photo else ""
        words = c.prose([words, c.say(f"caption.second_{other.kind}", seed=other.sample.seed, photo=photo)])
    st.caption(words)


def credit(c: Choices, source: Source) -> None:
    """Whom the photograph is by, and which filters made the channels."""
    if source.kind not in ("photo", "upload"):
        return
    from normviz.nets.filters import describe
    from normviz.nets.photographs import PHOTOGRAPHS

    names = ", ".join(describe(source.bank, c.channels))
    words = c.say("bank.channels", names=names)
    if source.photo:
        photo = PHOTOGRAPHS[source.photo]
        said = {"file": photo.file, "author": photo.author, "licence": photo.licence}
        words = c.say("input.credit", **said) + " " + words
    st.caption(words)


def disturbance(c: Choices, done: records.Forward) -> None:
    """What a NaN, an Inf or a constant set did, counted in the result."""
    if c.disturb == "none":
        return
    if c.disturb == "constant" and not c.spec.sets:
        return
    if c.disturb == "constant":
        value = plain(float(done.y[c.cell]))
        # Only a variance becomes 0: a root mean square, a length, a response do not.
        note = "note_constant" if c.spec.centred else "note_alike"
        st.info(c.say(f"disturb.{note}", value=value), icon=":material/science:")
        return
    reached = int((~np.isfinite(done.y)).sum())
    st.info(c.say(f"disturb.note_{c.disturb}", count=f"{reached:,}"), icon=":material/science:")


def pass_of(c: Choices, **more: float | bool) -> Pass:
    """The pass that the shared choices ask for."""
    return Pass(c.method.key, tuple(c.knobs.items()), device=c.device, dtype=c.dtype, **more)  # type: ignore[arg-type]


def default_source(c: Choices) -> Source:
    """The random tensor of the shared choices; for what works on weights, a new layer's."""
    constant = c.spec if c.disturb == "constant" else None
    kind = "initial" if c.weighs else "random"
    return Source(kind, c.shape, c.sample, disturb=c.disturb, cell=c.cell, spec=constant)


def changes(c: Choices) -> tuple[str, ...]:
    """What was put in by hand, as lines of Python that do the same to ``x``."""
    values = {"nan": "torch.nan", "inf": "torch.inf"}
    if c.disturb in values:
        return (f"x[{', '.join(map(str, c.cell))}] = {values[c.disturb]}",)
    if c.disturb != "constant":
        return ()
    place = f"[{', '.join(map(str, c.cell))}]"
    boxes = (shared.box(c.shape, c.cell) for shared in c.spec.sets)
    return tuple(f"x[{', '.join(f'{s.start}:{s.stop}' for s in box)}] = x{place}.clone()" for box in boxes)
