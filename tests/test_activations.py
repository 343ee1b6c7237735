"""The activations against torch: values, slopes, kinks, and what follows from a row (range, regions, formula)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn
from torch.nn import functional

import normviz as nv
from normviz.activation import Activation
from normviz.activations import ACTIVATIONS, SELU_ALPHA, SELU_SCALE, activation
from normviz.methods import Knob
from tests.strategies import examples
from tests.test_formula import balanced
from tests.tex import Reader, sides

Array = npt.NDArray[np.float64]
Knobs = Mapping[str, Any]

#: torch's own functions, written out here: not the layers that the table itself names.
BY_TORCH: Mapping[str, Callable[..., torch.Tensor]] = {
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "prelu": lambda x, init=0.25: functional.prelu(x, torch.tensor([init], dtype=x.dtype)),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "elu": functional.elu,
    "selu": functional.selu,
    "mish": functional.mish,
    "hardswish": functional.hardswish,
    "softplus": functional.softplus,
}
EXTREME = [0.0, -0.0, 1e3, -1e3, 3.0, -3.0, 20.0, 1e-8, -1e-8, 5e-324, 1e100, -1e100, np.inf, -np.inf, np.nan]


def torchs(key: str, x: Array, knobs: Knobs) -> tuple[Array, Array]:
    """f and f' by torch and its autograd."""
    t = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    y = BY_TORCH[key](t, **knobs)
    (slope,) = torch.autograd.grad(y, t, torch.ones_like(y))
    return y.detach().numpy(), slope.numpy()


def close(ours: Array, theirs: Array) -> bool:
    """Within 1e-12, of 1 or of the value where that is larger; infinities and NaN where torch has them."""
    assert ours.shape == theirs.shape and ours.dtype == np.float64
    with np.errstate(invalid="ignore"):
        near = np.abs(ours - theirs) <= 1e-12 * np.maximum(1, np.abs(theirs))
    return bool((near | (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))).all())


def number(knob: Knob) -> st.SearchStrategy[Any]:
    """Values of a knob, of an everyday size and with a few digits."""
    if knob.options:
        return st.sampled_from(knob.options)
    low, high = max(knob.low, -3.0), min(knob.high, 30.0)
    return st.integers(int(np.ceil(low * 1000)), int(high * 1000)).map(lambda n: n / 1000)


def knobs_of(key: str) -> st.SearchStrategy[dict[str, Any]]:
    """Some of an entry's knobs; how many weights a layer has is none of the function's."""
    known = {k.name: number(k) for k in ACTIVATIONS[key].knobs if not isinstance(k.default, int)}
    return st.fixed_dictionaries({}, optional=known)


arrays = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    elements=st.sampled_from(EXTREME) | st.floats(-60, 60),
)


def test_the_activations_in_their_order() -> None:
    words = "relu leaky_relu prelu sigmoid tanh silu gelu elu selu mish hardswish softplus"
    assert list(ACTIVATIONS) == words.split() == list(BY_TORCH)
    assert all(key == entry.key for key, entry in ACTIVATIONS.items())
    assert activation("elu") is ACTIVATIONS["elu"] is activation(ACTIVATIONS["elu"]) is nv.ACTIVATIONS["elu"]
    with pytest.raises(
        ValueError, match=r"There is no activation 'swish': the activations are relu, .*softplus"
    ):
        ACTIVATIONS["swish"]


@pytest.mark.parametrize("key", ACTIVATIONS)
def test_an_entry_is_whole(key: str) -> None:
    entry = ACTIVATIONS[key]
    assert entry.paper.url.startswith("https://") and 1980 <= entry.paper.year <= 2030
    assert entry.paper.title and entry.paper.authors
    assert balanced(entry.latex) and balanced(entry.derivative_latex)
    assert all(knob.check(knob.default) == knob.default for knob in entry.knobs)


@pytest.mark.parametrize("key", ACTIVATIONS)
@examples(40)
@given(data=st.data())
def test_values_and_slopes_are_torchs(key: str, data: st.DataObject) -> None:
    x, knobs = data.draw(arrays), data.draw(knobs_of(key))
    y, slope = torchs(key, x, knobs)
    assert close(ACTIVATIONS[key](x, **knobs), y)
    # torch hands some gradient on to a NaN; here a NaN's slope is NaN.
    assert close(ACTIVATIONS[key].derivative(x, **knobs), np.where(np.isnan(x), np.nan, slope))


@pytest.mark.parametrize("key", ACTIVATIONS)
@examples(15)
@given(data=st.data())
def test_at_a_kink_is_what_torch_passes_back(key: str, data: st.DataObject) -> None:
    entry, knobs = ACTIVATIONS[key], data.draw(knobs_of(key))
    kinks = np.array(entry.kinks(**entry._arguments(np.zeros(1), knobs)))
    x = np.concatenate([kinks, np.nextafter(kinks, -np.inf), np.nextafter(kinks, np.inf)])
    y, slope = torchs(key, x, knobs)
    assert close(entry(x, **knobs), y) and close(entry.derivative(x, **knobs), slope)


