"""The devices' dots against means and deviations computed here."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

import normviz as nv
from normviz.extents import Whole
from normviz.figures.devices import all_sets, one_set
from normviz.spec import StatSet
from normviz.splits import DeviceStatistics, shares

WORDS = {
    "each": "jedes Gerät",
    "pinned": "das der Zelle",
    "synchronised": "gemeinsam",
    "device": "Gerät {number}",
    "none": "nichts",
}
CHANNELS = StatSet.over(N=Whole(), H=Whole(), W=Whole())


@pytest.fixture
def x() -> np.ndarray:
    return nv.Sample(seed=3).tensor((8, 6, 3, 3)).astype(np.float64)


def made(x: np.ndarray, devices: int = 4) -> DeviceStatistics:
    return DeviceStatistics.of(x, CHANNELS, shares(len(x), devices))


def dots(figure: go.Figure, panel: str = "x") -> dict[str, set[tuple[float, int]]]:
    """Where the dots of each name are: value and row, the row counted from the top."""
    found: dict[str, set[tuple[float, int]]] = {}
    drawn = [t for t in figure.data if t.mode == "markers" and (t.xaxis or "x") == panel]
    rows = max(max(t.y) for t in drawn)
    for trace in drawn:
        here = found.setdefault(trace.name, set())
        here |= {(round(float(v), 9), int(rows - y)) for v, y in zip(trace.x, trace.y, strict=True)}
    return found


def lines(figure: go.Figure) -> list[tuple[str, float]]:
    return [
        (t.xaxis or "x", t.x[0])
        for t in figure.data
        if t.mode == "lines" and t.name == WORDS["synchronised"] and t.x[0] == t.x[-1]
    ]


def texts(figure: go.Figure) -> list[str]:
    return [a.text for a in figure.layout.annotations]


def test_every_device_has_a_dot_in_every_row(x: np.ndarray) -> None:
    figure = all_sets(made(x), words=WORDS, axes="NCHW", shown=(0, 2, 5), pinned=1)
    mean, std = x.mean((0, 2, 3)), x.std((0, 2, 3))
    for panel in ("x", "x2"):
        wanted: dict[str, set[tuple[float, int]]] = {WORDS["each"]: set(), WORDS["pinned"]: set()}
        for k in range(4):
            own = x[2 * k : 2 * k + 2]
            values = (own.mean((0, 2, 3)) - mean) / std if panel == "x" else own.std((0, 2, 3)) / std
            name = WORDS["pinned" if k == 1 else "each"]
            wanted[name] |= {(round(float(values[s]), 9), row) for row, s in enumerate((0, 2, 5))}
        assert dots(figure, panel) == wanted
    assert lines(figure) == [("x", 0.0), ("x2", 1.0)]
    assert [t for t in texts(figure) if t.startswith("<i>c")] == [f"<i>c</i> {s}" for s in (0, 2, 5)]
    for axis, values in ((figure.layout.xaxis, "x"), (figure.layout.xaxis2, "x2")):
        low, high = axis.range
        assert all(low < v < high for group in dots(figure, values).values() for v, _ in group)


def test_one_set_is_drawn_in_its_own_units(x: np.ndarray) -> None:
    figure = one_set(made(x), 2, words=WORDS, pinned=3)
    own = [x[2 * k : 2 * k + 2, 2] for k in range(4)]
    found = dots(figure)
    assert found[WORDS["each"]] == {(round(float(part.mean()), 9), k) for k, part in enumerate(own[:3])}
    assert found[WORDS["pinned"]] == {(round(float(own[3].mean()), 9), 3)}
    assert found[WORDS["synchronised"]] == {(round(float(x[:, 2].mean()), 9), 4)}
    ((panel, middle),) = lines(figure)
    assert panel == "x" and middle == pytest.approx(x[:, 2].mean())
    bars = [t.x for t in figure.data if t.mode == "lines" and t.name != WORDS["synchronised"]]
    for part, (low, high) in zip([*own, x[:, 2]], bars, strict=True):
        assert (low, high) == pytest.approx((part.mean() - part.std(), part.mean() + part.std()))
    (band,) = figure.layout.shapes
    assert (band.x0, band.x1) == pytest.approx(
        (x[:, 2].mean() - x[:, 2].std(), x[:, 2].mean() + x[:, 2].std())
    )
    low, high = figure.layout.xaxis.range
    assert low < min(b[0] for b in bars) and max(b[1] for b in bars) < high
    assert all(WORDS["device"].format(number=k) in texts(figure) for k in range(4))


def test_a_device_without_samples_and_a_nan_have_no_dot(x: np.ndarray) -> None:
    x[0, 2] = np.nan
    found = made(x, 5)
    figure = all_sets(found, words=WORDS, axes="NCHW", shown=range(6))
    assert {row for _, row in dots(figure)[WORDS["each"]]} == {0, 1, 3, 4, 5}
    assert len(dots(figure)[WORDS["each"]]) == 5 * 4
    assert WORDS["none"] in texts(one_set(found, 0, words=WORDS))
    poisoned = one_set(found, 2, words=WORDS)
    assert len(dots(poisoned)[WORDS["each"]]) == 3 and "NaN" in "".join(texts(poisoned))


def test_many_devices_and_a_constant_set(x: np.ndarray) -> None:
    x[:] = 2.5
    figure = one_set(made(x, 8), 0, words=WORDS, limit=5)
    assert len(dots(figure)[WORDS["each"]]) == 5
    low, high = all_sets(made(x), words=WORDS, axes="NCHW", shown=(0,)).layout.xaxis.range
    assert low < 0 < high


def test_every_axis_needs_a_name(x: np.ndarray) -> None:
    with pytest.raises(ValueError, match="3 axes"):
        all_sets(made(x), words=WORDS, axes="NCH", shown=(0,))
