"""An activation on real data, alone or beside a normalization: against torch's functions and Jacobians written here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from normviz.activations import ACTIVATIONS
from normviz.activity import ORDERS, common_edges
from normviz.catalogue import METHODS
from normviz.nets.activations import measure
from normviz.nets.forward import forward
from normviz.nets.normalizers import normalizer
from normviz.records import Summary
from tests.strategies import examples, knob_values, seeds, values

X = np.random.default_rng(0).standard_normal((6, 4, 5, 3)) * 1.5 + 0.3
Torch = Callable[[torch.Tensor], torch.Tensor]


def function(key: str, **knobs: Any) -> Torch:
    """torch's own function of that name."""
    if key == "prelu":
        return lambda z: F.prelu(z, torch.tensor([knobs.get("init", 0.25)], dtype=z.dtype))
    own = getattr(F, key)
    return lambda z: own(z, **knobs)


def batch_norm(x: torch.Tensor) -> torch.Tensor:
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, correction=0)
    return (x - mean) / (var + 1e-5).sqrt()


@pytest.mark.parametrize("key", ACTIVATIONS)
@examples(6)
@given(data=st.data())
def test_alone_it_is_torchs_function_and_its_slope_a_difference_quotient(
    key: str, data: st.DataObject
) -> None:
    knobs = {k.name: data.draw(knob_values(k, {})) for k in ACTIVATIONS[key].knobs if k.shown}
    x = values((4, 3, 2), data.draw(seeds))
    seen = measure(x, key, knobs, dtype="float64")
    z = torch.from_numpy(x)
    y = function(key, **knobs)(z)
    assert seen.into == Summary.of(x)
    assert np.allclose(astuple(seen.out), astuple(Summary.of(y.numpy())), rtol=1e-12, atol=1e-14)
    assert seen.final == seen.out and np.array_equal(seen.final_counts, seen.out_counts)
    assert seen.difference64 <= 1e-12 * max(1.0, abs(seen.out.max), abs(seen.out.min))
    assert (seen.zeros, seen.negatives) == (int((y == 0).sum()), int((y < 0).sum()))
    h = 1e-6
    quotient = (function(key, **knobs)(z + h) - function(key, **knobs)(z - h)) / (2 * h)
    # A cell that lies on a kink would differ: generic data has none within h.
    assert seen.slope == pytest.approx(float(quotient.mean()), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("key", ["relu", "tanh", "gelu", "prelu"])
def test_what_passes_back_is_the_jacobian_at_work(key: str, order: str) -> None:
    x = values((3, 2, 2, 2), 4)
    act = function(key)
    pairs: dict[str, Torch] = {
        "none": act,
        "before": lambda t: act(batch_norm(t)),
        "after": lambda t: batch_norm(act(t)),
    }
    noise = np.random.default_rng(5).standard_normal(x.shape)
    jacobian: Any = torch.autograd.functional.jacobian(pairs[order], torch.from_numpy(x))
    back = noise.reshape(-1) @ jacobian.numpy().reshape(x.size, x.size)
    seen = measure(x, key, order=order, norm="batch_norm", dtype="float64", seed=5)
    assert seen.passed == pytest.approx(np.linalg.norm(back) / np.linalg.norm(noise), rel=1e-9)
    y = pairs[order](torch.from_numpy(x)).numpy()
    assert np.allclose(astuple(seen.final), astuple(Summary.of(y)), rtol=1e-9, atol=1e-12)


def test_relu_before_batch_norm_and_after_it() -> None:
    before = measure(X, "relu", order="before", norm="batch_norm")
    assert before.negatives == 0 and 0.4 < before.zeros / X.size < 0.6
    assert before.zeros == before.dead and before.final == before.out
    assert abs(before.into.mean) < 1e-6 and before.into.var == pytest.approx(1, abs=1e-3)
    assert before.slope == pytest.approx(1 - before.zeros / X.size)

    after = measure(X, "relu", order="after", norm="batch_norm")
    assert after.into == Summary.of(X.astype(np.float32)) and after.out.min == 0
    assert abs(after.final.mean) < 1e-6 and after.final.var == pytest.approx(1, abs=1e-3)
    # Half of it below the mean again: what was 0 is a negative number now.
    assert after.zeros == 0 and after.negatives >= int((X <= 0).sum())


def test_dead_and_saturated_are_counted_where_the_slope_says_so() -> None:
    assert measure(X, "relu").dead == int((X <= 0).sum()) and measure(X, "relu").saturated == 0
    assert measure(X, "hardswish").dead == int((X <= -3).sum())
    wide = 3 * X
    slope = ACTIVATIONS["sigmoid"].derivative(wide.astype(np.float32))
    seen = measure(wide, "sigmoid")
    assert seen.saturated == int((slope < 0.05).sum()) > 0 and seen.dead == 0
    assert measure(X, "leaky_relu").dead == measure(X, "leaky_relu").saturated == 0


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("norm", [key for key, entry in METHODS.items() if "NCHW" in entry.layouts])
def test_every_normalization_stands_on_either_side(norm: str, order: str) -> None:
    """Each is what the forward page shows of it, buffers and second input included."""
    x = X.astype(np.float32)
    seen = measure(x, "tanh", order=order, norm=norm, seed=3)
    knobs = METHODS[norm].defaults({"N": 6, "C": 4, "H": 5, "W": 3})
    if order == "before":
        expected = forward(x, norm, knobs, seed=3).y
        assert np.allclose(astuple(seen.into), astuple(Summary.of(expected)), rtol=1e-5, atol=1e-5)
    else:
        expected = forward(np.tanh(x), norm, knobs, seed=3).y
        assert np.allclose(astuple(seen.final), astuple(Summary.of(expected)), rtol=1e-4, atol=1e-4)
    assert np.isfinite(seen.passed) and seen.passed > 0


def test_all_three_layouts() -> None:
    for shape in ((8, 12), (4, 6, 12), (4, 12, 3, 3)):
        x = values(shape, 1)
        seen = measure(x, "silu", order="before", norm="layer_norm_last", dtype="float64")
        channels = 1 if len(shape) == 4 else -1
        moved = np.moveaxis(x, channels, -1)
        y = (moved - moved.mean(-1, keepdims=True)) / np.sqrt(moved.var(-1, keepdims=True) + 1e-5)
        assert np.allclose(astuple(seen.into), astuple(Summary.of(y)), atol=1e-9)


def test_histograms_share_their_bins_and_hold_what_lies_within() -> None:
    seen = measure(X, "relu", order="after", norm="batch_norm", dtype="float64")
    relu = np.maximum(X, 0)
    for counts, found in ((seen.into_counts, X), (seen.out_counts, relu)):
        inside = (found >= seen.edges[0]) & (found <= seen.edges[-1])
        assert counts.sum() == inside.sum() >= 0.99 * X.size and counts.size == 80
    # The zeros lie in the bin that begins at 0, not below it.
    assert seen.edges[40] == 0 and seen.out_counts[:40].sum() == 0
    assert seen.out_counts[40] >= (X <= 0).sum()


@pytest.mark.parametrize("scale", [0.3, 1.0, 7.0, 1e-5, 4e6])
def test_there_is_an_edge_at_zero_itself(scale: float) -> None:
    for bins in (10, 80, 100):
        seen = measure(X * scale, "relu", dtype="float64", bins=bins)
        assert seen.edges[bins // 2] == 0 and seen.edges[0] == -seen.edges[-1] and seen.edges.size == bins + 1


def test_several_can_share_one_axis() -> None:
    several = [measure(scale * X, "relu") for scale in (1, 10, 3)]
    edges = common_edges(several)
    assert np.array_equal(edges, several[1].edges)
    again = measure(X, "relu", edges=edges)
    assert np.array_equal(again.edges, edges)
    assert np.array_equal(again.into_counts, np.histogram(X.astype(np.float32), edges)[0])
    assert again.passed == several[0].passed


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_carried_and_counted(poison: float) -> None:
    x = X.copy()
    x[0, 1, 2, 0] = poison
    place = int(np.flatnonzero(~np.isfinite(x))[0])
    for key in ACTIVATIONS:
        seen, clean = measure(x, key), measure(np.delete(X.reshape(-1), place), key)
        expected = function(key)(torch.from_numpy(x.astype(np.float32))).numpy()
        assert seen.into.nonfinite == 1 and seen.out.nonfinite == int((~np.isfinite(expected)).sum())
        assert seen.slope == pytest.approx(clean.slope, rel=1e-5) and np.isfinite(seen.passed)
        assert seen.difference64 <= 1e-12 and seen.into_counts.sum() <= X.size - 1
    lost = measure(x, "relu", order="before", norm="batch_norm")
    assert lost.into.nonfinite == X[:, 1].size  # its whole channel
    everything = measure(np.full((2, 3, 2, 2), np.nan), "silu", order="before", norm="batch_norm")
    assert np.isnan(everything.slope) and np.isnan(everything.passed) and np.isnan(everything.difference64)


def test_a_learned_slope_starts_where_the_knob_says() -> None:
    seen = measure(X, "prelu", {"init": 0.1}, dtype="float64")
    assert seen.out.min == pytest.approx(0.1 * X.min(), rel=1e-14)
    each = measure(X, "prelu", {"init": 0.1, "num_parameters": 4}, dtype="float64")
    assert each.out == seen.out and each.difference64 == 0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_dtype_rounds_the_input_and_compares_in_float64(dtype: str) -> None:
    seen = measure(X, "gelu", {"approximate": "tanh"}, order="before", norm="layer_norm", dtype=dtype)
    assert seen.difference64 < 1e-14 and np.isfinite(seen.passed)
    rounded = torch.from_numpy(X).to(getattr(torch, dtype)).double().numpy()
    assert measure(X, "relu", dtype=dtype).into == Summary.of(rounded)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"x": X[:1, :, 0, 0], "order": "before", "norm": "batch_norm"}, "torch refuses batch_norm .*than 1 value"),
        ({"x": X[:1, :, 0, 0], "order": "after", "norm": "batch_norm_eval"}, "torch refuses batch_norm_eval"),
        ({"order": "after", "norm": "weight_norm"}, r"weight_norm does not work on \(N, C, H, W\).*batch_norm"),
        ({"order": "before", "norm": "group_norm", "norm_knobs": {"num_groups": 3}}, "3"),
        ({"order": "before"}, "needs a normalization"),
        ({"order": "around", "norm": "batch_norm"}, "none, before, after"),
        ({"key": "prelu", "knobs": {"num_parameters": 3}}, "torch refuses prelu"),
        ({"key": "swish"}, "There is no activation"),
        ({"norm": "nonsense", "order": "after"}, "There is no method"),
        ({"knobs": {"slope": 1}}, "no knob"),
        ({"x": []}, "holds nothing"),
        ({"edges": [1.0, 0.0]}, "rise"),
        ({"edges": [0.0, np.nan]}, "rise"),
        ({"bins": 0}, "at least 1"),
        ({"device": "tpu"}, "tpu"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_one_sentence(arguments: dict[str, Any], said: str) -> None:
    call: dict[str, Any] = {"x": X, "key": "relu"} | arguments
    with pytest.raises(ValueError, match=said) as refused:
        measure(call.pop("x"), call.pop("key"), **call)
    assert "\n" not in str(refused.value) and str(refused.value).endswith(".")


def test_nothing_outside_is_changed() -> None:
    x = X.copy()
    knobs: dict[str, Any] = {"init": 0.2}
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    numpy_state = np.random.get_state(legacy=False)["state"]["key"].tobytes()
    for order in ORDERS:
        for norm in ("batch_norm", "batch_renorm", "batch_norm_eval", "adaptive_instance_norm"):
            first = measure(x, "prelu", knobs, order=order, norm=norm)
            with torch.inference_mode():
                second = measure(x, "prelu", knobs, order=order, norm=norm)
                assert torch.is_inference_mode_enabled()
            assert (first.final, first.passed, first.slope) == (second.final, second.passed, second.slope)
    assert np.array_equal(x, X) and knobs == {"init": 0.2}
    assert torch.equal(state, torch.get_rng_state()) and threads == torch.get_num_threads()
    assert (
        numpy_state == np.random.get_state(legacy=False)["state"]["key"].tobytes() and torch.is_grad_enabled()
    )


def test_a_normalizer_is_in_training_mode_but_for_what_only_reads_buffers() -> None:
    x = torch.from_numpy(X)
    assert normalizer(x, "batch_norm")(x).mean().abs() < 1e-12
    evaluated = normalizer(x, "batch_norm_eval", seed=1)(x)
    assert evaluated.mean().abs() > 1e-6
    # 20 resamples by the seed; and each call reads, moves nothing.
    same = normalizer(x, "batch_norm_eval", seed=1)
    assert torch.equal(same(x), evaluated) and torch.equal(same(x), evaluated)


def astuple(summary: Summary) -> tuple[float, ...]:
    return (summary.count, summary.mean, summary.var, summary.min, summary.max, summary.nonfinite)
