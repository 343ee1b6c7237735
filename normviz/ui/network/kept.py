"""What the visitor has brought in this session: weights, and traces of models of their own. Never part of a link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from normviz.network_runs import Plan
from normviz.traces import Trace


@dataclass(frozen=True, eq=False)
class Weights:
    """A weights file that was read: its name, its tensors, and the network and norm that they fit best."""

    name: str
    digest: str
    state: Mapping[str, Any]
    network: str = ""
    norm: str = ""


@dataclass(frozen=True, eq=False)
class Opened:
    """A trace file that was read."""

    name: str
    digest: str
    trace: Trace


_WEIGHTS = "network/weights"


def weights() -> Weights | None:
    """The weights that were uploaded last."""
    found: Weights | None = st.session_state.get(_WEIGHTS)
    return found


def weights_digest() -> str:
    """What tells these weights from others; empty where there are none."""
    found = weights()
    return found.digest if found else ""


def keep_weights(found: Weights | None) -> None:
    """Keep these, in the place of those before."""
    st.session_state[_WEIGHTS] = found


def own_for(plan: Plan) -> Mapping[str, Any] | None:
    """The tensors that a plan with the visitor's weights means; None where it means others."""
    found = weights()
    return found.state if found and plan.weights == "own" and plan.digest == found.digest else None


def opened(which: str = "first") -> Opened | None:
    """The trace that was opened, as the ``first`` or the ``second`` of two."""
    found: Opened | None = st.session_state.get(f"network/opened/{which}")
    return found


def keep_opened(found: Opened, which: str = "first") -> None:
    """Keep this trace, in the place of the one before."""
    st.session_state[f"network/opened/{which}"] = found


def short(name: str) -> str:
    """A file's name as code, so that nothing in it is read as Markdown."""
    clean = "".join(ch for ch in name if ch.isprintable() and ch != "`")
    return f"`{clean[:60]}`"
