"""Activation curves: their points against torch's layers and autograd, their kinks, regions and errors."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

import normviz as nv
from normviz.activation import Activation
from normviz.figures import theme
from normviz.figures.activation import ENGLISH, Item, curves
from normviz.figures.entries import FIT

KEYS = tuple(nv.ACTIVATIONS)
WORDS = {**ENGLISH, "function": "F", "slope": "S", "dead": "tot", "saturated": "satt {slope}", "inputs": "Eingaben",
         "inputs_outside": "Eingaben, {share} draußen"}  # fmt: skip


def lines(figure: go.Figure, axis: str, name: str = "") -> list[go.Scatter]:
    found = [
        t for t in figure.data if t.mode == "lines" and t.customdata is not None and (t.yaxis or "y") == axis
    ]
    return [t for t in found if not name or t.name == name]


def areas(figure: go.Figure, kind: str) -> list[go.Scatter]:
    return [t for t in figure.data if t.name == kind and t.fill == "toself"]


def texts(figure: go.Figure) -> str:
    return re.sub("<[^>]+>", "", "\n".join(a.text for a in figure.layout.annotations))


@pytest.mark.parametrize("key", KEYS)
def test_the_points_are_torchs(key: str) -> None:
    figure = nv.activation_curve(key, limits=(-25, 25))
    (function,), (slope,) = lines(figure, "y"), lines(figure, "y2")
    at = torch.tensor(np.asarray(function.x), dtype=torch.float64, requires_grad=True)
    y = nv.ACTIVATIONS[key].module(torch.nn).double()(at)
    y.sum().backward()
    assert at.grad is not None
    true = np.stack([y.detach().numpy(), at.grad.numpy()], 1)
    assert np.allclose(function.customdata, true, atol=1e-12) and np.allclose(
        slope.customdata, true, atol=1e-12
    )
    kinked = np.isin(np.asarray(function.x), np.asarray(function.x)[np.diff(function.x, append=np.inf) == 0])
    for k, trace in enumerate((function, slope)):
        assert np.array_equal(trace.x, function.x)
        drawn = np.asarray(trace.y)
        assert np.allclose(drawn[~kinked], true[~kinked, k], atol=1e-12)
        assert (np.diff(trace.x) >= 0).all() and trace.x[0] == -25 and trace.x[-1] == 25


@pytest.mark.parametrize(
    ("key", "knobs", "axis", "ends"),
    [
        ("relu", {}, "y2", [(0, 0, True), (0, 1, False)]),
        ("relu", {}, "y", []),
        ("leaky_relu", {"negative_slope": 0.1}, "y2", [(0, 0.1, True), (0, 1, False)]),
        ("hardswish", {}, "y2", [(-3, 0, True), (-3, -0.5, False), (3, 1.5, False), (3, 1, True)]),
        ("elu", {}, "y2", []),
        ("elu", {"alpha": 2.0}, "y2", [(0, 2, True), (0, 1, False)]),
        ("softplus", {"threshold": 0.0}, "y", [(0, np.log(2), True), (0, 0, False)]),
        ("softplus", {}, "y2", []),
        ("sigmoid", {}, "y2", []),
    ],
)
def test_a_jump_is_a_dot_and_a_ring_with_nothing_between(
    key: str, knobs: dict[str, Any], axis: str, ends: list[tuple[float, float, bool]]
) -> None:
    figure = nv.activation_curve(key, limits=(-30, 30), **knobs)
    marks = [t for t in figure.data if t.mode == "markers" and (t.yaxis or "y") == axis]
    (line,) = lines(figure, axis)
    y = np.asarray(line.y)
    assert len(marks) == bool(ends) and np.isnan(y).sum() == len(ends) // 2
    if ends:
        (mark,) = marks
        symbols = ["circle" if reached else "circle-open" for *_, reached in ends]
        assert np.allclose(np.stack([mark.x, mark.y], 1), [e[:2] for e in ends], atol=1e-6)
        assert list(mark.marker.symbol) == symbols
    # No piece of the line is steeper than the function itself anywhere on the grid.
    x = np.asarray(line.x)
    step = np.diff(y)[np.isfinite(np.diff(y))]
    assert np.abs(step).max() <= 2.1 * (x[-1] - x[0]) / 480


def test_one_curves_regions_fill_both_panels() -> None:
    figure = nv.activation_curve("tanh", limits=(-4, 5))
    border = float(np.arccosh(1 / np.sqrt(0.05)))  # 1 - tanh² = 1 / cosh² = 0.05
    spans = sorted((min(t.x), max(t.x)) for t in areas(figure, "saturated"))
    assert np.allclose(spans, [(-4, -border)] * 2 + [(border, 5)] * 2)
    for axis, name in ((figure.layout.yaxis, "y"), (figure.layout.yaxis2, "y2")):
        mine = [t for t in areas(figure, "saturated") if (t.yaxis or "y") == name]
        assert all((min(t.y), max(t.y)) == axis.range for t in mine) and len(mine) == 2
    assert "saturated" in texts(figure) and "0.05" in texts(figure) and "dead" not in texts(figure)
    hatched = areas(nv.activation_curve("relu"), "dead")
    assert [(min(t.x), max(t.x), t.fillpattern.shape) for t in hatched] == [(-6, 0, "/")] * 2
    assert not areas(figure, "saturated")[0].fillpattern.shape


def test_several_curves_have_a_lane_each_in_their_colour() -> None:
    keys = ("relu", "sigmoid", "leaky_relu", "hardswish")
    figure = nv.activation_curve(*keys)
    bands = [t for kind in ("dead", "saturated") for t in areas(figure, kind)]
    assert all(t.yaxis == "y3" for t in bands)
    wanted = {
        (k, r.kind, max(r.low, -6), min(r.high, 6))
        for k, key in enumerate(keys)
        for r in nv.ACTIVATIONS[key].regions()
    }
    assert {(int(min(t.y)), t.name, min(t.x), max(t.x)) for t in bands} == wanted
    for t in bands:
        lane = int(min(t.y))
        assert max(t.y) < lane + 1 and t.fillcolor.startswith(theme.clear(theme.CATEGORIES[lane], 0.5)[:-5])
    below, above = figure.layout.yaxis3.domain, figure.layout.yaxis2.domain
    assert below[1] < above[0] and figure.layout.yaxis3.range == (4, 0)
    assert not areas(nv.activation_curve(*keys, regions=False), "dead")
    # Beyond the limits there is nothing to shade or to name.
    plain = nv.activation_curve("relu", "hardswish", limits=(1, 2))
    assert not areas(plain, "dead") and "dead" not in texts(plain)


def test_six_curves_are_told_apart_by_colour_and_where_equal_by_width() -> None:
    figure = nv.activation_curve(*KEYS[:6])
    for axis in ("y", "y2"):
        drawn = lines(figure, axis)
        colours = [t.line.color for t in drawn]
        assert len(set(colours)) == 6
        for one, two in combinations(drawn, 2):
            assert one.line.width > two.line.width  # the one drawn first, below
    assert all(nv.ACTIVATIONS[key].layer in texts(figure) for key in KEYS[:6])


def test_the_inputs_stand_behind_the_slope() -> None:
    x = np.random.default_rng(1).normal(size=(40, 50)) * 4
    x[0, 0] = np.nan
    item: Item = (nv.ACTIVATIONS["gelu"], {}, "G")
    figure = curves([item], words=WORDS, x=x, limits=(-5, 5))
    (grey,) = [t for t in figure.data if t.name == "Eingaben"]
    assert grey.yaxis == "y2" and list(figure.data).index(grey) < list(figure.data).index(
        lines(figure, "y2")[0]
    )
    edges, y = np.asarray(grey.x)[::2], np.asarray(grey.y)
    heights = y[1:-1:2] - y[0]
    counts = np.histogram(x[np.isfinite(x)], edges)[0]
    assert y[0] == figure.layout.yaxis2.range[0] and np.allclose(
        heights * counts.max(), counts * heights.max()
    )
    outside = (np.abs(x[np.isfinite(x)]) > 5).mean()
    assert f"{100 * outside:.0f}% draußen" in texts(figure)
    # A spike does not flatten the rest: it is cut, with an arrow on the panel's own axis.
    spiked = np.concatenate([np.random.default_rng(1).normal(size=999), np.zeros(9999)])
    figure = curves([item], words=WORDS, x=spiked)
    (arrow,) = [a for a in figure.layout.annotations if a.text == "↑"]
    assert arrow.yref == "y2" and "draußen" not in texts(figure)


def test_hover_reads_x_f_and_slope() -> None:
    figure = curves([(nv.ACTIVATIONS["elu"], {"alpha": 2.0}, "Kurve")], words=WORDS)
    for axis in ("y", "y2"):
        (line,) = lines(figure, axis)
        assert "F = %{customdata[0]" in line.hovertemplate and "S = %{customdata[1]" in line.hovertemplate
    assert figure.layout.hovermode == "x unified"
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)" and figure.layout.font.color is None


def test_alone_it_is_dark_on_white() -> None:
    figure = nv.activation_curve("relu")
    assert figure.layout.paper_bgcolor == theme.PAPER and figure.layout.font.color == theme.TEXT


def test_knobs_go_to_the_entries_that_have_them() -> None:
    figure = nv.activation_curve("relu", "leaky_relu", "elu", negative_slope=0.5, alpha=3.0)
    assert [t.name for t in lines(figure, "y")] == ["ReLU", "LeakyReLU(negative_slope=0.5)", "ELU(alpha=3.0)"]
    assert lines(figure, "y")[1].customdata[0][0] == pytest.approx(-3)
    learned = nv.activation_curve("prelu", weight=0.75)
    assert lines(learned, "y")[0].customdata[0].tolist() == pytest.approx([-4.5, 0.75])


@pytest.mark.parametrize("derivative", [True, False])
@pytest.mark.parametrize("count", [1, 3, 6])
def test_nothing_lies_over_anything_else(count: int, derivative: bool) -> None:
    figure = nv.activation_curve(*KEYS[:count], derivative=derivative, x=np.arange(9.0))
    layout = figure.layout
    inner = layout.height - layout.margin.t - layout.margin.b
    shown = ["yaxis", "yaxis2"][: 1 + derivative] + ["yaxis3"] * (count > 1)
    domains = sorted(layout[a].domain for a in shown)
    assert domains[0][0] == pytest.approx(0) and domains[-1][1] == pytest.approx(1)
    for one, two in pairwise(domains):
        assert (two[0] - one[1]) * inner >= 5
    if derivative:
        assert (layout.yaxis.domain[0] - layout.yaxis2.domain[1]) * inner >= 20  # room for a panel's title
    key = max(layout.annotations, key=lambda a: a.yshift or 0)
    rows = key.text.split("<br>")
    assert layout.margin.t >= key.yshift + 20 * len(rows)
    assert all(len(re.sub("<[^>]+>", "", row)) <= FIT + 8 for row in rows)


@pytest.mark.parametrize(
    ("keys", "given", "said"),
    [
        (("relu", "gelu"), {"negative_slope": 0.1}, "relu has none; gelu has approximate"),
        (("nothing",), {}, "There is no activation 'nothing'"),
        (("relu",), {"limits": (3, 3)}, "the smaller one first"),
        (("relu",), {"limits": (0, np.inf)}, "finite"),
        (("leaky_relu",), {"negative_slope": "steep"}, "must be a number"),
        (KEYS[:7], {}, "1 to 6"),
        ((), {}, "Try one"),
    ],
)
def test_what_does_not_fit_is_said(keys: tuple[str, ...], given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        nv.activation_curve(*keys, **given)


def test_an_entry_of_ones_own_is_drawn() -> None:
    relu = nv.ACTIVATIONS["relu"]
    step = Activation(
        "step", relu.paper, "Step", lambda x: np.where(x > 1, 1.0, 0.0), np.zeros_like, "", "", lambda: (1.0,)
    )
    figure = nv.activation_curve(step)
    (marks,) = [t for t in figure.data if t.mode == "markers"]
    assert list(marks.y) == [0, 1] and {t.name for t in figure.data} >= {"dead"}
