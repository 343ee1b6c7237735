"""What follows from an activation's row, by torch: its range, where it is dead or saturated; and a new row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from normviz.activation import SATURATED, Activation, Limits, Region
from normviz.activations import ACTIVATIONS, activation
from normviz.methods import Knob, Paper
from tests.strategies import examples
from tests.test_activations import Array, Knobs, close, knobs_of, torchs

# Far out, dense near 0, and all of torch's: no grid, root or tail of the code under test.
FAR_OUT = np.concatenate([-np.logspace(9, 1.2, 300), np.linspace(-15, 15, 60001), np.logspace(1.2, 9, 300)])


@pytest.mark.parametrize("key", ACTIVATIONS)
@examples(12)
@given(data=st.data())
def test_limits_are_those_of_torchs_outputs(key: str, data: st.DataObject) -> None:
    knobs = data.draw(knobs_of(key))
    limits = ACTIVATIONS[key].limits(**knobs)
    y, _ = torchs(key, FAR_OUT, knobs)
    near = y[np.abs(FAR_OUT) <= 15]
    for sign, limit, reached in ((-1, limits.low, limits.low_reached), (1, limits.high, limits.high_reached)):
        best = float((sign * y).max())
        if best > 1e5:  # at 1e9, with slopes of three digits
            assert limit == sign * np.inf and not reached
            continue
        assert sign * limit == pytest.approx(best, rel=1e-6, abs=1e-6) and sign * limit >= best - 1e-12
        if reached:
            assert (sign * y >= sign * limit - 1e-7).any()
        else:
            assert (sign * near < sign * limit).all()


@pytest.mark.parametrize("slope", [1e-4, 1e-5, 1e-9, 1e-12, 1e-300])
@pytest.mark.parametrize(("key", "name"), [("leaky_relu", "negative_slope"), ("prelu", "init")])
def test_a_tiny_slope_still_reaches_everywhere_and_saturates_nowhere(
    key: str, name: str, slope: float
) -> None:
    entry = ACTIVATIONS[key]
    assert entry.limits(**{name: slope}) == Limits(-np.inf, np.inf, False, False)
    assert entry.limits(**{name: -slope}) == Limits(0.0, np.inf, True, False)
    assert entry.regions(**{name: slope}) == entry.regions(**{name: -slope}) == ()


@pytest.mark.parametrize(
    ("key", "knobs", "interval"),
    [
        ("relu", {}, r"[0,\ \infty)"),
        ("leaky_relu", {}, r"(-\infty,\ \infty)"),
        ("sigmoid", {}, r"(0,\ 1)"),
        ("tanh", {}, r"(-1,\ 1)"),
        ("gelu", {}, r"[-0.17,\ \infty)"),
        ("elu", {"alpha": 2.0}, r"(-2,\ \infty)"),
        ("elu", {"alpha": 0.0}, r"[0,\ \infty)"),
        ("hardswish", {}, r"[-0.375,\ \infty)"),
        ("softplus", {}, r"(0,\ \infty)"),
    ],
)
def test_ranges_as_they_are_known(key: str, knobs: Knobs, interval: str) -> None:
    assert ACTIVATIONS[key].limits(**knobs).latex == interval


@pytest.mark.parametrize("key", ACTIVATIONS)
@examples(12)
@given(data=st.data())
def test_regions_are_where_torch_passes_nothing_or_nearly_nothing(key: str, data: st.DataObject) -> None:
    entry, knobs = ACTIVATIONS[key], data.draw(knobs_of(key))
    share = np.array(data.draw(st.lists(st.floats(0, 1), min_size=5, max_size=20)))

    def slopes(x: Array) -> Array:
        return np.abs(torchs(key, x, knobs)[1])

    for region in entry.regions(**knobs):
        ends = np.array([region.low, region.high])
        finite = ends[np.isfinite(ends)]
        low, high = np.clip(ends, -1e4, 1e4)
        inside = np.concatenate([low + share * (high - low), [max(low, -30), min(high, 30)]])
        inside = inside[region.holds(inside)]
        outward = np.where(finite == region.high, 1, -1)
        if region.kind == "dead":
            assert (slopes(np.concatenate([inside, finite])) == 0).all()
            assert (slopes(finite + 1e-6 * outward) > 0).all()
        else:
            assert (slopes(inside) < SATURATED).all()
            assert (slopes(finite - 1e-9 * outward) < SATURATED).all()
            assert (slopes(finite + 1e-6 * outward) >= SATURATED * (1 - 1e-9)).all()
            (tail,) = np.sign(ends[np.isinf(ends)])
            far = slopes(tail * np.array([1e4, 1e6]))
            assert far[1] <= far[0] and far[1] < 1e-9
    # And nowhere else: what torch passes nothing of lies in a region.
    x = np.concatenate([-30 + 60 * share, [-1e6, 1e6]])
    assert np.array_equal((slopes(x) == 0) & ~entry.dead(x, **knobs) & ~entry.saturated(x, **knobs), x != x)


def test_regions_as_they_are_known() -> None:
    found = {key: [region.kind for region in entry.regions()] for key, entry in ACTIVATIONS.items()}
    dead, flat = ["dead"], ["saturated"]
    assert found == {
        **dict.fromkeys(("relu", "hardswish"), dead),
        **{key: [] for key in ("leaky_relu", "prelu")},
        **dict.fromkeys(("sigmoid", "tanh"), flat * 2),
        **dict.fromkeys(("silu", "gelu", "elu", "selu", "mish", "softplus"), flat),
    }
    (low, high) = ACTIVATIONS["sigmoid"].regions()
    edge = np.log(
        (1 + np.sqrt(1 - 4 * SATURATED)) / (1 - np.sqrt(1 - 4 * SATURATED))
    )  # s (1 - s) = SATURATED
    assert [low.high, high.low] == pytest.approx([-edge, edge], abs=1e-12)
    assert ACTIVATIONS["relu"].dead([-1.0, -0.0, 1e-9, -np.inf, np.nan]).tolist() == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert ACTIVATIONS["sigmoid"].saturated([[-9.0, 0.0, 9.0]]).tolist() == [[True, False, True]]
    assert ACTIVATIONS["leaky_relu"].regions(negative_slope=0.0) == (Region("dead", -np.inf, 0.0),)


PAPER = Paper("A Paper", "A. Author", 2020, "https://example.org/paper")
NEW = {
    "softsign": Activation(
        "softsign",
        PAPER,
        "Softsign",
        rule=lambda x: x / (1 + np.abs(x)),
        slope=lambda x: (1 + np.abs(x)) ** -2.0,
        latex=r"f(x) = \frac{x}{1 + |x|}",
        derivative_latex=r"f'(x) = \frac{1}{(1 + |x|)^2}",
    ),
    "hardtanh": Activation(
        "hardtanh",
        PAPER,
        "Hardtanh",
        rule=lambda x, min_val, max_val: np.clip(x, min_val, max_val),
        slope=lambda x, min_val, max_val: ((x > min_val) & (x < max_val)).astype(float),
        latex=r"f(x) = \min(\max(x,\ a),\ b)",
        derivative_latex=r"f'(x) = \begin{cases} 1 & a < x < b \\ 0 & \text{else} \end{cases}",
        kinks=lambda min_val, max_val: (min_val, max_val),
        knobs=(Knob("min_val", -1.0, "a", low=-9.0, high=0.0), Knob("max_val", 1.0, "b", low=0.0, high=9.0)),
    ),
}


@pytest.mark.parametrize("key", NEW)
def test_a_new_activation_is_one_entry(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIVATIONS, key, NEW[key])
    entry = activation(key)
    knobs = {knob.name: knob.default * 2 for knob in entry.knobs}
    x = torch.linspace(-4.0, 4.0, 33, dtype=torch.float64, requires_grad=True)
    y = entry.module(nn, **knobs)(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert close(entry(x.detach().numpy(), **knobs), y.detach().numpy())
    assert close(entry.derivative(x.detach().numpy(), **knobs), slope.numpy())
    with pytest.raises(ValueError, match=rf"{key} has no knob 'alpha'"):
        entry([0.0], alpha=1.0)


def test_what_follows_from_a_new_entry() -> None:
    soft, hard = NEW["softsign"], NEW["hardtanh"]
    assert soft.limits().latex == r"(-1,\ 1)" and hard.limits(min_val=-2.0) == Limits(-2.0, 1.0, True, True)
    assert hard.regions() == (Region("dead", -np.inf, -1.0), Region("dead", 1.0, np.inf))
    (low, high) = soft.regions()
    edge = SATURATED**-0.5 - 1
    assert [low.kind, high.kind] == ["saturated"] * 2 and [low.high, high.low] == pytest.approx([-edge, edge])
    wave = Activation("sine", PAPER, "", np.sin, np.cos, "", "")
    assert wave.limits().latex == "[-1,\\ 1]" and wave.regions() == ()
    slow = Activation("arsinh", PAPER, "", np.arcsinh, lambda x: (1 + x**2) ** -0.5, "", "")
    assert slow.limits().latex == r"(-\infty,\ \infty)" and len(slow.regions()) == 2
