"""Running a network from the page: known at once, or made with a bar and a Stop; why not, where it cannot be."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz.network_runs import Run
from normviz.text.lookup import section
from normviz.ui import cached_network
from normviz.ui.cached_network import Asked
from normviz.ui.choices import Choices
from normviz.ui.network.inputs import Images
from normviz.ui.network.shown import Shown, Values
from normviz.ui.parts import failed

#: Which run the visitor stopped last, and what was shown before it.
STOPPED, EARLIER = "network/stopped", "network/earlier"
#: What is done sooner shows no bar; a bar moves so often.
PATIENCE, EVERY = 0.3, 0.1


def obtain(
    c: Choices, asked: Asked, images: Images, own: Mapping[str, Any] | None, place: DeltaGenerator
) -> Run | None:
    """The run that is asked for. None where it was stopped, or cannot be: ``place`` then says why."""
    if found := cached_network.known(asked):
        return found
    if st.session_state.get(STOPPED) == asked:
        with place.container(horizontal=True, vertical_alignment="center"):
            st.info(c.say("network_page.stopped"), icon=":material/stop_circle:", width="stretch")
            st.button(
                c.say("network_page.again"),
                icon=":material/play_arrow:",
                key=f"nv-network-again-{fingerprint(asked)}",
                on_click=_stop,
            )
        return None
    from normviz.nets.network_limits import NetworkLimit
    from normviz.nets.weights_errors import WeightsError

    meter = Meter(c, asked, place)
    try:
        return cached_network.run(asked, images.arrays, own, meter)
    except NetworkLimit as problem:
        words = {key: f"{value:,}" for key, value in problem.details.items()}
        place.error(section(c.lang, "network_limit")[problem.code].format(**words), icon=":material/error:")
    except WeightsError as problem:
        place.error(weights_problem(c, problem), icon=":material/error:")
    except ValueError as problem:
        failed(c, problem, place)
    finally:
        meter.close()
    return None


def weights_problem(c: Choices, problem: Any) -> str:
    """Why weights are not used, in the visitor's language."""
    return section(c.lang, "weights_error")[problem.code].format(**problem.details)


def shown_of(asked: Asked, run: Run, images: Images, own: Mapping[str, Any] | None, label: str) -> Shown:
    """A run as the views want it: its values are computed when one asks for them."""

    def values(number: int) -> Values:
        return cached_network.values(asked, number, images.arrays, own)

    return Shown(run.trace, fingerprint(asked), label, values)


def fingerprint(asked: Asked) -> str:
    """What tells a run from others in the keys of widgets: the two of a comparison may both be at work."""
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


class Meter:
    """The bar of a run, with its Stop: drawn only where the run takes long enough to be watched.

    Every move of the bar is a word to the browser: where it has left, or Stop was pressed, the run ends there.
    """

    def __init__(self, c: Choices, asked: Asked, place: DeltaGenerator) -> None:
        self._c = c
        self._asked = asked
        self._place = place
        self._bar: DeltaGenerator | None = None
        self._next = time.monotonic() + PATIENCE

    def __call__(self, done: int, total: int, name: str) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        said = self._c.say("network_page.progress", done=done, total=total or "…", name=name)
        share = min(1.0, done / total) if total else 0.0
        if self._bar is not None:
            self._bar.progress(share, said)
            return
        with self._place.container(horizontal=True, vertical_alignment="center"):
            self._bar = st.progress(share, said, width="stretch")
            st.button(
                self._c.say("network_page.stop"),
                icon=":material/stop:",
                key=f"nv-network-stop-{fingerprint(self._asked)}",
                on_click=_stop,
                args=(self._asked,),
            )

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._place.empty()
            self._bar = None


def _stop(asked: Asked | None = None) -> None:
    """Not this run again until it is asked for: the run that follows a stop would start it anew."""
    st.session_state[STOPPED] = asked
