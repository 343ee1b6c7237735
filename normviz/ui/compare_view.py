"""The compare page's three parts: the cubes, what the methods make of one input, and what holds between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from normviz.figures.overlay import COLOURS, Outcomes, overlay
from normviz.layouts import arrangement, cells
from normviz.records import Forward, Tensor
from normviz.relations import Relation
from normviz.text.lookup import section
from normviz.ui.choices import Choices
from normviz.ui.controls import remember, remembered
from normviz.ui.cube import Colour, Cube, cube, limit_of
from normviz.ui.cube_payload import valid_look
from normviz.ui.cube_view import cube_of
from normviz.ui.numbers import plain, scientific
from normviz.ui.parts import agreement, chart
from normviz.ui.pinned import CUBE

#: Values sent to the browser for all cubes together: 4 bytes each.
SENT = 2**20


def name_of(c: Choices) -> str:
    """The method's name, with the knobs that decide which cells share: "Group Norm · G = 4"."""
    knobs = [k for k in c.method.knobs if k.shown and not isinstance(k.default, float)]
    said = [f"{_letters(k.symbol)} = {c.knobs[k.name]}" for k in knobs]
    return " · ".join((c.name, *said))


def values_sent(colour: Colour, c: Choices, methods: int) -> int:
    """How many values the browser would be sent: the input once, or every method's result."""
    return {"before": 1, "after": methods}.get(colour, 0) * cells(c.shape)


def show_cubes(chosen: Sequence[Choices], colour: Colour, x: Tensor, done: Mapping[str, Forward]) -> None:
    """The methods as cubes with one camera and one lit cell, values of before and after on one scale."""
    c = chosen[0]
    look = remembered("look", valid_look, "")
    cube(
        [_cube(one, colour, x, done, k) for k, one in enumerate(chosen)],
        axes=tuple(zip(c.axes, c.shape, strict=True)),
        arrangement=arrangement(c.layout)[1],
        colour=colour,
        words=section(c.lang, "cube"),
        key=CUBE,
        cell=c.cell,
        look=look,
        limit=limit_of(x) if colour in ("before", "after") else None,
    )
    remember("look", look, "")


def _cube(c: Choices, colour: Colour, x: Tensor, done: Mapping[str, Forward], number: int) -> Cube:
    made = done.get(c.method.key)
    values = {"before": x, "after": made.y if made else None}.get(colour)
    count = c.spec.statistic_count(c.shape)
    kind = "set" if c.spec.sets else "buffer"
    who = c.who
    note = c.say(f"compare_page.{kind}_one" if count == 1 else f"compare_page.{kind}s", count=f"{count:,}")
    return replace(
        cube_of(c, x, values, made.running if made else None),
        title=name_of(c),
        subtitle=who[:1].upper() + who[1:],
        note=note,
        swatch=COLOURS[number],
    )


def show_outcomes(
    c: Choices, chosen: Sequence[Choices], found: Outcomes, done: Mapping[str, Forward]
) -> None:
    """The histograms, and for every method whether torch's layer and the reference agree."""
    figure = overlay(found, [name_of(one) for one in chosen], words=section(c.lang, "overlay"))
    chart(figure, "overlay")
    with st.container(key="nv-check", gap="xsmall"):
        for one in chosen:
            agreement(one, done[one.method.key])
    st.caption(c.prose(_notes(c, chosen, found)))


def _notes(c: Choices, chosen: Sequence[Choices], found: Outcomes) -> list[str]:
    """Whose knobs are chosen above, and how many values lie beyond the shared axis."""
    among = any(one.method.key == c.method.key for one in chosen)
    notes = [c.say("compare_page.knobs" if among else "compare_page.knobs_apart", name=c.name)]
    outside = {"before": found.before.outside, "after": sum(one.outside for one in found.after)}
    if any(outside.values()):
        notes.append(c.say("compare_page.outside", **{k: f"{n:,}" for k, n in outside.items()}))
    return notes


def show_relations(c: Choices, found: Sequence[Relation]) -> None:
    """Every statement with a mark, and beneath it what was found on this input."""
    for one in found:
        claim = c.say(f"relation.{one.key}", **_written(one.numbers))
        mark = {True: ":green[:material/check_circle:]", False: ":red[:material/cancel:]"}
        icon = mark[one.holds] if one.holds is not None else ":orange[:material/help:]"
        with st.container(key=f"nv-relation-{one.key}"):
            st.markdown(f"{icon} **{claim}**  \n{' '.join(_evidence(c, one))}")
    st.caption(c.say("compare_page.relations_note", seed=c.seed))


def _evidence(c: Choices, one: Relation) -> list[str]:
    """What was found: whether the sets are the same, the largest difference, and what the statement adds."""
    numbers = _written(one.numbers)
    sets = {"sets": one.sets[0], "size": one.sizes[0], "other_sets": one.sets[1], "other_size": one.sizes[1]}
    said = [c.say("relation.same" if one.same_sets else "relation.differ", **_written(sets))]
    if one.refusal:
        said.append(c.say("relation.refused", layer=one.layer, refusal=one.refusal))
    elif np.isnan(one.difference):
        said.append(c.say("relation.nothing_finite"))
    else:
        key = "difference" if one.holds else "far"
        words = section(c.lang, "relation")
        own = words.get(f"{one.key}_{key}", words[key])
        said.append(own.format(difference=_size(one.difference)))
    if one.disagreements:
        said.append(c.say("relation.disagreements", count=f"{one.disagreements:,}"))
    if one.holds and one.numbers:
        more = f"relation.{one.key}_more"
        if not np.isnan(one.left):
            alike = one.numbers["layer"] == one.numbers["group"]
            more = f"relation.{one.key}_{'alike' if alike else 'more'}"
        said.append(c.say(more, **numbers, left=_size(one.left)))
    return said


def _size(value: float) -> str:
    """A difference: one that can be seen in plain digits, one of rounding with its power of ten."""
    return plain(value) if value > 1e-3 else scientific(value)


def _written(numbers: Mapping[str, int]) -> dict[str, str]:
    return {name: f"{n:,}" for name, n in numbers.items()}


def _letters(symbol: str) -> str:
    r"""A knob's symbol outside formulas.

    >>> _letters(r"\mathrm{shape}"), _letters("G")
    ('shape', 'G')
    """
    return symbol.removeprefix(r"\mathrm{").removesuffix("}")
