"""Starting real processes from the page, watching them, stopping them, and what they found."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import streamlit as st

from normviz.device_steps import Gap, Verdict
from normviz.extents import divisors
from normviz.records import Tensor
from normviz.splits import DeviceStatistics
from normviz.ui import cached_devices
from normviz.ui.cached_devices import Devices
from normviz.ui.choices import Choices
from normviz.ui.numbers import amount, scientific
from normviz.ui.parts import checked

if TYPE_CHECKING:
    from normviz.nets.device_processes import Progress

#: How far synchronised processes may be from one process, relative to the largest value.
TOLERANCE = 1e-12
#: What the last run of this session found, and for what.
KEPT = "devices/run"


def show_run(c: Choices, what: Devices, found: DeviceStatistics, images: list[Tensor]) -> None:
    """The button, and below it a run or what the last one of these choices found."""
    from normviz.nets.device_processes import MOST

    values = int(found.values.sum())
    st.subheader(c.say("devices_run.heading"), anchor=False)
    if what.count > MOST:
        good = max((k for k in divisors(what.source.shape[0]) if 1 < k <= MOST), default=MOST)
        words = {"count": what.count, "most": MOST, "neighbours": good}
        st.info(c.say("devices_run.limit", **words), icon=":material/info:")
        return
    if values < 2:
        st.info(c.say("devices_run.too_few", values=values), icon=":material/info:")
        return
    st.markdown(c.say("devices_run.lead", count=what.count))
    asked = what.whole()
    label = c.say("devices_run.run", count=what.count)
    pressed = st.button(label, icon=":material/play_arrow:", key="nv-device-run")
    with st.container(key="nv-device-result"):
        if pressed:
            st.session_state.pop(KEPT, None)
            _run(c, asked, images)
        kept = st.session_state.get(KEPT)
        if kept and kept[0] == asked:
            _show(c, asked, kept[1], values)


def _run(c: Choices, what: Devices, images: list[Tensor]) -> None:
    from normviz.nets.device_processes import DeviceProcessError

    place = st.empty()
    try:
        with place.container(horizontal=True, vertical_alignment="center"):
            bar = st.progress(0.0, width="stretch")
            # Pressing it runs the page anew, which ends this run at its next word.
            st.button(c.say("devices_run.stop"), icon=":material/stop:", key="nv-device-stop")
        # Closed by name: where a stopped page's traceback keeps the generator, the processes would live on.
        with closing(cached_devices.run(what, images)) as steps:
            for step in steps:
                bar.progress(*_progress(c, step, what.count))
                if step.result:
                    st.session_state[KEPT] = (what, cached_devices.verdict(what, step.result, images))
    except DeviceProcessError as problem:
        details = {key: f"{v:.0f}" if isinstance(v, float) else v for key, v in problem.details.items()}
        st.error(c.say(f"devices_error.{problem.code}", **details), icon=":material/error:")
    place.empty()


def _progress(c: Choices, step: Progress, count: int) -> tuple[float, str]:
    """How full the bar is, and what it says: how many have got to the stage that not all have reached."""
    if step.waiting:
        return 0.0, c.say("devices_run.waiting")
    names = {"torch": "starting", "joined": "joining", "done": "working"}
    stage = next((key for key in names if step.reached[key] < count), "done")
    words = {"reached": step.reached[stage], "count": count, "seconds": f"{step.seconds:.0f}"}
    share = sum(step.reached.values()) / (len(names) * count)
    return share, c.say(f"devices_run.{names[stage]}", **words)


def _show(c: Choices, what: Devices, done: Verdict, values: int) -> None:
    gap = done.synchronised
    words = {
        "count": done.devices,
        "forward": scientific(gap.forward),
        "gradient": scientific(max(gap.gradient_x, gap.gradient_parameters)),
    }
    fine = gap.relative <= TOLERANCE and not gap.disagreements
    checked(fine, c.say("devices_run.agree", **words), c.say("devices_run.disagree", **words))
    if done.refusal:
        refusal = {"refusal": done.refusal.rstrip(".") + ".", "values": f"{values:,}"}
        st.warning(c.say("devices_run.refused", **refusal), icon=":material/warning:")
    columns = ("forward", "gradient_x", "gradient_parameters", "buffers")
    rows = {"alone_row": _cells(c, done.alone, columns), "sync_row": _cells(c, gap, columns)}
    st.dataframe(
        {
            c.say("devices_run.against"): [c.say(f"devices_run.{row}") for row in rows],
            **{
                c.say(f"devices_run.{name}"): [cells[k] for cells in rows.values()]
                for k, name in enumerate(columns)
            },
        },
        hide_index=True,
    )
    if done.alone:
        st.markdown(c.say("devices_run.saved", buffers=f"{done.alone.buffers:.2g}"))
    seconds = {
        "start": f"{done.start_seconds:.1f}",
        "alone": f"{1e3 * done.alone_seconds:.1f}",
        "synchronised": f"{1e3 * done.synchronised_seconds:.1f}",
    }
    seed = what.source.sample.seed
    st.caption(
        c.say(f"devices_run.time{'' if done.alone else '_refused'}", **seconds)
        + " "
        + c.say("devices_run.caption", seed=seed)
    )


def _cells(c: Choices, gap: Gap | None, columns: tuple[str, ...]) -> list[str]:
    if gap is None:
        return [c.say("devices_run.refused_cell")] * len(columns)
    return [amount(float(getattr(gap, name))) for name in columns]
