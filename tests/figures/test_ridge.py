"""The ridge against histograms and moments computed here."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

import normviz as nv
from normviz.figures import theme
from normviz.figures.ridge import OVERLAP, ridge
from normviz.records import Distributions, distributions

WORDS = {
    "before": "vorher",
    "after": "nachher",
    "value": "Wert",
    "mean_std": "μ ± σ",
    "all_cells": "alle Zellen",
}


def made(key: str, x: np.ndarray, **knobs: int) -> Distributions:
    spec = nv.METHODS[key].spec(**knobs)
    return distributions(x, nv.normalize(x, spec), spec)


def texts(figure: go.Figure) -> list[str]:
    return [a.text for a in figure.layout.annotations]


@pytest.fixture
def x() -> np.ndarray:
    return nv.Sample(seed=3).tensor((6, 8, 5, 5)).astype(np.float64)


def steps(trace: go.Scatter) -> tuple[np.ndarray, np.ndarray, float]:
    """Left edges with the closing one, heights above the base line, and the base line."""
    base = trace.y[0]
    assert base == trace.y[-1] == round(base)
    assert (np.asarray(trace.x)[::2] == np.asarray(trace.x)[1::2]).all()
    heights = np.asarray(trace.y)[1:-1]
    assert (heights[::2] == heights[1::2]).all()
    return np.asarray(trace.x)[::2], heights[::2] - base, float(base)


def test_steps_are_the_histogram_of_the_set(x: np.ndarray) -> None:
    d = made("batch_norm", x)
    figure = ridge(d, words=WORDS, axes="NCHW")
    y = nv.normalize(x, nv.METHODS["batch_norm"].spec())
    ratios = []
    for k, trace in enumerate(figure.data):
        channel, after = divmod(k, 2)
        values = (y if after else x)[:, channel].reshape(-1)
        at, heights, base = steps(trace)
        assert base == 7 - channel
        assert np.isin(at, d.edges).all()
        counts, _ = np.histogram(values, at)
        ratios.append(heights / np.maximum(counts, 1e-9))
        assert (heights[counts == 0] == 0).all()
        # Nothing of the shown range is left out.
        inside = (values >= d.edges[0]) & (values <= d.edges[-1])
        assert counts.sum() == inside.sum()
    used = np.concatenate(ratios)
    used = used[used > 0]
    assert used == pytest.approx(used[0]), "one scale for all rows of equally large sets"
    tallest = max(steps(t)[1].max() for t in figure.data)
    assert tallest == pytest.approx(OVERLAP)


def test_areas_are_shares_whatever_the_size_of_the_set(x: np.ndarray) -> None:
    """Drawn areas are in proportion to the share of the values inside the range."""
    x[:, 2] *= 4.0
    d = made("layer_norm", x)
    figure = ridge(d, words=WORDS, axes="NCHW")
    y = nv.normalize(x, nv.METHODS["layer_norm"].spec())
    scales = []
    for k, trace in enumerate(figure.data):
        sample, after = divmod(k, 2)
        values = (y if after else x)[sample]
        share = np.mean(np.abs(values) <= d.edges[-1])
        at, heights, _ = steps(trace)
        scales.append((heights * np.diff(at)).sum() / share)
        assert 0 < share <= 1
    assert scales == pytest.approx([scales[0]] * len(scales))


def test_all_edges_are_shared_and_the_axis_is_theirs(x: np.ndarray) -> None:
    d = made("group_norm", x, num_groups=2)
    figure = ridge(d, words=WORDS, axes="NCHW")
    assert list(figure.layout.xaxis.range) == [d.edges[0], d.edges[-1]]
    for trace in figure.data:
        assert np.isin(trace.x, d.edges).all()


@pytest.mark.parametrize(
    ("key", "knobs", "shape", "axes", "first", "second"),
    [
        ("batch_norm", {}, (6, 8, 5, 5), "NCHW", "<i>c</i> 0", "<i>c</i> 1"),
        ("layer_norm", {}, (6, 8, 5, 5), "NCHW", "<i>n</i> 0", "<i>n</i> 1"),
        (
            "group_norm",
            {"num_groups": 2},
            (6, 8, 5, 5),
            "NCHW",
            "<i>n</i> 0 <i>c</i> 0–3",
            "<i>n</i> 0 <i>c</i> 4–7",
        ),
        ("positional_norm", {}, (2, 3, 4), "NLC", "<i>n</i> 0 <i>l</i> 0", "<i>n</i> 0 <i>l</i> 1"),
        ("batch_norm_eval", {}, (6, 8), "NC", "<i>c</i> 0", "<i>c</i> 1"),
    ],
)
def test_labels_name_the_axes_of_which_a_set_is_a_part(
    key: str, knobs: dict[str, int], shape: tuple[int, ...], axes: str, first: str, second: str
) -> None:
    d = made(key, nv.Sample().tensor(shape), **knobs)
    figure = ridge(d, words=WORDS, axes=axes)
    left = [a.text for a in figure.layout.annotations if a.xanchor == "right"]
    assert left[:2] == [first, second]
    assert len(left) == len(d.rows)


def test_moments_beside_the_row() -> None:
    x = np.array([[1.0, -4.0], [3.0, -4.5]])
    assert "+2.00 ± 1.00<br><b>\u20070.00 ± 1.00</b>" in texts(
        ridge(made("batch_norm", x), words=WORDS, axes="NC")
    )
    small = texts(ridge(made("batch_norm", x * 1e-6), words=WORDS, axes="NC"))
    assert any("(+2.0 ± 1.0)·10<sup>−6</sup>" in t for t in small)
    assert any("−4.25 ± 0.25" in t for t in texts(ridge(made("batch_norm", x), words=WORDS, axes="NC")))


def test_what_is_not_finite_is_counted(x: np.ndarray) -> None:
    x[0, 1, 0, 0] = np.nan
    x[:, 3] = np.inf
    figure = ridge(made("batch_norm", x), words=WORDS, axes="NCHW")
    rows = [a for a in figure.layout.annotations if "<br>" in a.text]
    assert rows[1].text.split("<br>")[0].endswith("1 NaN/Inf")
    assert rows[1].text.split("<br>")[1] == "<b>NaN  150 NaN/Inf</b>"
    assert rows[3].text == "NaN  150 NaN/Inf<br><b>NaN  150 NaN/Inf</b>"
    # A set without any finite value has no steps: 8 rows of two, less three.
    assert len(figure.data) == 13
    clean = ridge(made("batch_norm", nv.Sample().tensor((6, 8, 5, 5))), words=WORDS, axes="NCHW")
    assert clean.layout.margin.r < figure.layout.margin.r


def test_a_spike_is_cut_and_marked_and_the_rest_keeps_its_height(x: np.ndarray) -> None:
    x[:, 2] = 1.5
    figure = ridge(made("batch_norm", x), words=WORDS, axes="NCHW")
    peaks = [steps(t)[1].max() for t in figure.data]
    assert max(peaks) <= OVERLAP * (1 + 1e-12)
    arrows = [a for a in figure.layout.annotations if a.text == "↑"]
    assert [a.font.color for a in arrows] == [theme.BEFORE, theme.AFTER]
    assert all(a.y == 5 + OVERLAP for a in arrows)
    others = [p for k, p in enumerate(peaks) if k not in (4, 5)]
    assert max(others) == pytest.approx(OVERLAP)


def test_nothing_but_spikes_and_nothing_at_all() -> None:
    constant = ridge(made("batch_norm", np.full((4, 3), 2.0)), words=WORDS, axes="NC")
    assert [steps(t)[1].tolist() for t in constant.data] == [[OVERLAP]] * 6
    assert "↑" not in texts(constant)
    empty = ridge(made("batch_norm", np.full((4, 3), np.nan)), words=WORDS, axes="NC")
    assert len(empty.data) == 0
    assert empty.to_json()


def test_overall_is_one_taller_row(x: np.ndarray) -> None:
    d = made("batch_norm", x)
    figure = ridge(d, words=WORDS, axes="NCHW", overall=True)
    assert len(figure.data) == 2
    assert "alle Zellen" in texts(figure)
    assert figure.layout.height > 2 * 46 + 60
    at, heights, _ = steps(figure.data[0])
    counts, _ = np.histogram(x, at)
    assert heights / heights.sum() == pytest.approx(counts / counts.sum())


def test_one_set_that_holds_everything_says_so() -> None:
    figure = ridge(made("layer_norm", nv.Sample().tensor((1, 3, 4, 4))), words=WORDS, axes="NCHW")
    assert "alle Zellen" in texts(figure)


def test_looks(x: np.ndarray) -> None:
    figure = ridge(made("batch_norm", x), words=WORDS, axes="NCHW")
    before, after = figure.data[:2]
    assert (before.name, after.name) == ("vorher", "nachher")
    assert (before.line.color, before.line.width, before.fillcolor) == (
        "#8792A0",
        1.25,
        "rgba(135,146,160,.30)",
    )
    assert (after.line.color, after.line.width, after.fillcolor) == ("#0F8F6A", 2, "rgba(15,143,106,.36)")
    assert figure.layout.height == 60 + 46 * 8
    assert (figure.layout.margin.l, figure.layout.margin.r) == (52, 104)
    assert figure.layout.dragmode is False
    assert figure.layout.xaxis.fixedrange
    assert figure.layout.yaxis.fixedrange
    # Text and grid are the page's.
    assert figure.layout.font.color is None
    assert figure.layout.xaxis.gridcolor is None
    grouped = ridge(made("group_norm", x, num_groups=2), words=WORDS, axes="NCHW")
    assert grouped.layout.margin.l == 88
    legend = next(t for t in texts(figure) if "vorher" in t)
    assert "<b>nachher</b>" in legend
    assert {"<i>μ ± σ</i>", "Wert"} <= set(texts(figure))


def test_axes_must_fit(x: np.ndarray) -> None:
    with pytest.raises(ValueError, match="one name an axis"):
        ridge(made("batch_norm", x), words=WORDS, axes="NC")
