"""What the visitor has brought in this session: weights, and traces of models of their own. Never part of a link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from normviz.network_runs import Plan
from normviz.traces import Trace
from normviz.ui.cached_network import own_weights


@dataclass(frozen=True)
class Weights:
    """A weights file that was read: its name, what tells it from others, the network and norm that it fits best."""

    name: str
    digest: str
    network: str
    norm: str

    @property
    def state(self) -> Mapping[str, Any] | None:
        """Its tensors; None where the server has let go of them, to make room for those of others."""
        return own_weights().get(self.digest)


@dataclass(frozen=True, eq=False)
class Opened:
    """A trace file that was read."""

    name: str
    digest: str
    trace: Trace


_WEIGHTS = "network/weights"


def weights() -> Weights | None:
    """The weights that were uploaded last, as long as they are there."""
    found: Weights | None = st.session_state.get(_WEIGHTS)
    return found if found and found.state is not None else None


def lost_weights() -> Weights | None:
    """The weights that were uploaded last, where they are there no longer."""
    found: Weights | None = st.session_state.get(_WEIGHTS)
    return found if found and found.state is None else None


def weights_digest() -> str:
    """What tells these weights from others; empty where there are none."""
    found = weights()
    return found.digest if found else ""


def keep_weights(found: Weights, state: Mapping[str, Any]) -> None:
    """Keep these, in the place of those before."""
    own_weights().put(found.digest, state)
    st.session_state[_WEIGHTS] = found


def forget_weights() -> None:
    """Know of no weights of the visitor's own any more."""
    st.session_state.pop(_WEIGHTS, None)


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
