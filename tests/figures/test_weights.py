"""Arrows, bars and maps of kernels against the kernels they show."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from normviz.figures.kernel_maps import kernel_maps
from normviz.figures.theme import AFTER, BEFORE
from normviz.figures.weights import arrows, bars, window

WORDS = {
    "v": "vorher",
    "w": "nachher",
    "along": "entlang",
    "across": "quer",
    "length": "Länge",
    "other": "andere: {length}",
    "before": "Richtung",
    "after": "Richtung danach",
    "change": "Unterschied",
}


@pytest.fixture
def v() -> np.ndarray:
    return np.random.default_rng(3).normal(0.2, 1, (5, 3, 2, 4))


def texts(figure: go.Figure) -> list[str]:
    return [a.text for a in figure.layout.annotations if a.text]


def drawn(v: np.ndarray, w: np.ndarray, **more: Any) -> go.Figure:
    return arrows(v, w, **{"dim": 0, "place": 2, "reach": 10.0, "words": WORDS, **more})


def thick(figure: go.Figure, colour: str) -> go.Scatter:
    """The line of the arrow looked at, in this colour."""
    (line,) = [
        t
        for t in figure.data
        if t.mode == "lines" and t.line.color == colour and t.line.width > 2 and t.line.dash == "solid"
    ]
    return line


@pytest.mark.parametrize("dim", [0, 1])
def test_an_arrow_has_the_kernels_length_and_its_angle_to_the_constant_one(v: np.ndarray, dim: int) -> None:
    figure = drawn(v, 2 * v, dim=dim)
    one = np.take(v, 2, dim).reshape(-1)
    for colour, factor in ((BEFORE, 1), (AFTER, 2)):
        line = thick(figure, colour)
        assert (line.x[0], line.y[0]) == (0, 0)
        assert np.hypot(line.x[1], line.y[1]) == pytest.approx(factor * np.linalg.norm(one))
        cosine = one.sum() / np.linalg.norm(one) / np.sqrt(one.size)
        assert line.x[1] / np.hypot(line.x[1], line.y[1]) == pytest.approx(cosine)


def test_the_half_circle_goes_through_the_arrows_end(v: np.ndarray) -> None:
    figure = drawn(v, 3 * v)
    circle = figure.data[0]
    np.testing.assert_allclose(np.hypot(circle.x, circle.y), 3 * np.linalg.norm(v[2]))
    assert min(circle.y) >= 0
    assert figure.layout.yaxis.scaleanchor == "x"
    assert tuple(figure.layout.xaxis.range) == (-10, 10)


def test_the_other_arrows_are_all_there(v: np.ndarray) -> None:
    dots = [t for t in drawn(v, 2 * v).data if t.mode == "markers"]
    sizes = np.linalg.norm(np.delete(v, 2, 0).reshape(4, -1), axis=1)
    for factor, each in zip((1, 2), dots, strict=True):
        np.testing.assert_allclose(np.hypot(each.x, each.y), factor * sizes)


def test_an_arrow_that_is_not_finite_is_left_out(v: np.ndarray) -> None:
    broken = v.copy()
    broken[2] = np.nan
    figure = drawn(v, broken)
    thick(figure, BEFORE)
    with pytest.raises(ValueError):
        thick(figure, AFTER)
    broken[0] = np.nan
    assert all(np.isfinite(t.x).all() for t in drawn(broken, broken).data if t.mode == "markers")


def test_a_single_kernel_has_no_others() -> None:
    one = np.ones((1, 3))
    assert np.isfinite(thick(drawn(one, one, place=0), AFTER).x).all()


def bar_chart(v: np.ndarray, w: np.ndarray, **more: Any) -> go.Figure:
    return bars(v, w, **{"dim": 0, "place": 2, "reach": 10.0, "words": WORDS, "axis": "o", **more})


def test_bars_are_lengths(v: np.ndarray) -> None:
    figure = bar_chart(v, 2 * v, other=8.5)
    sizes = np.linalg.norm(v.reshape(5, -1), axis=1)
    np.testing.assert_allclose(figure.data[0].y, sizes)
    np.testing.assert_allclose(figure.data[1].y, 2 * sizes)
    assert [("<b>" in name) for name in figure.data[0].x] == [False, False, True, False, False]
    assert figure.layout.shapes[0].y0 == 8.5
    (legend,) = [a for a in figure.layout.annotations if "andere: 8.5" in a.text]
    assert (legend.yref, legend.y, legend.yanchor) == ("paper", 1, "bottom")


def test_a_length_beyond_the_axis_is_said_and_not_drawn(v: np.ndarray) -> None:
    figure = bar_chart(v, v, other=80.0)
    assert not figure.layout.shapes
    assert any("80 ↑" in text for text in texts(figure))
    assert len(texts(bar_chart(v, v, other=float("nan")))) == 1


def test_only_some_of_many_bars() -> None:
    many = np.ones((100, 2))
    figure = bar_chart(many, many, place=30)
    assert [name for name in figure.data[0].x if "<b>" in name] == ["<b><i>o</i> 30</b>"]
    assert len(figure.data[0].x) == 24
    assert (window(30, 100, 24), window(30, 31, 31), window(99, 100, 24)) == (24, 0, 96)


def maps(v: np.ndarray, w: np.ndarray, **more: Any) -> go.Figure:
    return kernel_maps(v, w, **{"dim": 0, "place": 2, "words": WORDS, "axis": "i", **more})


def test_maps_show_the_direction_on_one_scale(v: np.ndarray) -> None:
    w = v - v.mean((1, 2, 3), keepdims=True)
    figure = maps(v, w)
    first, second, change = figure.data
    unit, turned = (k[2] / np.linalg.norm(k[2]) for k in (v, w))
    np.testing.assert_allclose(first.z[:, :4], unit[0], rtol=1e-5)
    np.testing.assert_allclose(first.z[:, 5:9], unit[1], rtol=1e-5)
    np.testing.assert_allclose(second.z[:, :4], turned[0], rtol=1e-5)
    np.testing.assert_allclose(change.z[:, :4], turned[0] - unit[0], atol=1e-6)
    reach = max(np.abs(unit).max(), np.abs(turned).max())
    assert all(t.zmax == pytest.approx(reach) and t.zmin == -t.zmax for t in figure.data)
    assert [text.split(",")[0] for text in texts(figure)] == ["Richtung", "Richtung danach", "Unterschied"]


def test_only_the_length_changed_means_no_difference(v: np.ndarray) -> None:
    change = maps(v, 3 * v).data[2].z
    assert np.nanmax(np.abs(change)) < 1e-6


def test_maps_of_an_input_and_from_the_middle() -> None:
    v = np.random.default_rng(0).standard_normal((20, 3, 2, 2))
    figure = maps(v, v, dim=1, place=1, first=8, axis="o")
    unit = v[:, 1] / np.linalg.norm(v[:, 1])
    np.testing.assert_allclose(figure.data[0].z[:, :2], unit[8], rtol=1e-5)
    assert list(figure.layout.xaxis.ticktext) == [f"<i>o</i> {k}" for k in range(8, 16)]


def test_a_fully_connected_kernel_is_a_row_of_cells() -> None:
    v = np.random.default_rng(0).standard_normal((4, 30))
    figure = maps(v, v)
    assert figure.data[0].z.shape == (1, 30)
    # One row of cells has a height of its own: nothing else would say it.
    assert 0 < figure.data[0].dy < 1 and figure.data[0].y0 < figure.data[1].y0


def test_maps_of_a_kernel_without_direction(v: np.ndarray) -> None:
    v[2] = 0
    assert sum("NaN" in text for text in texts(maps(v, v))) == 3
