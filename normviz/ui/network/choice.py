"""Which network is run, with which weights, norm and activation, and in which mode; all in the link."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import streamlit as st

from normviz.network_runs import INITS, MODES, TOP, Plan
from normviz.networks import NETWORKS, NONE, Network
from normviz.ui.cached_network import labels, weights_for
from normviz.ui.choices import Choices
from normviz.ui.controls import number, pick
from normviz.ui.network import kept
from normviz.ui.network.inputs import follow_network

#: What stands after the networks: a trace that was opened needs none of them.
OPENED = "trace"
TARGETS = ("none", "top", "class")


def choose_network(c: Choices) -> str:
    """Draw the choice of the network, or of an opened trace in its place."""
    return pick(
        "network",
        c.say("network_page.network"),
        (*NETWORKS, OPENED),
        next(iter(NETWORKS)),
        lang=c.lang,
        names=lambda key: c.say(f"network_page.{OPENED}") if key == OPENED else c.say(f"network.{key}"),
        select=True,
        label_visibility="collapsed",
        width=210,
        on_change=follow_network,
        args=(c.lang,),
    )


def choose_plan(c: Choices, key: str) -> Plan:
    """Draw the rest of what is run, in the frame's row: norm, weights and mode, and what is asked for less often."""
    network = NETWORKS[key]
    with c.bar or nullcontext():
        norm = choose_norm(c, network)
        weights = _weights(c, network, norm)
        mode = pick(
            "mode",
            c.say("network_page.mode"),
            MODES,
            MODES[0],
            lang=c.lang,
            names=lambda one: c.say(f"network_page.mode_{one}"),
            under="network.mode",
            label_visibility="collapsed",
        )
        with st.popover(c.say("network_page.more"), key="nv-network-more"):
            init = INITS[0]
            if weights == "random":
                init = pick(
                    "init",
                    c.say("network_page.init"),
                    INITS,
                    INITS[0],
                    lang=c.lang,
                    names=lambda one: c.say(f"network_page.init_{one}"),
                )
            activation = _activation(c, network)
            side = _side(c, network)
            target = _target(c, network)
    return Plan(
        key,
        weights,
        init,
        "" if norm == network.norm else norm,
        "" if activation == network.activation else activation,
        mode,
        0 if side == network.side else side,
        c.seed,
        c.device,
        target,
        kept.weights_digest() if weights == "own" else "",
    )


def norm_name(c: Choices, key: str) -> str:
    """A norm's name; "none" has one too."""
    return c.say("network_page.no_norm") if key == NONE else c.say(f"method.{key}.name")


def choose_norm(c: Choices, network: Network, *, second: str = "") -> str:
    """Draw the choice of the norm, of the run or (with the name of its first) of the ``second`` one."""
    options: Sequence[str] = network.norms
    if second:
        options = tuple(norm for norm in network.norms if norm != second)
    default = network.norm if network.norm in options else options[0]
    link = "with.norm" if second else "norm"
    return pick(
        link,
        c.say("network_page.norm"),
        options,
        default,
        lang=c.lang,
        names=lambda key: norm_name(c, key),
        under=f"{link}.{network.key}",
        select=True,
        label_visibility="collapsed",
        width=190,
    )


def default_weights(network: Network, norm: str) -> str:
    """What is shown first: trained by this project where they are, else drawn at random. Nothing is downloaded."""
    return "trained" if "trained" in weights_for(network.key, norm) else "random"


def choose_weights(c: Choices, network: Network, norm: str, options: Sequence[str], link: str) -> str:
    """Draw the choice between these origins of the weights."""
    default = default_weights(network, norm)
    return pick(
        link,
        c.say("network_page.weights"),
        options,
        default if default in options else options[0],
        lang=c.lang,
        names=lambda key: c.say(f"network_page.weights_{key}"),
        under=f"{link}.{network.key}",
        select=True,
        label_visibility="collapsed",
        width=190,
    )


def _weights(c: Choices, network: Network, norm: str) -> str:
    return choose_weights(c, network, norm, weights_for(network.key, norm), "weights")


def _activation(c: Choices, network: Network) -> str:
    return pick(
        "activation",
        c.say("network_page.activation"),
        network.activations,
        network.activation,
        lang=c.lang,
        names=lambda key: c.say(f"activation.{key}.name"),
        under=f"activation.{network.key}",
        select=True,
    )


def _side(c: Choices, network: Network) -> int:
    if network.fixed:
        return network.side
    low, high = network.sides
    label = c.say("network_page.side", low=low, high=high, step=network.step)
    side = number(
        "side",
        label,
        network.side,
        low,
        high,
        lang=c.lang,
        under=f"side.{network.key}",
        step=max(network.step, (network.side // 7) // network.step * network.step),
    )
    return min(high, max(low, round(side / network.step) * network.step))


def _target(c: Choices, network: Network) -> int | None:
    chosen = pick(
        "target",
        c.say("network_page.target"),
        TARGETS,
        TARGETS[0],
        lang=c.lang,
        names=lambda key: c.say(f"network_page.target_{key}"),
    )
    if chosen != "class":
        return TOP if chosen == "top" else None
    names = labels(network.key)
    if not names:
        last = network.classes - 1
        label = c.say("network_page.class", last=last)
        return number("class", label, 0, 0, last, lang=c.lang, under=f"class.{network.key}")
    return pick(
        "class",
        c.say("network_page.class", last=len(names) - 1),
        tuple(range(len(names))),
        0,
        lang=c.lang,
        names=lambda k: f"{k}: {names[k]}" if names[k] != str(k) else names[k],
        under=f"class.{network.key}",
        select=True,
    )
