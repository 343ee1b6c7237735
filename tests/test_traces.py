"""The record of a layer against plain numpy, and merging against the record of all samples together."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from normviz.traces import INPUT, LayerTrace, Trace
from tests.strategies import examples, seeds

Array = npt.NDArray[np.float64]

tame = st.floats(-1e3, 1e3, width=32)
odd = st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1e-45, 3e38, -3e38])


@st.composite
def parts(draw: st.DrawFn) -> list[Array]:
    """Batches of one layer's outputs (N, C, L), N varying."""
    channels, length = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    kind = draw(st.sampled_from(["tame", "odd", "offset", "constant"]))
    found = []
    for _ in range(draw(st.integers(1, 4))):
        shape = (draw(st.integers(1, 4)), channels, length)
        match kind:
            case "offset":
                rng = np.random.default_rng(draw(seeds))
                found.append(1e6 + 1e-3 * rng.standard_normal(shape))
            case "constant":
                found.append(np.full(shape, draw(tame)))
            case _:
                found.append(draw(arrays(np.float64, shape, elements=tame if kind == "tame" else tame | odd)))
    return found


def traced(values: npt.ArrayLike, **rest: Any) -> LayerTrace:
    return LayerTrace.of("relu", "relu", values, inputs=(INPUT,), **rest)


def assert_counts_equal(a: LayerTrace, b: LayerTrace) -> None:
    assert (a.shape, a.count, a.finite, a.nonfinite) == (b.shape, b.count, b.finite, b.nonfinite)
    assert (a.zeros, a.negatives) == (b.zeros, b.negatives)
    assert a.channel_count.tolist() == b.channel_count.tolist()
    assert a.histogram == b.histogram
    np.testing.assert_array_equal([a.min, a.max], [b.min, b.max])


@examples(300)
@given(batches=parts())
def test_merged_batches_are_the_trace_of_all_samples(batches: list[Array]) -> None:
    merged = reduce(LayerTrace.merge, map(traced, batches))
    together = np.concatenate(batches)
    whole = traced(together)
    assert_counts_equal(merged, whole)
    # Within 1e-12 of what the values are in size: a difference of large numbers has no more digits than they have.
    kept = np.where(np.isfinite(together), together, 0.0)
    size = np.abs(kept).max(axis=(0, 2))
    np.testing.assert_array_less(
        np.abs(merged.channel_mean - whole.channel_mean)[size > 0], 1e-12 * size[size > 0]
    )
    spread = np.maximum(whole.channel_var, 1e-12 * size**2)
    known = (size > 0) & (whole.channel_count > 0)
    np.testing.assert_array_less(
        np.abs(merged.channel_var - whole.channel_var)[known], (1e-12 * spread + 1e-300)[known] * 10
    )


