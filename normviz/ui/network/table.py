"""All layers in a table, to sort and to take along: as CSV, and the whole trace as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import streamlit as st

from normviz.layer_table import columns, csv
from normviz.text.lookup import section, words
from normviz.trace_file import written
from normviz.ui.choices import Choices
from normviz.ui.network.shown import Shown

#: How a column is written; the others are texts.
WHOLE = ("number", "parameters", "multiply_adds", "count", "channels", "dead", "nonfinite")
SHARES = ("zeros", "negatives", "saturated")
REAL = ("mean", "std", "min", "max", "gradient")
#: From here on the browser's table takes a number for a broken one and shows all of its digits.
HUGE = 2.0**53
#: How many rows are shown without moving the table within itself.
ROWS = 14


def show_table(c: Choices, shown: Shown) -> None:
    """The table and its two files."""
    found = dict(columns(shown.trace))
    names = section(c.lang, "network_table")
    known = words(c.lang)
    found["kind"] = tuple(known.get(f"network_view.kind_{kind}", str(kind)) for kind in found["kind"])
    found["method"] = tuple(known.get(f"method.{method}.name", str(method)) for method in found["method"])
    for key in ("gradient", "saturated", "method"):
        # What no layer has needs no column.
        if not any(getattr(layer, key) not in (None, "") for layer in shown.trace.layers):
            del found[key]
    looks = _looks(names)
    for key in REAL:
        if key in found:
            found[key], looks[key] = real(names[key], found[key])
    st.dataframe(
        found,
        hide_index=True,
        height="content" if len(shown.trace.layers) <= ROWS else 560,
        column_config=looks,
        key=f"network-table-{shown.key}",
        placeholder="",
    )
    show_files(c, shown)
    st.caption(c.say("network_page.table_note"))


def real(name: str, values: Iterable[Any]) -> tuple[Any, Any]:
    """A column of any numbers and its look; as texts where one of them is too large for a column of numbers."""
    there = [float(value) for value in values]
    if not any(abs(value) >= HUGE for value in there):
        return there, st.column_config.NumberColumn(name, format="%.4g")
    texts = ["" if math.isnan(value) else f"{value:.4g}".replace("inf", "∞") for value in there]
    return texts, st.column_config.TextColumn(name, alignment="right")


def show_files(c: Choices, shown: Shown) -> None:
    """The buttons that save the table and the trace; neither is written before it is asked for."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            c.say("network_page.csv"),
            lambda: csv(shown.trace),
            f"{_file(shown)}.csv",
            "text/csv",
            key="nv-network-csv",
            icon=":material/table:",
            on_click="ignore",
        )
        st.download_button(
            c.say("network_page.json"),
            lambda: written(shown.trace),
            f"{_file(shown)}.json",
            "application/json",
            key="nv-network-json",
            icon=":material/data_object:",
            on_click="ignore",
        )


def _file(shown: Shown) -> str:
    clean = "".join(ch if ch.isascii() and ch.isalnum() else "_" for ch in shown.trace.model)
    return f"normviz_{clean[:40] or 'trace'}"


def _looks(names: dict[str, str]) -> dict[str, Any]:
    text, whole = st.column_config.TextColumn, st.column_config.NumberColumn
    looks: dict[str, Any] = {key: text(names[key]) for key in ("name", "kind", "op", "method", "shape")}
    looks["method"] = text(names["method"], width=130)
    looks["name"] = text(names["name"], pinned=True)
    looks |= {key: whole(names[key], format="localized") for key in WHOLE}
    looks["number"] = whole(names["number"], format="%d", width="small")
    looks |= {key: st.column_config.NumberColumn(names[key], format="percent") for key in SHARES}
    return looks
