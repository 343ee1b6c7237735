"""Folding against a hand-written convolution, and against the layers themselves on other inputs."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from normviz.catalogue import METHODS
from normviz.fold import Fold, Plan, folded, line, worked
from normviz.nets.fold import fold, speed
from tests.strategies import examples, seeds, values

SPEC = METHODS["batch_norm_eval"].spec()


def convolved(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A convolution of one sample by loops: x (C_in, ...), weight (C, C_in, ...), zeros around, stride 1."""
    size, kernel = x.shape[1:], weight.shape[2:]
    padded = np.pad(x, [(0, 0), *[(k // 2, k // 2) for k in kernel]])
    y = np.zeros((len(weight), *size))
    for c, place in itertools.product(range(len(weight)), np.ndindex(*size)):
        window = padded[(slice(None), *[slice(i, i + k) for i, k in zip(place, kernel, strict=True)])]
        y[(c, *place)] = (window * weight[c]).sum() + bias[c]
    return y


def normalized(z: np.ndarray, f: Fold) -> np.ndarray:
    """Evaluating Batch Norm of one sample (C, ...), written out."""
    rest = (-1, *[1] * (z.ndim - 1))
    mean, var, gamma, beta = (v.reshape(rest) for v in (f.mean, f.var, f.gamma, f.beta))
    return gamma * (z - mean) / np.sqrt(var + f.eps) + beta


@examples(25)
@given(
    rest=st.sampled_from([(), (5,), (4, 3)]),
    channels=st.integers(1, 5),
    samples=st.integers(2, 4),
    into=st.integers(1, 4),
    kernel=st.sampled_from([1, 3, 5]),
    drawn=st.booleans(),
    affine=st.booleans(),
    seed=seeds,
)
def test_the_one_layer_is_the_two(
    rest: tuple[int, ...],
    channels: int,
    samples: int,
    into: int,
    kernel: int,
    drawn: bool,
    affine: bool,
    seed: int,
) -> None:
    x = values((samples, into, *rest), seed)
    spec = METHODS["batch_norm_eval"].spec(affine=affine, eps=1e-3)
    plan = Plan(channels, kernel, drawn=drawn, seed=seed, dtype="float64", batches=2)
    f = fold(x, spec, plan, sample=1, channel=channels - 1)
    assert f.refusal == ""
    if not (affine and drawn):
        assert np.array_equal(f.gamma, np.ones(channels)) and np.array_equal(f.beta, np.zeros(channels))
    size = max(1.0, float(np.abs(f.y).max()))
    assert max(f.difference, f.difference64, f.formula, f.bend_eval) <= 1e-9 * size * max(
        1.0, np.abs(f.a).max()
    )
    # The record has float32 tensors: what they say is checked with that.
    near = 1e-4 * size * max(1.0, float(np.abs(f.a).max()))
    weight, two = (w.astype(np.float64) for w in (f.kernel, f.folded_kernel))
    x1, extent = x[1], (*rest,)
    if not rest:
        x1, weight, two, extent = x1[:, None], weight[..., None], two[..., None], (1,)
    z = convolved(x1, weight, f.bias)
    assert np.abs(z.reshape(f.z.shape) - f.z).max() <= near
    assert np.abs(normalized(z, f).reshape(f.y.shape) - f.y).max() <= near
    assert np.abs(convolved(x1, two, f.folded_bias).reshape(f.y.shape) - f.together).max() <= near
    assert z.shape == (channels, *extent)


def test_the_line_is_the_layers_own() -> None:
    """a and b read off from torch's evaluating layer: f(1) - f(0) and f(0)."""
    f = fold(values((6, 3, 5, 5), 1), SPEC, Plan(4, seed=3))
    norm: Any = torch.nn.BatchNorm2d(4, eps=f.eps).double().eval()
    with torch.no_grad():
        norm.weight.copy_(torch.from_numpy(f.gamma))
        norm.bias.copy_(torch.from_numpy(f.beta))
        norm.running_mean.copy_(torch.from_numpy(f.mean))
        norm.running_var.copy_(torch.from_numpy(f.var))
        zero, one = (norm(torch.full((1, 4, 1, 1), v, dtype=torch.float64)).flatten().numpy() for v in (0, 1))
    assert np.abs(f.b - zero).max() < 1e-12 and np.abs(f.a - (one - zero)).max() < 1e-12


def test_the_running_averages_have_seen_the_layers_output() -> None:
    """With momentum 1 the buffers are the last mini-batch's; that of a batch of equal samples is known."""
    x = np.repeat(values((1, 3, 6, 6), 2), 4, axis=0)
    f = fold(x, SPEC, Plan(5, seed=1, batches=1, momentum=1.0, dtype="float64"))
    z = convolved(x[0], f.kernel.astype(np.float64), f.bias)
    assert np.abs(f.mean - z.mean((1, 2))).max() < 1e-5
    assert np.abs(f.var - z.var((1, 2)) * 144 / 143).max() < 1e-4  # torch keeps the unbiased one


def test_training_is_not_linear_and_each_batch_has_its_line() -> None:
    f = fold(values((6, 3, 5, 5), 1), SPEC, Plan(4, seed=3), channel=2)
    assert f.bend_eval < 1e-12 and f.bend_train > 0.1
    assert f.training is not None
    assert len(set(f.evaluating.lines)) == 1 and len(set(f.training.lines)) == 3
    assert f.evaluating.lines[0] == pytest.approx((f.a[2], f.b[2]), abs=1e-12)
    for cloud in (f.evaluating, f.training):
        for (x, y), (a, b) in zip(cloud.points, cloud.lines, strict=True):
            assert np.abs(a * x + b - y).max() < 1e-9


def test_a_bank_of_filters_on_pictures() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 32, 24))
    f = fold(x, SPEC, Plan(6, stride=4, bank="fixed"), channel=5)
    assert f.layer.startswith("Conv2d(3, 6, kernel_size=(11, 11), stride=(4, 4)")
    assert f.z.shape == (6, 8, 6) and f.difference64 < 1e-12 and f.difference < 1e-4
    assert np.array_equal(f.bias, np.zeros(6))


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1), (1, 3, 1, 1)])
def test_one_value_per_channel_is_refused_by_torch_and_still_folds(shape: tuple[int, ...]) -> None:
    f = fold(values(shape, 0), SPEC, Plan(4, kernel=1))
    assert f.refusal.startswith("Expected more than 1 value per channel")
    assert f.training is None and math.isnan(f.bend_train)
    assert np.array_equal(f.mean, np.zeros(4)) and np.array_equal(f.var, np.ones(4))
    assert f.difference64 < 1e-12 and f.bend_eval < 1e-12


