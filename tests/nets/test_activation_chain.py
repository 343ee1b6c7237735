"""Signal and gradient down a chain: against a loop of numpy that multiplies the derivatives itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from normviz.activations import ACTIVATIONS
from normviz.activity import WEIGHTS
from normviz.catalogue import METHODS
from normviz.nets.activation_chain import GAINS, ROWS, chain, rows, works_with
from tests.strategies import examples, seeds, values

X = values((4, 6, 3, 3), 0)
Array = npt.NDArray[np.float64]


def root(x: Array) -> float:
    return float(np.sqrt((x**2).mean()))


def drawn(seed: int, layers: int, width: int, features: int, weights: str) -> list[Array]:
    """The weights, then dL/dx_L, from the seed's stream."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(layers if weights != "none" else 0):
        w = torch.randn((width, features), generator=generator, dtype=torch.float64).numpy()
        found.append(w * {"he": 2**0.5, "xavier": 1.0}[weights] / features**0.5)
        features = width
    sent = torch.randn((36, features), generator=generator, dtype=torch.float64).numpy()
    return [*found, sent]


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("key", ACTIVATIONS)
def test_it_is_backpropagation_by_hand(key: str, weights: str) -> None:
    layers, entry = 7, ACTIVATIONS[key]
    *matrices, sent = drawn(3, layers, 9, 6, weights)
    x, signal, slopes = rows(X), [], []
    signal.append(x.std())
    for layer in range(layers):
        z = x @ matrices[layer].T if matrices else x
        x, slope = entry(z), entry.derivative(z)
        signal.append(x.std())
        slopes.append(slope)
    back, sizes = sent, [1.0]
    for layer in reversed(range(layers)):
        back = back * slopes[layer]
        back = back @ matrices[layer] if matrices else back
        sizes.insert(0, root(back) / root(sent))
    seen = chain(X, key, layers=layers, weights=weights, width=9, dtype="float64", seed=3)
    assert np.allclose(seen.std, signal, rtol=1e-9) and np.allclose(seen.gradient, sizes, rtol=1e-9)
    assert seen.gradient[-1] == 1 and seen.rows == 36 and seen.key == key
    rounded = chain(X, key, layers=layers, weights=weights, width=9, seed=3)
    assert np.allclose(rounded.std, signal, rtol=1e-3) and np.allclose(rounded.gradient, sizes, rtol=1e-3)


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_normalization_stands_around_every_activation(order: str) -> None:
    *matrices, sent = drawn(0, 5, 8, 6, "xavier")
    xs = [torch.from_numpy(rows(X)).requires_grad_()]
    for w in matrices:
        z = xs[-1] @ torch.from_numpy(w).T
        z = F.batch_norm(z, None, None, training=True) if order == "before" else z
        z = torch.tanh(z)
        xs.append(z if order == "before" else F.batch_norm(z, None, None, training=True))
    gradients = torch.autograd.grad(xs[-1], xs, torch.from_numpy(sent))
    seen = chain(
        X, "tanh", layers=5, weights="xavier", width=8, norm="batch_norm", order=order, dtype="float64"
    )
    sizes = np.array([root(g.numpy()) for g in gradients])
    assert np.allclose(seen.gradient, sizes / sizes[-1], rtol=1e-9)
    assert np.allclose(seen.std, [float(x.detach().std(correction=0)) for x in xs], rtol=1e-9)


@pytest.mark.parametrize("norm", works_with())
def test_every_normalization_of_rows_runs_or_says_why_not(norm: str) -> None:
    assert "NC" in METHODS[norm].layouts
    try:
        seen = chain(X, "silu", layers=3, width=12, norm=norm)
    except ValueError as refused:
        # One value a set: torch's own words.
        assert str(refused).startswith(f"torch refuses {norm} ") and "1 spatial element" in str(refused)
        return
    assert np.isfinite(seen.std).all() and np.isfinite(seen.gradient).all()
    assert (
        not np.allclose(seen.std, chain(X, "silu", layers=3, width=12).std) or norm == "local_response_norm"
    )


def test_sigmoid_loses_the_gradient_and_relu_with_its_own_weights_does_not() -> None:
    seen = {key: chain(X, key, layers=50, width=64) for key in ("sigmoid", "relu", "tanh")}
    assert seen["sigmoid"].gradient[0] < 1e-20
    assert 0.05 < seen["relu"].gradient[0] < 20 and 0.02 < seen["relu"].std[-1] < 50
    # A fifth to a third is left by every layer, 1/4 being the most that its slope can be.
    ratios = seen["sigmoid"].gradient[:-1] / seen["sigmoid"].gradient[1:]
    assert (ratios[1:] < 0.25 * 2**0.5 * 1.3).all()
    assert chain(X, "relu", layers=50, weights="xavier").gradient[0] < 1e-4  # half the variance, fifty times


