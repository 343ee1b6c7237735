"""Devices: each device's mean and variance against the synchronized ones, and the same by real processes."""

from __future__ import annotations

import math
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from normviz.catalogue import METHODS
from normviz.extents import Groups, divisors
from normviz.figures.devices import all_sets, one_set
from normviz.records import Tensor
from normviz.splits import WAYS, DeviceStatistics, across_batch, over_batch
from normviz.text.lookup import section
from normviz.ui import cached_devices
from normviz.ui.cached_devices import Devices
from normviz.ui.choices import Choices
from normviz.ui.controls import number
from normviz.ui.device_facts import show_facts, show_lone, show_table
from normviz.ui.device_runs import show_run
from normviz.ui.inputs import choose_input, choose_kind
from normviz.ui.numbers import plain
from normviz.ui.parts import caption, chart, choose, controls, credit, failed, head

#: The sets and the devices that a picture shows at most, and the most devices that are counted.
ROWS, DRAWN, MOST = 12, 16, 64
START = 4


def show(c: Choices) -> None:
    """The devices of one batch."""
    shared = across_batch(c.spec)
    if shared is None:
        return
    n = c.shape[c.axes.index("N")]
    top = st.container()
    with controls():
        kind = choose_kind(c)
        along = shared.extent("N")
        # A method whose sets are the devices' own has its count beside it already.
        count = along.count if isinstance(along, Groups) else _count(c, n)
        rows = choose(c, "rows", ("all", "one"), "devices.", link="per")
        way = WAYS[0] if n % count == 0 else choose(c, "way", WAYS, "devices.")
    chosen, picture, below = (st.container() for _ in range(3))
    with chosen:
        source, images = choose_input(c, kind, below)
    what = Devices(source, over_batch(shared), count, way, 1e-5 if c.spec.eps is None else c.spec.eps)
    sizes = [len(share) for share in what.samples]
    words = {"name": c.name, "count": count, "own": _range(sizes), "n": f"{sum(sizes):,}"}
    title = c.say(f"devices.title{'_one' if count == 1 else ''}", **words)
    try:
        found = cached_devices.statistics(what, images)
    except ValueError as problem:
        with top:
            head(title, c.say("devices.lead_none"))
        failed(c, problem, picture)
        return
    with top:
        if not found.values.any():
            head(title, c.say("devices.lead_none"))
        elif count == 1:
            head(title, c.say("devices.lead_one"))
        elif not math.isfinite(found.mean_scatter):
            head(title, c.say("devices.lead_flat"))
        else:
            head(title, c.say("devices.lead", scatter=_short(found.mean_scatter)))
    if not found.values.any():
        none = {"n": n, "count": count, "neighbours": neighbours(c, n, count)}
        picture.error(c.say("devices.none_left", **none), icon=":material/error:")
        return
    with picture:
        if n % count:
            _uneven(c, what, found, n)
        show_lone(c, found)
        _picture(c, what, found, rows, images)
    show_run(c, what, found, images)
    show_facts(c, what, found)
    show_table(c, found, pinned_set(c, what))


def pinned_set(c: Choices, what: Devices) -> int:
    """The number of the pinned cell's set."""
    blocks = [interval.blocks() for interval in what.shared.intervals(c.shape)]
    along = [int(owner[i]) for (_, owner), i in zip(blocks, c.cell, strict=True)]
    return int(np.ravel_multi_index(along, [len(distinct) for distinct, _ in blocks]))


def neighbours(c: Choices, n: int, count: int, most: int = MOST) -> str:
    """The numbers of devices nearest to this one that give all as many samples, in words."""
    good = [k for k in divisors(n) if k <= most]
    below, above = [k for k in good if k < count][-1:], [k for k in good if k > count][:1]
    return c.say("devices.or").join(map(str, (*below, *above)))


