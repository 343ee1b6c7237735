"""The picture of r and d against the run it draws."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go
import pytest

import normviz as nv
from normviz.figures.renorm import CLIPPED, PINNED, renorm_figure
from normviz.figures.steps import DRAWN, MARGIN, PANELS, along, drawn
from normviz.nets.renorm import corrected
from normviz.renorm import Corrected, Opening

WORDS = {
    "channel": "Kanal {channel}",
    "others": "andere",
    "clipped": "gekappt",
    "unclipped": "frei",
    "allowed": "erlaubt",
    "steps": "Schritte",
    "r": "r",
    "d": "d",
}
OPENING = Opening(r=(6, 30), d=(6, 20), r_max=1.5, d_max=0.6)


def made(channels: int = 5, batch: int = 4) -> Corrected:
    pool = nv.Sample(seed=3).tensor((64, channels, 2, 2))
    return corrected(pool, "batch_renorm", {}, OPENING, batch=batch, steps=40)


def traces(figure: go.Figure, name: str, row: int) -> list[go.Scatter]:
    return [t for t in figure.data if t.name == name and t.yaxis == ("y", "y2")[row]]


@pytest.fixture(scope="module")
def run() -> Corrected:
    return made()


def test_every_channels_line_is_what_was_used(run: Corrected) -> None:
    figure = renorm_figure(run, channel=2, words=WORDS)
    for row, used in enumerate((np.log2(run.r), run.d)):
        (own,) = traces(figure, "Kanal 2", row)
        assert own.line.color == PINNED
        np.testing.assert_array_equal(own.x, np.arange(1, 41))
        np.testing.assert_array_equal(own.y, used[:, 2])
        (others,) = traces(figure, "andere", row)
        lines = np.asarray(others.y).reshape(4, 41)
        assert np.isnan(lines[:, -1]).all()
        np.testing.assert_array_equal(lines[:, :-1], used[:, [0, 1, 3, 4]].T)


def test_the_band_is_what_the_bounds_allow(run: Corrected) -> None:
    figure = renorm_figure(run, channel=0, words=WORDS)
    for row, bound in enumerate(
        ([math.log2(OPENING.at(t)[0]) for t in range(1, 41)], [OPENING.at(t)[1] for t in range(1, 41)])
    ):
        (band,) = traces(figure, "erlaubt", row)
        np.testing.assert_allclose(band.y, [*bound, *(-b for b in reversed(bound))], atol=1e-12)
        np.testing.assert_array_equal(band.x, [*range(1, 41), *range(40, 0, -1)])


def test_marks_lie_where_a_channel_is_clipped(run: Corrected) -> None:
    figure = renorm_figure(run, channel=2, words=WORDS)
    both = zip((np.log2(run.r), run.d), (run.clipped_r, run.clipped_d), strict=True)
    for row, (used, clipped) in enumerate(both):
        others, own = sorted(traces(figure, "gekappt", row), key=lambda t: t.marker.size)
        assert {own.marker.color, others.marker.color} == {CLIPPED}
        at = np.flatnonzero(clipped[:, 2])
        assert 0 < at.size < 40
        np.testing.assert_array_equal(own.x, at + 1)
        np.testing.assert_array_equal(own.y, used[at, 2])
        wanted = {(t + 1, used[t, k]) for t, k in np.argwhere(clipped) if k != 2}
        assert set(zip(others.x, others.y, strict=True)) == wanted


def test_the_dotted_line_is_the_channel_without_bounds(run: Corrected) -> None:
    figure = renorm_figure(run, channel=2, words=WORDS)
    for row, (raw, clipped) in enumerate(((np.log2(run.raw_r), run.clipped_r), (run.raw_d, run.clipped_d))):
        (free,) = traces(figure, "frei", row)
        drawn_at = np.isfinite(free.y)
        assert drawn_at[clipped[:, 2]].all() and not drawn_at.all()
        np.testing.assert_array_equal(np.asarray(free.y)[drawn_at], raw[drawn_at, 2])


def test_a_page_can_lay_its_mark_over_the_picture(run: Corrected) -> None:
    """It is the same for every step: margins and axes are fixed, so the place of a step is known."""
    layout = renorm_figure(run, channel=2, words=WORDS).layout
    assert layout.margin.to_plotly_json() == MARGIN and layout.width is None
    assert (layout.yaxis.domain, layout.yaxis2.domain) == PANELS and not layout.shapes
    assert [axis.automargin for axis in (layout.xaxis, layout.yaxis, layout.yaxis2)] == [False] * 3
    low, high = layout.xaxis.range
    for step in (1, 17, 40):
        assert along(step, 1, 40) == pytest.approx((step - low) / (high - low))


def test_r_is_on_a_scale_of_powers(run: Corrected) -> None:
    axis = renorm_figure(run, channel=0, words=WORDS).layout.yaxis
    assert axis.range[0] == -axis.range[1] < 0
    said = [1 / float(t[2:]) if "/" in t else float(t) for t in axis.ticktext]
    np.testing.assert_allclose(np.exp2(axis.tickvals), said, rtol=0.01)
    assert 1.0 in said and max(np.abs(axis.tickvals)) <= axis.range[1]


@pytest.mark.parametrize(("r_max", "d_max"), [(1.0, 0.0), (1.0, 1000.0), (1000.0, 0.0), (1000.0, 1000.0)])
@pytest.mark.parametrize("channels", [1, 2])
def test_extreme_bounds_are_drawn(r_max: float, d_max: float, channels: int) -> None:
    pool = nv.Sample(seed=3).tensor((16, channels))
    run = corrected(pool, "batch_renorm", {}, Opening((0, 0), (0, 0), r_max, d_max), batch=2, steps=12)
    figure = renorm_figure(run, channel=0, words=WORDS)
    for axis in (figure.layout.yaxis, figure.layout.yaxis2):
        assert np.isfinite(axis.range).all() and axis.range[1] > 0
    assert ("andere" in "".join(a.text for a in figure.layout.annotations)) == (channels > 1)


def test_of_many_channels_some_are_drawn() -> None:
    assert drawn(DRAWN + 1, 3) == [k for k in range(DRAWN + 1) if k != 3]
    some = drawn(500, 3)
    assert len(set(some)) == DRAWN and 3 not in some and (some[0], some[-1]) == (0, 499)
    assert drawn(1, 0) == []