def test_the_dtype_decides_when_nothing_is_left() -> None:
    layers = 120
    assert chain(X, "sigmoid", layers=layers).gradient[0] == 0
    exact = chain(X, "sigmoid", layers=layers, dtype="float64").gradient
    assert 0 < exact[0] < 1e-45 and (exact > 0).all()
    assert chain(X, "sigmoid", layers=40, dtype="float16").gradient[0] == 0
    assert chain(X, "relu", layers=3, dtype="bfloat16").std[-1] > 0


def test_what_overflows_is_not_finite() -> None:
    seen = chain(X, "leaky_relu", {"negative_slope": 100.0}, layers=100)
    assert seen.std[0] == pytest.approx(1) and seen.std[-1] == np.inf and seen.gradient[-1] == 1
    assert not np.isfinite(seen.gradient[0])
    exact = chain(X, "leaky_relu", {"negative_slope": 100.0}, layers=100, dtype="float64")
    assert np.isfinite(exact.gradient).all() and exact.std[-1] > 1e100


def test_the_same_weights_whatever_the_activation_and_the_dtype() -> None:
    straight = {"negative_slope": 1.0}
    one, two = (chain(X, "leaky_relu", straight, layers=4, dtype=d) for d in ("float32", "float64"))
    three = chain(X, "prelu", {"init": 1.0}, layers=4)
    assert np.allclose(one.std, two.std, rtol=1e-5) and np.array_equal(one.std, three.std)
    assert not np.array_equal(one.std, chain(X, "leaky_relu", straight, layers=4, seed=1).std)


@examples(20)
@given(st.sampled_from(["NC", "NLC", "NCHW"]), seeds, st.integers(-3, 3))
def test_rows_are_positions_standardized_by_channel(layout: str, seed: int, power: int) -> None:
    shape = {"NC": (7, 3), "NLC": (2, 5, 3), "NCHW": (2, 3, 2, 4)}[layout]
    x = values(shape, seed) * 10.0**power
    found = rows(x)
    channel = layout.index("C")
    assert found.shape == (x.size // 3, 3)
    assert np.abs(found.mean(0)).max() < 1e-9 and np.allclose(found.std(0), 1)
    for c in range(3):
        own = np.take(x, c, axis=channel).reshape(-1)
        assert np.allclose(np.corrcoef(own, found[:, c])[0, 1], 1)


def test_rows_leave_out_what_is_not_finite_and_what_is_too_many() -> None:
    x = X.copy()
    x[1, 2, 0, 1], x[3, 0, 2, 2], x[3, 1, 2, 2] = np.nan, np.inf, np.nan
    assert rows(x).shape == (34, 6) and np.isfinite(rows(x)).all()
    seen = chain(x, "relu", layers=4)
    assert seen.rows == 34 and np.isfinite(seen.gradient).all()
    many = values((30, 3, 10, 10), 1)
    assert rows(many).shape == (ROWS, 3)
    assert np.array_equal(rows(many, 1), rows(many, 1)) and not np.array_equal(rows(many), rows(many, 1))
    constant = X.copy()
    constant[:, 2] = 0.1
    assert (rows(constant)[:, 2] == 0).all() and (rows(np.full((5, 2), 0.1)) == 0).all()
    with pytest.raises(ValueError, match=r"36 positions.*NaN"):
        rows(np.full_like(X, np.nan))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"layers": 0}, "from 1 to 200"),
        ({"layers": 201}, "from 1 to 200"),
        ({"width": 1}, "from 2 to 512"),
        ({"weights": "orthogonal"}, "he, xavier, none"),
        ({"norm": "batch_norm", "order": "none"}, "before or after"),
        ({"norm": "switchable_norm"}, r"\(N, C\).*batch_norm"),
        ({"norm": "group_norm", "norm_knobs": {"num_groups": 5}}, "5"),
        ({"norm": "instance_norm"}, "torch refuses instance_norm"),
        ({"x": X[0, 0, 0]}, "axes"),
        ({"key": "swish"}, "There is no activation"),
        ({"dtype": "int8"}, "int8"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(arguments: dict[str, Any], said: str) -> None:
    call: dict[str, Any] = {"x": X, "key": "relu"} | arguments
    with pytest.raises(ValueError, match=said) as refused:
        chain(call.pop("x"), call.pop("key"), **call)
    assert "\n" not in str(refused.value)


def test_nothing_outside_is_changed() -> None:
    x, state, threads = X.copy(), torch.get_rng_state(), torch.get_num_threads()
    first = chain(x, "prelu", layers=4, norm="batch_renorm")
    with torch.inference_mode():
        second = chain(x, "prelu", layers=4, norm="batch_renorm")
    assert np.array_equal(first.gradient, second.gradient)
    assert np.array_equal(x, X) and torch.equal(state, torch.get_rng_state())
    assert threads == torch.get_num_threads() and torch.is_grad_enabled()


def test_the_weights_there_are() -> None:
    assert tuple(GAINS) == WEIGHTS and GAINS["none"] is None
