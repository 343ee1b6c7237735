"""A real pass: torch's output as one would compute it by hand, and a comparison that can fail."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import normviz.nets.forward as forward_module
from normviz.catalogue import METHODS
from normviz.nets import devices
from normviz.nets.forward import compare, forward
from normviz.reference import normalize
from tests.strategies import EVERYWHERE, cases, examples, seeds, values

X = values((6, 4, 5, 3), 0)


@pytest.mark.parametrize(("key", "layout"), EVERYWHERE)
@examples(8)
@given(data=st.data())
def test_every_method_agrees_with_torch(key: str, layout: str, data: st.DataObject) -> None:
    case = data.draw(cases(key, layout, least=2, fixed={"k": 1.0}))
    gamma, beta = data.draw(st.floats(-3, 3)), data.draw(st.floats(-3, 3))
    evaluating = data.draw(st.booleans())
    x = values(case.shape, data.draw(seeds))
    seen = forward(x, key, case.knobs, gamma=gamma, beta=beta, evaluating=evaluating, batches=3)
    if seen.refusal:  # every set is one cell
        assert case.alone and seen.refusal.startswith("Expected more than 1 ")
        return
    assert seen.refusal == "" and seen.disagreements == 0
    assert seen.difference64 <= 1e-9 and math.isfinite(seen.difference)
    assert (seen.device, seen.dtype) == ("cpu", "float32")
    assert seen.x.dtype == seen.y.dtype == np.float32
    assert np.array_equal(seen.x, x.astype(np.float32))
    reads = case.spec.running is not None or (evaluating and case.method.evaluating != "")
    assert (seen.running is not None) == reads


def test_y_is_torchs_own() -> None:
    layer = nn.GroupNorm(2, 4)
    with torch.no_grad():
        layer.weight.fill_(1.7)
        layer.bias.fill_(-0.3)
        expected = layer(torch.from_numpy(X.astype(np.float32))).numpy()
    seen = forward(X, "group_norm", {"num_groups": 2}, gamma=1.7, beta=-0.3)
    assert np.array_equal(seen.y, expected)
    assert 0 < seen.difference < 1e-5


def test_the_layer_is_named_as_in_torch() -> None:
    names = {key: forward(X, key, {}, batches=1).layer for key in METHODS}
    assert names["batch_norm"] == names["batch_norm_eval"] == "BatchNorm2d"
    assert names["rms_norm"] == "RMSNorm" and names["positional_norm"] == "LayerNorm"
    assert names["l2_norm"] == "functional.normalize"
    assert forward(X[:, :, 0, 0], "batch_norm", {}).layer == "BatchNorm1d"


@pytest.mark.parametrize("key", ["local_response_norm", "l2_norm", "instance_norm", "positional_norm"])
def test_gamma_and_beta_do_nothing_where_there_is_no_weight(key: str) -> None:
    spec = METHODS[key].spec()
    assert spec.affine.weight == spec.affine.bias == ()
    plain, scaled = forward(X, key, {}), forward(X, key, {}, gamma=5.0, beta=7.0)
    assert np.array_equal(plain.y, scaled.y) and scaled.difference64 <= 1e-9


def test_rms_norm_has_a_gamma_and_no_beta() -> None:
    plain, scaled = forward(X, "rms_norm", {}), forward(X, "rms_norm", {}, gamma=2.0, beta=7.0)
    assert np.array_equal(scaled.y, 2 * plain.y)


@pytest.mark.parametrize("method", ["batch_norm", "batch_norm_eval"])
@pytest.mark.parametrize("momentum", [0.0, 0.1, 1.0])
def test_evaluating_reads_buffers_that_real_batches_filled(method: str, momentum: float) -> None:
    """The buffers are the moving averages of resamples of x, written out here in numpy."""
    seen = forward(
        X, method, {}, evaluating=True, batches=7, momentum=momentum, seed=3, dtype="float64", gamma=1.5
    )
    rng = np.random.default_rng(3)
    mean, var = np.zeros(4), np.ones(4)
    for _ in range(7):
        batch = X[rng.integers(6, size=6)]
        mean = (1 - momentum) * mean + momentum * batch.mean((0, 2, 3))
        var = (1 - momentum) * var + momentum * batch.var((0, 2, 3), ddof=1)  # torch keeps the unbiased one
    assert seen.running is not None
    assert np.allclose(seen.running[0], mean, rtol=0, atol=1e-12)
    assert np.allclose(seen.running[1], var, rtol=0, atol=1e-12)
    expected = 1.5 * (X - mean.reshape(4, 1, 1)) / np.sqrt(var.reshape(4, 1, 1) + 1e-5)
    assert np.abs(seen.y - expected).max() < 1e-4 and seen.difference < 1e-9


def test_evaluating_changes_nothing_for_the_other_methods() -> None:
    for key, entry in METHODS.items():
        plain, evaluated = forward(X, key, {}), forward(X, key, {}, evaluating=True)
        assert np.array_equal(plain.y, evaluated.y) == (entry.evaluating == ""), key


def test_a_second_input_gives_scale_and_shift() -> None:
    style = values(X.shape, 7)
    seen = forward(X, "adaptive_instance_norm", {}, second=style, gamma=9.0, beta=9.0, dtype="float64")
    mean, std = style.mean((2, 3), keepdims=True), np.sqrt(style.var((2, 3), keepdims=True) + 1e-5)
    bare = (X - X.mean((2, 3), keepdims=True)) / np.sqrt(X.var((2, 3), keepdims=True) + 1e-5)
    assert np.abs(seen.y - (bare * std + mean)).max() < 1e-5
    assert not np.array_equal(seen.y, forward(X, "adaptive_instance_norm", {}, dtype="float64").y)


def test_gamma_multiplies_the_length_that_weight_norm_starts_from() -> None:
    for gamma in (1.0, -0.5, 3.0):
        seen = forward(X, "weight_norm", {}, gamma=gamma)
        assert np.abs(seen.y - gamma * X).max() < 1e-5 and seen.difference64 < 1e-12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_renormalizing_corrects_towards_the_buffers_from_before_the_batch(dtype: str) -> None:
    seen = forward(X, "batch_renorm", {"r_max": 1.5, "d_max": 0.2}, batches=5, seed=2, dtype=dtype)
    layer = METHODS["batch_renorm"].module(nn, X.shape, r_max=1.5, d_max=0.2).double()
    rng = np.random.default_rng(2)
    for _ in range(5):
        layer(torch.from_numpy(X[rng.integers(6, size=6)]))
    assert seen.running is not None
    assert np.allclose(seen.running[0], layer.running_mean.numpy(), atol=1e-6)
    assert np.abs(seen.y - layer(torch.from_numpy(X)).detach().numpy()).max() < 1e-5
    assert seen.difference < 1e-5


def test_the_first_devices_buffers_are_kept() -> None:
    seen = forward(X, "batch_norm_devices", {"devices": 3}, evaluating=True, batches=2, seed=4, momentum=1.0)
    rng = np.random.default_rng(4)
    last = [X[rng.integers(6, size=6)] for _ in range(2)][-1]
    assert seen.running is not None
    assert np.allclose(seen.running[0], last[:2].mean((0, 2, 3)), atol=1e-5)


def test_a_batch_that_is_refused_leaves_the_buffers_alone() -> None:
    for key in ("batch_renorm", "batch_norm_devices"):
        layer = METHODS[key].module(nn, (2, 3))
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            layer(torch.ones(1 if key == "batch_renorm" else 2, 3))
        assert not layer.running_mean.any() and int(layer.num_batches_tracked) == 0


@pytest.mark.parametrize(
    ("key", "shape", "words"),
    [
        ("batch_norm", (1, 3, 1, 1), "Expected more than 1 value per channel when training"),
        ("batch_norm_eval", (1, 3), "Expected more than 1 value per channel when training"),
        ("instance_norm", (4, 3), "Expected more than 1 spatial element when training"),
        ("group_norm", (1, 4, 1, 1), "Expected more than 1 value per channel when training"),
    ],
)
def test_what_torch_refuses_is_said_in_its_words(key: str, shape: tuple[int, ...], words: str) -> None:
    x = values(shape, 0)
    seen = forward(x, key, {})
    assert seen.refusal.startswith(words)
    assert math.isnan(seen.difference) and math.isnan(seen.difference64) and seen.disagreements == 0
    x32 = x.astype(np.float32)
    assert np.array_equal(seen.y, normalize(x32, METHODS[key].spec()).astype(np.float32))
    if key == "batch_norm_eval":  # no batch could fill the buffers: they are a new layer's
        assert seen.running is not None
        assert not seen.running[0].any() and (seen.running[1] == 1).all()
    else:
        assert not seen.y.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("key", METHODS)
def test_what_is_not_finite_agrees_too(key: str, bad: float) -> None:
    x = X.copy()
    x[2, 1, 3, 0] = bad
    seen = forward(x, key, {}, batches=4)
    assert seen.disagreements == 0 and not seen.refusal
    assert not np.isfinite(seen.y).all()
    assert seen.difference64 <= 1e-9 or not np.isfinite(seen.y).any()


def test_all_nan_leaves_nothing_to_compare() -> None:
    seen = forward(np.full((2, 4), np.nan), "layer_norm", {})
    assert math.isnan(seen.difference) and seen.disagreements == 0


def test_a_wrong_reference_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison compares: a reference that is off, or NaN somewhere, shows."""

    def wrong(*args: Any, **kwargs: Any) -> npt.NDArray[np.float64]:
        y = normalize(*args, **kwargs)
        y[0, 0, 0, 0] += 0.25
        y[1, 0, 0, 0] = np.nan
        return y

    monkeypatch.setattr(forward_module, "normalize", wrong)
    seen = forward(X, "layer_norm", {})
    assert abs(seen.difference - 0.25) < 1e-5 and abs(seen.difference64 - 0.25) < 1e-9
    assert seen.disagreements == 1


