"""Every set's count, mean and variance, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from normviz.records import Distributions, set_place
from normviz.ui.choices import Choices
from normviz.ui.parts import decimals

#: More rows than anybody reads; the sets beyond are counted in the note.
MOST = 1000


def show_table(c: Choices, found: Distributions, axes: Sequence[str], shape: Sequence[int]) -> None:
    """A sortable table, a row a set."""
    say = c.say
    columns: dict[str, list[Any]] = {
        say("forward_page.set"): [
            ", ".join(map(" ".join, set_place(row.box, axes, shape))) or "–" for row in found.rows
        ],
        say("forward_page.count"): [row.before.count for row in found.rows],
        say("forward_page.mean_before"): [row.before.mean for row in found.rows],
        say("forward_page.var_before"): [row.before.var for row in found.rows],
        say("forward_page.mean_after"): [row.after.mean for row in found.rows],
        say("forward_page.var_after"): [row.after.var for row in found.rows],
        say("forward_page.nonfinite"): [row.before.nonfinite + row.after.nonfinite for row in found.rows],
    }
    numeric = [say(f"forward_page.{k}") for k in ("mean_before", "var_before", "mean_after", "var_after")]
    st.dataframe(columns, hide_index=True, column_config=decimals(numeric))
    if any(row.before.nonfinite or row.after.nonfinite for row in found.rows):
        st.caption(say("forward_page.finite_only"))
    st.caption(say("forward_page.table_note", shown=f"{len(found.rows):,}", sets=f"{found.sets:,}"))
