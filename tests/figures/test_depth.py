"""Lines over depth and two runs, against statistics of the values themselves."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import normviz as nv
from normviz.changes import changes
from normviz.figures.depth import ENGLISH, lines
from normviz.figures.depth_axis import depth_axis
from normviz.figures.layer_pairs import FIRST, SECOND, pair_depth, pair_ridge
from normviz.findings import SERIOUS, findings
from normviz.stages import Stage
from normviz.traces import LayerTrace, Trace
from tests.figures.layer_traces import blocks, of

PAIR_WORDS = {**ENGLISH, "apart_panel": "abstand", "distance": "abstand", "layer": "schicht"}


def panel(figure: go.Figure, axis: str) -> list[go.Scatter]:
    return [t for t in figure.data if (t.yaxis or "y") == axis]


def titles(figure: go.Figure) -> list[str]:
    return [a.text for a in figure.layout.annotations if a.text.startswith("<b>")]


def test_every_panel_has_the_layers_own_numbers_by_kind() -> None:
    trace, values = blocks(3, gradient=True)
    figure = lines(trace, (), (), words=ENGLISH, titles={})
    assert len(titles(figure)) == 5
    measured = {
        "y": [v.mean() for v in values],
        "y2": [v.std() for v in values],
        "y3": [(v == 0).mean() for v in values],
        "y4": [(np.abs(v).max((0, 2, 3)) == 0).mean() for v in values],
        "y5": [-float(k) for k in range(9)],  # the gradient's powers of ten
    }
    for axis, expected in measured.items():
        *drawn, unseen = panel(figure, axis)
        for k, t in enumerate(drawn[:3]):
            assert list(t.x) == [k, k + 3, k + 6]
            assert np.asarray(t.y) == pytest.approx(np.array(expected)[k::3], abs=1e-9)
        assert list(unseen.customdata) == list(range(9)) and unseen.marker.opacity == 0


def test_of_very_many_layers_a_hover_says_less(monkeypatch: pytest.MonkeyPatch) -> None:
    trace, values = blocks(2)
    texts = []
    for full in (6, 5):
        monkeypatch.setattr("normviz.figures.depth.FULL", full)
        texts.append(panel(lines(trace, (), (), words=ENGLISH, titles={}), "y")[-1].hovertext[5])
    said = f"{values[5].mean():+.2f} ± {values[5].std():.2f}"
    assert all("block1.act" in text and said in text for text in texts)
    assert "dead channels" in texts[0] and "dead channels" not in texts[1]


def test_without_a_backward_pass_there_is_no_panel_of_gradients() -> None:
    figure = nv.depth(blocks(2)[0])
    assert not any("gradient" in title for title in titles(figure))
    assert len(titles(figure)) == 4
    with pytest.raises(ValueError, match="no layer to draw"):
        nv.depth(Trace((), LayerTrace.of("x", "x", [[0.0]])))


def test_no_channel_of_few_values_is_called_dead_and_no_layer_off_the_way_has_a_gradient() -> None:
    rng = np.random.default_rng(0)
    relu = [np.maximum(rng.normal(size=(n, 8)), 0) for n in (16, 1, 15)]
    relu[0][:, :2] = 0
    layers = [
        LayerTrace.of(f"l{k}", "relu", values, inputs=(k - 1,), gradient_square=square)
        for k, (values, square) in enumerate(zip(relu, (4.0, None, 0.0), strict=True))
    ]
    figure = lines(Trace(tuple(layers), LayerTrace.of("x", "x", relu[0])), (), (), words=ENGLISH, titles={})
    *dead, points = panel(figure, "y4")
    assert [(list(t.x), list(t.y)) for t in dead] == [([0], [0.25])]
    assert list(points.customdata) == [0, 1, 2]
    *gradient, _ = panel(figure, "y5")
    assert [list(t.x) for t in gradient if t.mode != "markers"] == [[0, 2]]
    assert "NaN or infinite" not in figure.layout.annotations[-1].text


@pytest.mark.parametrize(("layers", "step"), [(1, 1), (3, 1), (8, 1), (9, 2), (68, 10), (174, 50)])
def test_the_axis_of_layers_has_whole_numbers_of_layers_that_are_there(layers: int, step: int) -> None:
    trace = of([np.full((2, 2), 1.0 + k) for k in range(layers)])
    axis = lines(trace, (), (), words=ENGLISH, titles={}).layout.xaxis
    assert list(axis.tickvals) == list(range(0, layers, step))


def test_zeros_and_lost_values_have_marks_where_a_line_cannot_go() -> None:
    rng = np.random.default_rng(0)
    trace = of(
        [
            rng.normal(size=(4, 8)),
            rng.normal(size=(4, 8)) * 1e4,
            np.full((4, 8), 2.0),
            np.full((4, 8), np.inf),
        ]
    )
    figure = lines(trace, (), (), words=ENGLISH, titles={})
    spread = panel(figure, "y2")
    marks = {t.marker.symbol: list(t.x) for t in spread if t.marker.symbol}
    assert marks == {"triangle-down": [2], "x": [3]}
    low, high = figure.layout.yaxis2.range
    assert all(low <= y <= high for t in spread for y in t.y if y == y)
    legend = figure.layout.annotations[-1].text
    assert "exactly 0" in legend and "NaN or infinite" in legend


def test_findings_stand_above_their_layers_and_stages_behind() -> None:
    rng = np.random.default_rng(0)
    trace = of([rng.normal(size=(4, 8)), np.full((4, 8), np.nan), np.full((4, 8), np.nan)])
    found = findings(trace)
    assert found and found[0].severity == SERIOUS
    parts = [Stage("front", 0, 0), Stage("back", 1, 2)]
    figure = lines(trace, found, parts, words=ENGLISH, titles={f.code: f"<{f.code}>" for f in found})
    lane = panel(figure, f"y{len(titles(figure)) + 1}")[0]
    assert set(lane.customdata) == {n for f in found for n in f.layers}
    assert f"<{found[0].code}>" in lane.hovertext[list(lane.customdata).index(found[0].layer)]
    assert [(s.x0, s.x1) for s in figure.layout.shapes] == [(0.5, 2.5)]
    assert {"front", "back"} <= {a.text for a in figure.layout.annotations}


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=30),
    st.sampled_from([{}, {"signed": True}, {"share": True}]),
)
@example([5e-324], {})
@example([0.0, 5e-324], {})
@example([1e-310, 3e-309], {"signed": True})
def test_every_value_has_a_place_on_its_axis(values: list[float], how: dict[str, bool]) -> None:
    y = np.array(values)
    if how.get("share"):
        y = np.clip(np.nan_to_num(y, nan=0.5), 0, 1)
    elif not how:
        y = np.abs(y)
    axis = depth_axis(y, **how)
    placed = axis.marked(y)
    room = 1e-9 * (axis.high - axis.low)
    assert axis.low < axis.high and np.isfinite(placed).all()
    assert (placed >= axis.low - room).all() and (placed <= axis.high + room).all()
    assert len(axis.ticks[0]) == len(axis.ticks[1])


def test_two_runs_are_drawn_layer_by_layer_on_one_axis() -> None:
    first, values = blocks(3, seed=2)
    second, others = blocks(3, scale=2.0, seed=3)
    found = changes(first, second)
    figure = pair_depth(found.in_order, ("A", "B"), words=PAIR_WORDS)
    a, b = (t for t in panel(figure, "y") if t.line.color in (FIRST, SECOND))
    for drawn, measured in ((a, values), (b, others)):
        assert np.asarray(drawn.y) == pytest.approx([v.std() for v in measured], rel=1e-9)
    assert list(panel(figure, "y2")[-1].customdata) == list(range(9))
    drawn = pair_ridge(first, second, [("", found.pairs[:4])], ("A", "<i>B"), words=PAIR_WORDS)
    assert drawn.numbers == tuple(pair.numbers[0] for pair in found.pairs[:4])
    assert [t.name for t in drawn.figure.data[:2]] == ["A", "<i>B"]
    assert "&lt;i&gt;B" in drawn.figure.data[-1].hovertext[0]
    with pytest.raises(ValueError, match="no pair of layers"):
        pair_depth([], ("A", "B"), words=PAIR_WORDS)