@pytest.mark.parametrize(
    ("key", "knobs"),
    [("relu", {}), ("prelu", {}), ("elu", {"alpha": 0.5}), ("selu", {}), ("hardswish", {})]
    + [("softplus", {"beta": beta, "threshold": 1.0}) for beta in (0.5, 2.0)],
)
def test_at_a_kink_the_slope_jumps(key: str, knobs: Knobs) -> None:
    entry = ACTIVATIONS[key]
    for kink in entry.kinks(**entry._arguments(np.zeros(1), knobs)):
        _, (before, low, high, after) = torchs(key, kink + np.array([-2e-6, -1e-6, 1e-6, 2e-6]), knobs)
        assert abs(high - low) > 1e3 * max(abs(low - before), abs(after - high))


@pytest.mark.parametrize("key", ACTIVATIONS)
@examples(15)
@given(data=st.data())
def test_between_kinks_the_slope_is_the_limit_of_differences(key: str, data: st.DataObject) -> None:
    entry, knobs = ACTIVATIONS[key], data.draw(knobs_of(key))
    x = data.draw(hnp.arrays(np.float64, 20, elements=st.floats(-15, 15)))
    steps = 1e-5
    for kink in entry.kinks(**entry._arguments(np.zeros(1), knobs)):
        x = x[np.abs(x - kink) > 2 * steps]
    differences = (entry(x + steps, **knobs) - entry(x - steps, **knobs)) / (2 * steps)
    # Without torch: a kink left out of the row, or a wrong slope that some autograd shares, would be noticed.
    assert np.abs(differences - entry.derivative(x, **knobs)).max(initial=0) < 1e-6


@examples(30)
@given(data=st.data())
def test_a_learned_slope_runs_along_the_channels(data: st.DataObject) -> None:
    entry = ACTIVATIONS["prelu"]
    x = data.draw(
        hnp.arrays(
            np.float64, hnp.array_shapes(min_dims=2, max_dims=5, max_side=4), elements=st.floats(-9, 9)
        )
    )
    channels = x.shape[1]
    weight = data.draw(hnp.arrays(np.float64, channels, elements=st.floats(-2, 2)))
    weight[data.draw(st.integers(0, channels - 1))] = 0.0
    module = nn.PReLU(channels, dtype=torch.float64)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(weight))
    t = torch.tensor(x, requires_grad=True)
    y = module(t)
    y.sum().backward()
    assert t.grad is not None and module.weight.grad is not None
    assert close(entry(x, weight=weight), y.detach().numpy())
    assert close(entry.derivative(x, weight=weight.tolist()), t.grad.numpy())
    # What the formula says of the weight: df/da = min(0, x).
    others = tuple(k for k in range(x.ndim) if k != 1)
    assert np.abs(np.minimum(0, x).sum(axis=others) - module.weight.grad.numpy()).max() < 1e-9
    # Each channel is dead where its own weight is 0.
    negative = (x <= 0) & (weight == 0).reshape(-1, *[1] * (x.ndim - 2))
    assert np.array_equal(entry.dead(x, weight=weight), negative)
    assert not entry.saturated(x, weight=weight).any()


def test_one_weight_serves_every_shape() -> None:
    entry = ACTIVATIONS["prelu"]
    for weight in (0.5, [0.5], np.float32(0.5)):
        assert entry(-2.0, weight=weight).tolist() == -1.0
        assert entry([[-2.0, 4.0, -4.0]], weight=weight).tolist() == [[-1.0, 4.0, -2.0]]
    assert entry([-2.0], init=0.5).tolist() == [-1.0] == entry([-2.0], weight=None, init=0.5).tolist()


@pytest.mark.parametrize("key", ACTIVATIONS)
@examples(8)
@given(data=st.data())
def test_the_module_is_torchs_and_does_the_same(key: str, data: st.DataObject) -> None:
    entry, knobs = ACTIVATIONS[key], data.draw(knobs_of(key))
    module, again = entry.module(nn, **knobs).double(), entry.module(nn, **knobs)
    assert type(module) is type(again) is getattr(nn, entry.layer) and module is not again
    if not entry.learned:
        assert all(getattr(module, name) == value for name, value in knobs.items())
    x = np.linspace(-6, 6, 50)
    same = module(torch.from_numpy(x)).detach().numpy()
    # A learned slope starts in float32, and keeps that rounding.
    assert np.abs(entry(x, **knobs) - same).max() < (1e-5 if entry.learned else 1e-12)
    names: dict[str, Any] = {"nn": nn, "x": torch.from_numpy(x).float()}
    exec(entry.torch_layer(**knobs).code(), names)
    assert np.abs(names["y"].detach().numpy() - entry(x, **knobs)).max() < 1e-4


@pytest.mark.parametrize("key", ACTIVATIONS)
def test_knobs_have_torchs_names_and_defaults(key: str) -> None:
    entry = ACTIVATIONS[key]
    taken = inspect.signature(getattr(nn, entry.layer)).parameters
    assert {knob.name: knob.default for knob in entry.knobs} == {
        name: parameter.default
        for name, parameter in taken.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and name not in ("inplace", "device", "dtype")
    }