def test_compare() -> None:
    nan, inf = math.nan, math.inf
    assert compare(np.array([nan, inf, -inf, 1.0]), np.array([nan, inf, -inf, 3.0])) == (2.0, 0)
    assert compare(np.array([inf, nan, 1.0, 2.0]), np.array([-inf, inf, nan, 2.0])) == (0.0, 3)


@pytest.mark.parametrize("key", METHODS)
@pytest.mark.parametrize("dtype", devices.DTYPES)
def test_every_dtype_offered_runs_and_the_others_say_why(key: str, dtype: str) -> None:
    seen = forward(X, key, {}, dtype=dtype, batches=3)
    assert (seen.refusal == "") == (dtype in devices.dtypes("cpu", key))
    if seen.refusal:
        assert "not implemented" in seen.refusal
        return
    # A few units in the last place, for numbers up to about 10.
    assert seen.difference <= 80 * torch.finfo(getattr(torch, dtype)).eps
    assert seen.difference64 <= 1e-9
    assert np.array_equal(seen.x, torch.tensor(X, dtype=getattr(torch, dtype)).float().numpy())


def test_the_devices_are_real() -> None:
    there = devices.devices()
    assert there[-1] == "cpu" and ("cuda" in there) == torch.cuda.is_available()
    assert devices.device_name("cpu") == "CPU" and all(devices.device_name(key) for key in there)
    for key in there:
        assert forward(X, "group_norm", {}, device=key).device == key
    assert devices.check("cpu", "float64") is torch.float64


