"""Batch Renorm against what Keras computed (``tests/oracles/batch_renorm_keras.py``), and its gradient by hand.

Where the two differ in what they keep, the difference is written out here:

- Keras keeps a running standard deviation, sqrt(var + eps) averaged, as the paper's sigma; torch's layers keep a buffer
  ``running_var``, to which they add eps themselves. One is the other by var = stddev^2 - eps.
- Keras' momentum weighs the old value, torch's the new one: the two add up to 1.
- Keras starts from stddev = 1, torch from var = 1, that is stddev = sqrt(1 + eps).
- Keras leaves out a bound that is not given; ours is infinite.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import normviz as nv
from normviz.nets.renorm import corrected
from normviz.reference import corrections, moments
from normviz.renorm import Opening
from normviz.spec import Running, Spec
from tests.strategies import examples, seeds, shapes, values

KERAS = json.loads((Path(__file__).parents[1] / "data" / "batch_renorm_keras.json").read_text("utf-8"))
X = np.array(KERAS["x"])
EPS, MOMENTUM = KERAS["eps"], 1 - KERAS["momentum"]
RUNS = list(KERAS["runs"])


def close(found: Any, wanted: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def bounds(clipping: dict[str, float]) -> tuple[float, float]:
    """r_max and d_max; Keras' own lower bound has to be ours."""
    r_max = clipping.get("rmax", math.inf)
    assert clipping.get("rmin", 0.0) == pytest.approx(1 / r_max, abs=1e-15)
    return r_max, clipping.get("dmax", math.inf)


def spec_at(clipping: dict[str, float]) -> Spec:
    spec = nv.METHODS["batch_renorm"].spec(eps=EPS, affine=False)
    return replace(spec, running=Running(("C",), *bounds(clipping)))


def buffers(found: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Keras' buffers as mean and variance."""
    return np.array(found["mean"]), np.array(found["stddev"]) ** 2 - EPS


def layer(shape: tuple[int, ...], **knobs: Any) -> Any:
    return nv.METHODS["batch_renorm"].module(torch.nn, shape, **knobs).double()


def test_the_oracle_is_worth_its_name() -> None:
    steps = {name: found["steps"] for name, found in KERAS["runs"].items()}
    assert all(len(found) == len(X) >= 8 for found in steps.values())
    ours = X.mean((1, 3, 4)), np.sqrt(X.var((1, 3, 4)) + EPS)
    r, d = (np.array([[s[k] for s in found] for found in steps.values()]) for k in "rd")
    keras = {k: np.array([[s[k] for s in found] for found in steps.values()]) for k in ("mean", "stddev")}
    clipped_r = ~np.isclose(r, ours[1] / keras["stddev"])
    clipped_d = ~np.isclose(d, (ours[0] - keras["mean"]) / keras["stddev"])
    # Without bounds nothing is clipped; with bounds some are, above and below, and some are not.
    for name, in_r, in_d in zip(steps, clipped_r, clipped_d, strict=True):
        assert in_r.any() == in_d.any() == (name != "unclipped")
        assert not in_r.all() and not in_d.all()
    fixed = RUNS.index("fixed")
    assert {round(v, 3) for v in r[fixed][clipped_r[fixed]]} == {1.3, round(1 / 1.3, 3)}
    assert set(d[fixed][clipped_d[fixed]]) == {0.6, -0.6}


@pytest.mark.parametrize("run", RUNS)
def test_the_reference_is_keras_step_by_step(run: str) -> None:
    for x, step in zip(X, KERAS["runs"][run]["steps"], strict=True):
        spec, running = spec_at(step["clipping"]), buffers(step)
        r, d = corrections(moments(x, spec), spec, x.shape, running=running)
        by_channel = (1, -1, 1, 1)
        close(r, np.broadcast_to(np.reshape(step["r"], by_channel), r.shape))
        close(d, np.broadcast_to(np.reshape(step["d"], by_channel), d.shape))
        close(nv.normalize(x, spec, running=running), step["y"])


@pytest.mark.parametrize("run", RUNS)
def test_the_layer_is_keras_through_all_steps(run: str) -> None:
    """Buffers are set once, before the first step: from then on the layer goes its own way."""
    found = KERAS["runs"][run]
    module = layer(X.shape[1:], eps=EPS, affine=False)
    module.momentum = MOMENTUM
    module.running_var.fill_(1 - EPS)
    for k, (x, step) in enumerate(zip(X, found["steps"], strict=True)):
        mean, var = buffers(step)
        close(module.running_mean, mean)
        close(module.running_var, var)
        module.r_max, module.d_max = bounds(step["clipping"])
        seen = torch.tensor(x, requires_grad=True)
        y = module(seen)
        close(y.detach(), step["y"])
        (y * torch.tensor(X[(k + 1) % len(X)])).sum().backward()
        close(seen.grad, step["x_grad"])
    mean, var = buffers(found)
    close(module.running_mean, mean)
    close(module.running_var, var)
    # Keras derives the variance it evaluates with from the standard deviation just as we do.
    close(module.running_var, found["moving_variance"])
    close(module.eval()(torch.tensor(X[-1])), found["evaluated"])


def test_an_averaged_variance_would_not_be_keras() -> None:
    """The two rules part at the first step: what the tests above hold is the paper's, not torch's Batch Norm's."""
    after = KERAS["runs"]["unclipped"]["steps"][1]
    average = (1 - MOMENTUM) * (1 - EPS) + MOMENTUM * X[0].var((0, 2, 3))
    assert np.abs(average - buffers(after)[1]).max() > 0.01


@st.composite
def batches(draw: st.DrawFn) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], float, float]:
    """A batch with at least two values a channel, buffers, and bounds from closed to wide."""
    shape = draw(st.sampled_from(("NC", "NLC", "NCHW")).flatmap(lambda layout: shapes(layout, least=2)))
    x = values(shape, draw(seeds))
    channels = shape[2 if len(shape) == 3 else 1]
    rng = np.random.default_rng(draw(seeds))
    running = rng.normal(scale=3, size=channels), rng.uniform(0.1, 20, channels)
    return x, running, draw(st.floats(1, 8)), draw(st.floats(0, 8))


