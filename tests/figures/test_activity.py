"""Distributions before and after an activation, against histograms made here."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

import normviz as nv
from normviz.activity import ORDERS, Activity
from normviz.figures import theme
from normviz.figures.activity import REACH, activity, orders
from normviz.figures.entries import share
from normviz.records import Summary, shared_edges

WORDS = {"before": "vorher", "after": "nachher", "mean_std": "μ ± σ", "zeros": "{share} Nullen", "value": "Wert",
         "into": "hinein", "out": "heraus", "final": "weiter"}  # fmt: skip
X = np.random.default_rng(3).normal(0.4, 1.2, 6000)


def row(key: str, order: str = "none", x: np.ndarray = X) -> Activity:
    """A pass made with torch's own layer."""

    def norm(v: np.ndarray) -> np.ndarray:
        return (v - v.mean()) / v.std()

    into = norm(x) if order == "before" else x
    out = nv.ACTIVATIONS[key].module(torch.nn).double()(torch.from_numpy(into)).detach().numpy()
    final = norm(out) if order == "after" else out
    edges = shared_edges(into, np.concatenate([out, final]))
    one, two, three = (np.histogram(v, edges)[0] for v in (into, out, final))
    first, second, third = (Summary.of(v) for v in (into, out, final))
    zeros, negatives = int((final == 0).sum()), int((final < 0).sum())
    measured = (zeros, negatives, 0, 0, 1.0, 1.0, 0.0)
    return Activity(key, order, first, second, third, edges, one, two, three, *measured)


def heights(trace: go.Scatter) -> tuple[np.ndarray, np.ndarray, float]:
    x, y = np.asarray(trace.x), np.asarray(trace.y)
    return x[::2], y[1:-1:2] - y[0], float(y[0])


def texts(figure: go.Figure) -> list[str]:
    return [re.sub("<br>", "\n", a.text) for a in figure.layout.annotations]


def test_every_row_is_its_two_histograms_on_one_scale() -> None:
    keys = ("relu", "leaky_relu", "sigmoid", "selu")
    rows = [row(key) for key in keys]
    figure = activity(rows, ["A", "B", "C", "D"], words=WORDS)
    scales = []
    for k, r in enumerate(rows):
        values = X, nv.ACTIVATIONS[r.key](X)
        for trace, v, colour in zip(
            figure.data[2 * k : 2 * k + 2], values, (theme.BEFORE, theme.AFTER), strict=True
        ):
            edges, high, base = heights(trace)
            assert trace.line.color == colour and base == len(keys) - 1 - k
            density = np.histogram(v, edges)[0] / (v.size * np.diff(edges))
            whole = (high > 0) & (high < REACH * (1 - 1e-9))
            scales += list(high[whole] / density[whole])
            assert high.max() <= REACH * (1 + 1e-9)
    assert np.ptp(scales) < 1e-6 * max(scales)
    assert figure.layout.xaxis.range == (min(r.edges[0] for r in rows), max(r.edges[-1] for r in rows))


def test_a_spike_at_zero_is_cut_and_the_inputs_stay_legible() -> None:
    figure = activity([row("relu")], ["ReLU"], words=WORDS)
    (arrow,) = [a for a in figure.layout.annotations if a.text == "↑"]
    assert abs(arrow.x) < 0.2
    grey, green = (heights(t)[1] for t in figure.data)
    assert grey.max() > 0.6 * REACH and green.max() == pytest.approx(REACH)
    # Something broad is no spike, even where it is high.
    figure = activity([row("sigmoid")], ["Sigmoid"], words=WORDS)
    assert (
        not [a for a in figure.layout.annotations if a.text == "↑"] or heights(figure.data[0])[1].max() < 0.3
    )


def test_beside_a_row_stand_its_moments_and_its_zeros() -> None:
    relu = row("relu")
    out = np.maximum(X, 0)
    figure = activity([relu, row("tanh")], ["ReLU", "Tanh"], words=WORDS)
    said = "\n".join(texts(figure))
    assert f"{X.mean():+.2f} ± {X.std():.2f}\n<b>{out.mean():+.2f} ± {out.std():.2f}</b>" in said
    assert f"{share(int((out == 0).sum()), out.size)} Nullen" in said and "0% Nullen" in said
    assert "<b>ReLU</b>" in said and "<b>Tanh</b>" in said


@pytest.mark.parametrize("narrow", [False, True])
def test_the_three_orders_on_one_axis(narrow: bool) -> None:
    rows = [row("relu", order) for order in ORDERS]
    figure = orders(rows, ["ohne", "davor", "danach"], words=WORDS, narrow=narrow)
    assert len(figure.data) == 9
    scales = []
    for k, trace in enumerate(figure.data):
        r, stage = rows[k // 3], k % 3
        counts, summary = [(r.into_counts, r.into), (r.out_counts, r.out), (r.final_counts, r.final)][stage]
        edges, high, _ = heights(trace)
        first = int(np.searchsorted(r.edges, edges[0]))
        density = counts[first : first + len(high)] / (summary.count * (r.edges[1] - r.edges[0]))
        whole = (high > 0) & (high < REACH * (1 - 1e-9))
        scales += list(high[whole] / density[whole])
        assert trace.xaxis == (f"x{k // 3 + 1}" if k // 3 and not narrow else "x")
        assert trace.line.color == (theme.BEFORE if stage == 0 else theme.AFTER)
    assert np.ptp(scales) < 1e-6 * max(scales)
    axes = ["xaxis"] if narrow else ["xaxis", "xaxis2", "xaxis3"]
    assert len({figure.layout[a].range for a in axes}) == 1
    domains = [figure.layout[a].domain for a in axes]
    assert all(one[1] < two[0] for one, two in pairwise(domains))
    bases = sorted({heights(t)[2] for t in figure.data})
    assert all(two - one >= 1 - 1e-9 for one, two in pairwise(bases)), "no row runs into another"
    said = "\n".join(texts(figure))
    assert said.count("hinein") == said.count("weiter") == 3 and "<b>davor</b>" in said
    # The arrows stand in the column of their histogram.
    arrows = [a for a in figure.layout.annotations if a.text == "↑"]
    assert {a.xref for a in arrows} == ({"x"} if narrow else {"x", "x2", "x3"})


def test_the_names_must_fit() -> None:
    with pytest.raises(ValueError, match="2 entries came with 1 names"):
        activity([row("relu"), row("elu")], ["ReLU"], words=WORDS)
    with pytest.raises(ValueError, match="1 to 6"):
        orders([], [], words=WORDS)


def test_constant_and_lost_values_are_drawn_without_complaint() -> None:
    for x in (np.zeros(50), np.full(50, 3.0), np.array([np.nan, 1.0, 2.0])):
        found = Summary.of(x)
        edges = shared_edges(x, x)
        counts = np.histogram(x[np.isfinite(x)], edges)[0]
        r = Activity(
            "relu", "none", found, found, found, edges, counts, counts, counts, 0, 0, 0, 0, 1.0, 1.0, 0.0
        )
        assert activity([r], ["A"], words=WORDS).layout.height > 0
        assert len(orders([r], ["A"], words=WORDS).data) == 3
