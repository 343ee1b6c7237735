"""What the conventions' figures plot, against the records they are given."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from normviz.convention_effects import Averages, Effect, Kept, Reading
from normviz.convention_table import AVERAGES, DAMPINGS, EPSILONS, STARTS
from normviz.conventions import Convention
from normviz.figures import conventions as figures
from normviz.minmax import scaling

NAMES = {"torch": "T", "keras": "K", "flax": "F", "tensorflow": "TF", "onnx": "O", "paper": "P"}
WORDS = {
    "batches": "Batches",
    "input": "Eingabe",
    "size": "Größe",
    "left": "bleibt",
    "channel": "Kanal",
    "before": "vorher",
    "value": "Wert",
    "standardized": "standardisiert",
    "min_max": "Min-Max",
}


def texts(figure: go.Figure) -> str:
    return " ".join(a.text for a in figure.layout.annotations)


def reading(row: Convention, drawn: np.ndarray) -> Reading:
    return Reading(row, 0.0, 0.0, 0.0, drawn)


def test_what_is_drawn_alike_shares_a_line_under_all_names() -> None:
    one, other, nan = np.array([1.0, 2.0]), np.array([1.0, 2.1]), np.array([np.nan, 2.0])
    lines = figures.together(["a", "b", "a", "c", "d", "e"], [one, other, one, one, nan, nan])
    assert [(line.name, line.first) for line in lines] == [("a, c", 0), ("b", 1), ("d, e", 4)]
    assert len({line.colour for line in lines}) == 3


@pytest.mark.parametrize("what", ["mean", "var"])
def test_the_course_of_the_buffers(what: str) -> None:
    batch = np.array([3.0, 2.0, 4.0])
    kept = tuple(Kept(row, row.kept(batch, 0.0), row.kept(batch, 1.0), 0.0) for row in AVERAGES)
    found = Averages(kept, 9, 2.5, 3.5, 0.0, 0.0)
    figure = figures.course(found, NAMES, what=what, batches=2, words=WORDS)
    # Here no correction tells torch from ONNX.
    assert [t.name for t in figure.data] == ["T, O", "K, F", "TF"]
    start = 0.0 if what == "mean" else 1.0
    assert list(figure.data[0].y) == pytest.approx(AVERAGES[0].kept(batch, start))
    assert list(figure.data[2].y) == [start, 3.0, 2.0, 4.0]
    target, at = figure.layout.shapes
    assert target.y0 == (2.5 if what == "mean" else 3.5) and at.x0 == 2
    assert all(name in texts(figure) for name in ("T, O", "K, F", "TF", "Eingabe"))


def test_eps_leaves_what_the_formula_says_and_dots_are_the_sets() -> None:
    rows = EPSILONS["batch"]
    at = np.array([0.01, 0.1, 0.0])
    found = Effect(tuple(reading(row, np.array([0.5, 0.9, np.nan])) for row in rows), at, np.array([]))
    figure = figures.epsilons(found, NAMES, words=WORDS)
    lines, dots = figure.data[::2], figure.data[1::2]
    assert [t.name for t in lines] == ["T, F, O", "K, TF"]
    for trace, eps in zip(lines, (1e-5, 1e-3), strict=True):
        sizes = np.asarray(trace.x)
        assert np.asarray(trace.y) == pytest.approx(sizes / np.sqrt(sizes**2 + eps))
        assert sizes.min() < 0.01 and sizes.max() > 0.1
    assert list(dots[0].x) == at.tolist() and dots[0].y[0] == 0.5
    assert figure.layout.xaxis.type == "log"


def test_damping_along_the_channels() -> None:
    channels = np.arange(4.0)
    drawn = [channels / 9, channels / 9, channels / 7, channels / 5]
    found = Effect(tuple(map(reading, DAMPINGS, drawn)), channels, np.array([]))
    figure = figures.damping(found, NAMES, channel=2, words=WORDS)
    assert [t.name for t in figure.data] == ["T, O", "TF", "P"]
    assert figure.layout.shapes[0].x0 == 2


def test_histograms_are_steps_of_the_counts() -> None:
    edges, counts = np.linspace(0, 4, 5), np.array([0.0, 3.0, 1.0, 0.0])
    found = Effect((reading(STARTS[0], counts), reading(STARTS[1], counts[::-1])), edges, counts)
    figure = figures.histograms(found, ["T", "F"], words=WORDS)
    before, torch, flax = figure.data
    assert list(before.x) == list(torch.x) == [1, 1, 2, 2, 3, 3]
    assert list(torch.y) == [0, 3, 3, 1, 1, 0] and list(flax.y) == [0, 1, 1, 3, 3, 0]
    assert before.line.color == "#8792A0" and torch.line.color == "#0F8F6A"


def test_the_three_scalings_share_one_axis() -> None:
    x = np.random.default_rng(0).standard_normal(200)
    found = scaling(x, 3, 9.0)
    figure = figures.scalings(found, words=WORDS)
    rows = [t for t in figure.data if t.name != "cell"]
    marks = [t for t in figure.data if t.name == "cell"]
    assert [t.name for t in rows] == ["vorher", "standardisiert", "Min-Max"]
    assert [mark.x[0] for mark in marks] == [
        found.before.outlier,
        found.standardized.outlier,
        found.min_max.outlier,
    ]
    low, high = figure.layout.xaxis.range
    for trace in figure.data:
        assert low < min(trace.x) and max(trace.x) < high
    heights = [max(t.y) - min(t.y) for t in rows]
    assert heights == pytest.approx([1.0] * 3)
    assert len({t.line.color for t in rows}) == 3
    assert texts(figure).count("μ ± σ") == 3


def test_nothing_finite_still_draws() -> None:
    nan = np.full(3, np.nan)
    kept = tuple(Kept(row, nan, nan, np.nan) for row in AVERAGES)
    assert figures.course(Averages(kept, 9, np.nan, np.nan, 0, 0), NAMES, what="var", batches=1, words=WORDS)
    assert figures.epsilons(
        Effect(tuple(reading(row, nan) for row in EPSILONS["l2"]), nan, np.array([])), NAMES, words=WORDS
    ).to_json()
    assert figures.scalings(scaling(nan, 0), words=WORDS).to_json()
