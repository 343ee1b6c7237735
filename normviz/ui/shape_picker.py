"""The tensor's layout and lengths, within the budget of cells."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from normviz.layouts import ACTIVATIONS, cells, layout_of
from normviz.ui.controls import remember, remembered
from normviz.ui.language import speaker
from normviz.ui.numbers import read_lengths, spoken, written

BUDGET = 2**21
LONGEST = 4096
DEFAULT_SHAPES: Mapping[str, tuple[int, ...]] = {"NCHW": (8, 12, 4, 4), "NLC": (4, 10, 16), "NC": (12, 24)}


def _shape(text: str) -> tuple[int, ...] | None:
    shape = read_lengths(text)
    fits = shape and layout_of(shape) and max(shape) <= LONGEST and cells(shape) <= BUDGET
    return shape if fits else None


def shape_now(lang: str) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """The shape to show, and the one that was asked for where it is over the budget.

    Read from the widgets before they are drawn, so that everything above and below them shows the same shape.
    """
    shape = remembered("shape", _shape, DEFAULT_SHAPES["NCHW"])
    layout = st.session_state.get(f"layout/{lang}") or layout_of(shape)
    start = shape if layout == layout_of(shape) else DEFAULT_SHAPES[layout]
    asked = tuple(
        int(st.session_state.get(axis_key(layout, a, lang)) or n) for a, n in zip(layout, start, strict=True)
    )
    return (start, asked) if cells(asked) > BUDGET else (asked, None)


def pick_shape(shape: tuple[int, ...], refused: tuple[int, ...] | None, lang: str) -> None:
    """The layout and the length of every axis; a tensor over the budget is refused and the last one stays."""
    say = speaker(lang)
    names = {a: f"{say(f'layout.{a}')} ({', '.join(a)})" for a in reversed(ACTIVATIONS)}
    layout = layout_of(shape)
    with st.popover(spoken(shape), icon=":material/deployed_code:", key="nv-shape"):
        order = tuple(names)
        place = order.index(layout)
        st.selectbox(say("frame.layout"), order, place, format_func=names.__getitem__, key=f"layout/{lang}")
        for axis, length in zip(layout, refused or shape, strict=True):
            st.number_input(
                f"{axis}: {say(f'axis.{axis}')}", 1, LONGEST, length, key=axis_key(layout, axis, lang)
            )
        st.caption(say("frame.shape_help", budget=f"{BUDGET:,}", longest=f"{LONGEST:,}"))
    remember("shape", shape, DEFAULT_SHAPES["NCHW"], written=written(shape))


def axis_key(layout: str, axis: str, lang: str) -> str:
    """The key of the widget of an axis's length."""
    return f"{layout}.{axis}/{lang}"


def refuse(shape: tuple[int, ...], lang: str) -> None:
    """Say that a tensor of this shape is over the budget."""
    numbers = {"shape": spoken(shape), "cells": f"{cells(shape):,}", "budget": f"{BUDGET:,}"}
    st.error(speaker(lang)("frame.over_budget", **numbers), icon=":material/error:")