def test_nothing_outside_is_drawn_from() -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    fold(values((3, 2, 4, 4), 0), SPEC, Plan(3))
    after = torch.rand(1), np.random.rand()
    torch.manual_seed(5)
    np.random.seed(5)
    assert torch.equal(after[0], torch.rand(1)) and after[1] == np.random.rand()


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    x = values((3, 2, 4, 4), 0)
    one, two, three = (fold(x, SPEC, Plan(3, seed=s)) for s in (1, 1, 2))
    assert np.array_equal(one.together, two.together) and not np.array_equal(one.kernel, three.kernel)


def test_speed_counts_and_divides() -> None:
    time = speed(values((2, 2, 4, 4), 0), SPEC, Plan(3), budget=0.0)
    assert time.repeats == 3 and time.apart > 0 < time.together and time.threads >= 1
    assert time.ratio == time.apart / time.together


@pytest.mark.parametrize("shape", [(3,), (2, 0, 4), (2, 2, 2, 2, 2)])
def test_an_input_of_another_rank_is_refused_in_a_sentence(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"is needed, no axis empty"):
        fold(np.zeros(shape), SPEC, Plan(3))


def test_the_core_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="Give one number a channel"):
        line([1.0, 2.0], [0.0], [0.0], [1.0], 1e-5)
    with pytest.raises(ValueError, match="one number for each output channel"):
        folded(np.ones((3, 2)), None, np.ones(2), np.ones(2))


def test_the_worked_lines_have_the_channels_numbers() -> None:
    f = fold(values((4, 3, 5, 5), 1), SPEC, Plan(4, seed=3))
    text = worked(f, 2)
    assert "a_{2}" in text and f"{abs(f.a[2]):.3f}"[:5] in text and text.count(r"\begin{aligned}") == 1