@examples(60)
@given(batches())
def test_r_and_d_are_constants_of_the_gradient(
    case: tuple[np.ndarray, tuple[np.ndarray, np.ndarray], float, float],
) -> None:
    """dL/dx = r / std * (g - mean(g) - xhat * mean(g * xhat)): Batch Norm's gradient times r, and nothing of d."""
    x, (mean, var), r_max, d_max = case
    spec = nv.METHODS["batch_renorm"].spec(r_max=r_max, d_max=d_max)
    module = layer(x.shape, r_max=r_max, d_max=d_max)
    module.running_mean.copy_(torch.tensor(mean))
    module.running_var.copy_(torch.tensor(var))
    seen = torch.tensor(x, requires_grad=True)
    y = module(seen)
    close(y.detach(), nv.normalize(x, spec, running=(mean, var)), tolerance=1e-9)
    g = np.random.default_rng(1).standard_normal(x.shape)
    y.backward(torch.tensor(g))

    others = tuple(k for k in range(x.ndim) if k != (2 if x.ndim == 3 else 1))
    along = [1 if k in others else -1 for k in range(x.ndim)]
    std = np.sqrt(x.var(others, keepdims=True) + 1e-5)
    hat = (x - x.mean(others, keepdims=True)) / std
    r = np.clip(std / np.sqrt(var + 1e-5).reshape(along), 1 / r_max, r_max)
    of_hat = (g * hat).mean(others, keepdims=True)
    close(seen.grad, r / std * (g - g.mean(others, keepdims=True) - hat * of_hat), tolerance=1e-7)


@examples(60)
@given(batches())
def test_where_nothing_is_clipped_training_gives_what_evaluation_gives(
    case: tuple[np.ndarray, tuple[np.ndarray, np.ndarray], float, float],
) -> None:
    x, (mean, var), _, _ = case
    others = tuple(k for k in range(x.ndim) if k != (2 if x.ndim == 3 else 1))
    # A channel whose values hardly differ has sqrt(eps) over the running deviation as r, which may be below 1 / r_max.
    assume((np.sqrt(x.var(others) + 1e-5) > np.sqrt(var + 1e-5) / 1000).all())
    module = layer(x.shape, r_max=1000.0, d_max=1000.0)
    module.running_mean.copy_(torch.tensor(mean))
    module.running_var.copy_(torch.tensor(var))
    evaluated = module.eval()(torch.tensor(x))
    trained = module.train()(torch.tensor(x)).detach()
    close(trained, evaluated.detach(), tolerance=1e-9)


@examples(30)
@given(batches())
def test_closed_bounds_make_it_batch_norm(
    case: tuple[np.ndarray, tuple[np.ndarray, np.ndarray], float, float],
) -> None:
    x, running, _, _ = case
    closed = nv.normalize(x, nv.METHODS["batch_renorm"].spec(r_max=1.0, d_max=0.0), running=running)
    close(closed, nv.normalize(x, nv.METHODS["batch_norm"].spec()), tolerance=1e-12)


def algorithm(
    batches: list[np.ndarray], opening: Opening, alpha: float, eps: float
) -> dict[str, list[list[float]]]:
    """Algorithm 1 of the paper, channel by channel and number by number, on batches (N, C, ...) in float64."""
    channels = batches[0].shape[1]
    mu, sigma = [0.0] * channels, [math.sqrt(1 + eps)] * channels
    found: dict[str, list[list[float]]] = {
        name: [] for name in ("running_mean", "running_std", "raw_r", "raw_d", "r", "d", "gap", "plain_gap")
    }
    for step, batch in enumerate(batches, 1):
        r_max, d_max = opening.at(step)
        row: dict[str, list[float]] = {name: [] for name in found}
        for k in range(channels):
            x = [float(v) for v in batch[:, k].reshape(-1)]
            mu_b = math.fsum(x) / len(x)
            sigma_b = math.sqrt(eps + math.fsum((v - mu_b) ** 2 for v in x) / len(x))
            raw_r, raw_d = sigma_b / sigma[k], (mu_b - mu[k]) / sigma[k]
            r, d = min(max(raw_r, 1 / r_max), r_max), min(max(raw_d, -d_max), d_max)
            evaluated = [(v - mu[k]) / sigma[k] for v in x]
            hat = [(v - mu_b) / sigma_b for v in x]
            gap = max(abs(h * r + d - e) for h, e in zip(hat, evaluated, strict=True))
            plain = max(abs(h - e) for h, e in zip(hat, evaluated, strict=True))
            for name, value in zip(found, (mu[k], sigma[k], raw_r, raw_d, r, d, gap, plain), strict=True):
                row[name].append(value)
            mu[k] += alpha * (mu_b - mu[k])
            sigma[k] += alpha * (sigma_b - sigma[k])
        for name in found:
            found[name].append(row[name])
    return found


