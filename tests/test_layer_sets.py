"""The sets of traced layers against the Spec applied to the whole tensor, and the comparison against torch's layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import normviz as nv
from normviz.layer_check import MOST, Agreement, agree, norm_part
from normviz.layer_sets import FEW, LayerSets, closed, intervals, layer_sets, of_channels, part, slices
from normviz.layouts import WEIGHTS
from normviz.traces import LayerTrace

ON_MAPS = [key for key, entry in nv.METHODS.items() if entry.layouts != WEIGHTS]


def traced(shape: tuple[int, ...], method: str, axis: int | None = 1, **knobs: Any) -> LayerTrace:
    """A layer of this shape as a tracer records it; its values do not matter here."""
    small = LayerTrace.of(
        "norm", method, np.zeros((1,) * len(shape)), channel_axis=axis, method=method, knobs=knobs
    )
    object.__setattr__(small, "shape", shape)
    return small


def sets(shape: tuple[int, ...], method: str, axis: int | None = 1, **knobs: Any) -> LayerSets:
    found = layer_sets(traced(shape, method, axis, **knobs))
    assert found is not None
    return found


@pytest.mark.parametrize("method", ON_MAPS)
def test_every_method_has_sets_in_a_network(method: str) -> None:
    found = sets((4, 16, 20, 20), method)
    assert found.spec == nv.METHODS[method].spec()
    assert found.axes == ("N", "C", "H", "W")
    assert found.shape == (4, 16, 20, 20)


@pytest.mark.parametrize("method", ON_MAPS)
@pytest.mark.parametrize("shape", [(10, 64, 24, 26), (2, 48, 7, 7), (4, 300, 9, 9)])
def test_the_sets_of_a_part_are_the_layers_own_within_it(method: str, shape: tuple[int, ...]) -> None:
    found = sets(shape, method)
    box = part(found)
    assert math.prod(stop - start for start, stop in box) <= 2**17
    inner = tuple(stop - start for start, stop in box)
    rng = np.random.default_rng(0)
    for one, cut in zip(found.spec.sets, intervals(found, box), strict=True):
        for _ in range(5):
            cell = tuple(int(rng.integers(n)) for n in inner)
            in_layer = tuple(a + i for (a, _), i in zip(box, cell, strict=True))
            inside = np.zeros(inner, bool)
            inside[tuple(slice(lo[i], hi[i]) for (lo, hi), i in zip(cut, cell, strict=True))] = True
            whole = one.mask(shape, in_layer)
            assert np.array_equal(inside, whole[slices(box)])
            around = np.zeros(shape, bool)
            around[slices(closed(found, box))] = True
            assert not (whole & ~around).any()


def test_a_small_layer_is_shown_whole_and_a_large_one_by_whole_groups() -> None:
    assert part(sets((8, 16, 4, 4), "batch_norm")) == ((0, 8), (0, 16), (0, 4), (0, 4))
    assert math.prod((8, 16, 4, 4)) <= FEW
    assert part(sets((2, 64, 50, 50), "group_norm", num_groups=32))[1] == (0, 24)
    assert part(sets((2, 64, 50, 50), "group_norm", num_groups=2))[1] == (0, 64)
    assert part(sets((2, 512, 50, 50), "group_norm", num_groups=8))[1] == (0, 128)
    start, stop = part(sets((2, 512, 50, 50), "group_norm", num_groups=2))[1]
    assert start < 256 < stop


@pytest.mark.parametrize(
    ("shape", "axis", "axes", "order"),
    [
        ((2, 8, 5, 5), 1, "NCHW", (0, 1, 2, 3)),
        ((2, 5, 5, 8), 3, "NCHW", (0, 3, 1, 2)),
        ((2, 5, 8), 2, "NLC", (0, 1, 2)),
        ((2, 8, 5), 1, "NLC", (0, 2, 1)),
        ((6, 8), 1, "NC", (0, 1)),
    ],
)
def test_channels_are_found_wherever_the_tracer_says(
    shape: tuple[int, ...], axis: int, axes: str, order: tuple[int, ...]
) -> None:
    found = sets(shape, "batch_norm", axis)
    assert ("".join(found.axes), found.order) == (axes, order)
    assert found.shape[axes.index("C")] == 8
    values = np.arange(math.prod(shape)).reshape(shape)
    assert found.arranged(values).shape == found.shape


@pytest.mark.parametrize(
    "layer",
    [
        LayerTrace.of("conv", "conv2d", np.zeros((1, 2, 3, 3))),
        traced((2, 8, 4, 4, 4), "batch_norm"),
        traced((2, 8), "weight_norm"),
        traced((2, 8, 4, 4), "never_heard_of_norm"),
        traced((2, 8, 4, 4), "group_norm", num_groups=3),
        traced((2, 8, 4, 4), "group_norm", num_groups="many"),
    ],
)
def test_what_has_no_sets_here_is_told_apart(layer: LayerTrace) -> None:
    assert layer_sets(layer) is None


def test_torchs_other_arguments_do_no_harm() -> None:
    found = sets((2, 8, 4, 4), "batch_norm", momentum=0.1, training=True, eps=1e-3)
    assert found.knobs == {"eps": 1e-3, "affine": True}


def layers() -> list[tuple[str, tuple[int, ...], dict[str, Any]]]:
    return [
        ("batch_norm", (3, 8, 6, 6), {}),
        ("batch_norm", (6, 8), {}),
        ("batch_norm_eval", (3, 8, 6, 6), {}),
        ("layer_norm_last", (4, 10, 8), {}),
        ("layer_norm", (5, 8, 4, 4), {}),
        ("group_norm", (3, 8, 6, 6), {"num_groups": 2}),
        ("instance_norm", (2, 8, 6, 6), {}),
        ("rms_norm", (4, 10, 8), {"normalized_shape": "C"}),
        ("local_response_norm", (2, 8, 6, 6), {"size": 3}),
        ("switchable_norm", (3, 8, 6, 6), {}),
        ("batch_renorm", (3, 8, 6, 6), {}),
        ("l2_norm", (2, 8, 6, 6), {}),
    ]


@pytest.mark.parametrize(("method", "shape", "knobs"), layers())
def test_torchs_output_agrees_whatever_was_learned(
    method: str, shape: tuple[int, ...], knobs: dict[str, Any]
) -> None:
    import torch

    entry = nv.METHODS[method]
    module = entry.module(torch.nn, shape, **knobs).train(method != "batch_norm_eval")
    generator = torch.Generator().manual_seed(1)
    weights = {}
    with torch.no_grad():
        for name, value in module.named_parameters():
            if name.rpartition(".")[2] in ("weight", "bias"):
                value.copy_(torch.randn(value.shape, generator=generator) + 2)
                weights[name.rpartition(".")[2]] = value.numpy().astype(np.float64).reshape(-1)
        for name, value in module.named_buffers():
            if name.rpartition(".")[2] in ("running_mean", "running_var"):
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    buffers = {name.rpartition(".")[2]: b.numpy().astype(np.float64) for name, b in module.named_buffers()}
    running = (buffers["running_mean"], buffers["running_var"]) if "running_mean" in buffers else None
    x = nv.Sample().tensor(shape)
    with torch.no_grad():
        y = module(torch.from_numpy(x)).numpy()
    found = sets(shape, method, 2 if len(shape) == 3 else 1, **knobs)
    seen = norm_part(found, x, y, running=running)
    assert isinstance(seen.agreement, Agreement)
    assert seen.agreement.cells == x.size
    assert seen.agreement.disagreements == 0
    assert seen.agreement.difference < 2e-5 * max(1, np.abs(y).max())
    if seen.agreement.weight is not None:
        assert np.allclose(seen.agreement.weight, weights["weight"], atol=2e-4)
    if seen.agreement.bias is not None:
        assert np.allclose(seen.agreement.bias, weights["bias"], atol=2e-4)
    assert np.array_equal(seen.after, y[slices(seen.box)])
    spoiled = y.copy()
    spoiled.flat[3] += 0.5
    seen = norm_part(found, x, spoiled, running=running)
    assert isinstance(seen.agreement, Agreement)
    assert seen.agreement.difference > 0.05


def test_the_statistics_beside_a_part_are_the_whole_layers() -> None:
    x = nv.Sample().tensor((5, 64, 24, 24))
    found = sets(x.shape, "batch_norm")
    y = nv.normalize(x, found.spec).astype(np.float32)
    seen = norm_part(found, x, y)
    assert seen.mean is not None
    assert seen.second is not None
    assert seen.divisor is not None
    (c0, c1) = seen.box[1]
    wide = x.astype(np.float64)
    assert np.allclose(seen.mean, wide.mean((0, 2, 3))[c0:c1].reshape(1, -1, 1, 1))
    assert np.allclose(seen.second, wide.var((0, 2, 3))[c0:c1].reshape(1, -1, 1, 1))
    assert not np.allclose(seen.mean, x[slices(seen.box)].mean((0, 2, 3), keepdims=True))
    assert np.allclose(seen.divisor, np.sqrt(seen.second + 1e-5))


def test_of_the_first_images_alone_batch_norm_is_compared_by_the_traced_statistics() -> None:
    x = nv.Sample().tensor((6, 24, 30, 30))
    found = sets(x.shape, "batch_norm")
    y = nv.normalize(x, found.spec).astype(np.float32)
    source = LayerTrace.of("conv", "conv2d", x)
    batch = (source.channel_mean, source.channel_var)
    seen = norm_part(found, x[:2], y[:2], batch=batch)
    assert isinstance(seen.agreement, Agreement)
    assert seen.agreement.difference < 1e-5
    assert seen.agreement.cells == x[:2].size
    assert seen.after.shape[0] == 2
    assert norm_part(found, x[:2], y[:2]).agreement == "large"
    mixed = sets(x.shape, "switchable_norm")
    assert norm_part(mixed, x[:2], y[:2], batch=batch).agreement == "large"


def test_of_the_first_images_alone_what_stays_within_a_sample_is_compared_as_ever() -> None:
    x = nv.Sample().tensor((6, 24, 30, 30))
    found = sets(x.shape, "instance_norm")
    y = nv.normalize(x, found.spec).astype(np.float32)
    seen = norm_part(found, x[:2], y[:2])
    assert isinstance(seen.agreement, Agreement)
    assert seen.agreement.difference < 1e-5


def test_what_cannot_be_compared_says_why() -> None:
    x = nv.Sample().tensor((2, 8, 4, 4))
    assert norm_part(sets(x.shape, "layer_norm"), x, x).agreement == "few"
    assert norm_part(sets(x.shape, "adaptive_instance_norm"), x, x).agreement == "second"
    assert norm_part(sets(x.shape, "batch_norm_eval"), x, x).agreement == "unknown"
    assert norm_part(sets(x.shape, "batch_norm"), None, x).agreement == "unknown"
    other = norm_part(sets(x.shape, "batch_norm"), x[:, :4], x)
    assert (other.agreement, other.before) == ("unknown", None)
    huge = np.broadcast_to(np.float32(1), (1, 64, 400, 400))
    assert huge.size > MOST
    seen = norm_part(sets(huge.shape, "layer_norm"), huge, huge)
    assert seen.agreement == "large"
    assert seen.before is not None
    assert seen.mean is None


def test_nan_and_constant_channels_are_compared_too() -> None:
    x = nv.Sample().tensor((4, 3, 5, 5))
    x[0, 0, 0, 0] = np.nan
    x[:, 1] = 7.0
    spec = nv.METHODS["batch_norm"].spec()
    y = nv.normalize(x, spec, weight=[1.0, 2.0, 3.0], bias=[0.5, 0.25, 0.0])
    found = agree(x, y, spec)
    assert found is not None
    assert found.disagreements == 0
    assert found.difference < 1e-12
    assert found.bias is not None
    assert found.bias[1] == 0.25
    y[0, 0] = 0.0
    again = agree(x, y, spec)
    assert again is not None
    assert again.disagreements == 25


def test_buffers_of_a_part_are_those_of_its_channels() -> None:
    found = sets((2, 300, 9, 9), "batch_norm_eval")
    running = (np.arange(300.0), np.arange(300.0) + 1)
    assert of_channels(found, None, part(found)) is None
    mean, var = of_channels(found, running, ((0, 1), (5, 8), (0, 1), (0, 1))) or ((), ())
    assert list(mean) == [5, 6, 7]
    assert list(var) == [6, 7, 8]


@given(
    st.tuples(st.integers(1, 9), st.integers(1, 300), st.integers(1, 60), st.integers(1, 60)),
    st.sampled_from(ON_MAPS),
)
def test_a_part_is_never_empty_nor_outside(shape: tuple[int, ...], method: str) -> None:
    found = layer_sets(traced(shape, method))
    if found is None:  # groups that do not divide
        return
    for (start, stop), n in zip(part(found), shape, strict=True):
        assert 0 <= start < stop <= n


@pytest.mark.parametrize(
    "layer",
    [
        LayerTrace.of("n", "batch_norm", np.zeros((0, 4, 6, 6)), method="batch_norm_eval"),
        LayerTrace.of("n", "batch_norm", np.zeros((2, 4, 3, 3)), channel_axis=None, method="batch_norm_eval",
                      running=(np.zeros(1), np.ones(1))),
    ],
)  # fmt: skip
def test_an_empty_layer_and_buffers_that_do_not_fit_have_no_sets(layer: LayerTrace) -> None:
    assert layer_sets(layer) is None
