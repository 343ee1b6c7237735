"""The pictures of folding and of small batches against the records they show."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from normviz.figures.fold import clouds
from normviz.figures.lone import noise, outputs
from normviz.figures.panels import Panel, grid, panels
from normviz.fold import Cloud
from normviz.lone import BySize

LEGEND = {"legend": "Vorzeichen"}


def texts(figure: go.Figure) -> list[str]:
    return [a.text for a in figure.layout.annotations]


def drawn(*rows: list[Panel | None], **more: Any) -> go.Figure:
    return panels(list(rows), headings=[f"row {k}" for k in range(len(rows))], words=LEGEND, **more)


def test_panels_of_one_scale_share_it_and_others_do_not() -> None:
    rng = np.random.default_rng(0)
    small, large, own = rng.normal(size=(3, 4)), 5 * rng.normal(size=(2, 2)), rng.normal(size=(2, 5))
    figure = drawn([Panel("a", small, "s"), Panel("b", own, "t")], [Panel("c", large, "s"), None])
    one, two, three = figure.data
    reach = max(np.abs(small).max(), np.abs(large).max())
    assert one.zmax == three.zmax == -one.zmin == pytest.approx(reach)
    assert two.zmax == pytest.approx(np.abs(own).max())
    for trace, z in zip(figure.data, (small, own, large), strict=True):
        assert np.array_equal(trace.z, z)
    assert {"<b>row 0</b>", "<b>row 1</b>"} <= set(texts(figure))


def test_panels_lie_apart_and_below_one_another() -> None:
    z = np.ones((2, 2))
    rows: list[list[Panel | None]] = [[Panel(f"{r}{k}", z, "s") for k in range(3)] for r in range(2)]
    figure = drawn(*rows)
    boxes = [
        (*figure.layout[f"xaxis{n}"].domain, *figure.layout[f"yaxis{n}"].domain)
        for n in ("", "2", "3", "4", "5", "6")
    ]
    for k, (left, right, bottom, top) in enumerate(boxes):
        assert 0 <= left < right <= 1 + 1e-9 and 0 <= bottom < top <= 1
        if k % 3:
            assert left > boxes[k - 1][1]
        if k >= 3:
            assert top < boxes[k - 3][2]


def test_what_is_infinite_is_red_and_nan_is_empty() -> None:
    z = np.array([[1.0, np.nan], [np.inf, -2.0]])
    values, lost = drawn([Panel("a", z, "s")]).data
    assert values.zmax == 2 and np.isnan(values.z[0][1]) and np.isnan(values.z[1][0])
    assert np.isfinite(lost.z).tolist() == [[False, False], [True, False]]


def test_a_frame_and_a_picture() -> None:
    picture = np.zeros((4, 4, 3))
    figure = drawn(
        [Panel("a", np.ones((4, 6)), "s", (1, 2, 1, 3)), Panel("b", np.ones((4, 4)), "p", None, picture)]
    )
    assert {(s.x0, s.x1, s.y0, s.y1) for s in figure.layout.shapes} >= {(1.5, 4.5, 0.5, 1.5)}
    (image,) = figure.layout.images
    assert image.source.startswith("data:image/png") and image.xref == "x2"
    assert not np.isfinite(np.asarray(figure.data[1].z, float)).any()


def test_signs_stand_between() -> None:
    z = np.ones((2, 2))
    row: list[Panel | None] = [Panel("a", z, "s"), Panel("b", z, "s"), Panel("c", z, "s")]
    figure = drawn(row, between=[["∗", ""]])
    (sign,) = [a for a in figure.layout.annotations if a.text == "∗"]
    assert figure.layout.xaxis.domain[1] < sign.x < figure.layout.xaxis2.domain[0]


def test_rows_that_do_not_fit_are_refused() -> None:
    z = Panel("a", np.ones((2, 2)), "s")
    with pytest.raises(ValueError, match="Fill a row with None"):
        drawn([z, z], [z])
    with pytest.raises(ValueError, match="one heading"):
        panels([[z]], headings=[], words=LEGEND)


def test_the_grid_keeps_every_value() -> None:
    maps = np.arange(3 * 2 * 2, dtype=np.float32).reshape(3, 2, 2)
    whole = grid(maps)
    assert whole.shape == (5, 5)
    assert sorted(whole[np.isfinite(whole)].tolist()) == maps.reshape(-1).tolist()
    assert whole[:2, 3:].tolist() == maps[1].tolist() and whole[3:, :2].tolist() == maps[2].tolist()


def test_clouds_are_the_points_and_their_lines() -> None:
    rng = np.random.default_rng(0)
    lines = ((2.0, 1.0), (-1.0, 0.5), (0.5, 0.0))
    points = tuple((x := rng.normal(size=7), a * x + b) for a, b in lines)
    words = {"before": "x", "after": "y", "a": "A", "b": "B", "sum": "A + B"}
    figure = clouds(Cloud(points, lines), words=words)
    for trace, (a, b) in zip(figure.data[:3], lines, strict=True):
        assert np.allclose(trace.y, a * np.asarray(trace.x) + b)
    for trace, (x, y), name in zip(figure.data[3:], points, ("A", "B", "A + B"), strict=True):
        assert np.array_equal(trace.x, x) and np.array_equal(trace.y, y) and trace.name == name
    low, high = figure.layout.xaxis.range
    assert low < min(x.min() for x, _ in points) and high > max(x.max() for x, _ in points)


def test_one_point_is_still_a_picture() -> None:
    point = (np.array([3.0]), np.array([3.0]))
    words = {"before": "x", "after": "y", "a": "A", "b": "B", "sum": "A + B"}
    figure = clouds(Cloud((point,) * 3, ((1.0, 0.0),) * 3), words=words)
    low, high = figure.layout.xaxis.range
    assert low < 3 < high


SMALL = BySize(
    (1, 2, 4),
    (np.zeros(3), np.array([-1.0, 1.0] * 3), np.linspace(-1.7, 1.7, 12)),
    (0.0, 0.0, 0.5),
    np.array([0.4, 0.3, 0.2]),
    64,
    10,
)


def test_every_output_stands_over_its_batch_size_between_the_bounds() -> None:
    figure = outputs(SMALL, words={"size": "N", "output": "y", "bound": "b"})
    upper, lower, *columns = figure.data
    assert np.allclose(np.asarray(upper.y, float)[::3], [0, 1, np.sqrt(3)])
    assert np.allclose(np.asarray(lower.y, float)[::3], [0, -1, -np.sqrt(3)])
    for place, (trace, y) in enumerate(zip(columns, SMALL.outputs, strict=True)):
        assert np.array_equal(trace.y, y)
        assert (np.abs(np.asarray(trace.x) - place) < 0.4).all()
    assert list(figure.layout.xaxis.ticktext) == ["1", "2", "4"]


def test_the_noise_and_the_root() -> None:
    figure = noise(SMALL, words={"size": "N", "measured": "m", "expected": "e"})
    expected, measured = figure.data
    assert np.allclose(expected.y, [0.4, 0.4 / np.sqrt(2), 0.2])
    assert np.array_equal(measured.y, SMALL.noise) and list(measured.text) == ["0.400", "0.300", "0.200"]
    assert figure.layout.yaxis.range[0] == 0 and figure.layout.yaxis.range[1] > 0.4
