"""The second of two runs: the first with another norm, mode, image or weights, or a trace that was opened."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz.network_runs import MODES, Plan
from normviz.networks import NETWORKS
from normviz.ui.cached_network import Asked, weights_for
from normviz.ui.choices import Choices
from normviz.ui.network import kept, opened_trace
from normviz.ui.network.choice import choose_norm, choose_weights, default_weights, norm_name
from normviz.ui.network.inputs import SAMPLES, Images, other_upload, sample
from normviz.ui.network.run import obtain, shown_of
from normviz.ui.network.shown import Shown
from normviz.ui.network.weights_files import ready
from normviz.ui.parts import choose

#: What the second run differs in.
WITH = ("norm", "mode", "image", "weights", "trace")


@dataclass(frozen=True, eq=False)
class Second:
    """The second pass, and what each of the two is called by what they differ in."""

    shown: Shown
    first: str


def choose_second(c: Choices, plan: Plan, images: Images, place: DeltaGenerator) -> Second | None:
    """Draw what differs and run it; None where there is nothing to compare with yet."""
    with st.container(horizontal=True, vertical_alignment="center", key="nv-network-with"):
        st.markdown(c.say("network_page.with"), width="content")
        what = choose(c, "with", WITH, "network_page.with_", label="network_page.with", under="network.with")
        network = NETWORKS[plan.network]
        norm = network.chosen_norm(plan.norm)
        other, given = plan, images
        match what:
            case "norm":
                new = choose_norm(c, network, second=norm)
                other = replace(plan, norm=new, weights=_weights(plan, new), digest="")
                names = norm_name(c, norm), norm_name(c, new)
            case "mode":
                new = next(mode for mode in MODES if mode != plan.mode)
                other = replace(plan, mode=new)
                names = c.say(f"network_page.mode_{plan.mode}"), c.say(f"network_page.mode_{new}")
            case "weights":
                options = tuple(
                    one
                    for one in weights_for(plan.network, norm)
                    if one != plan.weights and (one != "own" or kept.weights())
                )
                if not options:
                    st.info(c.say("network_page.with_no_weights"), icon=":material/info:")
                    return None
                new = choose_weights(c, network, norm, options, "with.weights")
                digest = kept.weights_digest() if new == "own" else ""
                other = replace(plan, weights=new, digest=digest)
                names = c.say(f"network_page.weights_{plan.weights}"), c.say(f"network_page.weights_{new}")
            case "image":
                given = _other_images(c, images)
                names = images.about, given.about
    if what == "trace":
        return compare_trace(c)
    if other.weights == "published" and not ready(c, other, place):
        return None
    if what == "norm" and not plan.weights == other.weights == "random":
        st.caption(c.say("network_page.with_own_weights"))
    asked, own = Asked(other, given.key), kept.own_for(other)
    run = obtain(c, asked, given, own, place)
    return None if run is None else Second(shown_of(asked, run, given, own, names[1]), names[0])


def compare_trace(c: Choices) -> Second | None:
    """Draw the opener of a second trace; None until there is one."""
    opened_trace.show_opener(c, "second")
    second = opened_trace.shown("second")
    return None if second is None else Second(second, "")


def _weights(plan: Plan, norm: str) -> str:
    """The same origin with another norm where there is one; the visitor's own file fits one norm only."""
    if plan.weights in weights_for(plan.network, norm) and plan.weights not in ("own", "published"):
        return plan.weights
    return default_weights(NETWORKS[plan.network], norm)


def _other_images(c: Choices, images: Images) -> Images:
    """Other digits, the other photograph; of several images of the visitor's own another one, else a photograph."""
    if images.kind == "upload" and (other := other_upload(c)):
        return other
    return sample(c, images.kind if images.kind in SAMPLES else "photo", second=True)
