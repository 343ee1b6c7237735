"""The network page: images, or a trace, go in; every layer's distribution comes out."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz.findings import findings
from normviz.network_runs import Plan, Run
from normviz.networks import NETWORKS
from normviz.ui.cached_network import Asked
from normviz.ui.choices import Choices
from normviz.ui.network import kept, opened_trace, weights_files
from normviz.ui.network.answer import show_head
from normviz.ui.network.below import show_below
from normviz.ui.network.choice import OPENED, choose_network, choose_plan, default_weights, norm_name
from normviz.ui.network.inputs import Images, choose_images, choose_input_kind
from normviz.ui.network.opening import opened, pick_layer
from normviz.ui.network.run import EARLIER, STOPPED, obtain, shown_of
from normviz.ui.network.second import Second, choose_second, compare_trace
from normviz.ui.network.shown import Shown
from normviz.ui.network.table import show_files, show_table
from normviz.ui.network.top import show_top
from normviz.ui.network.trained import how_good, otherwise_trained
from normviz.ui.parts import choose, controls, head

VIEWS = ("ridge", "depth", "layer", "two", "table")


def show(c: Choices) -> None:
    """The page, from its answer down to the visitor's own model."""
    with c.bar or nullcontext():
        network = choose_network(c)
    if network == OPENED:
        _show_opened(c)
        return
    top = st.container()
    plan = choose_plan(c, network)
    with controls():
        view = _choose_view(c)
        st.space("stretch")
        kind = choose_input_kind(c, network)
    above, status, picture, given, rest = (st.container() for _ in range(5))
    # The uploader stands where it is looked for; which photograph it is can wait until one has been seen.
    with (
        above
        if kind in ("upload", "camera")
        else given.container(horizontal=True, vertical_alignment="bottom")
    ):
        images = choose_images(c, kind, network)
    given.caption(_network(c, network))
    asked = plan.weights == "own"
    with above:
        plan = _with_weights(c, plan)
    run, shown, fresh = _shown(c, plan, images, status)
    with top:
        if shown is None and st.session_state.get(STOPPED) == Asked(plan, images.key):
            head(c.say("network_page.title_stopped"), c.say("network_page.lead_stopped"))
        else:
            _show_answer(c, shown)
    if shown is None:
        _own_model(c, rest, asked)
        return
    with picture:
        _show_view(c, view, shown, plan, images)
        st.caption(_about(c, shown, images if fresh else None, plan))
    with rest:
        if run is not None and fresh:
            show_top(c, run, images)
        if view != "table":
            show_files(c, shown)
    _own_model(c, rest, asked)


def _show_answer(c: Choices, shown: Shown | None) -> None:
    """The head; below that of a pass that ended early, whose lead is the reason, how many warnings there are."""
    show_head(c, shown)
    if shown is None or not shown.trace.error:
        return
    if found := len(findings(shown.trace)):
        st.markdown(c.say(f"network_page.lead_{'found' if found > 1 else 'one'}", found=found))


def _choose_view(c: Choices) -> str:
    return choose(c, "view", VIEWS, "network_page.view_", label="network_page.view", under="network.view")


def _shown(
    c: Choices, plan: Plan, images: Images, status: DeltaGenerator
) -> tuple[Run | None, Shown | None, bool]:
    """The run that is asked for; where it was stopped or cannot be, the one before it, and False."""
    asked, own = Asked(plan, images.key), kept.own_for(plan)
    run = obtain(c, asked, images, own, status.empty())
    if run is None:
        earlier: tuple[Run, Shown] | None = st.session_state.get(EARLIER)
        if earlier is None:
            return None, None, False
        status.markdown(c.say("network_page.earlier", label=earlier[1].label))
        return *earlier, False
    shown = shown_of(asked, run, images, own, _label(c, plan, images))
    st.session_state[EARLIER] = (run, shown)
    return run, shown, True


def _with_weights(c: Choices, plan: Plan) -> Plan:
    """The plan with weights that are there; what has to be given or fetched first is asked for here."""
    instead = replace(plan, weights=default_weights(NETWORKS[plan.network], plan.norm), digest="")
    if plan.weights == "own":
        weights_files.show_uploader(c)
        if not kept.weights_digest():
            other = c.say(f"network_page.weights_{instead.weights}")
            st.info(c.say("network_page.own_until", weights=other), icon=":material/info:")
        return plan if weights_files.fits(c, plan) else instead
    if plan.weights == "published" and not weights_files.ready(c, plan, st.empty()):
        return instead
    return plan


