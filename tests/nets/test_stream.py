"""The stream against a loop written out in numpy, and against torch's own layer fed by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from normviz.nets.stream import course, evaluate
from normviz.stream import CELLS, CHANNELS, Plan, pool_size
from tests.strategies import examples, seeds, values

Array = npt.NDArray[np.float64]
#: A pool of every layout, and the axes that are averaged over.
POOLS = {"NC": ((24, 5), (0,)), "NLC": ((24, 3, 5), (0, 1)), "NCHW": ((24, 5, 3, 2), (0, 2, 3))}


def pool_of(layout: str, seed: int = 0) -> tuple[Array, tuple[int, ...]]:
    shape, across = POOLS[layout]
    return values(shape, seed), across


def by_channel(channels: Array, layout: str) -> Array:
    """Ready to broadcast against the data."""
    return channels.reshape(-1, 1, 1) if layout == "NCHW" else channels


@pytest.mark.parametrize("layout", POOLS)
@examples(25)
@given(
    batch=st.integers(2, 24),
    steps=st.integers(1, 30),
    momentum=st.none() | st.floats(0, 1),
    shift=st.floats(-3, 3),
    scale=st.floats(0.2, 3),
    seed=seeds,
)
def test_buffers_against_a_loop_in_numpy(
    layout: str, batch: int, steps: int, momentum: float | None, shift: float, scale: float, seed: int
) -> None:
    pool, across = pool_of(layout, seed)
    plan = Plan(batch, steps, momentum, shift=shift, scale=scale, seed=seed)
    seen = course(pool, plan, dtype="float64")
    population, sigma = pool.mean(across), pool.std(across)
    mean, var, biased = np.zeros(5), np.ones(5), np.ones(5)
    for t, picked in enumerate(plan.batches(24), 1):
        factor, offset = 1 + (scale - 1) * t / steps, shift * t / steps
        centre = by_channel(population, layout)
        x = centre + (pool[picked] - centre) * factor + by_channel(sigma, layout) * offset
        m = 1 / t if momentum is None else momentum
        n = x.size // 5
        mean = (1 - m) * mean + m * x.mean(across)
        var = (1 - m) * var + m * x.var(across) * n / (n - 1)
        biased = biased * (1 - m) + x.var(across) * m
        for got, expected in (
            (seen.batch_mean[t - 1], x.mean(across)),
            (seen.batch_var[t - 1], x.var(across)),
            (seen.running_mean[t], mean),
            (seen.running_var[t], var),
            (seen.biased_var[t], biased),
        ):
            assert np.allclose(got, expected, rtol=1e-10, atol=1e-10)
        target_mean, target_var = (target[t] for target in seen.target(plan))
        assert np.allclose(target_mean, population + offset * sigma)
        assert np.allclose(target_var, (sigma * factor) ** 2)
    assert np.array_equal(seen.running_mean[0], np.zeros(5)) and np.array_equal(
        seen.running_var[0], np.ones(5)
    )
    assert np.allclose(seen.mean, population) and np.allclose(seen.var, sigma**2)
    assert (seen.values, seen.samples) == (batch * pool[0].size // 5, 24)


def by_hand(pool: Array, plan: Plan, layer: Any) -> Any:
    """torch's own layer in float32, fed with the plan's batches in its own layout."""
    data = torch.tensor(np.moveaxis(pool, -1, 1) if pool.ndim == 3 else pool, dtype=torch.float32)
    layer.train()
    for picked in plan.batches(len(pool)):
        layer(data[torch.from_numpy(picked)])
        yield layer.running_mean.double().numpy().copy(), layer.running_var.double().numpy().copy()


@pytest.mark.parametrize("layout", POOLS)
@pytest.mark.parametrize("momentum", [0.001, 0.1, 1.0, None])
def test_buffers_are_torchs_own_to_the_bit(layout: str, momentum: float | None) -> None:
    pool, _ = pool_of(layout)
    plan = Plan(6, 20, momentum, seed=4)
    seen = course(pool.astype(np.float32), plan)
    layer = (nn.BatchNorm2d if layout == "NCHW" else nn.BatchNorm1d)(5, momentum=momentum)
    for t, (mean, var) in enumerate(by_hand(pool, plan, layer), 1):
        assert np.array_equal(seen.running_mean[t], mean)
        assert np.array_equal(seen.running_var[t], var)
    assert seen.layer == type(layer).__name__ and seen.dtype == "float32" and seen.device == "cpu"


def test_the_cumulative_average_is_the_mean_of_the_batches_and_of_an_epoch_the_population() -> None:
    pool, _ = pool_of("NCHW")
    seen = course(pool, Plan(6, 8, None), dtype="float64")
    for t in range(1, 9):
        assert np.allclose(seen.running_mean[t], seen.batch_mean[:t].mean(0), atol=1e-12)
        assert np.allclose(seen.biased_var[t], seen.batch_var[:t].mean(0), atol=1e-12)
        assert np.allclose(seen.running_var[t], seen.batch_var[:t].mean(0) * 36 / 35, atol=1e-12)
    # Four batches of six are all of 24 samples, once.
    assert np.allclose(seen.running_mean[[4, 8]], pool.mean((0, 2, 3)), atol=1e-12)
    assert not np.allclose(seen.running_mean[3], pool.mean((0, 2, 3)), atol=1e-3)


def test_the_ends_of_momentum() -> None:
    pool, _ = pool_of("NC")
    last = course(pool, Plan(6, 5, 1.0), dtype="float64")
    assert np.allclose(last.running_mean[1:], last.batch_mean) and np.allclose(
        last.running_var[1:], last.batch_var * 6 / 5
    )
    never = course(pool, Plan(6, 5, 0.0), dtype="float64")
    assert (
        (never.running_mean == 0).all() and (never.running_var == 1).all() and (never.biased_var == 1).all()
    )


@examples(40)
@given(samples=st.integers(2, 40), data=st.data(), seed=seeds)
def test_an_epoch_draws_no_sample_twice(samples: int, data: st.DataObject, seed: int) -> None:
    batch = data.draw(st.integers(1, samples))
    plan = Plan(batch, 23, seed=seed)
    drawn = list(plan.batches(samples))
    assert [len(picked) for picked in drawn] == [batch] * 23
    each = samples // batch
    for start in range(0, 23, each):
        epoch = np.concatenate(drawn[start : start + each])
        assert len(set(epoch.tolist())) == epoch.size and epoch.min() >= 0 and epoch.max() < samples
    assert all(np.array_equal(a, b) for a, b in zip(drawn, plan.batches(samples), strict=True))


def test_the_seed_decides_and_nothing_outside_is_drawn_from() -> None:
    pool, _ = pool_of("NCHW")
    state, legacy = torch.random.get_rng_state(), str(np.random.get_state())
    first, again, other = (course(pool, Plan(4, 9, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.running_mean, again.running_mean)
    assert not np.array_equal(first.running_mean, other.running_mean)
    assert torch.equal(state, torch.random.get_rng_state()) and legacy == str(np.random.get_state())


@pytest.mark.parametrize("layout", POOLS)
@pytest.mark.parametrize("step", [0, 1, 7, 12])
def test_evaluating_is_the_linear_map_of_the_buffers(layout: str, step: int) -> None:
    pool, across = pool_of(layout)
    plan = Plan(6, 12, eps=1e-3, shift=0.5, scale=2.0)
    done = course(pool, plan, dtype="float64")
    mean, var = done.running_mean[step], done.running_var[step]
    seen = evaluate(pool, plan, (mean, var), step, channel=3, shift=-1.5, scale=0.4, dtype="float64")
    population, sigma = pool.mean(across), pool.std(across)
    at = step / 12
    for found, shift, scale in ((seen.matching, 0.5 * at, 1 + at), (seen.shifted, -1.5, 0.4)):
        assert np.allclose(found.mean, (population + shift * sigma - mean) / np.sqrt(var + 1e-3), atol=1e-9)
        assert np.allclose(found.std, scale * sigma / np.sqrt(var + 1e-3), atol=1e-9)
        assert found.eval.mean == pytest.approx(found.mean[3]) and found.eval.std == pytest.approx(
            found.std[3]
        )
        # Training mode hides any shift: it uses the data's own statistics.
        own = (scale * sigma[3]) ** 2
        assert found.train.mean == pytest.approx(0, abs=1e-9)
        assert found.train.var == pytest.approx(own / (own + 1e-3))
        centre = by_channel(population, layout)
        x = centre + (pool - centre) * scale + shift * by_channel(sigma, layout)
        y = (x - by_channel(mean, layout)) / np.sqrt(by_channel(var, layout) + 1e-3)
        one = y[:, 3] if layout == "NCHW" else y[..., 3]
        counts = np.histogram(one, seen.edges)[0]
        assert np.abs(counts - found.eval_counts).sum() <= 2  # rounding at an edge
        for held in (found.train_counts, found.eval_counts):  # nearly all are on the axis
            assert held.sum() >= 0.99 * one.size - 2
    assert seen.channel == 3 and (np.diff(seen.edges) > 0).all()


@pytest.mark.parametrize("layout", POOLS)
@pytest.mark.parametrize("step", [0, 1, 5])
def test_the_gap_is_between_two_real_passes(layout: str, step: int) -> None:
    pool, _ = pool_of(layout)
    plan = Plan(6, 5)
    done = course(pool, plan)
    seen = evaluate(pool, plan, (done.running_mean[step], done.running_var[step]), step)
    picked = list(plan.batches(24))[max(step, 1) - 1]
    data = torch.tensor(np.moveaxis(pool, -1, 1) if pool.ndim == 3 else pool, dtype=torch.float32)[picked]
    layer = (nn.BatchNorm2d if layout == "NCHW" else nn.BatchNorm1d)(5)
    for _, count in zip(by_hand(pool, plan, layer), range(step), strict=False):
        if count == step - 1:
            break
    with torch.no_grad():
        if step == 0:
            layer.reset_running_stats()
        evaluated = layer.eval()(data)
        apart = (layer.train()(data) - evaluated).abs().transpose(0, 1).reshape(5, -1).amax(1)
    assert np.array_equal(seen.gap, apart.double().numpy())
    assert (seen.gap > 0.05).all()


def test_a_frozen_layer_keeps_the_buffers_of_its_step_whatever_the_data_does() -> None:
    """What a page shows as frozen is what torch's layer does after ``.eval()``."""
    pool, _ = pool_of("NCHW")
    plan = Plan(6, 12, shift=3.0, scale=2.0)
    done = course(pool, plan, dtype="float64")
    layer = nn.BatchNorm2d(5).double().train()
    centre, sigma = pool.mean((0, 2, 3)).reshape(-1, 1, 1), pool.std((0, 2, 3)).reshape(-1, 1, 1)
    for t, picked in enumerate(plan.batches(24), 1):
        shift, scale = plan.drift(t)
        with torch.no_grad():
            layer(torch.from_numpy(centre + (pool[picked] - centre) * scale + shift * sigma))
        if t == 4:
            layer.eval()
    assert layer.running_mean is not None and layer.running_var is not None
    assert np.allclose(done.running_mean[4], layer.running_mean.numpy(), atol=1e-12)
    assert np.allclose(done.running_var[4], layer.running_var.numpy(), atol=1e-12)
    assert not np.allclose(done.running_mean[12], done.running_mean[4], atol=0.1)


