"""The stream's pictures hold the numbers they were given."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

import normviz as nv
from normviz.figures import stream as looks
from normviz.figures.stream import channels_figure, course_figure
from normviz.figures.stream_outputs import evaluation_figure
from normviz.figures.theme import CELL
from normviz.nets.stream import course, evaluate
from normviz.stream import Course, Plan

WORDS = {
    "batch": "Stapel",
    "running": "laufend",
    "biased": "verzerrt",
    "population": "Grundgesamtheit",
    "step": "Schritt {step}",
    "steps": "Schritte",
    "mean": "Mittel",
    "var": "Varianz",
    "frozen": "eingefroren",
    "offset": "Abstand",
    "ratio": "Verhältnis",
    "channel": "Kanal",
    "train": "Training",
    "eval": "Auswertung",
    "matching": "passend",
    "shifted": "verschoben",
    "output": "Ausgabe",
    "mean_std": "μ ± σ",
}
PLAN = Plan(batch=4, steps=20, shift=1.0, scale=2.0)
POOL = nv.Sample(seed=2).tensor((40, 6, 3, 3))


@pytest.fixture(scope="module")
def done() -> Course:
    return course(POOL, PLAN)


def named(figure: go.Figure, name: str, panel: str) -> list[go.Scatter]:
    return [t for t in figure.data if t.name == name and (t.yaxis or "y") == panel]


def texts(figure: go.Figure) -> str:
    return "\n".join(a.text for a in figure.layout.annotations)


def test_the_course_of_one_channel(done: Course) -> None:
    figure = course_figure(done, PLAN, channel=3, step=7, words=WORDS)
    means, variances = done.target(PLAN)
    for panel, batch, running, target in (
        ("y", done.batch_mean, done.running_mean, means),
        ("y2", done.batch_var, done.running_var, variances),
    ):
        (dots,) = named(figure, "Stapel", panel)
        assert np.array_equal(dots.x, range(1, 21)) and np.array_equal(dots.y, batch[:, 3])
        # What lies after the step is faint.
        assert np.array_equal(np.asarray(dots.marker.opacity) > 0.5, np.arange(1, 21) <= 7)
        (dashed,) = named(figure, "Grundgesamtheit", panel)
        assert np.array_equal(dashed.y, target[:, 3]) and dashed.line.dash == "dash"
        before, after, now = named(figure, "laufend", panel)
        assert np.array_equal(before.y, running[:8, 3]) and before.opacity is None
        assert np.array_equal(after.y, running[7:, 3]) and after.opacity < 0.5
        assert (now.x[0], now.y[0]) == (7, running[7, 3])
    assert not named(figure, "verzerrt", "y")
    strong, _ = named(figure, "verzerrt", "y2")
    assert np.array_equal(strong.y, done.biased_var[:8, 3])
    assert "Schritt 7" in texts(figure) and "eingefroren" not in texts(figure)
    assert f"{done.running_mean[7, 3]:.3f}".replace("-", "−") in texts(figure)
    for panel, axis in (("y", figure.layout.yaxis), ("y2", figure.layout.yaxis2)):
        drawn = [np.asarray(t.y, float) for t in figure.data if (t.yaxis or "y") == panel]
        assert axis.range[0] < min(y.min() for y in drawn) and axis.range[1] > max(y.max() for y in drawn)


def test_frozen_buffers_stay_and_the_course_they_would_have_taken_is_dotted(done: Course) -> None:
    figure = course_figure(done, PLAN, channel=0, step=15, words=WORDS, frozen=6)
    free, before, after, now = named(figure, "laufend", "y")
    assert free.line.dash == "dot" and np.array_equal(free.y, done.running_mean[6:, 0])
    assert (np.asarray(before.y)[6:] == done.running_mean[6, 0]).all()
    assert (np.asarray(after.y) == done.running_mean[6, 0]).all() and now.y[0] == done.running_mean[6, 0]
    assert "eingefroren" in texts(figure)


def test_before_the_first_batch_there_is_no_batch(done: Course) -> None:
    figure = course_figure(done, PLAN, channel=0, step=0, words=WORDS)
    assert "</span> –<br>" in texts(figure)
    (now,) = [t for t in named(figure, "laufend", "y2") if t.mode == "markers"]
    assert now.y[0] == 1.0


def test_all_channels_in_units_of_the_population(done: Course) -> None:
    figure = channels_figure(done, PLAN, channel=4, step=9, words=WORDS)
    means, variances = done.target(PLAN)
    (offsets, pinned) = named(figure, "Kanal", "y")
    assert np.allclose(offsets.y, (done.running_mean[9] - means[9]) / np.sqrt(variances[9]))
    assert (pinned.x[0], pinned.marker.color) == (4, CELL[0]) and pinned.y[0] == offsets.y[4]
    ratios, _ = named(figure, "Kanal", "y2")
    assert np.allclose(2 ** np.asarray(ratios.y), done.running_var[9] / variances[9])
    # The axes stand still while the stream plays.
    later = channels_figure(done, PLAN, channel=4, step=20, words=WORDS)
    assert later.layout.yaxis.range == figure.layout.yaxis.range
    assert later.layout.yaxis2.range == figure.layout.yaxis2.range
    frozen = channels_figure(done, PLAN, channel=4, step=20, words=WORDS, frozen=9)
    held = named(frozen, "Kanal", "y")[0]
    assert np.allclose(held.y, (done.running_mean[9] - means[20]) / np.sqrt(variances[20]))


def test_a_constant_channel_is_left_out_of_the_units() -> None:
    pool = POOL.copy()
    pool[:, 1] = 3.0
    figure = channels_figure(course(pool, PLAN), PLAN, channel=0, step=5, words=WORDS)
    offsets = np.asarray(named(figure, "Kanal", "y")[0].y, float)
    assert np.array_equal(np.isnan(offsets), np.arange(6) == 1)
    assert np.isfinite(figure.layout.yaxis.range).all()


def test_the_outputs_of_both_modes(done: Course) -> None:
    buffers = done.running_mean[9], done.running_var[9]
    seen = evaluate(POOL, PLAN, buffers, 9, channel=2, shift=1.0, scale=1.5)
    figure = evaluation_figure(seen, words=WORDS)
    areas = []
    for name, base, counts in (
        ("Training", 1, seen.matching.train_counts),
        ("Auswertung", 1, seen.matching.eval_counts),
        ("Training", 0, seen.shifted.train_counts),
        ("Auswertung", 0, seen.shifted.eval_counts),
    ):
        (trace,) = [t for t in named(figure, name, "y") if t.y[0] == base]
        heights = np.asarray(trace.y)[1:-1:2] - base
        widths = np.diff(np.asarray(trace.x)[::2])
        areas.append((heights * widths).sum() / counts.sum())
    assert areas == pytest.approx([areas[0]] * 4)  # one scale for all
    assert list(figure.layout.xaxis.range) == [seen.edges[0], seen.edges[-1]]
    assert f"{seen.shifted.eval.mean:+.2f} ± {seen.shifted.eval.std:.2f}" in texts(figure)
    assert {"passend", "verschoben"} <= set(texts(figure).split("\n"))


def test_data_colours_stand_out_on_both_themes() -> None:
    def luminance(color: str) -> float:
        linear = [
            v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
            for v in (int(color[k : k + 2], 16) / 255 for k in (1, 3, 5))
        ]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    for color in (looks.BATCH, looks.RUNNING, looks.BIASED, looks.POPULATION):
        for paper in ("#FFFFFF", "#0E1116"):
            high, low = sorted((luminance(color), luminance(paper)), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 3.0, (color, paper)
