"""Feature maps against slices of the tensors they show."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from normviz.figures import theme
from normviz.figures.maps import feature_maps
from normviz.figures.png import png
from normviz.figures.values import HIGH, LOW, ZERO, number

WORDS = {"before": "vorher", "after": "nachher", "same_scale": "gleich", "of_sample": "Bild"}


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(3, 4, 6)).astype(np.float32)


def drawn(before: np.ndarray, after: np.ndarray, **more: Any) -> go.Figure:
    names = [f"filter_{k}" for k in range(len(before))]
    return feature_maps(before, after, names=names, words=WORDS, **more)


def texts(figure: go.Figure) -> list[str]:
    return [a.text for a in figure.layout.annotations]


def row_labels(figure: go.Figure) -> list[str]:
    return [t for t in texts(figure) if t.startswith("<b>")]


def at(trace: go.Heatmap, c: int, h: int, w: int) -> float:
    """The value shown where the page says channel c, row h, column w."""
    column = list(trace.x).index(f"w {w} · c {c} · filter_{c}")
    return float(trace.z[list(trace.y).index(str(h))][column])


def test_every_value_stands_where_the_hover_says(x: np.ndarray) -> None:
    before, after = drawn(x, 2 * x).data
    for place in np.ndindex(*x.shape):
        assert at(before, *place) == x[place]
        assert at(after, *place) == 2 * x[place]
    for trace in (before, after):
        assert np.isfinite(trace.z).sum() == x.size
        assert len(trace.x) == len(set(trace.x)) == np.asarray(trace.z).shape[1]
        assert "%{x}" in trace.hovertemplate
        assert "h %{y}" in trace.hovertemplate
        assert "%{z" in trace.hovertemplate
        assert trace.showscale is False
    assert (before.yaxis or "y", after.yaxis) == ("y", "y2")


def test_columns_between_maps_are_empty(x: np.ndarray) -> None:
    trace = drawn(x, x).data[0]
    empty = np.isnan(trace.z).all(axis=0)
    assert empty.tolist() == ([False] * 6 + [True]) * 2 + [False] * 6


@pytest.mark.parametrize("factor", [1.0, 3.9, 1 / 3.9])
def test_one_scale_for_both(x: np.ndarray, factor: float) -> None:
    figure = drawn(x, x * factor)
    limit = float(np.abs(x).max()) * max(1.0, factor)
    for trace in figure.data:
        assert (trace.zmin, trace.zmax) == (pytest.approx(-limit), pytest.approx(limit))
        assert [c for _, c in trace.colorscale] == [LOW, ZERO, HIGH]
        assert [s for s, _ in trace.colorscale] == [0, 0.5, 1]
    first, second = row_labels(figure)
    assert first.startswith(f"<b>vorher</b>, ±{number(limit)}")
    assert second == f"<b>nachher</b>, ±{number(limit)}"
    assert first.endswith("gleich")


@pytest.mark.parametrize("factor", [4.1, 1 / 4.1, 1e6])
def test_rows_far_apart_have_their_own_scale(x: np.ndarray, factor: float) -> None:
    x[0, 0, 0] = -5.0
    figure = drawn(x, x * factor)
    assert [t.zmax for t in figure.data] == [5.0, pytest.approx(5 * factor, rel=1e-6)]
    assert [t.zmin for t in figure.data] == [-t.zmax for t in figure.data]
    first, second = row_labels(figure)
    assert "±5 " in first
    assert second.endswith(f"±{number(5 * factor)}")
    assert "gleich" not in first


def test_a_row_of_zeros_takes_the_others_scale(x: np.ndarray) -> None:
    figure = drawn(x, np.zeros_like(x))
    assert figure.data[0].zmax == figure.data[1].zmax == np.abs(x).max()
    flat = drawn(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)))
    assert [(t.zmin, t.zmax) for t in flat.data] == [(-1, 1)] * 2
    assert row_labels(flat)[1].endswith("±0")


def test_what_is_not_finite_is_flat_red(x: np.ndarray) -> None:
    after = x.copy()
    x[1, 2, 3], after[1], after[2, 0, 0] = np.nan, np.nan, -np.inf
    figure = drawn(x, after)
    assert len(figure.data) == 4
    for values, trace, red in ((x, *figure.data[:2]), (after, *figure.data[2:])):
        assert red.yaxis == trace.yaxis
        assert list(red.x) == list(trace.x)
        assert {c for _, c in red.colorscale} == {theme.MISSING}
        assert "NaN/Inf" in red.hovertemplate
        for place in np.ndindex(*values.shape):
            assert np.isfinite(at(trace, *place)) == np.isfinite(values[place])
            assert np.isfinite(at(red, *place)) != np.isfinite(values[place])
        assert np.isfinite(red.z).sum() == (~np.isfinite(values)).sum()
        assert trace.zmax == max(np.abs(v[np.isfinite(v)]).max() for v in (x, after))
    assert "NaN/Inf" in row_labels(figure)[0]
    assert "NaN/Inf" not in row_labels(drawn(np.ones((1, 1, 1)), np.ones((1, 1, 1))))[0]
    nothing = drawn(np.full((1, 2, 2), np.nan), np.full((1, 2, 2), np.inf))
    assert nothing.to_json()


def test_columns_are_named_by_number(x: np.ndarray) -> None:
    names = [t for t in texts(drawn(x, x)) if not t.startswith("<b>")]
    assert names == ["<i>c</i> 0", "<i>c</i> 1", "<i>c</i> 2"]
    later = drawn(x, x, first=9)
    assert "<i>c</i> 11" in texts(later)
    assert later.data[0].x[0] == "w 0 · c 9 · filter_0"
    # Above the middle of their maps, which are 6 wide and 1 apart.
    assert [a.x for a in later.layout.annotations if a.text.startswith("<i>")] == [2.5, 9.5, 16.5]


def test_the_cell_is_outlined_in_both_rows(x: np.ndarray) -> None:
    figure = drawn(x, x, cell=(1, 4), channel=2)
    amber = [s for s in figure.layout.shapes if s.line.color == theme.CELL[0]]
    assert [s.yref for s in amber] == ["y", "y2"]
    for shape in amber:
        column = list(figure.data[0].x).index("w 4 · c 2 · filter_2")
        assert (shape.x0, shape.x1) == (column - 0.5, column + 0.5)
        assert (shape.y0, shape.y1) == (0.5, 1.5)
    assert not [s for s in drawn(x, x).layout.shapes if s.line.color == theme.CELL[0]]


def test_maps_are_square_and_text_is_the_pages(x: np.ndarray) -> None:
    layout = drawn(x, x).layout
    for axis in (layout.yaxis, layout.yaxis2):
        low, high = axis.range
        assert low > high, "row 0 is on top"
        assert axis.scaleanchor == "x"
        # A map's 4 rows are as long as its 6 columns.
        assert axis.scaleratio == pytest.approx(6 / 4)
        assert axis.fixedrange
    assert layout.yaxis.domain[0] > layout.yaxis2.domain[1]
    assert layout.font.color is None
    assert all(a.font.color is None for a in layout.annotations)
    assert layout.hovermode == "closest"


def test_the_picture_stands_to_the_left(x: np.ndarray) -> None:
    picture = np.zeros((10, 10, 3), np.uint8)
    figure = drawn(x, x, pictures=[picture])
    (image,) = figure.layout.images
    assert (image.x, image.sizex, image.y, image.sizey) == (-7.5, 6, -0.5, 4)
    assert figure.layout.xaxis.range[0] < -7.5
    assert "Bild" in texts(figure)
    assert drawn(x, x).layout.xaxis.range[0] > -1


def test_png_holds_the_picture() -> None:
    image = pytest.importorskip("PIL.Image")

    def decoded(picture: np.ndarray) -> np.ndarray:
        head, data = png(picture).split(",")
        assert head == "data:image/png;base64"
        return np.asarray(image.open(io.BytesIO(base64.b64decode(data))))

    pixels = np.random.default_rng(1).integers(0, 256, (7, 5, 3), np.uint8)
    assert (decoded(pixels) == pixels).all()
    assert (decoded(pixels / 255) == pixels).all()
    assert (decoded(pixels[..., 0]) == pixels[..., :1]).all()
    large = np.zeros((504, 504), np.uint8)
    large[:, 252:] = 90
    small = decoded(large)
    assert small.shape == (168, 168, 3)
    assert small[:, :84].max() == 0
    assert small[:, 84:].min() == 90


def test_limits_are_short() -> None:
    limits = (0.0, 0.012, 0.996, 99.7, 999.4, 1234.0, 2.5e-9)
    assert [number(v) for v in limits] == ["0", "0.012", "1", "100", "999", "1.2e+3", "2.5e−9"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"before": np.zeros((2, 4, 6))}, r"must be the same \(C, H, W\)"),
        ({"before": np.zeros((4, 6)), "after": np.zeros((4, 6))}, "Give one sample"),
        ({"before": np.zeros((3, 0, 6)), "after": np.zeros((3, 0, 6))}, "at least one cell"),
        ({"before": np.zeros((9, 2, 2)), "after": np.zeros((9, 2, 2))}, "at most 8"),
        ({"names": ["one"]}, "one name a channel"),
        ({"cell": (0, 0)}, "give both"),
        ({"channel": 1}, "give both"),
        ({"cell": (4, 0), "channel": 0}, "outside"),
        ({"cell": (0, 0), "channel": -1}, "outside"),
        ({"pictures": [np.zeros((2, 2))] * 2}, "its own, or none"),
        ({"pictures": [np.zeros((2, 2, 4))]}, "picture of shape"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], match: str) -> None:
    fits: dict[str, Any] = {"before": np.zeros((3, 4, 6)), "after": np.zeros((3, 4, 6)), "names": "abc"}
    assert feature_maps(**fits, words=WORDS)
    with pytest.raises(ValueError, match=match):
        feature_maps(**{**fits, **change}, words=WORDS)
