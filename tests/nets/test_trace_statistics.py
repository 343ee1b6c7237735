"""The fast statistics are those that numpy finds in float64: counts and histograms to the last, means to 1e-6.

Variances to 5e-6: where the squared mean is up to 8 variances they are E[x^2] - E[x]^2, of sums in float32.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from normviz.nets import trace_statistics
from normviz.nets.trace_statistics import Summarizer
from normviz.traces import LayerTrace
from tests.strategies import examples, seeds

AXES = st.sampled_from([None, 0, 1, 2, 3])
SHAPES = st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple)


def check(values: torch.Tensor, axis: int | None, summarizer: Summarizer | None = None) -> None:
    """Against the plain record of the same numbers."""
    found = LayerTrace("", "", tuple(values.shape), axis, **(summarizer or Summarizer())(values, axis))
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
    largest = np.nanmax([abs(plain.min), abs(plain.max), 0.0])
    # The last term is the smallest float32 there is.
    assert (np.abs(found.channel_mean - plain.channel_mean)[~dead] <= 1e-6 * size[~dead] + 2.0**-149).all()
    # A float32's own digits are the limit where the values hardly vary.
    floor = (2e-8 * largest) ** 2 if values.dtype == torch.float32 else 0.0
    assert np.allclose(found.channel_var[~dead], plain.channel_var[~dead], rtol=5e-6, atol=floor)
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


@pytest.mark.parametrize("block", [64, 1000, 1 << 14])
def test_blocks_do_not_matter(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(trace_statistics, "BLOCK", block)
    monkeypatch.setattr(trace_statistics, "CACHED", block // 2 + 1)
    monkeypatch.setattr(trace_statistics, "COUNTED", 3 * block)
    monkeypatch.setattr(trace_statistics, "PAIRS", 512)
    one = Summarizer()
    x = torch.randn(7, 6, 31, 17) * torch.rand(6, 1, 1) + torch.randn(6, 1, 1)
    for values, axis in [
        (x, 1), (x, None), (x, 2), (x.to(memory_format=torch.channels_last), 1), (x.relu(), 1),
        (x.permute(0, 2, 3, 1), 3), (x.flatten(2).transpose(1, 2), 2), (x[:, ::2], 1), (x[..., :1], 1),
        (x.flatten(), None), (x.flatten()[:-1], 0), (x.expand(2, 7, 6, 31, 17), 2),
    ]:  # fmt: skip
        check(values, axis, one)


def test_a_long_row_is_summed_exactly_enough() -> None:
    torch.manual_seed(0)
    check(torch.randn(2, 3, 300_007) + 0.5, 1)
    check(torch.randn(100_003, 3), 1)


def test_what_holds_nothing() -> None:
    check(torch.zeros(0, 3), None)
    check(torch.tensor(2.5), None)
    found = LayerTrace("", "", (2, 0, 3), 1, **Summarizer()(torch.zeros(2, 0, 3), 1))
    assert (found.channels, found.count, found.nonfinite, found.dead_channels) == (0, 0, 0, 0)
    rows = LayerTrace("", "", (0, 3), 1, **Summarizer()(torch.zeros(0, 3), 1))
    assert (rows.channels, rows.finite, rows.zeros) == (3, 0, 0) and np.isnan(rows.mean)


def test_integers_are_taken_as_numbers() -> None:
    check(torch.arange(24).view(2, 3, 4), 2)


def test_the_values_are_left_alone_and_no_layer_is_copied() -> None:
    x = torch.randn(4, 8, 64, 64)
    before, summarizer = x.clone(), Summarizer()
    summarizer(x, 1)
    assert torch.equal(x, before)
    held = sum(space.size for space in summarizer.space.values())
    assert held <= trace_statistics.BLOCK


@pytest.mark.parametrize("ratio", [0.0, 1.0, 5.0, 7.9, 8.1, 30.0, 1e4])
@pytest.mark.parametrize("along", [784, 12544, 200_000])
def test_variances_of_long_rows_far_from_0_are_exact_enough(ratio: float, along: int) -> None:
    """Where the squared mean is ``ratio`` variances: on both sides of where rows are taken about a pilot mean."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1, 4, along)) + np.sqrt(ratio)
    x = torch.from_numpy(rows.astype(np.float32))
    found = Summarizer()(x, 1)
    exact = x[0].double().numpy()
    np.testing.assert_allclose(found["channel_var"], exact.var(1), rtol=5e-6)
    np.testing.assert_allclose(found["channel_mean"], exact.mean(1), atol=1e-6 * (1 + np.sqrt(ratio)))
