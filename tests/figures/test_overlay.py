"""The outcomes of several methods on one axis, against histograms made here."""

from __future__ import annotations

import re

import numpy as np
import plotly.graph_objects as go
import pytest

import normviz as nv
from normviz.figures import theme
from normviz.figures.overlay import COLOURS, REACH, outcomes, overlay

WORDS = {"before": "vorher", "mean_std": "μ ± σ"}
METHODS = ("batch_norm", "layer_norm", "instance_norm", "group_norm", "l2_norm", "local_response_norm")


@pytest.fixture
def x() -> np.ndarray:
    return nv.Sample(seed=2).tensor((6, 8, 5, 5)).astype(np.float64)


def results(x: np.ndarray, count: int) -> list[np.ndarray]:
    return [nv.normalize(x, nv.METHODS[key].spec()) for key in METHODS[:count]]


def heights(trace: go.Scatter) -> tuple[np.ndarray, np.ndarray, float]:
    """The edges of the bins drawn, how high each is above the base line, and the base line."""
    at, y = np.asarray(trace.x), np.asarray(trace.y)
    assert y[0] == y[-1] == round(y[0]) and (at[::2] == at[1::2]).all() and (y[1:-1:2] == y[2:-1:2]).all()
    return at[::2], y[1:-1:2] - y[0], float(y[0])


@pytest.mark.parametrize("count", range(2, 7))
def test_every_row_is_the_histogram_of_its_method(x: np.ndarray, count: int) -> None:
    ys = results(x, count)
    figure = overlay(outcomes(x, ys), METHODS[:count], words=WORDS)
    assert len(figure.data) == 2 * count
    scales = []
    for k, y in enumerate(ys):
        for trace, values, colour in zip(
            figure.data[2 * k : 2 * k + 2], (x, y), (theme.BEFORE, COLOURS[k]), strict=True
        ):
            assert trace.line.color == colour
            edges, high, base = heights(trace)
            assert base == count - 1 - k
            counts, _ = np.histogram(values, edges)
            whole = (high > 0) & (high < REACH * (1 - 1e-9))  # the cut ones are shown flat
            share = counts / (values.size * np.diff(edges))
            scales += list(high[whole] / share[whole])
            assert (counts[high == 0] == 0).all()
    assert np.ptp(scales) < 1e-9 * max(scales), "one scale for all rows"
    assert [trace.name for trace in figure.data[1::2]] == list(METHODS[:count])


def test_the_axis_is_the_widest_that_any_method_asks_for(x: np.ndarray) -> None:
    wide, narrow = 7 * x, x / 1000
    found = outcomes(x, [narrow, wide, x])
    assert found.edges.tolist() == outcomes(x, [wide]).edges.tolist()
    assert found.edges[-1] >= np.quantile(np.abs(wide), 0.998)
    assert (np.diff(found.edges) > 0).all() and found.edges[0] == -found.edges[-1]
    figure = overlay(found, ["a", "b", "c"], words=WORDS)
    assert figure.layout.xaxis.range == (found.edges[0], found.edges[-1])
    assert {trace.xaxis for trace in figure.data} == {None}  # one axis for all


def test_names_moments_and_colours_stand_in_the_rows(x: np.ndarray) -> None:
    ys = results(x, 3)
    figure = overlay(outcomes(x, ys), ["eins", "zwei", "drei"], words=WORDS)
    texts = [a.text for a in figure.layout.annotations]
    for name, colour in zip(("eins", "zwei", "drei"), COLOURS, strict=False):
        assert any(name in text and colour in text for text in texts)
    assert sum("\u20070.00 ± 1.00" in text for text in texts) == 3
    assert any(f"{x.mean():+.2f} ± {x.std():.2f}" in text for text in texts)


def test_what_lies_outside_and_what_is_not_finite_is_counted(x: np.ndarray) -> None:
    x[0, 0, 0, :3] = [np.nan, np.inf, 1e6]
    y = nv.normalize(x, nv.METHODS["instance_norm"].spec())
    found = outcomes(x, [y])
    assert found.before.summary.nonfinite == 2 and found.before.outside >= 1
    assert found.after[0].summary.nonfinite == int((~np.isfinite(y)).sum()) > 2
    figure = overlay(found, ["IN"], words=WORDS)
    assert any("NaN/Inf" in a.text for a in figure.layout.annotations)


def test_a_spike_is_cut_and_marked_and_nothing_finite_is_no_error(x: np.ndarray) -> None:
    flat = np.zeros_like(x)
    figure = overlay(outcomes(x, [flat, *results(x, 3)]), ["flat", "a", "b", "c"], words=WORDS)
    assert [a.text for a in figure.layout.annotations].count("↑") == 1
    _, high, _ = heights(figure.data[1])
    assert high.max() == pytest.approx(REACH)
    nothing = np.full_like(x, np.nan)
    assert len(overlay(outcomes(nothing, [nothing]), ["none"], words=WORDS).data) == 0


@pytest.mark.parametrize("names", [[], ["a"], ["a", "b", "c"]])
def test_a_name_for_every_outcome_is_required(x: np.ndarray, names: list[str]) -> None:
    with pytest.raises(ValueError, match="2 outcomes came with"):
        overlay(outcomes(x, [x, x]), names, words=WORDS)


def luminance(colour: str) -> float:
    assert re.fullmatch("#[0-9A-F]{6}", colour)
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("ground", ["#FFFFFF", "#0E1116"])
def test_colours_can_be_seen_on_both_themes(colour: str, ground: str) -> None:
    dark, light = sorted((luminance(colour), luminance(ground)))
    assert (light + 0.05) / (dark + 0.05) >= 3
