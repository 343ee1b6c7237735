"""Poolings drawn: the marks against autograd and torch's layers, the sizes said, the charts and the errors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import normviz as nv
from normviz.figures import theme
from normviz.figures.pool import pool_histograms, shift_curves
from normviz.pooled import Pooled, Shifts
from normviz.records import Summary, shared_edges

X = np.random.default_rng(5).permutation(63).reshape(7, 9) - 30.0


def outlined(figure: go.Figure, colour: str, axis: str = "x") -> list[tuple[float, float, float, float]]:
    """The rectangles drawn in this colour: left, top, right, bottom."""
    boxes = []
    for trace in figure.data:
        if trace.type == "scatter" and trace.line.color == colour and (trace.xaxis or "x") == axis:
            x, y = np.asarray(trace.x).reshape(-1, 6), np.asarray(trace.y).reshape(-1, 6)
            assert np.isnan(x[:, 5]).all() and (x[:, 0] == x[:, 4]).all()
            boxes += [(a.min(), b.min(), a.max(), b.max()) for a, b in zip(x[:, :4], y[:, :4], strict=True)]
    return boxes


def cells(boxes: list[tuple[float, float, float, float]], shape: tuple[int, int]) -> np.ndarray:
    """Which cells of the map lie within the boxes."""
    h, w = np.indices(shape)
    inside = np.zeros(shape, bool)
    for left, top, right, bottom in boxes:
        inside |= (w > left) & (w < right) & (h > top) & (h < bottom)
    return inside


def maps(figure: go.Figure) -> list[go.Heatmap]:
    return [t for t in figure.data if t.type == "heatmap"]


def texts(figure: go.Figure) -> str:
    both = [figure.layout.title.text, *(a.text for a in figure.layout.annotations)]
    return re.sub("<[^>]+>", "", "\n".join(text.replace("<br>", "\n") for text in both))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_window_is_what_the_output_depends_on(data: st.DataObject) -> None:
    """By autograd of the mean, whose gradient is nonzero on the whole window."""
    kernel = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    knobs: dict[str, Any] = {
        "kernel_size": kernel,
        "stride": data.draw(st.integers(1, 3)),
        "padding": data.draw(st.integers(0, min(kernel) // 2)),
        "ceil_mode": data.draw(st.booleans()),
    }
    x = torch.tensor(X, requires_grad=True)
    y = torch.nn.AvgPool2d(**knobs)(x[None])[0]
    cell = tuple(data.draw(st.integers(0, n - 1)) for n in y.shape)
    y[cell].backward()
    figure = nv.pool(X, "average", cell=cell, **knobs)
    assert x.grad is not None
    assert np.array_equal(cells(outlined(figure, theme.SET[0]), (7, 9)), x.grad.numpy() != 0)
    source, made = maps(figure)
    assert np.array_equal(source.z, X) and np.allclose(made.z, y.detach().numpy(), atol=1e-12)
    assert cells(outlined(figure, theme.CELL[0], "x2"), y.shape).nonzero() == tuple(
        np.array([i]) for i in cell
    )
    assert not outlined(figure, theme.CELL[0]), "a mean takes no single one"


@pytest.mark.parametrize("dilation", [1, 2])
def test_the_winner_is_torchs(dilation: int) -> None:
    knobs: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": dilation}
    y, at = torch.nn.MaxPool2d(**knobs, return_indices=True)(torch.tensor(X)[None])
    for cell in np.ndindex(*y.shape[1:]):
        figure = nv.pool(X, "max", cell=cell, **knobs)
        (box,) = outlined(figure, theme.CELL[0])
        h, w = divmod(int(at[0][cell]), 9)
        assert box == (w - 0.5, h - 0.5, w + 0.5, h + 0.5)
        windows = outlined(figure, theme.SET[0])
        assert len(windows) == (1 if dilation == 1 else 9)
        assert cells(windows, (7, 9))[h, w] and f"the largest, {y[0][cell]:.3g}".replace("-", "−") in texts(
            figure
        )


def test_without_a_cell_the_middle_one_is_shown() -> None:
    figure = nv.pool(X, kernel_size=2)  # 3 x 4 outputs
    assert outlined(figure, theme.CELL[0], "x2") == [(0.5, 0.5, 1.5, 1.5)] and "cell (1, 1)" in texts(figure)


def test_one_scale_and_the_padding_ring() -> None:
    figure = nv.pool(X, "average", kernel_size=4, stride=4, padding=2)
    assert {(t.zmin, t.zmax) for t in maps(figure)} == {(-32.0, 32.0)} and "±32" in texts(figure)
    (ring,) = figure.layout.shapes
    assert (ring.x0, ring.x1, ring.y0, ring.y1) == (-2.5, 10.5, -2.5, 8.5) and ring.layer == "below"
    assert figure.layout.xaxis.range[0] <= -2.5 and figure.layout.xaxis.range[1] >= 10.5
    assert "7 × 9, padding 2" in texts(figure)
    assert not nv.pool(X, kernel_size=2).layout.shapes


@pytest.mark.parametrize(
    ("key", "knobs", "said"),
    [
        ("max", {"kernel_size": 3, "stride": 2, "padding": 1}, ["H: ⌊(7 + 2 × 1 − 3) / 2⌋ + 1 = 4",
                                                                "W: ⌊(9 + 2 × 1 − 3) / 2⌋ + 1 = 5"]),
        ("max", {"kernel_size": 2, "dilation": 3}, ["H: ⌊(7 − 3 × (2 − 1) − 1) / 2⌋ + 1 = 2",
                                                    "W: ⌊(9 − 3 × (2 − 1) − 1) / 2⌋ + 1 = 3"]),
        ("average", {"kernel_size": (2, 4)}, ["H: ⌊(7 − 2) / 2⌋ + 1 = 3", "W: ⌊(9 − 4) / 4⌋ + 1 = 2"]),
        ("max", {"kernel_size": 2, "ceil_mode": True}, ["H: ⌈(7 − 2) / 2⌉ + 1 = 4", "W: ⌈(9 − 2) / 2⌉ + 1 = 5"]),
        ("average", {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
         ["H: ⌈(7 + 2 × 1 − 2) / 3⌉ + 1 − 1 = 3", "W: ⌈(9 + 2 × 1 − 2) / 3⌉ + 1 = 4"]),
        ("global_max", {}, ["H: 7 → 1", "W: 9 → 1"]),
        ("adaptive_average", {"output_size": 3}, ["H: 7 → 3", "W: 9 → 3"]),
    ],
)  # fmt: skip
def test_the_output_size_is_said_with_its_numbers(key: str, knobs: dict[str, Any], said: list[str]) -> None:
    figure = nv.pool(X, key, **knobs)
    size = nv.POOLINGS[key].module(torch.nn, **knobs)(torch.tensor(X)[None]).shape[1:]
    assert maps(figure)[1].z.shape == tuple(size)
    assert texts(figure).split("\n")[1:3] == said
    assert [int(line.replace("→", "=").split("=")[1]) for line in said] == list(size)


def test_a_window_that_is_left_out_is_said() -> None:
    knobs: dict[str, Any] = {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True}
    figure = nv.pool(np.zeros((5, 5)), "average", **knobs)
    count = torch.nn.AvgPool2d(**knobs)(torch.zeros(1, 5, 5)).shape[-1]
    assert f"H, W: ⌈(5 + 2 × 1 − 2) / 3⌉ + 1 − 1 = {count}" in texts(figure) and "is left out" in texts(
        figure
    )


def test_a_row_is_a_strip_and_rows_can_be_pooled_alone() -> None:
    strip = nv.pool(X[0], kernel_size=3, stride=3, cell=2)
    source, made = maps(strip)
    assert source.z.shape == (1, 9) and np.array_equal(made.z[0], X[0].reshape(3, 3).max(1))
    assert outlined(strip, theme.SET[0]) == [(5.5, -0.5, 8.5, 0.5)]
    assert strip.layout.yaxis.domain[0] > strip.layout.yaxis2.domain[1], "one above the other"
    alone = nv.pool(X, kernel_size=3, stride=3, dims=1, cell=(4, 1))
    assert np.array_equal(maps(alone)[1].z, X.reshape(7, 3, 3).max(2))
    assert outlined(alone, theme.SET[0]) == [(2.5, 3.5, 5.5, 4.5)]
    (winner,) = outlined(alone, theme.CELL[0])
    assert winner[0] + 0.5 == 3 + X[4, 3:6].argmax() and winner[1] == 3.5


@pytest.mark.parametrize("shape", [(4, 4), (56, 56), (2, 40), (40, 2), (1, 1), (9,), (200,)])
def test_the_maps_stay_within_the_figure_and_apart(shape: tuple[int, ...]) -> None:
    layout = nv.pool(np.ones(shape), "global_average").layout
    width = layout.width - layout.margin.l - layout.margin.r
    height = layout.height - layout.margin.t - layout.margin.b
    domains = [(layout[f"xaxis{n}"].domain, layout[f"yaxis{n}"].domain) for n in ("", "2")]
    assert all(0 <= low < high <= 1 + 1e-9 for pair in domains for low, high in pair)
    across = (domains[1][0][0] - domains[0][0][1]) * width
    down = (domains[0][1][0] - domains[1][1][1]) * height
    assert across >= 0 or down >= 20, "beside one another, or below with room for the title"
    assert layout.width <= 900 and layout.height <= 700
    assert layout.paper_bgcolor == theme.PAPER and layout.font.color == theme.TEXT


def test_what_is_not_finite_is_red() -> None:
    x = X.copy()
    x[3, 4] = np.nan
    figure = nv.pool(x, kernel_size=7, stride=2)
    reds = [t for t in maps(figure) if t.colorscale[0][1] == theme.MISSING]
    assert np.argwhere(reds[0].z == 1).tolist() == [[3, 4]] and np.isfinite(reds[1].z).all()
    assert "NaN/Inf" in texts(figure) and "the largest, NaN" in texts(figure)


@pytest.mark.parametrize(
    ("x", "given", "said"),
    [
        (np.zeros((3, 8, 8)), {}, "Try nv.pool(x[0])"),
        (np.zeros((2, 3, 8, 8)), {}, "Try nv.pool(x[0, 0])"),
        (3.0, {}, "one map (H, W)"),
        (X * 1j, {}, "Try x.real"),
        (X, {"cell": (3, 0), "kernel_size": 2}, "from (0, 0) to (2, 3)"),
        (X, {"cell": 1}, "Try cell=(1, 1)"),
        (X, {"cell": (0.5, 0)}, "whole indices"),
        (X, {"dims": 3}, "1 or 2 of its axes"),
        (X[0], {"dims": 2}, "1 or 2 of its axes"),
        (X, {"kernel_size": 2, "padding": 2}, "Try padding = 1"),
        (X, {"kernel_size": 8}, "Try kernel_size = 7"),
        (X, {"size": 2}, "no knob 'size'"),
        (X, {"key": "median"}, "There is no pooling 'median'"),
        (np.zeros((0, 4)), {}, "0"),
        (np.zeros((1025, 1025)), {}, "1,048,576"),
    ],
)
def test_what_does_not_fit_is_said(x: Any, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        nv.pool(x, **given)


def test_before_and_after_on_one_axis() -> None:
    entry = nv.POOLINGS["max"]
    x = np.random.default_rng(2).normal(size=(40, 40))
    y = entry(x, dims=2, kernel_size=2)
    edges = shared_edges(x, y, cover=1.0)
    before, after = (np.histogram(v, edges)[0] for v in (x, y))
    rows, columns = entry.windows(x.shape, kernel_size=2)
    sums = Summary.of(x), Summary.of(y)
    found = Pooled(x, y, rows, columns, None, x, *sums, edges, before, after, 0.0, "MaxPool2d", "cpu")
    words = {
        "before": "vorher",
        "after": "nachher",
        "value": "Wert",
        "mean_std": "μ ± σ",
        "all_cells": "alle",
    }
    figure = pool_histograms(found, words=words)
    areas = []
    for trace, values in zip(figure.data, (x, y), strict=True):
        at, top = np.asarray(trace.x)[::2], np.asarray(trace.y)[1:-1:2]
        areas.append(float((top * np.diff(at)).sum()))
        assert np.array_equal(top > 0, np.histogram(values, at)[0] > 0)
    assert areas[0] == pytest.approx(areas[1]) and [t.line.color for t in figure.data] == [
        theme.BEFORE,
        theme.AFTER,
    ]
    assert f"{y.mean():+.2f} ± {y.std():.2f}" in "".join(a.text for a in figure.layout.annotations)


def test_shifts_are_lines_of_their_own_colours() -> None:
    changes = np.array([[0.1, 0.2, 0.4], [0.1, 0.1, 0.2]])
    found = Shifts((1, 2, 4), np.array([0.3, 0.5, 0.8]), ("max", "average"), changes)
    words = {"unpooled": "ungepoolt", "change": "Änderung", "pixels": "Pixel"}
    figure = shift_curves(found, ["Max", "Mittel"], words=words)
    assert [t.name for t in figure.data] == ["ungepoolt", "Max", "Mittel"]
    assert np.array_equal([t.y for t in figure.data], [found.unpooled, *found.pooled])
    assert all(list(t.x) == [1, 2, 4] for t in figure.data) and len({t.line.color for t in figure.data}) == 3
    assert figure.layout.yaxis.range[0] == 0 and figure.layout.yaxis.range[1] > 0.8
    with pytest.raises(ValueError, match="one name each"):
        shift_curves(found, ["Max"], words=words)