def _picture(c: Choices, what: Devices, found: DeviceStatistics, rows: str, images: list[Tensor]) -> None:
    words = section(c.lang, "devices_figure")
    here = pinned_set(c, what)
    device = found.holder(c.cell[c.axes.index("N")])
    notes = []
    # In units of σ there is nothing to draw where no set has one.
    measured = math.isfinite(found.mean_scatter)
    if rows == "one":
        figure = one_set(found, here, words=words, pinned=device, limit=DRAWN)
        if len(found.samples) > DRAWN:
            notes.append(c.say("devices.note_devices", shown=DRAWN, devices=len(found.samples)))
        chart(figure, "devices")
    elif measured:
        shown = list(range(min(ROWS, found.sets)))
        if here not in shown:
            shown[-1] = here
        figure = all_sets(found, words=words, axes=c.axes, shown=shown, pinned=device)
        if found.sets > ROWS:
            notes.append(c.say("devices.note_rows", shown=len(shown), sets=f"{found.sets:,}"))
        chart(figure, "devices")
    with st.container(horizontal=True, gap="medium", key="nv-counts"):
        own, values = _range([len(share) for share in found.samples]), _range(found.values.tolist())
        together = sum(len(share) for share in found.samples)
        for name, value in (
            ("samples", c.say("devices.of", part=own, all=f"{together:,}")),
            ("values", c.say("devices.of", part=values, all=f"{int(found.values.sum()):,}")),
            ("mean", f"{_short(found.mean_scatter)} σ" if measured else c.say("devices.unmeasured")),
            ("std", f"{100 * found.std_scatter:.1f} %" if measured else c.say("devices.unmeasured")),
        ):
            st.metric(c.say(f"devices.metric_{name}"), value, width="content")
    with st.container(key="nv-check", gap="xsmall"):
        caption(c, what.source, count=len(images))
        credit(c, what.source)
        if not np.isfinite(found.joined_mean).all():
            notes.append(c.say("devices.note_nonfinite"))
        if len(c.spec.parts) > 1 or c.spec.running:
            notes.append(c.say("devices.note_part", name=c.name))
        if what.count > 1 and measured:
            notes.append(c.say("devices.note_scatter", shuffled=_short(found.shuffled_scatter)))
            notes.append(c.say("devices.note_between", share=f"{100 * found.between:.1f} %"))
        st.caption(c.prose(notes))
        if address := _on_the_cube(c, what.count):
            st.markdown(f":material/deployed_code: [{c.say('devices.cube')}]({address})")


def _uneven(c: Choices, what: Devices, found: DeviceStatistics, n: int) -> None:
    dealt = [len(share) for share in found.samples]
    used = np.bincount([k for share in found.samples for k in share], minlength=n)
    again, out = (np.flatnonzero(which).tolist() for which in (used > 1, used == 0))
    join = c.say("devices.and").join
    words = {
        "n": n,
        "count": what.count,
        "dealt": join(map(str, dealt[:MOST])),
        "empty": dealt.count(0),
        "times": f"{found.imbalance:.3g}",
        "each": dealt[0],
        "repeated": c.say("devices.sample", numbers=join(map(str, again))),
        "dropped": c.say("devices.sample", numbers=join(map(str, out))),
        "neighbours": neighbours(c, n, what.count),
    }
    kind = "empty" if 0 in dealt else what.way
    st.warning(c.say(f"devices.uneven_{kind}", **words), icon=":material/warning:")


def _on_the_cube(c: Choices, count: int) -> str:
    """The cube page with the method whose sets are the devices' own; empty where there is none for this tensor."""
    n = c.shape[c.axes.index("N")]
    for method in METHODS.values():
        knob = next((k for k in method.knobs if k.divides == "N"), None)
        if knob and n % count == 0:
            kept = {
                k: v for k, v in st.query_params.items() if k in ("shape", "seed", "lang", "cell", "dtype")
            }
            return f"./cube?{urlencode({'method': method.key, knob.name: count, **kept})}"
    return ""


def _count(c: Choices, n: int) -> int:
    with st.container(
        horizontal=True, wrap=False, width="content", vertical_alignment="center", key="nv-device-count"
    ):
        st.markdown("$K$", width="content")
        return number(
            "devices",
            c.say("devices.count"),
            min(START, n),
            1,
            MOST,
            lang=c.lang,
            # A batch too small for the usual count has a choice, and a default, of its own.
            under="topic.devices" if n >= START else f"topic.devices.{n}",
            width=130,
            label_visibility="collapsed",
        )


def _range(numbers: list[int]) -> str:
    """One number, or the least and the most.

    >>> _range([2, 2]), _range([3, 3, 2])
    ('2', '2–3')
    """
    least, most = min(numbers), max(numbers)
    return f"{least:,}" if least == most else f"{least:,}–{most:,}"


def _short(value: float) -> str:
    """Two decimals, more where the value is small."""
    return f"{value:.2f}" if value >= 0.1 else plain(value)
