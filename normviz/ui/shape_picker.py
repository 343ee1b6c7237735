"""The tensor's layout and lengths, within the budget of cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from normviz.catalogue import METHODS
from normviz.layouts import ACTIVATIONS, WEIGHTS, cells, layout_of
from normviz.methods import Method
from normviz.ui.controls import remember, remembered
from normviz.ui.language import speaker
from normviz.ui.numbers import read_lengths, spoken, written

BUDGET = 2**21
LONGEST = 4096
DEFAULT_SHAPES: Mapping[str, tuple[int, ...]] = {
    "NCHW": (8, 12, 4, 4),
    "NLC": (4, 10, 16),
    "NC": (12, 24),
    "OIHW": (12, 8, 3, 3),
    "OI": (12, 24),
}
#: Where pictures are looked at: maps large enough to be seen.
MAPS_SHAPE = (8, 12, 32, 32)
#: How many of the methods that have a layout are named.
SOME = 3
#: For whom the shape was last shown: a layout that does not fit is an error only where the method stayed.
OF = "shape/of"


@dataclass(frozen=True)
class Shaped:
    """The shape to show, its layout, and what was asked for in vain: a shape over the budget, another layout."""

    shape: tuple[int, ...]
    layout: str
    #: What is shown until another shape is chosen.
    default: tuple[int, ...]
    #: Under which name the session keeps it.
    kept: str
    #: Whether it is a page that shows pictures of feature maps and nothing else.
    maps: bool = False
    refused: tuple[int, ...] | None = None
    misfit: str = ""


def read_shape(text: str, layouts: tuple[str, ...] = ACTIVATIONS) -> tuple[int, ...] | None:
    """The shape that a link names, within the budget and of one of these layouts; else None."""
    shape = read_lengths(text)
    fits = shape and layout_of(shape, layouts) and max(shape) <= LONGEST and cells(shape) <= BUDGET
    return shape if fits else None


def shape_now(lang: str, method: Method, maps: bool = False) -> Shaped:
    """The shape to show with this method.

    Read from the widgets before they are drawn, so that everything above and below them shows the same shape.
    Activations and weights each keep a shape of their own, and so does a method that cannot show the one of its kind.
    A page of ``maps`` has one of its own for all methods, even those that work on weights.
    """
    layouts = ("NCHW",) if maps else method.layouts
    default = MAPS_SHAPE if maps else DEFAULT_SHAPES[layouts[-1]]
    by_rank = {len(layout): layout for layout in layouts}
    names = ("shape.maps",) if maps else (f"shape.{layouts[-1]}", f"shape.{'.'.join(layouts)}")
    for kept in names:
        start = remembered("shape", partial(read_shape, layouts=layouts), default, under=kept)
        if len(start) in by_rank:
            break
    layout = by_rank[len(start)]
    misfit = ""
    if not maps:
        # The widget's layout counts where the method stayed; another one brings its own.
        stayed = st.session_state.get(OF, method.key) == method.key
        asked_layout = (stayed and st.session_state.get(f"layout/{lang}")) or _linked_layout() or layout
        misfit = asked_layout if asked_layout not in layouts else ""
        if asked_layout in layouts and asked_layout != layout:
            layout, start = asked_layout, DEFAULT_SHAPES[asked_layout]
    asked = tuple(
        int(st.session_state.get(axis_key(layout, a, lang, maps)) or n)
        for a, n in zip(layout, start, strict=True)
    )
    st.session_state[OF] = method.key
    if cells(asked) > BUDGET:
        return Shaped(start, layout, default, kept, maps, asked, misfit)
    return Shaped(asked, layout, default, kept, maps, None, misfit)


def pick_shape(shaped: Shaped, lang: str) -> None:
    """The layout and the length of every axis; a tensor over the budget is refused and the last one stays."""
    say = speaker(lang)
    layout = shaped.layout
    with st.popover(spoken(shaped.shape), icon=":material/deployed_code:", key="nv-shape"):
        if not shaped.maps:
            _pick_layout(layout, lang)
        for axis, length in zip(layout, shaped.refused or shaped.shape, strict=True):
            st.number_input(
                f"{axis}: {say(f'axis.{axis}')}",
                1,
                LONGEST,
                length,
                key=axis_key(layout, axis, lang, shaped.maps),
            )
        st.caption(say("frame.shape_help", budget=f"{BUDGET:,}", longest=f"{LONGEST:,}"))
    remember("shape", shaped.shape, shaped.default, under=shaped.kept, written=written(shaped.shape))


def _pick_layout(layout: str, lang: str) -> None:
    order = (*reversed(ACTIVATIONS), *reversed(WEIGHTS))
    key = f"layout/{lang}"
    shown: dict[str, Any] = {"index": order.index(layout)}
    if st.session_state.get(key, layout) != layout:
        st.session_state[key], shown = layout, {}
    st.selectbox(
        speaker(lang)("frame.layout"),
        order,
        format_func=lambda name: layout_name(name, lang),
        key=key,
        **shown,
    )


def layout_name(layout: str, lang: str) -> str:
    """What a layout is, with the names of its axes."""
    return f"{speaker(lang)(f'layout.{layout}')} ({', '.join(layout)})"


def axis_key(layout: str, axis: str, lang: str, maps: bool = False) -> str:
    """The key of the widget of an axis's length."""
    return f"{'maps.' if maps else ''}{layout}.{axis}/{lang}"


def complain(shaped: Shaped, method: Method, lang: str) -> None:
    """Say what was asked for in vain."""
    say = speaker(lang)
    if shaped.refused:
        asked = shaped.refused
        numbers = {"shape": spoken(asked), "cells": f"{cells(asked):,}", "budget": f"{BUDGET:,}"}
        st.error(say("frame.over_budget", **numbers), icon=":material/error:")
    if shaped.misfit:
        able = [key for key, other in METHODS.items() if shaped.misfit in other.layouts]
        words = {
            "name": say(f"method.{method.key}.name"),
            "works": "; ".join(layout_name(layout, lang) for layout in reversed(method.layouts)),
            "layout": layout_name(shaped.misfit, lang),
            "methods": ", ".join(say(f"method.{key}.name") for key in able[:SOME]),
        }
        st.error(say("frame.misfit", **words), icon=":material/error:")


def _linked_layout() -> str:
    """The layout that a link asks for by name; the rank of its shape says it otherwise."""
    said = remembered("layout", lambda text: text if text in DEFAULT_SHAPES else None, "")
    st.session_state["chosen/layout"] = ""
    return said