@examples(100)
@given(seed=seeds, mean=st.floats(-1e3, 1e3), std=st.floats(1e-2, 1e3), cuts=st.integers(1, 8))
def test_mean_and_variance_of_everyday_values_agree_to_twelve_digits(
    seed: int, mean: float, std: float, cuts: int
) -> None:
    x = mean + std * np.random.default_rng(seed).standard_normal((16, 3, 5))
    merged = reduce(LayerTrace.merge, map(traced, np.array_split(x, cuts)))
    scale = np.hypot(mean, std)
    np.testing.assert_allclose(merged.channel_mean, x.mean((0, 2)), rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(merged.channel_var, x.var((0, 2)), rtol=1e-12 * max(1, (scale / std) ** 2))
    np.testing.assert_allclose(merged.var, x.var(), rtol=1e-12 * max(1, (scale / std) ** 2))


def test_a_huge_offset_leaves_the_variance_its_digits() -> None:
    rng = np.random.default_rng(0)
    x = 1e6 + 1e-3 * rng.standard_normal((64, 2, 50))
    merged = reduce(LayerTrace.merge, map(traced, np.split(x, 16)))
    exact = [np.array([np.longdouble(v) for v in x[:, c].ravel()]).var() for c in range(2)]
    # A mean of 1e6 is kept to 1e-10, a ten millionth of the spread: no merge of means knows the variance better.
    np.testing.assert_allclose(merged.channel_var, np.array(exact, np.float64), rtol=1e-7)


@examples(150)
@given(batches=parts(), order=st.randoms(use_true_random=False))
def test_the_order_of_batches_changes_no_count(batches: list[Array], order: Any) -> None:
    shuffled = list(batches)
    order.shuffle(shuffled)
    assert_counts_equal(
        reduce(LayerTrace.merge, map(traced, batches)), reduce(LayerTrace.merge, map(traced, shuffled))
    )
    from_right = reduce(lambda later, earlier: earlier.merge(later), map(traced, reversed(batches)))
    assert_counts_equal(reduce(LayerTrace.merge, map(traced, batches)), from_right)


@examples(100)
@given(x=arrays(np.float64, (3, 4, 2), elements=tame | odd))
def test_of_is_what_numpy_says_of_the_finite_values(x: Array) -> None:
    found = traced(x)
    kept = x[np.isfinite(x)]
    assert (found.count, found.finite, found.zeros) == (x.size, kept.size, int((kept == 0).sum()))
    assert found.negatives == int((kept < 0).sum())
    for channel in range(4):
        here = x[:, channel][np.isfinite(x[:, channel])]
        if here.size:
            np.testing.assert_allclose(found.channel_mean[channel], here.mean(), rtol=1e-12, atol=1e-300)
            np.testing.assert_allclose(found.channel_var[channel], here.var(), rtol=1e-9, atol=1e-300)
        else:
            assert math.isnan(found.channel_mean[channel]) and math.isnan(found.channel_var[channel])
    if kept.size:
        assert (found.min, found.max) == (kept.min(), kept.max())
        size = np.abs(kept).max()
        assert found.mean == pytest.approx(kept.mean(), rel=1e-12, abs=1e-12 * size)
        assert found.var == pytest.approx(kept.var(), rel=1e-9, abs=1e-12 * size**2)
    else:
        assert math.isnan(found.mean) and math.isnan(found.var) and math.isnan(found.min)


def test_dead_channels_are_zero_everywhere() -> None:
    x = np.zeros((2, 4, 3))
    x[0, 1, 2] = 1e-30
    x[:, 2] = [[1.0, -1.0, 0.0], [1.0, -1.0, 0.0]]
    x[:, 3] = math.nan
    assert traced(x).dead_mask.tolist() == [True, False, False, False]
    assert traced(x).dead_channels == 1


@examples(100)
@given(x=arrays(np.float64, (3, 4, 2), elements=tame | odd))
def test_shares_are_of_the_finite_values(x: Array) -> None:
    kept = x[np.isfinite(x)]
    found = traced(x, saturated=min(2, kept.size))
    if kept.size:
        assert found.zeros_share == pytest.approx((kept == 0).mean())
        assert found.negatives_share == pytest.approx((kept < 0).mean())
        assert found.saturated_share == min(2, kept.size) / kept.size
    else:
        assert all(map(math.isnan, (found.zeros_share, found.negatives_share, found.saturated_share)))
    assert math.isnan(traced(x).saturated_share)


def test_all_values_are_one_channel_where_there_is_no_channel_axis() -> None:
    x = np.arange(6.0).reshape(2, 3)
    found = LayerTrace.of("a", "add", x, channel_axis=None)
    assert found.channels == 1 and found.mean == x.mean() and found.var == pytest.approx(x.var())
    assert LayerTrace.of("a", "sum", 3.0).channel_axis is None


def test_what_adds_up_and_what_must_be_alike() -> None:
    a = traced([[1.0, 2.0]], parameters=5, multiply_adds=7, saturated=1, gradient_square=4.0)
    both = a.merge(replace(a, gradient_square=5.0))
    assert (both.parameters, both.multiply_adds, both.saturated) == (5, 14, 2)
    assert both.gradient == 3.0 and a.gradient == 2.0
    assert a.merge(replace(a, saturated=None)).saturated is None
    running = (np.zeros(2), np.ones(2))
    kept = replace(a, running=running)
    assert kept.merge(kept).running is running
    assert kept.merge(replace(a, running=(np.ones(2), np.ones(2)))).running is None
    for other in (
        replace(a, name="b"),
        replace(a, op="gelu"),
        replace(a, inputs=()),
        traced([[1.0, 2.0, 3.0]]),
    ):
        with pytest.raises(ValueError, match="Layer"):
            a.merge(other)
    with pytest.raises(ValueError, match="first axis"):
        traced([[1.0]], channel_axis=0).merge(traced([[1.0]], channel_axis=0))


def test_only_a_trace_merges() -> None:
    with pytest.raises(TypeError, match="A trace is needed, and this is a int"):
        Trace((), LayerTrace.of("x", "x", [[0.0]])).merge(3)  # type: ignore[arg-type]


def test_traces_merge_layer_by_layer_and_refuse_what_is_not_the_same() -> None:
    x = np.random.default_rng(1).standard_normal((6, 3, 4))

    def run(part: Array, **rest: Any) -> Trace:
        return Trace((traced(part), traced(np.maximum(part, 0))), traced(part), "net", **rest)

    whole = run(x, about={"seed": 1})
    both = reduce(
        Trace.merge,
        [
            run(x[:2], about={"seed": 1, "part": 0}),
            run(x[2:5], about={"seed": 1}),
            run(x[5:], about={"seed": 1}),
        ],
    )
    for a, b in zip((*both.layers, both.input), (*whole.layers, whole.input), strict=True):
        assert_counts_equal(a, b)
    assert both.about == {"seed": 1}
    for other in (run(x, mode="train"), replace(whole, layers=whole.layers[:1]), run(x, error="it broke")):
        with pytest.raises(ValueError, match=r"trace|pass"):
            whole.merge(other)


def test_a_layer_knows_its_source() -> None:
    x = traced([[1.0]])
    trace = Trace((x, replace(x, inputs=(0, INPUT)), replace(x, inputs=())), x)
    assert trace.source(trace.layers[0]) is x
    assert trace.source(trace.layers[1]) is trace.layers[0]
    assert trace.source(trace.layers[2]) is None