@pytest.mark.parametrize("shape", [(32, 3, 3, 2), (32, 4, 3), (40, 5)])
def test_a_run_is_the_papers_algorithm(shape: tuple[int, ...]) -> None:
    pool = nv.Sample(seed=4).tensor(shape).astype(np.float64)
    opening = Opening(r=(3, 20), d=(5, 12), r_max=2.0, d_max=1.0)
    run = corrected(pool, "batch_renorm", {}, opening, batch=4, steps=30, momentum=0.2, dtype="float64")
    first = np.moveaxis(pool, -1, 1) if len(shape) == 3 else pool
    assert all(len(set(picked.tolist())) == 4 for picked in run.picked)
    wanted = algorithm([first[picked] for picked in run.picked], opening, 0.2, 1e-5)
    for name, rows in wanted.items():
        np.testing.assert_allclose(getattr(run, name), rows, rtol=1e-11, atol=1e-11, err_msg=name)
    np.testing.assert_allclose(np.stack([run.r_max, run.d_max], 1), [opening.at(t) for t in range(1, 31)])
    assert run.difference < 1e-12
    # Both kinds of channels are there, and the point of the paper holds for the one and not for the other.
    assert run.gap[~run.clipped].max() < 1e-12 < 0.01 < run.gap[run.clipped].max()
    close(run.gap[:3], run.plain_gap[:3])  # closed bounds: Batch Norm


def test_what_is_clipped_is_what_was_changed() -> None:
    pool = nv.Sample(seed=1).tensor((64, 6))
    run = corrected(pool, "batch_renorm", {}, Opening(r_max=1.2, d_max=0.3), batch=4, steps=60)
    assert (run.clipped_r == (run.r != run.raw_r)).all() and run.clipped_r.any()
    assert (run.clipped_d == (run.d != run.raw_d)).all() and run.clipped_d.any()
    assert (run.clipped == (run.clipped_r | run.clipped_d)).all()


def test_a_smaller_batch_scatters_more() -> None:
    pool = nv.Sample(seed=2).tensor((256, 8, 3, 3))
    found = np.array([corrected(pool, "batch_renorm", {}, Opening(), batch=n).spread() for n in (2, 8, 32)])
    assert (found[:-1] > 1.3 * found[1:]).all()


def test_runs_repeat_and_leave_the_random_state_alone() -> None:
    pool, state = nv.Sample().tensor((16, 3)), torch.get_rng_state()
    first, second = (corrected(pool, "batch_renorm", {}, Opening(), batch=4, steps=9) for _ in range(2))
    assert (first.r == second.r).all() and (first.picked == second.picked).all()
    assert torch.equal(state, torch.get_rng_state())
    other = corrected(pool, "batch_renorm", {}, Opening(), batch=4, steps=9, seed=1)
    assert (first.picked != other.picked).any()


def test_what_cannot_be_streamed_is_refused_in_words() -> None:
    pool = nv.Sample().tensor((16, 3))
    with pytest.raises(ValueError, match=r"batch_norm has no r and d"):
        corrected(pool, "batch_norm", {}, Opening(), batch=4)
    with pytest.raises(ValueError, match="one value per channel"):
        corrected(pool, "batch_renorm", {}, Opening(), batch=1)
    with pytest.raises(ValueError, match="17"):
        corrected(pool, "batch_renorm", {}, Opening(), batch=17)


def test_the_bounds_open_as_in_the_paper() -> None:
    paper = Opening(r=(5000, 40_000), d=(5000, 25_000))
    assert [paper.at(t) for t in (1, 5000)] == [(1.0, 0.0)] * 2
    close(paper.at(22_500), (2.0, 4.375))
    assert paper.at(25_000)[1] == 5.0 and paper.at(25_000)[0] < 3.0
    assert paper.at(40_000) == paper.at(10**6) == (3.0, 5.0)
    # The default is the same, 500 steps in one.
    assert all(Opening().at(t) == pytest.approx(paper.at(500 * t)) for t in range(1, 101))
    assert Opening(r=(0, 0), d=(0, 0)).at(1) == (3.0, 5.0)
    assert Opening(r=(7, 7), d=(7, 7)).at(6) == (1.0, 0.0)
    assert Opening(r=(7, 7), d=(7, 7)).at(7) == (3.0, 5.0)
