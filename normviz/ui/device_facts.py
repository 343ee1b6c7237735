"""What synchronizing sends and what a checkpoint saves, in four cards; the table of every device;
and what torch says of a single value."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from normviz.splits import DeviceStatistics, communicated
from normviz.ui.cached import MOMENTUM
from normviz.ui.cached_devices import Devices
from normviz.ui.choices import Choices
from normviz.ui.parts import decimals
from normviz.ui.serving import compute_slot

#: As many samples of a device as a table's cell names.
NAMED = 12


def show_facts(c: Choices, what: Devices, found: DeviceStatistics) -> None:
    """Four cards: forward, backward, saved, effective batch."""
    sizes = [len(share) for share in found.samples]
    own, n, even = sizes[0], sum(sizes), min(sizes) == max(sizes)
    forward, backward = communicated(found.sets)
    cells = int(found.values[0]) * found.sets
    symbols = {
        "forward": rf"2 \cdot {found.sets:d} + 1 = {forward:d}",
        "backward": rf"2 \cdot {found.sets:d} = {backward:d}",
        "saved": rf"\max_s {MOMENTUM:g}\,|\mu_0 - \mu| = {_away(found):.3f}",
        "batch": f"N / K = {n} / {what.count} = {own}" if even else rf"{min(sizes)} \le N_k \le {max(sizes)}",
    }
    numbers: dict[str, dict[str, Any]] = {
        "forward": {"sets": f"{found.sets:,}", "cells": f"{cells:,}"},
        "backward": {},
        "saved": {"own": own, "n": n, "momentum": f"{MOMENTUM:g}"},
        "batch": {"n": n},
    }
    st.subheader(c.say("devices_facts.heading"), anchor=False)
    columns = st.columns(4, gap="small")
    for column, (key, formula) in zip(columns, symbols.items(), strict=True):
        with column.container(border=True, height="stretch", key=f"nv-step-device-{key}"):
            st.markdown(f"**{c.say(f'devices_facts.{key}')}**")
            st.latex(formula, width="content")
            st.caption(c.say(f"devices_facts.{key}_text", **numbers[key]))


def show_table(c: Choices, found: DeviceStatistics, number: int) -> None:
    """A row a device, and the synchronized one; mean and standard deviation are of the set of this number."""
    say = c.say
    with np.errstate(all="ignore"):
        scatter = np.sqrt((found.shift**2).mean(1))
        std, joined = np.sqrt(found.var[:, number]), float(np.sqrt(found.joined_var[number]))
    together = say("devices_figure.synchronised")
    columns: dict[str, list[Any]] = {
        say("devices_facts.device"): [*map(str, range(len(found.samples))), together],
        say("devices_facts.samples"): [*map(_named, found.samples), ""],
        say("devices_facts.count"): [*found.values.tolist(), int(found.values.sum())],
        say("devices_facts.scatter"): [*scatter.tolist(), 0.0],
        say("devices_facts.mean"): [*found.mean[:, number].tolist(), float(found.joined_mean[number])],
        say("devices_facts.std"): [*std.tolist(), joined],
    }
    numeric = [say(f"devices_facts.{key}") for key in ("scatter", "mean", "std")]
    with st.expander(say("devices_facts.table"), icon=":material/table:"):
        st.dataframe(columns, hide_index=True, column_config=decimals(numeric))


def show_lone(c: Choices, found: DeviceStatistics) -> None:
    """What torch says of a device, or of a whole batch, with one value a set, and what the formula gives."""
    told = {sample for share in found.samples for sample in share}
    flat = bool((found.joined_var == 0).all())
    if 1 in found.values:
        refusal = _refusal(found.sets)
        said = [c.say("devices.lone_refused", refusal=refusal)] if refusal else []
        batch = flat and len(told) == 1
        st.info(
            c.prose([*said, c.say(f"devices.lone_{'batch' if batch else 'device'}")]), icon=":material/info:"
        )
    elif flat:
        st.info(c.say("devices.flat"), icon=":material/info:")


def _refusal(sets: int) -> str:
    """torch's sentence where its Batch Norm is to train on one value a set; empty where it does not refuse."""
    with compute_slot():
        from normviz.nets.synchronized import one_process

        lone = np.zeros((1, sets))
        try:
            one_process(lone, lone, eps=1e-5, momentum=MOMENTUM)
        except ValueError as refused:
            return str(refused)
    return ""


def _away(found: DeviceStatistics) -> float:
    """How far one step takes device 0's running mean from the synchronized one, where it is furthest."""
    with np.errstate(invalid="ignore"):
        away = np.abs(found.mean[0] - found.joined_mean)
    return MOMENTUM * float(away[np.isfinite(away)].max(initial=0.0))


def _named(share: tuple[int, ...]) -> str:
    """The samples of a device; the first and the last where they are many.

    >>> _named((0, 3, 6)), _named(tuple(range(40)))
    ('0, 3, 6', '0 … 39 (40)')
    """
    if len(share) <= NAMED:
        return ", ".join(map(str, share))
    return f"{share[0]} … {share[-1]} ({len(share)})"
