"""Every set's count, mean and variance, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from normviz.records import Distributions
from normviz.ui.choices import Choices

#: More rows than anybody reads; the sets beyond are counted in the note.
MOST = 1000


def show_table(c: Choices, found: Distributions, axes: Sequence[str], shape: Sequence[int]) -> None:
    """A sortable table, a row a set."""
    say = c.say
    columns: dict[str, list[Any]] = {
        say("forward_page.set"): [_where(row.box, axes, shape) for row in found.rows],
        say("forward_page.count"): [row.before.count for row in found.rows],
        say("forward_page.mean_before"): [row.before.mean for row in found.rows],
        say("forward_page.var_before"): [row.before.var for row in found.rows],
        say("forward_page.mean_after"): [row.after.mean for row in found.rows],
        say("forward_page.var_after"): [row.after.var for row in found.rows],
        say("forward_page.nonfinite"): [row.before.nonfinite + row.after.nonfinite for row in found.rows],
    }
    decimals = st.column_config.NumberColumn(format="%.5f")
    numeric = [say(f"forward_page.{k}") for k in ("mean_before", "var_before", "mean_after", "var_after")]
    st.dataframe(columns, hide_index=True, column_config=dict.fromkeys(numeric, decimals))
    if any(row.before.nonfinite or row.after.nonfinite for row in found.rows):
        st.caption(say("forward_page.finite_only"))
    st.caption(say("forward_page.table_note", shown=f"{len(found.rows):,}", sets=f"{found.sets:,}"))


def _where(box: Sequence[tuple[int, int]], axes: Sequence[str], shape: Sequence[int]) -> str:
    """The axes along which a set is less than all.

    >>> _where(((0, 1), (0, 4), (0, 2)), "NCH", (8, 12, 2))
    'n 0, c 0–3'
    """
    parts = []
    for axis, (start, stop), n in zip(axes, box, shape, strict=True):
        if stop - start < n:
            parts.append(f"{axis.lower()} {start}" + (f"–{stop - 1}" if stop - start > 1 else ""))
    return ", ".join(parts) or "–"
