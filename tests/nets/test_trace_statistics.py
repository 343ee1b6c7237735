"""The fast statistics are those that numpy finds in float64: counts and histograms to the last, means and variances to
1e-9.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from normviz.nets.trace_statistics import summarized
from normviz.traces import LayerTrace
from tests.strategies import examples, seeds

AXES = st.sampled_from([None, 0, 1, 2, 3])
SHAPES = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple)


def check(values: torch.Tensor, axis: int | None) -> None:
    """Against the plain record of the same numbers."""
    found = LayerTrace("", "", tuple(values.shape), axis, **summarized(values, axis))
    plain = LayerTrace.of("", "", values.double().numpy(), channel_axis=axis)
    assert found.histogram == plain.histogram
    assert np.array_equal(found.channel_count, plain.channel_count)
    assert (found.zeros, found.negatives, found.nonfinite) == (plain.zeros, plain.negatives, plain.nonfinite)
    assert np.array_equal([found.min, found.max], [plain.min, plain.max], equal_nan=True)
    dead = plain.channel_count == 0
    assert np.array_equal(np.isnan(found.channel_mean), dead) and np.array_equal(
        np.isnan(found.channel_var), dead
    )
    size = np.abs(plain.channel_mean) + np.sqrt(plain.channel_var)
    assert (np.abs(found.channel_mean - plain.channel_mean)[~dead] <= 1e-12 * size[~dead]).all()
    # Where the values hardly vary, what they have in common takes the digits of a float64.
    floor = (1e-15 * size[~dead]) ** 2
    error = np.abs(found.channel_var - plain.channel_var)[~dead]
    assert (error <= 1e-9 * plain.channel_var[~dead] + floor).all()
    assert found.dead_channels == plain.dead_channels


@examples(150)
@given(SHAPES, AXES, seeds, st.integers(-60, 60), st.sampled_from([0.0, 1.0, -3.0, 1e3]), st.booleans())
def test_any_shape_scale_and_offset(
    shape: tuple[int, ...], axis: int | None, seed: int, power: int, offset: float, relu: bool
) -> None:
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(((rng.standard_normal(shape) + offset) * 2.0**power).astype(np.float32))
    axis = axis if axis is not None and axis < x.ndim else None
    check(x.relu() if relu else x, axis)
    check(x.double(), axis)


@examples(80)
@given(
    SHAPES,
    AXES,
    seeds,
    st.lists(st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, 3e38, -1e-45, 1e-45]), max_size=4),
)
def test_any_special_values(
    shape: tuple[int, ...], axis: int | None, seed: int, specials: list[float]
) -> None:
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    axis = axis if axis is not None and axis < x.ndim else None
    flat = x.reshape(-1)
    flat[: len(specials)] = specials[: flat.size]
    check(torch.from_numpy(x), axis)


@pytest.mark.parametrize("value", [0.0, -0.0, 3.0, -1e-45, 1e38, np.nan, np.inf])
def test_values_that_are_all_the_same(value: float) -> None:
    check(torch.full((3, 4, 2), value), 1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("axis", [None, 1, 3])
def test_other_dtypes(dtype: torch.dtype, axis: int | None) -> None:
    torch.manual_seed(0)
    check((torch.randn(3, 5, 6, 7) * 3 + 1).to(dtype), axis)


def test_small_negatives_stay_below_zero() -> None:
    # Added to a bin's number they would vanish, divided by a bin's width they would become -0.
    for scale in (1.0, 2.0**30):
        x = torch.randn(64, 33) * scale
        x[:, 0], x[0, 0] = -1e-12, -1e-42
        check(x, 1)


def test_far_from_zero_the_digits_are_kept() -> None:
    torch.manual_seed(0)
    for offset, spread in ((100.0, 0.01), (1e4, 1.0), (-3.0, 1e-3)):
        x = (torch.randn(64, 2, 37, 41, dtype=torch.float64) * spread + offset).float()
        for axis in (None, 1):
            check(x, axis)
        check(x.movedim(1, -1), 3)


def test_layouts() -> None:
    torch.manual_seed(0)
    x = torch.randn(7, 6, 31, 17) * torch.rand(6, 1, 1) + torch.randn(6, 1, 1)
    for values, axis in [
        (x, 1), (x, None), (x, 2), (x.to(memory_format=torch.channels_last), 1), (x.relu(), 1),
        (x.permute(0, 2, 3, 1), 3), (x.flatten(2).transpose(1, 2), 2), (x[:, ::2], 1), (x[..., :1], 1),
        (x.flatten(), None), (x.flatten()[:-1], 0), (x.expand(2, 7, 6, 31, 17), 2),
    ]:  # fmt: skip
        check(values, axis)


@pytest.mark.parametrize("count", [1023, 1024, 1025, 4095, 4096, 4097, 8191, 8192, 10_000])
def test_lengths_around_those_that_are_looked_at_at_once(count: int) -> None:
    torch.manual_seed(0)
    check(torch.randn(1, 1, count), 1)
    check(torch.randn(count).relu(), None)
    check(torch.randn(count, 1), 1)


def test_a_long_row_is_summed_exactly_enough() -> None:
    torch.manual_seed(0)
    check(torch.randn(2, 3, 300_007) + 0.5, 1)
    check(torch.randn(100_003, 3), 1)


def test_what_holds_nothing() -> None:
    check(torch.zeros(0, 3), None)
    check(torch.tensor(2.5), None)
    found = LayerTrace("", "", (2, 0, 3), 1, **summarized(torch.zeros(2, 0, 3), 1))
    assert (found.channels, found.count, found.nonfinite, found.dead_channels) == (0, 0, 0, 0)
    rows = LayerTrace("", "", (0, 3), 1, **summarized(torch.zeros(0, 3), 1))
    assert (rows.channels, rows.finite, rows.zeros) == (3, 0, 0) and np.isnan(rows.mean)


def test_integers_are_taken_as_numbers() -> None:
    check(torch.arange(24).view(2, 3, 4), 2)


def test_the_values_are_left_alone() -> None:
    x = torch.randn(4, 8, 64, 64)
    before = x.clone()
    summarized(x, 1)
    assert torch.equal(x, before)


@pytest.mark.parametrize("ratio", [0.0, 8.0, 1e4, 1e8])
@pytest.mark.parametrize("along", [784, 200_000])
def test_variances_of_long_rows_far_from_0_are_exact_enough(ratio: float, along: int) -> None:
    """Where the squared mean is ``ratio`` variances, and the first value is not near the mean."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2, 4, along)) + np.sqrt(ratio)
    rows[0, :, 0] += 100.0
    x = torch.from_numpy(rows.astype(np.float32))
    found = summarized(x, 1)
    exact = x.double().numpy()
    np.testing.assert_allclose(found["channel_var"], exact.var((0, 2)), rtol=1e-10)
    np.testing.assert_allclose(found["channel_mean"], exact.mean((0, 2)), rtol=1e-10, atol=1e-10)
