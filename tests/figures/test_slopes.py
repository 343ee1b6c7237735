"""Learned slopes over the steps, with the loss and the accuracy below."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import pytest

from normviz.activity import SlopeRun
from normviz.figures.slopes import slopes

WORDS = {"slopes": "Steigung", "layer": "Schicht {layer}", "start": "Anfang", "loss": "Verlust",
         "accuracy": "Treffer", "steps": "Schritte"}  # fmt: skip
STEPS = 21
RNG = np.random.default_rng(0)
RUN = SlopeRun(
    0.25 + np.concatenate([np.zeros((1, 3)), np.cumsum(RNG.normal(0, 0.02, (STEPS - 1, 3)), 0)]),
    np.linspace(2.3, 0.4, STEPS),
    np.where(np.arange(STEPS) % 5 == 0, np.linspace(0.1, 0.9, STEPS), np.nan),
)


def traces(figure: go.Figure, axis: str) -> list[go.Scatter]:
    return [t for t in figure.data if (t.yaxis or "y") == axis]


def test_a_line_a_layer_and_the_loss_and_accuracy_below() -> None:
    figure = slopes(RUN, words=WORDS)
    layers = traces(figure, "y")
    assert [t.name for t in layers] == ["Schicht 1", "Schicht 2", "Schicht 3"]
    assert np.array_equal([t.y for t in layers], RUN.slopes.T) and len({t.line.color for t in layers}) == 3
    (loss,), (accuracy,) = traces(figure, "y2"), traces(figure, "y3")
    assert np.array_equal(loss.y, RUN.loss) and np.array_equal(loss.x, range(STEPS))
    assert np.array_equal(accuracy.x, range(0, STEPS, 5)) and np.array_equal(accuracy.y, RUN.accuracy[::5])
    for axis, values in ((figure.layout.yaxis, RUN.slopes), (figure.layout.yaxis2, RUN.loss)):
        assert axis.range[0] < values.min() and axis.range[1] > values.max()
    (start,) = figure.layout.shapes
    assert start.y0 == start.y1 == 0.25 and start.line.dash == "dot"
    said = re.sub("<[^>]+>", "", "\n".join(a.text for a in figure.layout.annotations))
    assert all(word in said for word in ("Steigung", "Anfang", "Verlust", "Treffer", "Schritte"))


def test_the_axis_has_room_for_the_steps_to_come() -> None:
    so_far = SlopeRun(RUN.slopes[:2], RUN.loss[:2], RUN.accuracy[:2])
    assert slopes(so_far, words=WORDS, total=40).layout.xaxis.range[1] >= 40
    assert slopes(RUN, words=WORDS).layout.xaxis.range[1] == pytest.approx(STEPS - 1, abs=0.5)


def test_the_panels_leave_room_for_their_titles() -> None:
    layout = slopes(RUN, words=WORDS).layout
    inner = layout.height - layout.margin.t - layout.margin.b
    domains = [layout.yaxis3.domain, layout.yaxis2.domain, layout.yaxis.domain]
    assert all((two[0] - one[1]) * inner >= 30 for one, two in pairwise(domains))


def test_before_the_first_step_and_after_a_divergence_it_is_drawn() -> None:
    first = SlopeRun(np.full((1, 2), 0.25), np.array([2.3]), np.array([np.nan]))
    assert len(slopes(first, words=WORDS).data) == 4
    lost = SlopeRun(np.array([[0.25], [np.nan]]), np.array([2.3, np.inf]), np.array([0.1, np.nan]))
    figure = slopes(lost, words=WORDS)
    assert all(np.isfinite(figure.layout[a].range).all() for a in ("yaxis", "yaxis2", "yaxis3"))


def test_more_layers_than_colours_are_refused() -> None:
    with pytest.raises(ValueError, match="1 to 6"):
        slopes(SlopeRun(np.zeros((2, 7)), np.zeros(2), np.zeros(2)), words=WORDS)
