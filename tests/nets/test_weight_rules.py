"""Weight Norm against torch's parametrization on a real layer, Weight Standardization against its definition, and the
gradients against autograd and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils import parametrizations

from normviz.catalogue import METHODS
from normviz.nets.kernel_network import digits, network
from normviz.nets.kernels import kernel
from normviz.nets.weight_conventions import conventions
from normviz.nets.weight_rules import gradients, outputs, standardize, weight_norm
from normviz.weights import cosines, directions, kept_axis, lengths, plane, rows
from tests.strategies import examples, seeds, shapes

NORM, STANDARD = METHODS["weight_norm"].spec, METHODS["weight_standardization"].spec
KERNELS = st.one_of(shapes("OI"), shapes("OIHW"))


def generic(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape) + 0.5


def layer_of(v: np.ndarray) -> torch.nn.Module:
    """A real layer of this weight."""
    out, into, *size = v.shape
    layer: torch.nn.Module
    layer = torch.nn.Conv2d(into, out, (size[0], size[1])) if size else torch.nn.Linear(into, out)
    layer.weight = torch.nn.Parameter(torch.tensor(v))
    return layer


@given(KERNELS, st.integers(0, 1), st.floats(0.1, 2), st.sampled_from(["torch", "flax"]), seeds)
@examples(40)
def test_weight_norm_is_torchs_on_a_real_layer(
    shape: tuple[int, ...], dim: int, factor: float, start: str, seed: int
) -> None:
    v = generic(shape, seed)
    layer = parametrizations.weight_norm(layer_of(v), dim=dim)
    g = layer.get_parameter("parametrizations.weight.original0")
    with torch.no_grad():
        if start == "flax":
            g.fill_(1)
        g.mul_(factor)
    found = weight_norm(v, NORM(dim=dim), start=start, factor=factor, dtype="float64")
    np.testing.assert_allclose(found.w, layer.weight.detach().numpy(), rtol=1e-6)  # handed over as float32
    np.testing.assert_allclose(found.g, g.detach().numpy().reshape(-1), rtol=1e-12)
    assert found.dim == dim
    assert found.difference64 < 1e-12 and found.disagreements == 0 and found.start < 1e-12


@given(KERNELS, st.integers(0, 1), st.floats(0.1, 2), seeds)
@examples(30)
def test_g_changes_the_length_alone(shape: tuple[int, ...], dim: int, factor: float, seed: int) -> None:
    v, only = generic(shape, seed), shape[dim] - 1
    w = weight_norm(v, NORM(dim=dim), factor=factor, only=only).w
    expected = lengths(v, dim)
    expected[only] *= factor
    np.testing.assert_allclose(lengths(w, dim), expected, rtol=1e-5)
    np.testing.assert_allclose(cosines(v, w, dim), 1, atol=1e-10)


@given(KERNELS, seeds, st.floats(1e-8, 1))
@examples(30)
def test_weight_standardization_by_hand(shape: tuple[int, ...], seed: int, eps: float) -> None:
    v = generic(shape, seed)
    found = standardize(v, STANDARD(eps=eps), dtype="float64")
    for o in range(shape[0]):
        mean = sum(v[o].flat) / v[o].size
        var = sum((x - mean) ** 2 for x in v[o].flat) / v[o].size
        np.testing.assert_allclose(found.w[o], (v[o] - mean) / math.sqrt(var + eps), atol=1e-5)
    assert found.difference64 < 1e-10 and found.disagreements == 0


def test_standardized_kernels_have_one_length_and_another_direction() -> None:
    v = kernel("trained", (12, 8, 3, 3))
    w = standardize(v, STANDARD(eps=1e-12)).w
    np.testing.assert_allclose(lengths(w), math.sqrt(72), rtol=1e-5)
    # The plane's angle is the true one: the cosine is that of the arrow to the axis across.
    _, across = plane(v)
    np.testing.assert_allclose(cosines(v, w), across / lengths(v), atol=1e-6)
    assert cosines(v, w).min() < 0.95


@given(KERNELS, st.integers(0, 1), seeds)
@examples(30)
def test_the_plane_keeps_length_and_angle(shape: tuple[int, ...], dim: int, seed: int) -> None:
    v = generic(shape, seed)
    along, across = plane(v, dim)
    np.testing.assert_allclose(np.hypot(along, across), lengths(v, dim), rtol=1e-12)
    ones = cosines(rows(v, dim), np.ones_like(rows(v, dim)))
    np.testing.assert_allclose(along / lengths(v, dim), ones, atol=1e-12)


@pytest.mark.parametrize("dim", [0, 1])
def test_a_kernel_of_length_0_is_nan_in_torch_and_here(dim: int) -> None:
    v = kernel("initial", (6, 4, 3, 3))
    np.moveaxis(v, dim, 0)[2] = 0
    found = weight_norm(v, NORM(dim=dim))
    nan = np.isnan(np.moveaxis(found.w, dim, 0))
    assert nan[2].all() and not np.delete(nan, 2, 0).any()
    assert found.disagreements == 0
    assert np.isnan(gradients(found, row=2).loss)
    made = outputs(found, standardize(v, STANDARD()), output=0)
    # Every output reads every input; of the outputs only one is lost.
    assert math.isfinite(made.alone) == (dim == 0)
    layer = parametrizations.weight_norm(layer_of(v), dim=dim)
    np.testing.assert_array_equal(np.isnan(layer.weight.detach().numpy()), np.isnan(found.w))


@pytest.mark.parametrize("shape", [(6, 4, 3, 3), (5, 7)])
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("factor", [1.0, 1.7])
def test_gradients_separate(shape: tuple[int, ...], dim: int, factor: float) -> None:
    v = kernel("initial", shape, 3)
    split = weight_norm(v, NORM(dim=dim), factor=factor)
    found = gradients(split, seed=3, row=1)
    assert found.radial < 1e-9
    assert found.plain_most > 1e-3  # the undivided weight's gradient has a part along it
    assert found.gap < 1e-12 and found.g == pytest.approx(found.projection, rel=1e-9)
    assert found.stepped == pytest.approx(found.predicted, rel=1e-12) and found.stepped > found.length
    # d loss / d g by finite differences, from the network itself.
    pictures, labels = (part[: found.count] for part in digits())
    net = network(shape, 3)

    def loss(step: float) -> float:
        weight = np.moveaxis(np.array(split.w, np.float64), dim, 0)
        weight[1] += step * np.moveaxis(directions(split.v, dim), dim, 0)[1]
        with torch.no_grad():
            doubled = type(net)(*(tuple(t.double() for t in part) for part in (net.weights, net.biases)))
            scores = doubled.scores(pictures.double(), torch.tensor(np.moveaxis(weight, 0, dim).copy()))
            return float(torch.nn.functional.cross_entropy(scores, labels))

    assert found.loss == pytest.approx(loss(0), abs=1e-6)
    assert found.g == pytest.approx((loss(1e-3) - loss(-1e-3)) / 2e-3, abs=1e-5)


def test_the_output_scales_as_g_and_as_one_over_the_length() -> None:
    v = kernel("trained", (12, 8, 3, 3))
    made = outputs(
        weight_norm(v, NORM(), factor=1.5, dtype="float64"), standardize(v, STANDARD()), seed=0, output=4
    )
    assert made.weight_norm == pytest.approx(1.5, rel=1e-6)
    assert made.unit == pytest.approx(1 / lengths(v)[4], rel=1e-6)
    assert made.alone < 1e-12


def test_the_ways_to_write_weight_standardization() -> None:
    v = kernel("trained", (12, 8, 3, 3)).astype(np.float64)
    ways = {way.key: way for way in conventions(v, STANDARD(eps=1e-3), row=2)}
    flat = v.reshape(12, -1)
    centred = flat - flat.mean(1, keepdims=True)
    formula = centred / np.sqrt(flat.var(1, keepdims=True) + 1e-3)
    expected = {
        "formula": formula,
        "paper": centred / (flat.std(1, ddof=1, keepdims=True) + 1e-5),
        "timm": centred / np.sqrt(flat.var(1, keepdims=True) + 1e-6),
        "bit": centred / np.sqrt(flat.var(1, keepdims=True) + 1e-10),
    }
    assert set(ways) == set(expected)
    for key, w in expected.items():
        assert ways[key].difference == pytest.approx(np.abs(w - formula).max(), abs=1e-12), key
        assert ways[key].length == pytest.approx(np.linalg.norm(w[2])), key
        assert ways[key].cosine == pytest.approx(cosines(v, v - v.mean((1, 2, 3), keepdims=True))[2]), key
        assert not ways[key].refusal and not ways[key].nonfinite


def test_one_weight_an_output() -> None:
    v = kernel("initial", (4, 1, 1, 1))
    assert not standardize(v, STANDARD()).w.any()
    ways = {way.key: way for way in conventions(v, STANDARD())}
    assert ways["formula"].length == 0 and ways["paper"].nonfinite == 4
    assert "more than 1 value per channel" in ways["timm"].refusal


def test_what_is_not_allowed_is_said() -> None:
    v = kernel("initial", (4, 3))
    with pytest.raises(ValueError, match="Try torch"):
        weight_norm(v, NORM(), start="keras")
    with pytest.raises(ValueError, match="standardize"):
        standardize(v, NORM())
    assert kept_axis(NORM(dim=1), (4, 3)) == 1
