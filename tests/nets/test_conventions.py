"""The effects on real numbers: torch's own passes against what the other frameworks' documentation says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import normviz as nv
from normviz.convention_effects import Effect, Reading
from normviz.convention_table import EPSILONS, aspects, kind
from normviz.layouts import WEIGHTS
from normviz.nets import conventions
from normviz.nets.convention_averages import averages
from tests.strategies import values

X = values((6, 4, 5, 3), 0)
CELL = (1, 2, 3, 0)
SHAPES = {"NC": (6, 4), "NLC": (4, 5, 4), "NCHW": (6, 4, 5, 3), "OI": (6, 5), "OIHW": (5, 3, 3, 3)}


def by_framework(found: Effect) -> dict[str, Reading]:
    return {reading.row.framework: reading for reading in found.readings}


def drawn(seed: int, count: int, steps: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(count, size=count) for _ in range(steps)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_running_averages_by_hand(dtype: str) -> None:
    found = averages(X, CELL, axes="NCHW", batches=7, seed=3, dtype=dtype)
    rules = {
        "torch": (0.1, 1),
        "keras": (1 - 0.99, 0),
        "flax": (1 - 0.99, 0),
        "tensorflow": (1.0, 1),
        "onnx": (1 - 0.9, 0),
    }
    assert [k.row.framework for k in found.kept] == list(rules)
    near = 1e-12 if dtype == "float64" else 1e-5
    for kept in found.kept:
        weight, correction = rules[kept.row.framework]
        mean, var = 0.0, 1.0
        for step, chosen in enumerate(drawn(3, 6, 7), 1):
            batch = X[chosen, CELL[1]]
            mean = (1 - weight) * mean + weight * batch.mean()
            var = (1 - weight) * var + weight * batch.var(ddof=correction)
            assert kept.mean[step] == pytest.approx(mean, rel=near, abs=near)
            assert kept.var[step] == pytest.approx(var, rel=near)
        assert kept.converted < near
        y = (X[CELL] - mean) / math.sqrt(var + 1e-5)
        assert found.evaluated(kept, 7) == pytest.approx(y, rel=1e3 * near)
    assert found.count == 6 * 15 and found.var == pytest.approx(X[:, 2].var())


def test_a_device_keeps_what_its_own_samples_say_and_one_value_keeps_nothing() -> None:
    half = averages(X, CELL, axes="NCHW", samples=slice(0, 3), batches=3)
    assert half.count == 45 and half.mean == pytest.approx(X[:3, 2].mean())
    tokens = averages(values((3, 5, 4), 1), (0, 0, 2), axes="NLC", batches=3)
    assert tokens.count == 15
    with pytest.raises(ValueError, match="1 value of this channel"):
        averages(values((1, 4), 1), (0, 2), axes="NC")


@pytest.mark.parametrize("layout", SHAPES)
@pytest.mark.parametrize("key", [k for k in nv.METHODS if "eps" in aspects(nv.METHODS[k])])
def test_every_eps_is_torchs_own_layer_with_that_eps(key: str, layout: str) -> None:
    method = nv.METHODS[key]
    spec = method.spec()
    if layout not in spec.layouts or (key, layout) == ("instance_norm", "NC"):
        return
    x = 0.01 * values(SHAPES[layout], 4)
    cell = (0,) * x.ndim
    found = conventions.epsilon(x, key, {}, spec, cell)
    rows = EPSILONS[kind(spec)]
    assert [r.row for r in found.readings] == list(rows)
    assert found.readings[0].difference == 0 or math.isnan(found.readings[0].difference)
    for reading in found.readings:
        assert math.isnan(reading.converted) == (getattr(reading.row, "place", "") == "std")
        assert not reading.converted > 1e-5
        assert len(reading.drawn) == len(found.at)
        assert (np.nan_to_num(reading.drawn) < 1 + 1e-4).all() or spec.affine.origin == "second"


def test_eps_effect_by_hand_and_it_grows_as_the_variance_shrinks() -> None:
    def keras(scale: float) -> Reading:
        found = conventions.epsilon(
            scale * X, "batch_norm", {}, nv.METHODS["batch_norm"].spec(), CELL, dtype="float64"
        )
        return by_framework(found)["keras"]

    x = 0.01 * X
    ours = (x - x.mean((0, 2, 3), keepdims=True)) / np.sqrt(x.var((0, 2, 3), keepdims=True) + 1e-3)
    torchs = torch.nn.BatchNorm2d(4, dtype=torch.float64)(torch.from_numpy(x)).detach().numpy()
    seen = keras(0.01)
    assert seen.cell == pytest.approx(ours[CELL], rel=1e-6)
    assert seen.difference == pytest.approx(np.abs(ours - torchs).max(), rel=1e-5)
    assert keras(1.0).difference < seen.difference < keras(0.001).difference
    sigma = x.std((0, 2, 3))
    assert seen.drawn == pytest.approx(sigma / np.sqrt(sigma**2 + 1e-3), rel=1e-4)


def test_tensorflow_bounds_the_square_of_the_length() -> None:
    x = np.array([[3e-8, 4e-8], [3.0, 4.0]])
    found = by_framework(conventions.epsilon(x, "l2_norm", {}, nv.METHODS["l2_norm"].spec(), (0, 1)))
    assert found["torch"].cell == pytest.approx(0.8, rel=1e-5)
    assert found["tensorflow"].cell == pytest.approx(4e-8 / 1e-6, rel=1e-5)
    assert found["tensorflow"].converted < 1e-6 and found["tensorflow"].difference > 0.7


@pytest.mark.parametrize("layout", ["NC", "NLC", "NCHW"])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("size", [4, 5])
def test_local_response_norm(layout: str, own: bool, size: int) -> None:
    x = 3 * values(SHAPES[layout], 2)
    cell = tuple(n - 1 for n in x.shape)
    spec = nv.METHODS["local_response_norm"].spec(size=size, alpha=0.2)
    found = by_framework(conventions.response(x, spec, cell, own=own, dtype="float64"))
    axis = spec.axes(x.shape).index("C")
    line = np.moveaxis(x, axis, 1)[-1].reshape(x.shape[axis], -1)[:, -1]
    given: dict[str, tuple[Any, ...]] = dict.fromkeys(found, (size, 0.2, 0.75, 1.0))
    if own:
        given |= {"torch": (5, 1e-4, 0.75, 1.0), "onnx": (5, 1e-4, 0.75, 1.0)}
        given |= {"tensorflow": (11, 1.0, 0.5, 1.0), "paper": (5, 1e-4, 0.75, 2.0)}
    for name, (n, alpha, beta, k) in given.items():
        back = (n - 1) // 2 if name == "onnx" else n // 2
        scale = alpha / n if name in ("torch", "onnx") else alpha
        y = line[-1] / (k + scale * (line[max(0, len(line) - 1 - back) :] ** 2).sum()) ** beta
        assert found[name].cell == pytest.approx(y, rel=1e-9), name
        assert found[name].drawn[-1] == pytest.approx(y / line[-1], rel=1e-9)
        assert math.isnan(found[name].converted) == (name == "onnx" and not own and size == 4)
        assert not found[name].converted > 1e-9


def test_only_a_response_has_a_response() -> None:
    with pytest.raises(ValueError, match="no response"):
        conventions.response(X, nv.METHODS["layer_norm"].spec(), CELL)


def test_layer_norm_over_the_default_axes() -> None:
    found = conventions.axes(X, nv.METHODS["layer_norm"].spec(), CELL, dtype="float64")
    t = torch.from_numpy(X)
    layers = [
        torch.nn.LayerNorm((4, 5, 3), dtype=torch.float64)(t),
        torch.nn.GroupNorm(1, 4, dtype=torch.float64)(t),
        torch.nn.LayerNorm(4, dtype=torch.float64)(t.movedim(1, -1)).movedim(-1, 1),
        torch.nn.LayerNorm(4, dtype=torch.float64)(t.movedim(1, -1)).movedim(-1, 1),
        torch.nn.LayerNorm(3, dtype=torch.float64)(t),
    ]
    for reading, y in zip(found.readings, layers, strict=True):
        theirs = y.detach().numpy()
        assert reading.cell == pytest.approx(theirs[CELL], abs=1e-12)
        assert reading.difference == pytest.approx(
            np.abs(theirs - layers[0].detach().numpy()).max(), abs=1e-12
        )
        assert reading.converted < 1e-12
        assert reading.drawn.tolist() == np.histogram(theirs, found.at)[0].tolist()


def test_on_rows_all_axes_are_the_same_and_on_tokens_group_norm_is_another() -> None:
    spec = nv.METHODS["layer_norm"].spec()
    rows = conventions.axes(values((6, 4), 3), spec, (0, 0))
    assert all(reading.difference < 1e-6 for reading in rows.readings)
    tokens = conventions.axes(values((3, 5, 4), 3), spec, (0, 0, 0))
    assert [reading.difference > 0.01 for reading in tokens.readings] == [False, True, False, False, False]
    rms = conventions.axes(X, nv.METHODS["rms_norm"].spec(), CELL)
    y = X / np.sqrt((X**2).mean(1, keepdims=True) + np.finfo(np.float32).eps)
    assert by_framework(rms)["keras"].cell == pytest.approx(y[CELL], rel=1e-5)


@pytest.mark.parametrize("shape", [(5, 3, 3, 3), (6, 4)])
@pytest.mark.parametrize("dim", [0, 1])
def test_weight_norm_starts_at_the_weight_or_at_length_one(shape: tuple[int, ...], dim: int) -> None:
    v = values(shape, 5)
    spec = nv.METHODS["weight_norm"].spec(dim=dim)
    assert spec.layouts == WEIGHTS
    found = by_framework(conventions.start(v, spec, (0,) * v.ndim, dtype="float64"))
    length = np.sqrt((v**2).sum(tuple(k for k in range(v.ndim) if k != dim), keepdims=True))
    assert found["torch"].difference < 1e-12 and found["torch"].cell == pytest.approx(v[(0,) * v.ndim])
    assert found["flax"].cell == pytest.approx((v / length)[(0,) * v.ndim])
    assert found["flax"].difference == pytest.approx(np.abs(v / length - v).max())
    assert found["flax"].converted < 1e-12


def test_what_is_not_finite_breaks_nothing() -> None:
    x = X.copy()
    x[CELL] = np.nan
    assert math.isnan(averages(x, CELL, axes="NCHW", batches=60).kept[0].var[-1])
    for key in ("batch_norm", "layer_norm", "l2_norm"):
        conventions.epsilon(x, key, {}, nv.METHODS[key].spec(), CELL)
    conventions.axes(x, nv.METHODS["layer_norm"].spec(), CELL)
    conventions.response(x, nv.METHODS["local_response_norm"].spec(), CELL)
    constant = conventions.epsilon(
        np.ones((2, 3, 2, 2)), "batch_norm", {}, nv.METHODS["batch_norm"].spec(), (0, 0, 0, 0)
    )
    assert np.isnan(constant.readings[0].drawn).all()