def test_a_learned_slope_for_every_channel_has_torchs_name() -> None:
    assert ACTIVATIONS["prelu"].module(nn, num_parameters=3, init=0.1).weight.tolist() == pytest.approx(
        [0.1] * 3
    )


@pytest.mark.parametrize(
    ("key", "knobs", "words"),
    [
        ("relu", {"negative_slope": 0.1}, r"relu has no knob 'negative_slope': its knobs are none"),
        ("leaky_relu", {"slope": 0.1}, r"leaky_relu has no knob 'slope': its knobs are negative_slope\."),
        ("leaky_relu", {"negative_slope": "a"}, r"negative_slope = 'a' is not allowed.*a number.*Try 0\.01"),
        ("leaky_relu", {"negative_slope": np.nan}, r"negative_slope = nan is not allowed"),
        ("leaky_relu", {"negative_slope": True}, r"negative_slope = True is not allowed"),
        (
            "elu",
            {"alpha": None},
            r"alpha = None is not allowed: it must be a number from 0 to 100\. Try 1\.0",
        ),
        (
            "gelu",
            {"approximate": "tan"},
            r"approximate = 'tan' is not known: it is one of \('none', 'tanh'\)",
        ),
        ("softplus", {"beta": 0}, r"beta = 0 is not allowed.*from 0\.01 to 100\. Try 1\.0"),
        ("prelu", {"num_parameters": 1.5}, r"num_parameters = 1\.5 is not allowed.*whole number.*Try 1"),
    ],
)
def test_wrong_knobs_are_refused(key: str, knobs: Knobs, words: str) -> None:
    entry = ACTIVATIONS[key]
    for refused in (entry, entry.derivative, entry.dead, lambda x, **k: entry.module(nn, **k)):
        with pytest.raises(ValueError, match=words):
            refused(np.zeros(3), **knobs)


def test_wrong_weights_are_refused() -> None:
    entry = ACTIVATIONS["prelu"]
    for x, weight in ((np.zeros((2, 3)), np.zeros(2)), (np.zeros(3), np.zeros(3)), (0.0, [1, 2])):
        expected = (
            rf"weight of shape \({len(weight)},\) for an input of shape .*prelu takes.*Try weight=0\.25"
        )
        for asked in (entry, entry.derivative, entry.dead, entry.saturated):
            with pytest.raises(ValueError, match=expected):
                asked(x, weight=weight)
        assert entry(x, weight=0.25).shape == np.shape(x)
    with pytest.raises(ValueError, match=r"weight of shape \(1, 2\)"):
        entry(np.zeros((2, 2)), weight=[[1, 2]])
    with pytest.raises(ValueError, match=r"weight is learned by prelu's layer.*Try init=0\.25"):
        entry.module(nn, weight=0.1)


def symbols(entry: Activation, knobs: Knobs) -> dict[str, float]:
    """The numbers behind the letters of a formula."""
    given = {knob.symbol: knobs[knob.name] for knob in entry.knobs if knob.symbol and knob.name in knobs}
    return {r"\lambda": SELU_SCALE, r"\alpha": SELU_ALPHA, **given}


@pytest.mark.parametrize("key", ACTIVATIONS)
def test_the_formulas_shown_are_what_is_computed(key: str) -> None:
    entry = ACTIVATIONS[key]
    x = np.array([-7.3, -3.0, -2.2, -1.0, -0.1, 0.0, 0.3, 1.0, 2.9, 3.0, 6.4])
    floats = [k.name for k in entry.knobs if k.symbol]
    knobs = dict.fromkeys(floats, 0.75)
    assert entry.formulas(**knobs) == (entry.latex, entry.derivative_latex)
    others = [{k.name: option} for k in entry.knobs for option in k.options]
    others += [{"threshold": 2.5}] * any(k.name == "threshold" for k in entry.knobs)
    for other in (*others, {}):
        chosen = {**knobs, **other}
        value, slope = entry.formulas(**chosen)
        for shown in sides(value, x, **symbols(entry, knobs)):
            assert np.abs(shown - entry(x, **chosen)).max() < 1e-9
        (shown,) = sides(slope, x, **symbols(entry, knobs))
        assert np.abs(shown - entry.derivative(x, **chosen)).max() < 1e-9


def test_the_reader_of_formulas_reads_as_a_person_does() -> None:
    x = np.array([-2.0, 3.0])
    assert sides(r"f(x) = \tfrac12\,x + 2x^2 - \frac{x}{4}", x)[0].tolist() == [7.5, 18.75]
    assert sides(r"f(x) = -e^{2x}\tanh^2 x", x)[0] == pytest.approx(-np.exp(2 * x) * np.tanh(x) ** 2)
    cases = r"f(x) = a\begin{cases} 1 & x > 0 \\ \max(x,\ -1) & x \le 0 \end{cases}\qquad \alpha = 1"
    assert sides(cases, x, a=2.0)[0].tolist() == [-2.0, 2.0]
    for wrong in (r"x )", r"\begin{cases} 1 & x > 0 \\ 2 & x < -5 \end{cases}", "?"):
        with pytest.raises(AssertionError):
            Reader(wrong, {"x": x}).all()
