"""The strip of channels, the histograms before and after and the grid of maps, against the numbers they show."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normviz.figures import theme
from normviz.figures.channels import Series, channel_strip
from normviz.figures.map_grid import blocks, map_grid, sheet
from normviz.figures.passage import passage
from normviz.histograms import Histogram
from normviz.readable import amount

WORDS = {"channel": "Kanal {channel}", "axis": "Kanal", "band": "Band", "dead": "tot", "constant": "fest"}
PASSAGE = {"before": "vorher", "after": "nachher", "value": "Wert", "bin": "{low}..{high} {count} {share}"}


def series(mean: Any, var: Any, name: str = "nachher") -> Series:
    return Series(name, np.array(mean, float), np.array(var, float), theme.AFTER, theme.AFTER_FILL)


def named(figure: go.Figure, name: str) -> Any:
    (found,) = (trace for trace in figure.data if trace.name == name)
    return found


def texts(figure: go.Figure) -> str:
    return " ".join(a.text for a in figure.layout.annotations)


def test_every_channel_stands_at_its_mean_in_a_band_of_its_deviation() -> None:
    figure = channel_strip([series([0.0, 1.0, -2.0], [1.0, 4.0, 0.25])], words=WORDS)
    line = named(figure, "nachher")
    assert list(line.x) == [0, 1, 2]
    assert list(line.y) == [0.0, 1.0, -2.0]
    band = named(figure, "nachher ±")
    edges = {(float(x), float(y)) for x, y in zip(band.x, band.y, strict=True) if np.isfinite(x)}
    assert edges == {
        *((-0.5, 1.0), (0.5, 1.0), (-0.5, -1.0), (0.5, -1.0)),
        *((0.5, 3.0), (1.5, 3.0), (0.5, -1.0), (1.5, -1.0)),
        *((1.5, -1.5), (2.5, -1.5), (1.5, -2.5), (2.5, -2.5)),
    }
    assert line.customdata.tolist() == [[0.0, 1.0], [1.0, 2.0], [-2.0, 0.5]]
    assert line.hovertemplate.startswith("Kanal %{x}")
    low, high = figure.layout.yaxis.range
    assert low < -2.5
    assert high > 3


def test_dead_and_constant_channels_of_the_last_series_are_marked() -> None:
    before = series([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], "vorher")
    figure = channel_strip([before, series([0.0, 5.0, 0.0], [0.0, 0.0, 1.0])], words=WORDS)
    assert list(named(figure, "tot").x) == [0]
    assert list(named(figure, "fest").x) == [1]
    assert "tot: 1" in texts(figure)


def test_a_channel_without_finite_values_leaves_a_gap() -> None:
    figure = channel_strip([series([1.0, np.nan, 2.0], [1.0, np.nan, 1.0])], words=WORDS)
    band = named(figure, "nachher ±")
    assert not [x for x in band.x if 0.5 < x < 1.5]
    assert np.isnan(named(figure, "nachher").y[1])


def test_one_channel_far_away_does_not_flatten_the_rest() -> None:
    mean = np.zeros(200)
    mean[7], mean[9] = 1e4, -1e4
    figure = channel_strip([series(mean, np.ones(200))], words=WORDS)
    assert figure.layout.yaxis.range[1] < 10
    arrows = {(a.x, a.text) for a in figure.layout.annotations if a.text in "↑↓"}
    assert arrows == {(7, "↑"), (9, "↓")}
    assert named(figure, "nachher").customdata[7].tolist() == [1e4, 1.0]
    assert named(figure, "nachher").y[7] < 10


def test_two_thousand_channels_are_few_traces() -> None:
    rng = np.random.default_rng(0)
    figure = channel_strip([series(rng.normal(size=2048), rng.random(2048))] * 2, words=WORDS)
    assert len(figure.data) == 4
    assert len(figure.to_json()) < 320_000


def test_only_channels_of_one_number_stand_together() -> None:
    with pytest.raises(ValueError, match="0 series"):
        channel_strip([], words=WORDS)
    with pytest.raises(ValueError, match="one number a channel"):
        channel_strip([series([0.0], [1.0]), series([0.0, 1.0], [1.0, 1.0])], words=WORDS)


@pytest.mark.parametrize("values", [[0.0], [np.nan, 1.0], [0.0, 0.0], [1e-30, 1e30]])
def test_any_values_make_a_strip(values: list[float]) -> None:
    figure = channel_strip([series(values, np.zeros(len(values)))], words=WORDS)
    assert np.isfinite(figure.layout.yaxis.range).all()


def test_the_area_of_a_histogram_is_one() -> None:
    values = np.random.default_rng(1).normal(size=5000)
    after = Histogram.of(values)
    figure = passage(Histogram.of(3 * values), after, words=PASSAGE)
    areas = []
    for name in ("vorher", "nachher"):
        outline, hover = (trace for trace in figure.data if trace.name == name)
        x, y = np.array(outline.x), np.array(outline.y)
        areas.append(float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)))
        assert sum(int(text.split()[1].replace(",", "")) for text in hover.text) == 5000
    assert areas[0] == pytest.approx(areas[1])


def test_the_zeros_behind_a_relu_do_not_flatten_the_rest() -> None:
    values = np.maximum(np.random.default_rng(1).normal(size=5000) - 1, 0)
    figure = passage(None, Histogram.of(values), words=PASSAGE)
    assert "↑" in texts(figure)
    outline = figure.data[0]
    assert max(outline.y) == pytest.approx(1.0)
    assert sorted(outline.y)[-6] > 0.3


@pytest.mark.parametrize("values", [[], [0.0], [np.nan], [5.0, 5.0], [-1e30, 1e30], [1e-40, 0.0]])
def test_any_values_make_a_passage(values: list[float]) -> None:
    figure = passage(Histogram.of([1.0, 2.0]), Histogram.of(values), words=PASSAGE)
    low, high = figure.layout.xaxis.range
    assert low < high
    assert low <= 1.0


@given(st.integers(1, 5), st.integers(1, 40), st.integers(1, 40), st.integers(1, 12))
def test_blocks_are_means_of_what_they_cover(count: int, high: int, wide: int, fine: int) -> None:
    maps = np.random.default_rng(high * 41 + wide).normal(size=(count, high, wide))
    found = blocks(maps, fine)
    size = -(-max(high, wide) // fine)
    assert max(found.shape[1:]) <= fine or size == 1
    for k, row, column in np.ndindex(*found.shape):
        block = maps[k, row * size : (row + 1) * size, column * size : (column + 1) * size]
        assert found[k, row, column] == pytest.approx(block.mean(), abs=1e-6)


def grid(maps: Any, **more: Any) -> go.Figure:
    names = [f"c {k}" for k in range(len(maps))]
    return map_grid(np.asarray(maps), names, hovers=names, words={"legend": "eins"}, limit=2.0, **more)


def test_maps_lie_apart_in_rows_with_their_values() -> None:
    maps = np.random.default_rng(2).normal(size=(5, 3, 4)).astype(np.float32)
    figure = grid(maps, columns=2)
    corners = []
    for trace, one in zip(figure.data, maps, strict=True):
        assert np.array_equal(trace.z, one)
        assert (trace.zmin, trace.zmax) == (-2.0, 2.0)
        left, top = trace.x0 - trace.dx / 2, trace.y0 - trace.dy / 2
        assert trace.dx == pytest.approx(trace.dy)
        assert (trace.dx * 4, trace.dy * 3) == pytest.approx((1, 0.75))
        corners.append((round(left, 6), round(top, 6)))
    assert len(set(corners)) == 5
    lefts, tops = sorted({x for x, _ in corners}), sorted({y for _, y in corners})
    assert (len(lefts), len(tops)) == (2, 3)
    assert lefts[1] - lefts[0] > 1
    assert min(np.diff(tops)) > 0.75
    assert texts(figure).count("c ") == 5


def test_what_is_not_finite_is_red_and_in_the_legend() -> None:
    maps = np.ones((2, 2, 2), np.float32)
    assert "NaN" not in texts(grid(maps))
    maps[1, 0, 1] = np.inf
    figure = grid(maps)
    red = figure.data[2]
    assert red.colorscale[0][1] == theme.MISSING
    assert np.isfinite(red.z).tolist() == [[False, True], [False, False]]
    assert np.isnan(figure.data[1].z[0][1])
    assert "NaN" in texts(figure)


def test_a_sheet_counts_from_where_it_begins() -> None:
    values = np.arange(6.0).reshape(2, 3)
    values[0, 0] = np.nan
    figure = sheet(values, axes=("Bild", "Merkmal"), words={"legend": ""}, limit=5.0, first=2048)
    assert (figure.data[0].x0, figure.data[0].dx) == (2048, 1)
    assert "Merkmal %{x}" in figure.data[0].hovertemplate
    assert figure.data[0].z[1][2] == 5.0
    assert len(figure.data) == 2


def test_what_is_no_map_is_refused() -> None:
    with pytest.raises(ValueError, match="one name"):
        map_grid(np.ones((2, 2, 2)), ["a"], hovers=["a"], words={"legend": ""}, limit=1.0)
    with pytest.raises(ValueError, match="rows, columns"):
        sheet(np.ones(3), axes=("a", "b"), words={"legend": ""}, limit=1.0)


def test_the_ends_of_a_bin_are_written_as_on_the_page() -> None:
    figure = passage(None, Histogram.of([-0.25]), words=PASSAGE)
    assert (
        figure.data[1].text[0].split()[0] == f"{amount(-0.25)}..{amount(-0.25 + Histogram.of([-0.25]).width)}"
    )