@pytest.mark.parametrize("shape", [(9, 4), (9, 1, 4), (9, 4, 1, 1)])
def test_one_value_per_channel_is_refused_in_torchs_words(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
        course(values(shape, 0), Plan(batch=1))


def test_a_constant_channel_is_drawn_too() -> None:
    pool, _ = pool_of("NCHW")
    pool[:, 2] = 1000.0
    plan = Plan(6, 12)
    done = course(pool, plan)
    seen = evaluate(pool, plan, (done.running_mean[9], done.running_var[9]), 9, channel=2, scale=2.0)
    assert done.var[2] == 0 and (np.diff(seen.edges) > 0).all()
    assert seen.matching.eval_counts.sum() == 24 * 6 and math.isfinite(seen.gap.max())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"batch": 0}, "must be 1 or more"),
        ({"steps": 0}, "must be 1 or more"),
        ({"momentum": -0.1}, "from 0 to 1, or None"),
        ({"momentum": float("nan")}, "from 0 to 1, or None"),
        ({"scale": 0.0}, "positive scale"),
        ({"shift": float("inf")}, "finite shift"),
    ],
)
def test_a_plan_that_is_not_allowed(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Plan(**wrong)


def test_a_batch_larger_than_the_population() -> None:
    with pytest.raises(ValueError, match="A batch of 30 samples cannot be drawn from a population of 24"):
        course(values((24, 5), 0), Plan(batch=30))


@examples(60)
@given(n=st.integers(1, 4096), c=st.integers(1, 4096), side=st.integers(1, 200))
def test_a_population_is_bounded(n: int, c: int, side: int) -> None:
    samples = pool_size((n, c, side, side))
    assert samples * c * side * side <= CELLS and samples <= max(256, 4 * n)
    assert samples == 0 or c <= CHANNELS