@pytest.mark.parametrize(
    ("knobs", "options", "words"),
    [
        ({"num_groups": 3}, {}, r"num_groups = 3 does not divide C = 4.*Try 1, 2, 4"),
        ({"groups": 3}, {}, r"no knob 'groups'"),
        ({}, {"device": "tpu"}, r"'tpu' is not on this machine: there is .*cpu"),
        ({}, {"dtype": "int8"}, r"'int8' is not known: it is one of float32, float64"),
        ({}, {"batches": 0}, r"batches = 0.*1 or more.*Try 20"),
        ({}, {"momentum": 1.5}, r"momentum = 1.5.*from 0 to 1.*Try"),
    ],
)
def test_wrong_input_is_refused(knobs: dict[str, Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        forward(X, "group_norm", knobs, **options)


def test_float64_on_mps_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(ValueError, match=r"MPS has no float64.*Try float32"):
        devices.check("mps", "float64")
    assert "mps" in devices.devices() and devices.device_name("mps") == "Apple GPU (MPS)"


def outside() -> tuple[object, ...]:
    """The global state that a careless pass would leave changed."""
    random = torch.get_rng_state().numpy().tobytes(), repr(np.random.get_state())
    return *random, torch.get_num_threads(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()


def test_nothing_outside_is_changed() -> None:
    torch.set_num_threads(2)
    x = X.astype(np.float32)
    x.flags.writeable = False
    before = outside()
    first = forward(x, "batch_norm", {}, evaluating=True, seed=5)
    assert outside() == before
    again = forward(x, "batch_norm", {}, evaluating=True, seed=5)
    other = forward(x, "batch_norm", {}, evaluating=True, seed=6)
    assert np.array_equal(first.y, again.y) and not np.array_equal(first.y, other.y)


def test_the_package_sets_openmp_to_sleep_before_torch_comes() -> None:
    program = (
        "import os, sys, normviz.nets; "
        "assert os.environ['OMP_WAIT_POLICY'] == sys.argv[1], os.environ['OMP_WAIT_POLICY']; "
        "assert not {'torch', 'PIL', 'sklearn'} & set(sys.modules)"
    )
    bare = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    for environment, policy in ((bare, "PASSIVE"), (bare | {"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")):
        subprocess.run([sys.executable, "-c", program, policy], env=environment, check=True)