def _label(c: Choices, plan: Plan, images: Images) -> str:
    """What is run, in a few words."""
    norm = NETWORKS[plan.network].chosen_norm(plan.norm)
    parts = (
        c.say(f"network.{plan.network}"),
        norm_name(c, norm),
        c.say(f"network_page.weights_{plan.weights}"),
        c.say(f"network_page.mode_{plan.mode}"),
        images.about,
    )
    return " · ".join(parts)


def _network(c: Choices, network: str) -> str:
    """What the network is, what it makes of an image, and its paper."""
    row = NETWORKS[network]
    words = {"network": c.say(f"network.{network}"), "what": c.say(f"network_what.{network}")}
    said = [c.say("network_page.network_is", **words), c.say(f"network_input.{row.labels or 'none'}")]
    if row.paper is not None:
        said.append(c.say("cube_page.paper", **asdict(row.paper)))
    return c.prose(said)


def _about(c: Choices, shown: Shown, images: Images | None = None, plan: Plan | None = None) -> str:
    """What the picture was computed from. ``images`` and ``plan`` are those of the run, where it is that of now."""
    from normviz.ui.network.about import trace_caption

    said = [trace_caption(c, shown)]
    if images is not None:
        said.append(c.say("network_page.input_was", about=images.about))
        said += how_good(c, plan) + otherwise_trained(c, plan) if plan else []
    return c.prose(said)


def _show_view(c: Choices, view: str, shown: Shown, plan: Plan | None, images: Images | None) -> None:
    """The chosen view. Each is imported when it is first opened."""
    match view:
        case "ridge":
            from normviz.ui.network.ridge import show_ridge

            numbers = show_ridge(c, shown)
            show_below(c, shown, opened(shown), numbers)
        case "depth":
            from normviz.ui.network.depth import show_depth

            show_depth(c, shown)
        case "two":
            _show_two(c, shown, plan, images)
        case "table":
            show_table(c, shown)
        case _:
            _show_layer(c, shown)


def _show_layer(c: Choices, shown: Shown) -> None:
    from normviz.ui.network.layer import show_layer

    if shown.trace.layers:
        number = pick_layer(c, shown, range(len(shown.trace.layers)), "view", otherwise=_first_norm(shown))
        show_layer(c, shown, number or 0)


def _first_norm(shown: Shown) -> int:
    """The layer that is shown where none is open: the first norm, which has most to show."""
    layers = shown.trace.layers
    return next((number for number, layer in enumerate(layers) if layer.kind == "norm"), 0)


def _show_two(c: Choices, shown: Shown, plan: Plan | None, images: Images | None) -> None:
    from normviz.ui.network.two import show_two

    second: Second | None
    if plan is None or images is None:
        second = compare_trace(c)
    else:
        second = choose_second(c, plan, images, st.empty())
    if second is not None:
        show_two(c, replace(shown, label=second.first or shown.label), second.shown)


def _show_opened(c: Choices) -> None:
    """The page of an opened trace: no network is run."""
    top = st.container()
    shown = opened_trace.shown()
    if shown is None:
        with top:
            head(c.say("network_page.trace_title"), c.say("network_page.trace_none"))
        opened_trace.show_opener(c)
        return
    with top:
        _show_answer(c, shown)
    with controls():
        view = _choose_view(c)
    _show_view(c, view, shown, None, None)
    st.caption(_about(c, shown))
    if view != "table":
        show_files(c, shown)
    st.subheader(c.say("network_page.trace_another"), anchor=False)
    opened_trace.show_opener(c)


def _own_model(c: Choices, place: DeltaGenerator, asked: bool) -> None:
    """How the visitor's own model gets here: as a trace, or as weights (where these are not ``asked`` for above)."""
    with place:
        st.subheader(c.say("network_page.own_model"), anchor=False)
        left, right = st.columns(2, gap="large")
        with left:
            opened_trace.show_opener(c)
        with right:
            if not asked:
                weights_files.show_uploader(c)
