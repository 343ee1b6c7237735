"""Two runs side by side: what changes most, how the spread differs over depth, and matched layers on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from normviz.changes import Comparison, Pair, changes
from normviz.figures.layer_pairs import pair_depth, pair_ridge
from normviz.findings import findings
from normviz.stages import stages
from normviz.text.lookup import section
from normviz.traces import Trace
from normviz.ui.choices import Choices
from normviz.ui.controls import pick
from normviz.ui.literal import code, literal
from normviz.ui.network.about import trace_caption
from normviz.ui.network.opening import layer_names, open_layer, pick_layer
from normviz.ui.network.rows import clickable, first_rows, show_reading, show_rows
from normviz.ui.network.shown import Shown
from normviz.ui.network.table import real

#: How many layers are drawn at first, those that change most; how many names of unmatched layers are told.
MOST, NAMED = 12, 8


def show_two(c: Choices, first: Shown, second: Shown) -> None:
    """The spread over depth, the table of changes, the rows, and what the second run is."""
    found = changes(first.trace, second.trace)
    if not found.pairs:
        st.info(c.say("network_view.two_none"), icon=":material/info:")
        return
    names = first.label, second.label
    _depth(c, first, second, found, names)
    st.subheader(c.say("network_view.two_table"), anchor=False)
    _table(c, first, second, found)
    _unmatched(c, first, second, found)
    _warnings(c, first, second)
    st.subheader(c.say("network_view.two_ridge"), anchor=False)
    _ridge(c, first, second, found, names)
    st.caption(c.say("network_view.two_second", caption=trace_caption(c, second)))


def _depth(c: Choices, first: Shown, second: Shown, found: Comparison, names: tuple[str, str]) -> None:
    figure = pair_depth(found.in_order, names, words=_words(c))
    clickable(
        first, figure, f"two-depth-{first.key}-{second.key}", _alt(c, len(found.pairs), names), turn=True
    )


def _words(c: Choices) -> dict[str, str]:
    return section(c.lang, "layers_figure") | section(c.lang, "pair_figure")


def _table(c: Choices, first: Shown, second: Shown, found: Comparison) -> None:
    """A row a pair, the largest change first; a row that is chosen opens its layer.

    The runs' names, which may be long, stand above: in the heads of columns they are the first and the second.
    """

    def say(column: str, **more: str) -> str:
        return c.say(f"network_view.two_column_{column}", **more)

    share: dict[str, Any] = {"format": "percent"}
    columns: dict[str, list[Any]] = {say("layer"): [pair.name for pair in found.pairs]}
    looks: dict[str, Any] = {}

    def add(name: str, values: list[Any], **look: Any) -> None:
        columns[name] = values
        looks[name] = st.column_config.NumberColumn(**look)

    columns[say("op")] = [" / ".join(dict.fromkeys(pair.ops)) for pair in found.pairs]
    add(say("apart"), [pair.distance for pair in found.pairs], **share)
    columns[say("moved")], looks[say("moved")] = real(say("moved"), (pair.moved for pair in found.pairs))
    for what in ("std", "mean", "zeros", "dead"):
        for k, run in enumerate(("first_run", "second_run")):
            name = say(what, run=c.say(f"network_view.two_{run}"))
            values = [getattr(pair, what)[k] for pair in found.pairs]
            if what in ("std", "mean"):
                columns[name], looks[name] = real(name, values)
            else:
                add(name, values, **(share if what == "zeros" else {}))
    st.caption(c.say("network_view.two_runs", first=_label(first), second=_label(second)))
    key = f"two-table-{first.key}"
    order = [pair.numbers[0] for pair in found.pairs]

    def chosen() -> None:
        if rows := st.session_state[key].selection.rows:
            open_layer(layer_names(first.trace)[order[rows[0]]], turn=True)

    st.dataframe(columns, hide_index=True, column_config=looks, key=key, on_select=chosen,
                 selection_mode="single-row", placeholder="")  # fmt: skip
    st.caption(c.say("network_view.two_apart"))


def _ridge(c: Choices, first: Shown, second: Shown, found: Comparison, names: tuple[str, str]) -> None:
    changed, every = "changed", "every"
    if len(found.pairs) > MOST:
        labels = {
            changed: c.say("network_view.two_changed", count=MOST),
            every: c.say("network_view.two_every"),
        }
        rows = pick(
            "pairs", c.say("network_view.two_rows"), (changed, every), changed, lang=c.lang, names=labels
        )
    else:
        rows = every
    groups: list[tuple[str, Sequence[Pair]]] = [("", found.pairs[:MOST])]
    if rows == every:
        parts = stages(first.trace)
        groups = [
            (
                part.label if len(parts) > 1 else "",
                [p for p in found.in_order if p.numbers[0] in part.numbers],
            )
            for part in parts
        ]
    drawn = pair_ridge(first.trace, second.trace, first_rows(groups), names, words=_words(c))
    count = sum(len(members) for _, members in groups)
    if len(drawn.numbers) < count:
        st.caption(c.say("network_view.two_first", count=f"{len(drawn.numbers):,}", all=f"{count:,}"))
    show_rows(
        first, drawn, f"two-ridge-{first.key}-{second.key}", _alt(c, len(drawn.numbers), names), turn=True
    )
    show_reading(c, drawn)
    pick_layer(c, first, [pair.numbers[0] for pair in found.in_order], "two", turn=True)


def _alt(c: Choices, rows: int, names: tuple[str, str]) -> str:
    return c.say("network_view.two_alt", rows=rows, first=names[0], second=names[1])


def _unmatched(c: Choices, first: Shown, second: Shown, found: Comparison) -> None:
    """The layers that only one of them has."""
    said = [
        c.say("network_view.two_only", run=_label(shown), layers=_named(c, shown.trace, numbers))
        for shown, numbers in ((first, found.only_first), (second, found.only_second))
        if numbers
    ]
    if said:
        st.caption(c.prose(said))


def _warnings(c: Choices, first: Shown, second: Shown) -> None:
    """What is off in either, in a line: it may be why they differ, or why they do not."""
    said = []
    for shown in (first, second):
        if off := findings(shown.trace):
            titles = [c.say(f"finding.{each.code}.title") for each in off]
            between = c.say("network_view.two_warnings_between")
            said.append(c.say("network_view.two_warnings", run=_label(shown), titles=between.join(titles)))
    if said:
        st.caption(f":material/warning: {c.prose(said)}")


def _named(c: Choices, trace: Trace, numbers: Sequence[int]) -> str:
    names = layer_names(trace)
    said = ", ".join(code(names[n]) for n in numbers[:NAMED])
    more = len(numbers) - NAMED
    return c.say("network_view.two_more", layers=said, count=f"{more:,}") if more > 0 else said


def _label(shown: Shown) -> str:
    """What a run is called: in words of ours, or by the name of the file that was opened."""
    return literal(shown.label) if shown.values is None else shown.label
