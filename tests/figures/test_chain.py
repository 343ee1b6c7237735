"""The chain of layers: every value where it belongs, and nothing dropped without a word."""

from __future__ import annotations

import re

import numpy as np
import plotly.graph_objects as go
import pytest

from normviz.activity import Chain
from normviz.figures.chain import chain

WORDS = {
    "gradient": "Gradient",
    "std": "Streuung",
    "layer": "Schicht",
    "zero": "genau 0",
    "nonfinite": "NaN/Inf",
}
DEPTH = np.arange(31.0)
GENTLE = Chain("tanh", 0.99**DEPTH, 0.9 ** (30 - DEPTH))
STEEP = Chain("sigmoid", 0.5**DEPTH, np.where(DEPTH < 6, 0.0, 10.0 ** (-1.3 * (30 - DEPTH))))


def named(figure: go.Figure, name: str, axis: str, mode: str) -> list[go.Scatter]:
    return [t for t in figure.data if (t.name, t.yaxis or "y", t.mode) == (name, axis, mode)]


def texts(figure: go.Figure) -> str:
    return re.sub("<[^>]+>", "", "\n".join(a.text for a in figure.layout.annotations))


@pytest.mark.parametrize("narrow", [False, True])
def test_a_line_for_each_chain_and_a_triangle_for_each_zero(narrow: bool) -> None:
    figure = chain([GENTLE, STEEP], ["Tanh", "Sigmoid"], words=WORDS, narrow=narrow)
    for name, given in (("Tanh", GENTLE), ("Sigmoid", STEEP)):
        for axis, values in (("y", given.gradient), ("y2", given.std)):
            (line,) = named(figure, name, axis, "lines")
            y = np.asarray(line.y)
            assert np.array_equal(line.x, DEPTH) and np.array_equal(y[values > 0], values[values > 0])
            assert np.isnan(y[values == 0]).all()
    (marks,) = [t for t in figure.data if t.mode == "markers"]
    assert (
        np.array_equal(marks.x, DEPTH[:6])
        and marks.name == "Sigmoid"
        and marks.marker.symbol == "triangle-down"
    )
    low, high = figure.layout.yaxis.range
    foot = np.log10(marks.y[0])
    assert low < foot < np.log10(STEEP.gradient[STEEP.gradient > 0].min()), "below all that is not 0"
    colours = {t.name: t.line.color for t in figure.data if t.mode == "lines"}
    assert marks.marker.color == colours["Sigmoid"] != colours["Tanh"]
    assert "genau 0" in texts(figure) and "NaN/Inf" not in texts(figure) and high > 0


def test_powers_of_ten_are_few_and_legible() -> None:
    axis = chain([GENTLE, STEEP], ["Tanh", "Sigmoid"], words=WORDS).layout.yaxis
    assert axis.type == "log" and 2 <= len(axis.tickvals) <= 7
    for value, text in zip(axis.tickvals, axis.ticktext, strict=True):
        plain = text.replace("10<sup>", "1e").replace("</sup>", "").replace("−", "-")
        assert float(plain) == pytest.approx(value)
    assert all(axis.range[0] <= np.log10(v) <= axis.range[1] for v in axis.tickvals)


def test_a_narrow_range_is_on_a_plain_axis_from_0() -> None:
    figure = chain([GENTLE], ["Tanh"], words=WORDS)
    assert figure.layout.yaxis2.type is None and figure.layout.yaxis2.range[0] == 0
    assert figure.layout.yaxis2.range[1] > GENTLE.std.max()
    dead = Chain("relu", np.zeros(4), np.array([0.0, 0.0, 0.0, 1.0]))
    figure = chain([dead], ["ReLU"], words=WORDS)
    (line,) = named(figure, "ReLU", "y2", "lines")
    assert np.array_equal(line.y, np.zeros(4)) and np.isfinite(figure.layout.yaxis.range).all()


def test_what_is_not_finite_is_said_at_the_top() -> None:
    lost = Chain("selu", np.array([1.0, 1e30, np.inf]), np.array([np.nan, 1e30, 1.0]))
    figure = chain([lost], ["SELU"], words=WORDS)
    marks = [t for t in figure.data if t.mode == "markers"]
    assert [list(t.x) for t in marks] == [[0], [2]] and all(t.marker.symbol == "x" for t in marks)
    for mark, axis in zip(marks, (figure.layout.yaxis, figure.layout.yaxis2), strict=True):
        assert 30 < np.log10(mark.y[0]) < axis.range[1]
    assert "NaN/Inf" in texts(figure) and "genau 0" not in texts(figure)
    plain = chain([Chain("selu", np.array([1.0, np.nan]), np.ones(2))], ["SELU"], words=WORDS)
    (mark,) = [t for t in plain.data if t.mode == "markers"]
    assert 1 < mark.y[0] < plain.layout.yaxis2.range[1]


def test_wide_panels_stand_side_by_side_and_narrow_ones_above_one_another() -> None:
    wide, narrow = (chain([GENTLE], ["Tanh"], words=WORDS, narrow=n).layout for n in (False, True))
    assert wide.xaxis.domain[1] < wide.xaxis2.domain[0] and wide.yaxis.domain == wide.yaxis2.domain
    assert narrow.yaxis.domain[0] > narrow.yaxis2.domain[1] and narrow.xaxis.domain == narrow.xaxis2.domain
    assert wide.xaxis.range == wide.xaxis2.range == narrow.xaxis.range


def test_the_names_must_fit() -> None:
    with pytest.raises(ValueError, match="1 entries came with 0 names"):
        chain([GENTLE], [], words=WORDS)
    with pytest.raises(ValueError, match="Try fewer"):
        chain([GENTLE] * 7, list("abcdefg"), words=WORDS)
