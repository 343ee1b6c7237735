"""The conventions' formulas against what Keras, Flax and ONNX really compute, frozen by tests/oracles."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import normviz as nv
from normviz.convention_table import (
    AVERAGES,
    DAMPINGS,
    EPSILONS,
    LAYER_AXES,
    RMS_AXES,
    STARTS,
    aspects,
    kind,
)
from normviz.conventions import Average, Axes, Convention, Damping, Epsilon
from normviz.reference import normalize
from normviz.spec import Root, Spec

FROZEN: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "conventions_frameworks.json").read_text("utf-8")
)
BATCHES = np.array(FROZEN["batches"])
LAST = BATCHES[-1]
KINDS = ("batch", "layer", "group", "instance", "rms")
THREE = ("keras", "flax", "onnx")
# What the frameworks compute in float32 and ONNX's attributes.
NEAR: dict[str, Any] = {"rtol": 2e-6, "atol": 2e-6}


def row_of(rows: tuple[Any, ...], framework: str) -> Any:
    (found,) = [row for row in rows if row.framework == framework]
    return found


def every() -> list[Convention]:
    rows: list[Convention] = [*AVERAGES, *DAMPINGS, *LAYER_AXES, *RMS_AXES, *STARTS]
    return rows + [row for each in EPSILONS.values() for row in each]


@pytest.mark.parametrize("framework", THREE)
def test_defaults_are_the_frameworks_own(framework: str) -> None:
    said = FROZEN[framework]["defaults"]
    assert row_of(AVERAGES, framework).default == pytest.approx(said["momentum"])
    for name in KINDS:
        assert row_of(EPSILONS[name], framework).value() == pytest.approx(said[name]), name


def test_torchs_defaults_are_torchs_own() -> None:
    nn = torch.nn
    assert row_of(AVERAGES, "torch").default == nn.BatchNorm2d(2).momentum
    made = {
        "batch": nn.BatchNorm2d(2),
        "layer": nn.LayerNorm(2),
        "group": nn.GroupNorm(1, 2),
        "instance": nn.InstanceNorm2d(2),
        "rms": nn.RMSNorm(2),
    }
    for name, layer in made.items():
        assert row_of(EPSILONS[name], "torch").default == layer.eps, name
    damping, row = nn.LocalResponseNorm(5), row_of(DAMPINGS, "torch")
    assert (row.alpha, row.beta, row.k) == (damping.alpha, damping.beta, damping.k)
    onnx, row = FROZEN["onnx"]["response_defaults"], row_of(DAMPINGS, "onnx")
    assert (row.alpha, row.beta, row.k) == pytest.approx((onnx["alpha"], onnx["beta"], onnx["bias"]))


@pytest.mark.parametrize("framework", THREE)
def test_running_averages_are_kept_as_the_frameworks_keep_them(framework: str) -> None:
    row: Average = row_of(AVERAGES, framework)
    correction = 1 if row.unbiased else 0
    for channel in range(LAST.shape[1]):
        values = [batch[:, channel] for batch in BATCHES]
        mean = row.kept(np.array([v.mean() for v in values]), 0.0)[-1]
        var = row.kept(np.array([v.var(ddof=correction) for v in values]), 1.0)[-1]
        assert mean == pytest.approx(FROZEN[framework]["mean"][channel], rel=1e-6, abs=1e-7)
        assert var == pytest.approx(FROZEN[framework]["var"][channel], rel=1e-6)
        # An unbiased variance would not do: the two are told apart.
        other = row.kept(np.array([v.var(ddof=1) for v in values]), 1.0)[-1]
        assert abs(other - FROZEN[framework]["var"][channel]) > 1e-6


def test_torch_keeps_the_unbiased_variance_and_weighs_the_new_batch() -> None:
    row, layer = row_of(AVERAGES, "torch"), torch.nn.BatchNorm2d(4, dtype=torch.float64)
    for batch in BATCHES:
        layer(torch.from_numpy(batch))
    variances = np.array([batch.var((0, 2, 3), ddof=1) for batch in BATCHES])
    assert layer.running_var is not None
    for channel in range(4):
        kept = row.kept(variances[:, channel], 1.0)[-1]
        assert kept == pytest.approx(float(layer.running_var[channel]), rel=1e-12)


def test_tensorflows_factor_of_one_keeps_the_last_batch() -> None:
    row = row_of(AVERAGES, "tensorflow")
    assert row.kept(np.array([3.0, 5.0]), 1.0).tolist() == [1.0, 3.0, 5.0]
    assert row.unbiased and replace(row, default=0.25).kept(np.array([3.0]), 1.0).tolist() == [1.0, 1.5]


def spec_of(name: str, eps: float) -> Spec:
    """Our own Spec of that kind, over the axes that the frozen layers normalized."""
    knobs: dict[str, Any] = {"num_groups": 2} if name == "group" else {}
    keys = {
        "batch": "batch_norm",
        "layer": "layer_norm_last",
        "group": "group_norm",
        "instance": "instance_norm",
    }
    spec = nv.METHODS[keys.get(name, "rms_norm")].spec(**knobs)
    if name == "rms":
        spec = replace(spec, parts=nv.METHODS["positional_norm"].spec().parts)
    return replace(spec, divisor=Root(eps))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("framework", THREE)
def test_outputs_with_the_default_eps(framework: str, name: str) -> None:
    row: Epsilon = row_of(EPSILONS[name], framework)
    spec = spec_of(name, row.value())
    if name in ("layer", "rms"):
        axes: Axes = row_of(LAYER_AXES if name == "layer" else RMS_AXES, framework)
        spec = axes.spec(spec, LAST.shape)
    theirs = np.array(FROZEN[framework][name])
    # Where a variance is as small as eps, float32 attributes and statistics are seen in the sixth digit.
    np.testing.assert_allclose(normalize(LAST, spec), theirs, rtol=2e-5, atol=2e-5)
    # The smallest variances are 1e-3: an eps thirty times as large would be seen.
    if row.value() > 1e-6:
        wrong = normalize(LAST, replace(spec, divisor=Root(row.value() * 30)))
        assert np.abs(wrong - theirs).max() > 1e-4


@pytest.mark.parametrize("framework", THREE)
def test_evaluating_reads_the_buffers(framework: str) -> None:
    spec = nv.METHODS["batch_norm_eval"].spec(eps=row_of(EPSILONS["batch"], framework).value())
    buffers = FROZEN[framework]["mean"], FROZEN[framework]["var"]
    np.testing.assert_allclose(normalize(LAST, spec, running=buffers), FROZEN[framework]["evaluated"], **NEAR)


def test_keras_unit_norm_bounds_the_length_and_tensorflow_its_square() -> None:
    keras, tensorflow = row_of(EPSILONS["l2"], "keras"), row_of(EPSILONS["l2"], "tensorflow")
    length = np.sqrt((LAST**2).sum(1, keepdims=True))
    np.testing.assert_allclose(LAST / keras.divisor(length, keras.value()), FROZEN["keras"]["l2"], **NEAR)
    small = np.array([1e-9, 1e-7, 1e-5])
    # x / max(norm, eps), and by its documentation x / sqrt(max(sum(x**2), epsilon)).
    assert keras.divisor(small, 1e-12) == pytest.approx(small)
    assert tensorflow.divisor(small, 1e-12) == pytest.approx([1e-6, 1e-6, 1e-5])


def test_the_authors_weight_standardization_adds_behind_the_root() -> None:
    rng = np.random.default_rng(0)
    weight = torch.from_numpy(rng.standard_normal((3, 2, 3, 3)) * 1e-4)
    flat = weight.reshape(3, -1)
    theirs = (flat - flat.mean(1, keepdim=True)) / (flat.std(dim=1, keepdim=True) + 1e-5)
    row = row_of(EPSILONS["weight_standardization"], "paper")
    size = flat.numpy().std(1, keepdims=True)
    centred = flat.numpy() - flat.numpy().mean(1, keepdims=True)
    np.testing.assert_allclose(centred / row.divisor(size, row.value(), 18), theirs.numpy(), rtol=1e-12)


def loops(x: np.ndarray, before: int, after: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """Local Response Norm of (N, C, H, W), cell by cell."""
    y = np.empty_like(x)
    for n, c, h, w in np.ndindex(*x.shape):
        window = x[n, max(0, c - before) : c + after + 1, h, w]
        y[n, c, h, w] = x[n, c, h, w] / (k + alpha * (window**2).sum()) ** beta
    return y


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
def test_local_response_norm_in_every_framework(size: int) -> None:
    alpha, beta, k, x = 0.3, 0.6, 1.7, LAST
    half = size // 2
    by_hand = {
        "tensorflow": loops(x, half, half, alpha, beta, k),  # depth_radius, alpha undivided
        "paper": loops(x, half, half, alpha, beta, k),  # i - n/2 ... i + n/2
        "onnx": loops(x, (size - 1) // 2, size - 1 - (size - 1) // 2, alpha / size, beta, k),
        "torch": torch.nn.LocalResponseNorm(size, alpha, beta, k)(torch.from_numpy(x)).numpy(),
    }
    for framework, theirs in by_hand.items():
        row: Damping = row_of(DAMPINGS, framework)
        np.testing.assert_allclose(
            row.response(x, size, alpha, beta, k), theirs, rtol=1e-12, err_msg=framework
        )
        ours = row.in_torch(size, alpha)
        if ours is None:
            assert framework == "onnx" and size % 2 == 0
            continue
        converted = torch.nn.LocalResponseNorm(ours[0], ours[1], beta, k)(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(converted, theirs, rtol=1e-12, err_msg=framework)


@pytest.mark.parametrize(("key", "size"), [("response", 3), ("response_even", 2)])
def test_local_response_norm_as_onnx_computes_it(key: str, size: int) -> None:
    ours = row_of(DAMPINGS, "onnx").response(LAST, size, 0.5, 0.75, 2.0)
    np.testing.assert_allclose(ours, FROZEN["onnx"][key], **NEAR)


def test_the_papers_layer_is_torchs_with_five_times_the_alpha() -> None:
    paper: Damping = row_of(DAMPINGS, "paper")
    assert paper.in_torch(paper.size, paper.alpha) == pytest.approx((5, 5e-4))
    x = 30 * LAST
    layer = torch.nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)(torch.from_numpy(x)).numpy()
    theirs = paper.response(x, paper.size, paper.alpha, paper.beta, paper.k)
    np.testing.assert_allclose(layer, theirs, rtol=1e-12)
    assert row_of(DAMPINGS, "tensorflow").size == 2 * 5 + 1


def test_flax_starts_weight_norm_at_length_one() -> None:
    v = np.array(FROZEN["kernel"])
    length = np.sqrt((v**2).sum(1, keepdims=True))
    np.testing.assert_allclose(row_of(STARTS, "flax").g * v / length, FROZEN["flax"]["weight"], **NEAR)
    assert row_of(STARTS, "torch").g is None


def test_the_learned_numbers_follow_the_axes() -> None:
    spec, shape = nv.METHODS["layer_norm"].spec(), (2, 6, 3, 4)
    counts = [row.spec(spec, shape).parameter_count(shape) for row in LAYER_AXES]
    layers = (
        torch.nn.LayerNorm((6, 3, 4)),
        torch.nn.GroupNorm(1, 6),
        *[torch.nn.LayerNorm(n) for n in (6, 6, 4)],
    )
    assert counts == [sum(p.numel() for p in layer.parameters()) for layer in layers]
    rms = [row.spec(nv.METHODS["rms_norm"].spec(), shape).parameter_count(shape) for row in RMS_AXES]
    assert rms == [72, 6, 6, 4]


def test_every_method_has_an_aspect_asked_of_its_spec() -> None:
    for key, method in nv.METHODS.items():
        found = aspects(method)
        assert found, key
        assert ("eps" in found) == (kind(method.spec()) in EPSILONS)
        if "eps" in found:
            assert any(knob.name == "eps" for knob in method.knobs), key
    assert aspects(nv.METHODS["batch_norm"]) == aspects(nv.METHODS["batch_norm_eval"]) == ("running", "eps")
    assert aspects(nv.METHODS["batch_norm_frozen"]) == ("eps",)  # its averages never move
    assert aspects(nv.METHODS["rms_norm"]) == ("axes", "eps")
    assert "axes" not in aspects(nv.METHODS["positional_norm"])
    assert aspects(nv.METHODS["weight_norm"]) == ("start",)
    assert [kind(nv.METHODS[k].spec()) for k in ("group_norm", "instance_norm")] == ["group", "instance"]


def test_every_row_says_where_it_is_written() -> None:
    for row in every():
        assert row.source.startswith("https://") and row.layer and row.framework
