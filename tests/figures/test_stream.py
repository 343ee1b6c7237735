"""The stream's pictures hold the numbers they were given."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

import normviz as nv
from normviz.figures import stream as looks
from normviz.figures.steps import DRAWN, MARGIN, OTHERS, PANELS
from normviz.figures.stream import channels_figure, course_figure
from normviz.figures.stream_outputs import evaluation_figure
from normviz.nets.stream import course, evaluate
from normviz.stream import Course, Plan

WORDS = {
    "batch": "Stapel",
    "running": "laufend",
    "biased": "verzerrt",
    "population": "Grundgesamtheit",
    "steps": "Schritte",
    "mean": "Mittel von {channel}",
    "var": "Varianz",
    "frozen": "eingefroren",
    "offset": "Abstand",
    "ratio": "Verhältnis",
    "pinned": "Kanal {channel}",
    "others": "andere",
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
    figure = course_figure(done, PLAN, channel=3, words=WORDS)
    means, variances = done.target(PLAN)
    for panel, batch, running, target in (
        ("y", done.batch_mean, done.running_mean, means),
        ("y2", done.batch_var, done.running_var, variances),
    ):
        (dots,) = named(figure, "Stapel", panel)
        assert np.array_equal(dots.x, range(1, 21)) and np.array_equal(dots.y, batch[:, 3])
        (dashed,) = named(figure, "Grundgesamtheit", panel)
        assert np.array_equal(dashed.y, target[:, 3]) and dashed.line.dash == "dash"
        (line,) = named(figure, "laufend", panel)
        assert np.array_equal(line.x, range(21)) and np.array_equal(line.y, running[:, 3])
    assert not named(figure, "verzerrt", "y")
    (biased,) = named(figure, "verzerrt", "y2")
    assert np.array_equal(biased.y, done.biased_var[:, 3])
    assert "<b>Mittel von 3</b>" in texts(figure) and "eingefroren" not in texts(figure)
    for panel, axis in (("y", figure.layout.yaxis), ("y2", figure.layout.yaxis2)):
        drawn = [np.asarray(t.y, float) for t in figure.data if (t.yaxis or "y") == panel]
        assert axis.range[0] < min(y.min() for y in drawn) and axis.range[1] > max(y.max() for y in drawn)


def test_frozen_buffers_stay_and_the_course_they_would_have_taken_is_dotted(done: Course) -> None:
    figure = course_figure(done, PLAN, channel=0, words=WORDS, frozen=6)
    free, line = named(figure, "laufend", "y")
    assert free.line.dash == "dot" and np.array_equal(free.y, done.running_mean[6:, 0])
    assert np.array_equal(np.asarray(line.y)[:7], done.running_mean[:7, 0])
    assert (np.asarray(line.y)[6:] == done.running_mean[6, 0]).all()
    assert "eingefroren" in texts(figure)


def test_a_page_can_lay_its_mark_over_the_charts(done: Course) -> None:
    """The margins are fixed, and nothing may push the axes about."""
    for figure in (
        course_figure(done, PLAN, channel=3, words=WORDS),
        channels_figure(done, PLAN, channel=3, words=WORDS, frozen=4),
    ):
        layout = figure.layout
        assert layout.margin.to_plotly_json() == MARGIN and layout.width is None
        assert layout.xaxis.range == (-0.5, 20.5) and layout.xaxis.domain is None
        assert (layout.yaxis.domain, layout.yaxis2.domain) == PANELS
        assert [axis.automargin for axis in (layout.xaxis, layout.yaxis, layout.yaxis2)] == [False] * 3


def test_a_variance_far_from_torchs_start_is_on_a_scale_of_powers() -> None:
    pool = POOL * 0.05
    small = course(pool, Plan(batch=4, steps=20))
    assert small.var.max() < 1 / 30
    axis = course_figure(small, Plan(batch=4, steps=20), channel=1, words=WORDS).layout.yaxis2
    assert axis.type == "log"
    held = np.concatenate(
        [small.batch_var[:, 1], small.running_var[:, 1], small.biased_var[:, 1], small.var[1:2]]
    )
    assert axis.range[0] < np.log10(held.min()) and np.log10(held.max()) < axis.range[1] < 0.5
    # A mean may be negative, and a variance of 0 has no logarithm.
    constant = course(np.ones_like(pool), Plan(batch=4, steps=20))
    layout = course_figure(constant, Plan(batch=4, steps=20), channel=1, words=WORDS).layout
    assert layout.yaxis.type is None and layout.yaxis2.type is None
    layout = course_figure(course(POOL, Plan(batch=4)), Plan(batch=4), channel=1, words=WORDS).layout
    assert layout.yaxis2.type is None


def test_all_channels_in_units_of_the_population(done: Course) -> None:
    means, variances = done.target(PLAN)
    for frozen in (None, 9):
        figure = channels_figure(done, PLAN, channel=4, words=WORDS, frozen=frozen)
        held = np.minimum(np.arange(21), 20 if frozen is None else frozen)
        for panel, wanted in (
            ("y", (done.running_mean[held] - means) / np.sqrt(variances)),
            ("y2", np.log2(done.running_var[held] / variances)),
        ):
            (pinned,) = named(figure, "Kanal 4", panel)
            assert np.allclose(pinned.y, wanted[:, 4]) and pinned.line.color == looks.RUNNING
            (others,) = named(figure, "andere", panel)
            lines = np.asarray(others.y).reshape(5, 22)
            assert others.line.color == OTHERS and np.isnan(lines[:, -1]).all()
            assert np.allclose(lines[:, :-1], wanted[:, [0, 1, 2, 3, 5]].T)
            assert np.array_equal(np.asarray(others.x).reshape(5, 22)[:, :-1], [range(21)] * 5)
        assert ("eingefroren" in texts(figure)) == (frozen is not None)
    axis = figure.layout.yaxis2
    factors = [1 / float(t[3:]) if "/" in t else float(t[1:]) for t in axis.ticktext]
    assert np.allclose(np.exp2(axis.tickvals), factors) and 1.0 in factors


@pytest.mark.parametrize("channels", [1, 200])
def test_one_channel_stands_alone_and_of_many_some_are_drawn(channels: int) -> None:
    pool = nv.Sample(seed=2).tensor((16, channels))
    figure = channels_figure(course(pool, PLAN), PLAN, channel=0, words=WORDS)
    others = named(figure, "andere", "y")
    assert sum(np.isnan(t.y).sum() for t in others) == min(channels - 1, DRAWN)
    assert ("andere" in texts(figure)) == (channels > 1)


def test_a_constant_channel_is_left_out_of_the_units() -> None:
    pool = POOL.copy()
    pool[:, 1] = 3.0
    figure = channels_figure(course(pool, PLAN), PLAN, channel=0, words=WORDS)
    lines = np.asarray(named(figure, "andere", "y")[0].y, float).reshape(5, 22)
    assert np.isnan(lines[0]).all() and np.isfinite(lines[1:, :-1]).all()
    assert np.isfinite(figure.layout.yaxis.range).all() and np.isfinite(figure.layout.yaxis2.range).all()
    constant = channels_figure(course(np.ones_like(pool), PLAN), PLAN, channel=0, words=WORDS)
    assert np.isfinite(constant.layout.yaxis.range).all()


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
