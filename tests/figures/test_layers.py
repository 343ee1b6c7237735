"""Every layer's row against histograms made here from the values themselves."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

import normviz as nv
from normviz.figures import theme
from normviz.figures.layer_rows import FREE, HEADING, MANY, ROW, SLIM, TOP
from normviz.figures.layers import ENGLISH, layer_ridge
from normviz.traces import LayerTrace, Trace
from tests.figures.layer_traces import blocks, of

LIMIT = ROW - FREE


def shapes(trace: go.Scatter) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """The histograms of one trace: edges, heights and base of each."""
    x, y = np.asarray(trace.x, np.float64), np.asarray(trace.y, np.float64)
    ends = np.flatnonzero(np.isnan(x))
    found: list[tuple[np.ndarray, np.ndarray, float]] = []
    start = 0
    for end in map(int, ends):
        a, b = x[start:end], y[start:end]
        found.append((a[::2], b[1:-1:2] - b[0], float(b[0])))
        start = end + 1
    return found


def points(figure: go.Figure) -> go.Scatter:
    return figure.data[-1]


@pytest.mark.parametrize(("log", "joint"), [(False, False), (False, True), (True, False), (True, True)])
def test_every_row_is_its_two_histograms_by_area_or_on_a_logarithmic_axis_by_density(
    log: bool, joint: bool
) -> None:
    trace, values = blocks(4, scale=1.3)
    numbers = [k for k in range(12) if k % 3]
    drawn = layer_ridge(trace, [("", numbers)], words=ENGLISH, log=log, joint=joint)
    before, after = drawn.figure.data[:2]
    assert (before.line.color, after.line.color) == (theme.BEFORE, theme.AFTER)
    place = drawn.axis.place
    for k, (number, grey, green) in enumerate(zip(numbers, shapes(before), shapes(after), strict=True)):
        row = []
        for (edges, high, base), v in ((grey, values[number - 1]), (green, values[number])):
            assert base == pytest.approx(1 - (k + 1) * ROW)
            assert high.max() <= LIMIT * (1 + 1e-5)
            thin = np.flatnonzero((edges == 0) & (log and (v == 0).any()))
            edges, high = np.delete(edges, thin + 1), np.delete(high, thin)
            # The edges as drawn lie between values: count again, in drawn places, exact zeros by themselves.
            counts = np.histogram(place(v[(v != 0) | (not log)]), edges.astype(np.float32))[0]
            # In values, on an axis of asinh(x / a).
            wide = edges if joint or not log else np.sinh(edges)
            area = counts / v.size / np.diff(wide)
            whole = (high < LIMIT * 0.999) & (counts > 20)
            row.append(high[whole] / area[whole])
        for scales in row if log and not joint else [np.concatenate(row)]:
            assert np.ptp(scales) < 0.02 * max(scales), (
                "before and after have one scale, except on a log axis"
            )


def test_all_rows_have_one_scale_where_that_is_asked_for() -> None:
    trace, _ = blocks(3, scale=3.0)
    rows = [k for k in range(9) if k % 3 == 1]
    own = layer_ridge(trace, [("", rows)], words=ENGLISH, log=False)
    one = layer_ridge(trace, [("", rows)], words=ENGLISH, log=False, joint=True)
    tops = [[max(h) for _, h, _ in shapes(each.figure.data[0])] for each in (own, one)]
    assert tops[0][2] > 1.5 * tops[1][2], "a wide distribution is low among narrow ones"
    areas = [sum(np.diff(e) * h) for e, h, _ in shapes(one.figure.data[0])]
    assert max(areas) < 1.1 * min(areas)


def test_exact_zeros_are_cut_off_and_marked_and_flatten_nothing() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 4, 10, 10))
    relu = LayerTrace.of("relu", "relu", np.maximum(x - 1, 0), inputs=(-1,))
    drawn = layer_ridge(Trace((relu,), LayerTrace.of("x", "x", x)), [("", [0])], words=ENGLISH, log=False)
    (grey,), (green,) = (shapes(t) for t in drawn.figure.data[:2])
    assert green[1].max() == pytest.approx(LIMIT, rel=1e-5)
    assert np.sort(grey[1])[-3] > 0.5 * LIMIT
    arrows = [t for t in drawn.figure.data if t.text is not None and "↑" in t.text]
    (arrow,) = arrows
    assert abs(arrow.x[0]) < 0.2 and arrow.textfont.color == theme.AFTER


def test_exact_zeros_are_a_thin_spike_on_a_logarithmic_axis_too() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 4, 10, 10))
    y = np.maximum(x, 0)
    relu = LayerTrace.of("relu", "relu", y, inputs=(-1,))
    drawn = layer_ridge(Trace((relu,), LayerTrace.of("x", "x", x)), [("", [0])], words=ENGLISH, log=True)
    ((edges, high, _),) = shapes(drawn.figure.data[1])
    low, end = drawn.axis.range
    assert edges[0] == 0 and edges[1] < 0.01 * (end - low) < edges[2]
    assert high[0] == pytest.approx(LIMIT, rel=1e-5)
    (arrow,) = [t for t in drawn.figure.data if t.text is not None and "↑" in t.text]
    assert 0 < arrow.x[0] < edges[1]
    # The rest of their bin is as high as its other values make it, and the spike stands out of it.
    h = relu.histogram
    rest = np.count_nonzero((y > 0) & (y < h.width))
    assert high[1] / high[4] == pytest.approx(rest / h.counts[3], rel=1e-4)
    assert np.sort(high)[-2] < 0.9 * LIMIT


def test_a_bell_is_one_hill_on_a_logarithmic_axis_and_two_where_areas_are_shares() -> None:
    rng = np.random.default_rng(0)
    trace = of([rng.normal(size=(64, 256)) * size for size in (1.0, 1.0, 1.0, 0.01)])
    one, two = (
        layer_ridge(trace, [("", range(4))], words=ENGLISH, log=True, joint=joint) for joint in (False, True)
    )
    assert one.axis == two.axis and one.axis.linear is not None and one.axis.linear < 0.1
    wide, narrow = (shapes(one.figure.data[1])[k][1].max() for k in (0, 3))
    assert wide == pytest.approx(narrow, rel=1e-5), "each fills its row"
    for drawn, valley in ((one, False), (two, True)):
        edges, high, _ = shapes(drawn.figure.data[1])[0]
        middle = high[np.searchsorted(edges, 0.0)]
        assert (middle < 0.6 * high.max()) == valley and (middle > 0.85 * high.max()) != valley


def test_the_axis_numbers_have_room_below_the_legend_where_no_heading_says_them() -> None:
    trace, _ = blocks(2)
    plain, headed = (layer_ridge(trace, [(title, [1, 2])], words=ENGLISH) for title in ("", "first"))
    assert plain.figure.layout.xaxis.showticklabels and not headed.figure.layout.xaxis.showticklabels
    (legend,) = plain.figure.layout.annotations
    # A number is one line of 12.5 pixels, with 3 below it; the legend is two lines of 13.5.
    assert legend.yshift >= 1.3 * plain.figure.layout.xaxis.tickfont.size
    assert plain.figure.layout.margin.t >= legend.yshift + 2 * 1.3 * legend.font.size
    assert plain.tops[1] == plain.figure.layout.margin.t


def test_a_name_stands_above_its_curves() -> None:
    trace, _ = blocks(2)
    drawn = layer_ridge(trace, [("", [1, 2])], words=ENGLISH)
    (text,) = [t for t in drawn.figure.data if t.text is not None and "block0.act" in t.text]
    k = text.text.index("block0.act")
    # Its letters stand three quarters of their size below the point, and reach a quarter further.
    bottom = text.y[k] - text.textfont.size[k]
    _, high, base = shapes(drawn.figure.data[1])[1]
    assert base + high.max() <= bottom < base + ROW


def test_groups_have_headings_with_the_axis_again_and_rows_know_their_place() -> None:
    trace, _ = blocks(4)
    groups = [("first", [1, 2]), ("empty", []), ("last", [10, 11])]
    drawn = layer_ridge(trace, groups, words=ENGLISH)
    (text,) = [t for t in drawn.figure.data if t.text is not None and "<b>first</b>" in t.text]
    assert "<b>last</b>" in text.text and "<b>empty</b>" not in text.text
    assert all(text.text.count(tick) == 2 for tick in drawn.axis.ticks[1])
    assert drawn.numbers == (1, 2, 10, 11)
    assert [drawn.tops[n] - TOP for n in drawn.numbers] == [
        HEADING, HEADING + ROW, 2 * HEADING + 2 * ROW, 2 * HEADING + 3 * ROW,
    ]  # fmt: skip
    assert list(points(drawn.figure).customdata) == [1, 2, 10, 11]
    assert list(points(drawn.figure).y) == [TOP - drawn.tops[n] - ROW / 2 for n in drawn.numbers]


def test_a_hover_says_the_numbers() -> None:
    trace, values = blocks(1, gradient=True)
    drawn = layer_ridge(trace, [("", [0, 2])], words=ENGLISH)
    first, second = points(drawn.figure).hovertext
    v = values[2]
    assert "<b>block0.act</b>  relu" in second and "4 × 6 × 8 × 8" in second
    assert f"{v.mean():+.2f} ± {v.std():.2f}" in second and "dead channels  1 of 6" in second
    assert f"0 … {v.max():.3g}" in second and "gradient norm  0.01" in second
    assert f"zeros  {100 * (v == 0).mean():.0f}%" in second
    assert "before" in second and "before" not in first, "a convolution's input is not drawn"


def test_what_is_not_finite_is_said_and_a_name_is_no_markup() -> None:
    lost = LayerTrace.of("<b>a</b>" * 9, "relu", np.full((2, 3), np.nan), inputs=(-1,))
    trace = Trace((lost,), LayerTrace.of("x", "x", np.zeros((2, 3))))
    drawn = layer_ridge(trace, [("", [0])], words=ENGLISH)
    (hover,) = points(drawn.figure).hovertext
    assert "no finite value" in hover and "6 NaN/Inf" in hover and "&lt;b&gt;" in hover
    assert "<b>a" not in drawn.figure.to_json().replace("\\u003c", "<")


def test_huge_and_tiny_and_constant_layers_are_drawn() -> None:
    rng = np.random.default_rng(1)
    sizes = [1e-30, 1.0, 1e30]
    trace = of([rng.normal(size=(8, 16)) * s for s in sizes] + [np.full((8, 16), 3.0), np.zeros((8, 16))])
    for log in (None, False, True):
        drawn = layer_ridge(trace, [("", range(5))], words=ENGLISH, log=log)
        assert drawn.figure.to_dict()["layout"]["height"] > 5 * ROW
        for t in drawn.figure.data[:2]:
            y = np.asarray(t.y, np.float64)
            assert np.isfinite(y[~np.isnan(y)]).all()
        assert (drawn.axis.linear is None) == (log is False)


def test_a_deep_network_is_few_traces_and_no_annotation_a_row() -> None:
    trace, _ = blocks(30)
    drawn = layer_ridge(trace, [("", range(90))], words=ENGLISH)
    assert len(trace.layers) > MANY and drawn.row == SLIM
    assert len(drawn.figure.data) <= 6 and len(drawn.figure.layout.annotations) == 1


def test_the_public_ridge_chooses_and_refuses() -> None:
    trace, _ = blocks(2)
    assert list(points(nv.ridge(trace)).customdata) == [1, 2, 4, 5]
    assert list(points(nv.ridge(trace, kinds=["conv"])).customdata) == [0, 3]
    assert list(points(nv.ridge(of([np.ones((2, 2))]))).customdata) == [0]
    assert nv.ridge(trace).layout.paper_bgcolor == "#FFFFFF"
    with pytest.raises(ValueError, match="no layer to draw"):
        nv.ridge(Trace((), LayerTrace.of("x", "x", [[0.0]])))
    with pytest.raises(ValueError, match="no kind 'convolution'"):
        nv.ridge(trace, kinds=["convolution"])
    with pytest.raises(ValueError, match="of kind pool: there are activation, conv, norm"):
        nv.ridge(trace, kinds=["pool"])


def test_values_beyond_float32_are_drawn() -> None:
    x = np.random.default_rng(0).normal(size=(8, 16)) * 1e40
    drawn = layer_ridge(of([x]), [("", [0])], words=ENGLISH)
    edges, high, _ = shapes(drawn.figure.data[1])[0]
    assert np.isfinite(edges).all() and edges[-1] > 1e40 and high.max() > 0
