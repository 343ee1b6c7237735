"""A batch of one against Instance Norm written by hand, and small batches against what must come out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from normviz.catalogue import METHODS
from normviz.lone import noise
from normviz.nets.lone import alone, by_size, refusals
from tests.strategies import examples, seeds, values

SPEC = METHODS["batch_norm"].spec()
SIZES = (1, 2, 4, 8)


@examples(25)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(2, 5))
    | st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(2, 4), st.integers(1, 4)),
    seed=seeds,
    data=st.data(),
)
def test_maps_alone_are_instance_normalized(shape: tuple[int, ...], seed: int, data: st.DataObject) -> None:
    x, sample = values(shape, seed), data.draw(st.integers(0, shape[0] - 1))
    seen = alone(x, SPEC, sample, batches=2, dtype="float64")
    assert seen.refusal == seen.instance_refusal == seen.history_refusal == ""
    assert seen.difference <= 1e-9 and seen.difference64 <= 1e-9 and seen.formula_difference <= 1e-9
    for c, channel in enumerate(x[sample]):
        by_hand = (channel - channel.mean()) / math.sqrt(channel.var() + 1e-5)
        for found in (seen.alone, seen.instance, seen.formula):
            assert np.abs(found[c] - by_hand).max() < 1e-5
    whole = torch.nn.BatchNorm2d(shape[1], affine=False).double()
    batch = torch.from_numpy(x.reshape(*shape[:2], shape[2], -1))
    assert np.abs(whole(batch)[sample].numpy().reshape(shape[1:]) - seen.in_batch).max() < 1e-5
    # Evaluation does not ask for the batch.
    assert seen.evaluated_difference <= 1e-9 and seen.evaluated.shape == shape[1:]


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 1), (5, 3, 1, 1)])
def test_one_value_per_channel_is_refused_by_both_and_zero_by_the_formula(shape: tuple[int, ...]) -> None:
    seen = alone(values(shape, 0), SPEC, 2)
    with pytest.raises(ValueError) as told:
        torch.nn.BatchNorm1d(3)(torch.zeros(1, 3))
    assert seen.refusal.startswith(str(told.value)[:55])
    assert seen.instance_refusal.startswith("Expected more than 1 spatial element")
    assert seen.alone.size == seen.instance.size == 0 and math.isnan(seen.difference)
    assert np.array_equal(seen.formula, np.zeros(shape[1:], np.float32))
    # Its batch of five can be trained on, and evaluated alone.
    assert seen.history_refusal == "" and seen.in_batch.shape == shape[1:]
    assert seen.evaluated_difference <= 1e-6 and np.abs(seen.evaluated).max() > 0


def test_a_batch_that_is_one_cannot_even_be_trained_on() -> None:
    seen = alone(values((1, 3), 0), SPEC, 0)
    assert seen.history_refusal.startswith("Expected more than 1 value per channel")
    # A new layer's running averages: mean 0, variance 1.
    assert np.allclose(seen.evaluated, seen.x / math.sqrt(1 + 1e-5), atol=1e-5)


def test_a_nan_is_the_same_for_both() -> None:
    x = values((2, 3, 4, 4), 0)
    x[1, 2, 0, 0] = np.nan
    seen = alone(x, SPEC, 1)
    assert np.isnan(seen.alone[2]).all() and np.isfinite(seen.alone[:2]).all()
    assert seen.difference <= 1e-5 and seen.difference64 <= 1e-9


def test_a_sample_outside_of_the_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        alone(values((2, 3), 0), SPEC, 2)


@examples(15)
@given(channels=st.integers(1, 6), population=st.integers(8, 20), seed=seeds)
def test_what_can_come_out_of_small_batches(channels: int, population: int, seed: int) -> None:
    x = values((population, channels), seed)
    found = by_size(x, x, SPEC, SIZES, seed=seed % 97, draws=5)
    assert found.sizes == SIZES and found.population == population
    for n, y in zip(SIZES, found.outputs, strict=True):
        assert y.shape == (n * channels,)
        assert np.abs(y).max() <= math.sqrt(n - 1) + 1e-9
    assert np.array_equal(found.outputs[0], np.zeros(channels)) and found.gradients[0] == 0
    one, two = found.outputs[1].reshape(2, channels)
    assert np.allclose(one, -two, atol=1e-9)
    assert found.noise.shape == (len(SIZES),)


def test_two_vectors_become_plus_and_minus_one_and_give_no_gradient() -> None:
    x = 100 * values((64, 5), 0)
    found = by_size(x, x, SPEC, (2, 32))
    assert np.abs(np.abs(found.outputs[0]) - 1).max() < 1e-2
    assert found.gradients[0] < 1e-4 * found.gradients[1]


def test_the_noise_of_independent_values_falls_with_the_root() -> None:
    x = np.random.default_rng(0).standard_normal((4096, 16))
    found = noise(x, [1, 4, 16, 64], draws=600)
    assert np.allclose(found, [1, 1 / 2, 1 / 4, 1 / 8], rtol=0.05)


def test_the_noise_counts_samples_not_cells() -> None:
    """Cells of a sample that are all alike bring nothing; independent ones divide once more by their root."""
    rng = np.random.default_rng(0)
    one = rng.standard_normal((2048, 8, 1))
    alike, apart = np.repeat(one, 9, 2), rng.standard_normal((2048, 8, 9))
    assert noise(alike, [4], draws=600)[0] == pytest.approx(1 / 2, rel=0.05)
    assert noise(apart, [4], draws=600)[0] == pytest.approx(1 / 6, rel=0.05)


def test_the_noise_leaves_constant_channels_out() -> None:
    x = np.random.default_rng(0).standard_normal((512, 3))
    x[:, 1] = 7.0
    assert np.isfinite(noise(x, [1])).all()
    assert np.isnan(noise(np.ones((4, 2)), [1, 2])).all()
    with pytest.raises(ValueError, match="sizes of 1 or more"):
        noise(x, [0])


@pytest.mark.parametrize("shape", [(1, 6), (1, 6, 1, 1)])
def test_who_refuses_one_value_per_set(shape: tuple[int, ...]) -> None:
    found = {each.method: each for each in refusals(values(shape, 0))}
    assert {"batch_norm", "instance_norm", "group_norm"} <= found.keys()
    assert not found.keys() & {"layer_norm", "rms_norm", "batch_norm_eval", "local_response_norm"}
    assert dict(found["group_norm"].knobs) == {"num_groups": 6}
    for each in found.values():
        assert each.largest == 0
    for key in ("batch_norm", "instance_norm", "group_norm"):
        assert found[key].refusal.startswith("Expected more than 1")


def test_nobody_refuses_maps() -> None:
    assert refusals(values((2, 3, 4, 4), 0)) == ()
