"""An activation that learns its slope: trained from the page, stopped, kept, and offered where it is not chosen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from normviz.activity import SlopeRun
from normviz.text.lookup import say
from normviz.ui import cached_activations
from tests.pages.activation_view import charts, open_view
from tests.pages.app import CJK, LANGUAGES, errors, fine, link, texts, widget


def a_run(steps: int) -> SlopeRun:
    t = np.arange(steps + 1.0)
    return SlopeRun(np.stack([0.25 + t / 1000] * 3, axis=1), 2 - t / 100, np.where(t % 5, np.nan, t / 200))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_slope_is_trained_and_kept(lang: str) -> None:
    at = open_view(lang=lang, act="prelu.relu")
    calm = charts(at)
    fine(widget(at, "nv-act-train-prelu").click().run())
    assert charts(at) == calm + 1 and errors(at) == []
    (said,) = [
        line for line in texts(at).splitlines() if "**0." in line and "150" in line and "0.250" in line
    ]
    assert bool(CJK.search(said)) == (lang == "zh")
    read = float(re.findall(r"\*\*([\d.]+) %\*\*", said)[0])
    assert read > 70  # a guess reads one in ten
    fine(at.run())
    assert said in texts(at)
    # Another start is another training.
    fine(widget(at, f"prelu.init/{lang}").set_value("0.5").run())
    assert said not in texts(at) and charts(at) == calm


def test_a_training_that_was_stopped_keeps_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    def stopped(what: Any) -> Iterator[SlopeRun]:
        try:
            for steps in (0, 5, 10):
                yield a_run(steps)
        finally:
            closed.append(what)

    monkeypatch.setattr("normviz.ui.activations.slopes.trained", stopped)
    at = open_view(lang="en", act="prelu")
    fine(widget(at, "nv-act-train-prelu").click().run())
    assert "Stopped at step 10 of 150" in texts(at) and "**0.260**" in texts(at)
    assert [what.init for what in closed] == [0.25]


def test_closing_the_training_gives_its_place_back() -> None:
    for _ in range(3):  # as often as there are places, and once more
        run = cached_activations.trained(cached_activations.Training("prelu", 0.25, 0))
        assert next(run).slopes.shape == (1, 3)
        run.close()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_one_that_learns_is_offered(lang: str) -> None:
    at = open_view(lang=lang, act="relu")
    fine(widget(at, "nv-act-add").click().run())
    assert widget(at, f"act/{lang}").value == ["relu", "prelu"] and link(at)["act"] == "relu.prelu"
    assert widget(at, "nv-act-train-prelu").label == say(lang, "act_page.learn_run", steps=150)
