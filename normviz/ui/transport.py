"""Going through the steps of a course: by hand with a slider and two buttons, or playing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from normviz.ui.choices import Choices
from normviz.ui.controls import remember, remembered
from normviz.ui.step_mark import mark


@dataclass(frozen=True)
class Transport:
    """The steps of a course, ``first`` to ``last``; which one is in the link under ``link``, ``start`` by default.

    ``name`` names its widgets and the charts that it marks. Playing goes on by ``stride`` steps every ``pace`` seconds,
    and stops at the end, on Pause, at a step by hand, and when the page is shown without it.
    """

    name: str
    link: str
    first: int
    last: int
    start: int
    stride: int = 1
    pace: float = 0.7

    def draw(self, c: Choices) -> tuple[int, bool]:
        """Draw Play (or Pause), one step back and on, and the slider; return the step, and whether it plays.

        While it plays the step counts on by itself, and the slider, which would stand still, is away.
        """
        now = remembered(self.link, self._parse, self.start, under=self._under)
        slider = f"{self._under}/{c.lang}"
        plays = self.playing()
        if plays:
            st.session_state.pop(slider, None)
        else:  # what the slider says, before the buttons beside it are drawn
            now = st.session_state[slider] = int(st.session_state.get(slider, now))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if plays:
                label, icon = c.say("transport.pause"), ":material/pause:"
                st.button(label, icon=icon, key=self._pause, on_click=self._set, args=(None,), width=120)
            else:
                label, icon = c.say("transport.play"), ":material/play_arrow:"
                st.button(label, icon=icon, key=f"{self.name}/play", on_click=self._play, width=120)
            for name, icon, by in (("back", "skip_previous", -1), ("forth", "skip_next", 1)):
                st.button(
                    f":material/{icon}:",
                    help=c.say(f"transport.{name}"),
                    key=f"{self.name}/{name}",
                    on_click=self._go,
                    args=(by, slider),
                    disabled=not plays and not self.first <= now + by <= self.last,
                )
            if not plays:
                label = c.say("transport.step")
                now = st.slider(label, self.first, self.last, key=slider, label_visibility="collapsed")
        if plays:
            self._set("on")
        return remember(self.link, now, self.start, under=self._under), plays

    def follow(self, c: Choices, step: int, plays: bool, numbers: Callable[[int], None]) -> None:
        """Mark the step on the charts and show its numbers side by side; playing draws these alone again."""
        drawn: list[int] = []

        @st.fragment(run_every=self.pace if plays else None)
        def shown() -> None:
            now = step
            if drawn and plays:
                if not self.playing():
                    st.rerun()
                now = self._advance()
                if now == self.last:
                    st.rerun()  # the whole page: the player has stopped, and all of it shows the last step
            drawn.append(now)
            with st.container(key=f"nv-at-{self.name}", gap=None):
                mark(self.name, now, self.first, self.last)
                st.markdown(c.say("transport.at", step=now, last=self.last))
            with st.container(horizontal=True, gap="medium", key=f"nv-numbers-{self.name}"):
                numbers(now)

        shown()

    def playing(self) -> bool:
        """Whether it plays: it was started, and its Pause button was on the page until now."""
        state = st.session_state.get(self._state)
        # Streamlit forgets a button as soon as a run of the page has not drawn it.
        return state == "started" or (state == "on" and self._pause in st.session_state)

    @property
    def _under(self) -> str:
        return f"{self.name}.step"

    @property
    def _state(self) -> str:
        return f"{self.name}/state"

    @property
    def _pause(self) -> str:
        return f"{self.name}/pause"

    def _parse(self, text: str) -> int | None:
        step = int(text)
        return step if self.first <= step <= self.last else None

    def _set(self, state: str | None) -> None:
        st.session_state[self._state] = state

    def _now(self) -> int:
        return int(st.session_state[f"chosen/{self._under}"])

    def _advance(self) -> int:
        """Go on; the last step ends the playing."""
        step = min(self._now() + self.stride, self.last)
        st.session_state[f"chosen/{self._under}"] = step
        if step == self.last:
            self._set(None)
        return step

    def _play(self) -> None:
        """Start, from the beginning where the end was reached."""
        if self._now() == self.last:
            st.session_state[f"chosen/{self._under}"] = self.first
        self._set("started")

    def _go(self, by: int, slider: str) -> None:
        """Another step, by hand: the playing stops."""
        step = min(max(self._now() + by, self.first), self.last)
        st.session_state[f"chosen/{self._under}"] = st.session_state[slider] = step
        self._set(None)
