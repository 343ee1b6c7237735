"""Weights from a file: the visitor's own, recognized by names and shapes, and published ones, fetched when asked."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz.network_runs import Plan
from normviz.networks import NETWORKS
from normviz.text.lookup import say, section
from normviz.ui.choices import Choices
from normviz.ui.literal import file_name
from normviz.ui.network import kept
from normviz.ui.network.choice import norm_name
from normviz.ui.network.run import EVERY
from normviz.ui.numbers import spoken
from normviz.ui.serving import compute_slot

#: What was wrong with the last file, and whether its uploader has a new key.
PROBLEM, TURN = "network/weights/problem", "network/weights/turn"
#: The largest file, where the server allows it: ResNet-50 has 98 MB. What is larger is traced where it is.
MEGABYTES = 128
#: As many names are listed where weights do not fit.
MOST_NAMES = 200


def show_uploader(c: Choices) -> None:
    """The uploader, what is in use, and how a checkpoint becomes a file that is read."""
    from normviz.nets.weights_errors import CONVERT

    st.markdown(c.say("network_page.own_lead"))
    st.code(CONVERT, language="python", wrap_lines=True)
    turn = st.session_state.setdefault(TURN, 0)
    key = f"network/weights/{turn}"
    megabytes = min(MEGABYTES, int(st.get_option("server.maxUploadSize")))
    st.file_uploader(
        c.say("network_page.own_upload", megabytes=megabytes),
        type="safetensors",
        max_upload_size=megabytes,
        key=key,
        on_change=_take,
        args=(c.lang, key),
    )
    if problem := st.session_state.get(PROBLEM):
        st.error(problem, icon=":material/error:")
    if lost := kept.lost_weights():
        st.info(c.say("network_page.own_lost", name=lost.name), icon=":material/info:")
    if found := kept.weights():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                c.say("network_page.own_kept", name=found.name, count=len(found.state or ())), width="content"
            )
            st.button(
                c.say("network_page.own_remove"),
                icon=":material/delete:",
                key="nv-network-forget",
                on_click=kept.forget_weights,
            )


def _take(lang: str, key: str) -> None:
    """Read the file, let go of its bytes, and choose the network and the norm that it fits."""
    file = st.session_state[key]
    if file is None:
        return
    data = file.getvalue()
    st.session_state[TURN] += 1
    name = file_name(file.name)
    with compute_slot():
        from normviz.nets.own_weights import digest, identify, read
        from normviz.nets.weights_errors import WeightsError

        try:
            state = read(data)
            guess = identify(state)
        except WeightsError as problem:
            known = {"networks": ", ".join(say(lang, f"network.{key}") for key in NETWORKS)}
            reason = section(lang, "weights_error")[problem.code].format(**problem.details | known)
            st.session_state[PROBLEM] = f"{name}: {reason}"
            return
    st.session_state[PROBLEM] = ""
    kept.keep_weights(kept.Weights(name, digest(data), guess.network, guess.norm), state)
    st.session_state[f"network/{lang}"] = guess.network
    st.session_state[f"norm.{guess.network}/{lang}"] = guess.norm
    st.session_state[f"weights.{guess.network}/{lang}"] = "own"


def fits(c: Choices, plan: Plan) -> bool:
    """Whether the visitor's weights fit the network of the plan; lists by name where they do not."""
    found = kept.weights()
    if found is None:
        return False
    load_problem = mismatch(plan, found)
    if not load_problem:
        return True
    numbers: dict[str, Any] = {
        "name": found.name,
        "network": c.say(f"network.{plan.network}"),
        "count": len(load_problem),
        "fits": f"{c.say(f'network.{found.network}')} · {norm_name(c, found.norm)}",
    }
    words = "own_misfit"
    if (found.network, found.norm) == (plan.network, NETWORKS[plan.network].chosen_norm(plan.norm)):
        # It fits nothing better: what is left to say is what it has too much and too little of.
        words = "own_nearly"
        numbers["extra"] = sum(need is None for _, need, _ in load_problem)
        numbers["missing"] = sum(got is None for _, _, got in load_problem)
        numbers["shapes"] = len(load_problem) - numbers["extra"] - numbers["missing"]
    st.error(c.say(f"network_page.{words}", **numbers), icon=":material/error:")
    with st.expander(c.say("network_page.own_names", count=len(load_problem))):
        shown = load_problem[:MOST_NAMES]
        st.dataframe(
            {
                c.say("network_page.own_entry"): [entry for entry, _, _ in shown],
                c.say("network_page.own_needed"): [_shape(c, needed) for _, needed, _ in shown],
                c.say("network_page.own_given"): [_shape(c, given) for _, _, given in shown],
            },
            hide_index=True,
        )
    return False


Entry = tuple[str, tuple[int, ...] | None, tuple[int, ...] | None]


def mismatch(plan: Plan, found: kept.Weights) -> list[Entry]:
    """Every entry in which they differ: its name, the shape that is needed, the shape that was given."""
    with compute_slot():
        from normviz.nets.own_weights import expected, shapes_of, unwrapped

        given = shapes_of(found.state or {})
        needed = expected(plan.network, plan.norm)
        prefix, apart = unwrapped(needed, given)
    listed: list[Entry] = [(name, need, got) for name, need, got in apart.shapes]
    listed += [(name, needed[name], None) for name in apart.missing]
    return listed + [(name, None, given.get(prefix + name)) for name in apart.unexpected]


def ready(c: Choices, plan: Plan, place: DeltaGenerator) -> bool:
    """Whether the published weights of the plan are on this machine; else a button that says what it will fetch."""
    with compute_slot():
        from normviz.nets.published import ADDRESS, is_here, of
    published = of(plan.network, plan.norm)
    if published is None or is_here(published):
        return True
    numbers = {
        "network": c.say(f"network.{plan.network}"),
        "megabytes": f"{published.megabytes:.1f}",
        "host": ADDRESS.split("/")[2],
        "folder": str(published.path.parent),
        "file": published.file,
    }
    with place.container():
        st.info(c.say("network_page.published_lead", **numbers), icon=":material/cloud_download:")
        label = c.say("network_page.published_get", **numbers)
        if not st.button(label, icon=":material/download:", key="nv-network-fetch"):
            return False
    return _fetch(c, plan, place)


def _fetch(c: Choices, plan: Plan, place: DeltaGenerator) -> bool:
    """Download with a bar and a Stop; pressing it runs the page anew, which ends the download at its next word."""
    from normviz.nets.published import fetch, of
    from normviz.nets.weights_errors import WeightsError

    published = of(plan.network, plan.norm)
    if published is None:
        return True
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, c.say("network_page.published_starts"), width="stretch")
        st.button(c.say("network_page.stop"), icon=":material/stop:", key="nv-network-fetch-stop")
    moved = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal moved
        if (now := time.monotonic()) - moved >= EVERY:
            moved = now
            numbers = {"done": f"{done / 2**20:.1f}", "total": f"{total / 2**20:.1f}"}
            bar.progress(min(1.0, done / max(1, total)), c.say("network_page.published_bytes", **numbers))

    try:
        fetch(published, progress=progress)
    except WeightsError as problem:
        reason = section(c.lang, "weights_error")[problem.code].format(**problem.details)
        place.error(reason, icon=":material/error:")
        return False
    place.empty()
    return True


def _shape(c: Choices, shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return c.say("network_page.own_absent")
    return spoken(shape) or "1"
