"""A run: it records what torch computes, its values are the layers', and what is too large is refused before."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from normviz.nets import network_run
from normviz.nets.network_limits import (
    MAX_BYTES,
    MAX_IMAGES,
    MAX_VALUES,
    MESSAGES,
    Estimate,
    NetworkLimit,
    check,
    check_images,
)
from normviz.nets.network_run import alive, estimate, light, run, values
from normviz.nets.networks import build, digit_data, prepare
from normviz.nets.weights import fill
from normviz.network_runs import TOP, Plan
from normviz.networks import NETWORKS
from normviz.text.lookup import section
from normviz.traces import INPUT

SMALL = Plan("small_cnn", "trained")


def images(count: int = 4, side: int = 8, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.random((side, side + k % 3, 3), np.float32) for k in range(count)]


def module_of(plan: Plan) -> torch.nn.Module:
    """The same network, put together here."""
    module = build(plan.network, norm=plan.norm, activation=plan.activation, side=plan.side)
    fill(module, plan)
    return module.train(plan.mode == "train")


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("network", ["small_cnn", "mlp", "patch_transformer_pre"])
def test_the_scores_are_those_of_the_network(network: str, mode: str) -> None:
    plan = Plan(network, mode=mode, seed=3)
    done = run(plan, images())
    with torch.inference_mode():
        expected = module_of(plan)(prepare(images(), network, 0))
    assert done.scores is not None and done.plan == plan
    np.testing.assert_allclose(done.scores, expected.numpy(), rtol=1e-5, atol=1e-6)
    assert done.trace.mode == mode and done.trace.model == network
    assert done.trace.about["images"] == 4 and done.trace.about["seed"] == 3


def test_the_digits_that_were_kept_out_are_read() -> None:
    held, truth = digit_data("held_out")
    done = run(SMALL, held[:MAX_IMAGES])
    assert done.scores is not None
    right = (done.scores.argmax(1) == np.asarray(truth[:MAX_IMAGES])).mean()
    assert right > 0.9


@pytest.mark.parametrize("plan", [SMALL, Plan("alexnet", side=0, mode="train"), Plan("resnet18", side=64)])
def test_the_values_of_every_layer_have_the_recorded_statistics(plan: Plan) -> None:
    given = images(2, 32)
    trace = run(plan, given).trace
    for number in (INPUT, 0, 1, len(trace.layers) // 2, len(trace.layers) - 1):
        layer = trace.input if number == INPUT else trace.layers[number]
        found = values(plan, given, number)
        assert found.shape == layer.shape and found.dtype == np.float32
        assert found.astype(np.float64).mean() == pytest.approx(layer.mean, rel=1e-4, abs=1e-5)
        assert found.astype(np.float64).std() == pytest.approx(layer.std, rel=1e-4, abs=1e-5)
        assert int((found == 0).sum()) == layer.zeros


def test_of_many_values_the_first_images_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = values(SMALL, images(6), 0)
    monkeypatch.setattr(network_run, "MAX_VALUES", 2 * whole[0].size + 1)
    np.testing.assert_array_equal(values(SMALL, images(6), 0), whole[:2])
    monkeypatch.setattr(network_run, "MAX_VALUES", 1)
    np.testing.assert_array_equal(values(SMALL, images(6), 0), whole[:1])


def test_a_layer_that_is_not_there() -> None:
    with pytest.raises(IndexError, match="small_cnn has no layer 999"):
        values(SMALL, images(), 999)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_estimate_foretells_the_run(network: str) -> None:
    entry = NETWORKS[network]
    foretold = estimate(Plan(network), 2)
    module = build(network, device="meta", init="none")
    assert foretold.parameters == 4 * sum(p.numel() for p in module.parameters())
    assert foretold.peak > foretold.fixed > foretold.parameters
    if entry.family in ("vgg", "alexnet", "resnet") and network != "resnet18":
        return  # seconds each
    trace = run(Plan(network), images(2)).trace
    assert foretold.layers == len(trace.layers)
    assert foretold.activations == 4 * sum(layer.count for layer in trace.layers)
    assert foretold.multiply_adds == trace.multiply_adds


def test_a_backward_pass_fills_the_gradients_and_is_foretold_as_larger() -> None:
    plain, back = estimate(SMALL, 4), estimate(replace(SMALL, target=TOP), 4)
    assert back.peak > plain.peak and back.multiply_adds == 3 * plain.multiply_adds
    trace = run(replace(SMALL, target=3), images()).trace
    assert any((layer.gradient or 0) > 0 for layer in trace.layers)
    assert all(layer.gradient is None for layer in run(SMALL, images()).trace.layers)


@pytest.mark.parametrize(
    ("sizes", "inputs"),
    [
        ([1], [(INPUT,)]),
        ([4, 4, 1], [(INPUT,), (0,), (1,)]),
        ([4, 4, 1], [(INPUT,), (0,), (0, 1)]),
        ([3, 5, 2, 7, 1], [(INPUT,), (0,), (1,), (0, 2), (3,)]),
        ([3, 5, 2, 7, 1], [(INPUT,), (INPUT,), (1,), (), (0, 0)]),
    ],
)
def test_what_is_alive_counted_the_slow_way(sizes: list[int], inputs: list[tuple[int, ...]]) -> None:
    most = 0
    for now in range(len(sizes)):
        needed = {k for later in range(now, len(sizes)) for k in inputs[later] if k != INPUT and k < now}
        most = max(most, sizes[now] + sum(sizes[k] for k in needed))
    assert alive(sizes, inputs) == most


@pytest.mark.parametrize(
    ("plan", "count", "code"),
    [
        (SMALL, 0, "no_images"),
        (SMALL, MAX_IMAGES + 1, "too_many_images"),
        (Plan("mlp", norm="batch_norm", mode="train"), 1, "too_few_images"),
        (Plan("vgg19", target=TOP), 8, "memory"),
        (Plan("resnet34"), 64, "work"),
        (replace(SMALL, target=10), 1, "target"),
        (replace(SMALL, target=-2), 1, "target"),
    ],
)
def test_what_is_too_large_is_refused_before_anything_is_built(
    plan: Plan, count: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_run, "fill", lambda *_, **__: pytest.fail("it was built"))
    with pytest.raises(NetworkLimit) as refused:
        run(plan, images(1) * count)
    assert refused.value.code == code
    said = str(refused.value)
    assert "\n" not in said and "{" not in said
    assert "Try" in said or "Give" in said


def test_the_number_that_is_advised_is_allowed() -> None:
    plan = Plan("resnet50", target=TOP)
    with pytest.raises(NetworkLimit) as refused:
        estimate(plan, MAX_IMAGES)
    fewer = int(refused.value.details["fewer"])
    assert fewer > 0
    estimate(plan, fewer)
    with pytest.raises(NetworkLimit):
        estimate(plan, fewer + 1)


@pytest.mark.parametrize("network", [key for key in NETWORKS if light(key)])
def test_what_is_run_without_a_walk_is_within_the_limits(network: str) -> None:
    for norm in NETWORKS[network].norms:
        side = NETWORKS[network].sides[1]
        estimate(Plan(network, norm=norm, mode="train", side=side, target=TOP), MAX_IMAGES)


def test_the_bounds_themselves() -> None:
    check_images(MAX_IMAGES, fewest=1)
    check(Estimate(1, 0, 0, 0, MAX_BYTES, 0), count=1, side=8)
    with pytest.raises(NetworkLimit):
        check(Estimate(1, 0, 0, 0, MAX_BYTES + 1, 0), count=1, side=8)
    assert MAX_VALUES * 4 < MAX_BYTES


@pytest.mark.parametrize("code", MESSAGES)
def test_every_refusal_is_one_sentence_with_its_numbers(code: str) -> None:
    names = ("count", "most", "fewest", "side", "megabytes", "allowed", "fewer", "billions", "target", "last")
    error = NetworkLimit(code, dict.fromkeys(names, 12345))
    assert "{" not in str(error) and str(error).endswith(".")
    # The page says the same, with its signs, and with numbers that are written already.
    said = section("en", "network_limit")[code].replace("×", "x").replace("’", "'")
    assert said == MESSAGES[code].replace(":,}", "}")


class StopError(BaseException):
    """As Streamlit ends a script: no Exception."""


def test_progress_counts_every_layer_and_what_it_raises_ends_the_run() -> None:
    seen: list[tuple[int, int, str]] = []
    plan = Plan("resnet18", side=64)
    large = run(plan, images(), progress=lambda *step: seen.append(step))
    assert [k for k, _, _ in seen] == list(range(1, len(large.trace.layers) + 1))
    assert {total for _, total, _ in seen} == {len(large.trace.layers)}
    done = run(SMALL, images())

    def stop(done: int, total: int, name: str) -> None:
        if done == 2:
            raise StopError

    with pytest.raises(StopError):
        run(SMALL, images(), progress=stop)
    again = run(SMALL, images())
    assert done.scores is not None and again.scores is not None
    np.testing.assert_array_equal(again.scores, done.scores)


@pytest.mark.parametrize("plan", [replace(SMALL, mode="train"), Plan("alexnet", mode="train")])
def test_a_run_leaves_nothing_behind(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Running statistics, dropout and the global random state: the same run twice is the same, and so is torch."""
    built: list[weakref.ref[torch.nn.Module]] = []

    def watched(*args: Any, **kwargs: Any) -> torch.nn.Module:
        module = build(*args, **kwargs)
        built.append(weakref.ref(module))
        return module

    monkeypatch.setattr(network_run, "build", watched)
    given = images(2, 32)
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    first, second = run(plan, given), run(plan, given)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert first.scores is not None and second.scores is not None
    np.testing.assert_array_equal(first.scores, second.scores)
    gc.collect()
    assert built and not any(module() for module in built)
