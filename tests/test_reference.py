"""normalize() against torch's layers: those the catalogue builds, and some written out here by hand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from normviz.catalogue import METHODS
from normviz.reference import normalize
from tests.strategies import EVERYWHERE, Case, cases, cells, examples, seeds, values

Array = npt.NDArray[np.float64]


def close(y: Array, expected: Array) -> bool:
    """Within 1e-9, of 1 or of the value where that is larger (LRN with a small k is a large number)."""
    return bool((np.abs(y - expected) <= 1e-9 * np.maximum(1, np.abs(expected))).all())


def fill(module: Any, seed: int) -> dict[str, Any]:
    """Random parameters and buffers into the module; what of them normalize() is to be given."""
    rng = np.random.default_rng(seed)
    found: dict[str, Any] = {}
    with torch.no_grad():
        for name in ("weight", "bias"):
            parameter = getattr(module, name, None)
            if parameter is not None:
                found[name] = rng.normal(size=parameter.shape)
                parameter.copy_(torch.from_numpy(found[name]))
        if getattr(module, "running_mean", None) is not None:
            mean, var = (
                rng.normal(size=module.running_mean.shape),
                rng.uniform(0.1, 4, module.running_var.shape),
            )
            module.running_mean.copy_(torch.from_numpy(mean))
            module.running_var.copy_(torch.from_numpy(var))
            found["running"] = (mean, var)
    return found


def by_torch(case: Case, x: Array, seed: int) -> tuple[Array, dict[str, Any]]:
    module = case.method.module(nn, case.shape, **case.knobs).double()
    given_to_reference = fill(module, seed) | case.given
    if case.spec.affine.identity_at_start:  # its g is no parameter before it is set
        (length,) = case.spec.lengths(case.spec.affine.weight, case.shape)
        g = np.random.default_rng(seed).normal(size=length)
        axis = case.knobs["dim"]
        module.weight = torch.from_numpy(g.reshape([-1 if k == axis else 1 for k in range(x.ndim)]))
        given_to_reference["weight"] = g
    with torch.no_grad():
        return case.through(module, torch.from_numpy(x)).numpy(), given_to_reference


@pytest.mark.parametrize(("key", "layout"), EVERYWHERE)
@examples(30)
@given(data=st.data())
def test_it_is_torchs_layer(key: str, layout: str, data: st.DataObject) -> None:
    """To 1e-9 in float64, for any parameters and buffers.

    torch refuses some inputs whose centred sets have one cell: Batch and Instance Norm always, Group Norm
    when N is 1 besides, Layer Norm never. The answer is 0 in all of them.
    """
    case = data.draw(cases(key, layout))
    x, seed = values(case.shape, data.draw(seeds)), data.draw(seeds)
    spec = case.spec
    if case.alone and spec.outcome == "standard":
        assert not normalize(x, spec).any()
    try:
        expected, parameters = by_torch(case, x, seed)
    except ValueError as refused:
        assert case.alone and str(refused).startswith("Expected more than 1 "), refused
        return
    assert close(normalize(x, spec, **parameters), expected)


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.BatchNorm2d, (1, 3, 1, 1)), (nn.InstanceNorm2d, (4, 3, 1, 1))]
)
def test_torch_refuses_what_the_reference_makes_zero(layer: Any, shape: tuple[int, ...]) -> None:
    key = {nn.BatchNorm2d: "batch_norm", nn.InstanceNorm2d: "instance_norm"}[layer]
    x = values(shape, 0)
    with pytest.raises(ValueError, match="Expected more than 1"):
        layer(3)(torch.from_numpy(x))
    assert not normalize(x, METHODS[key].spec()).any()


BY_HAND: dict[tuple[str, str], Callable[[torch.Tensor], torch.Tensor]] = {
    ("batch_norm", "NCHW"): lambda x: nn.BatchNorm2d(6).double()(x),
    ("batch_norm", "NLC"): lambda x: nn.BatchNorm1d(6).double()(x.movedim(-1, 1)).movedim(1, -1),
    ("batch_norm", "NC"): lambda x: nn.BatchNorm1d(6).double()(x),
    ("batch_norm_eval", "NCHW"): lambda x: nn.BatchNorm2d(6).double().eval()(x),
    ("layer_norm", "NCHW"): lambda x: nn.LayerNorm(x.shape[1:]).double()(x),
    ("layer_norm", "NLC"): lambda x: nn.LayerNorm(6).double()(x),
    ("layer_norm_last", "NCHW"): lambda x: nn.LayerNorm(6).double()(x.movedim(1, -1)).movedim(-1, 1),
    ("instance_norm", "NCHW"): lambda x: nn.InstanceNorm2d(6).double()(x),
    ("instance_norm", "NLC"): lambda x: nn.InstanceNorm1d(6).double()(x.movedim(-1, 1)).movedim(1, -1),
    ("group_norm", "NCHW"): lambda x: nn.GroupNorm(3, 6).double()(x),
    ("group_norm", "NLC"): lambda x: nn.GroupNorm(3, 6).double()(x.movedim(-1, 1)).movedim(1, -1),
    ("group_norm", "NC"): lambda x: nn.GroupNorm(3, 6).double()(x),
    ("rms_norm", "NCHW"): lambda x: nn.RMSNorm(x.shape[1:]).double()(x),
    ("rms_norm", "NLC"): lambda x: nn.RMSNorm(6).double()(x),
    ("local_response_norm", "NCHW"): lambda x: nn.LocalResponseNorm(5)(x),
    ("local_response_norm", "NLC"): lambda x: nn.LocalResponseNorm(5)(x.movedim(-1, 1)).movedim(1, -1),
    ("positional_norm", "NCHW"): lambda x: nn.LayerNorm(6).double()(x.movedim(1, -1)).movedim(-1, 1),
    ("l2_norm", "NCHW"): lambda x: nn.functional.normalize(x, dim=1),
    ("l2_norm", "NLC"): lambda x: nn.functional.normalize(x, dim=-1),
    ("l2_norm", "NC"): lambda x: nn.functional.normalize(x, dim=1),
    ("batch_renorm", "NCHW"): lambda x: renormalized(x, (0, 2, 3)),
    ("batch_renorm", "NLC"): lambda x: renormalized(x, (0, 1)),
    ("batch_renorm", "NC"): lambda x: renormalized(x, (0,)),
    ("batch_norm_devices", "NCHW"): lambda x: torch.cat([nn.BatchNorm2d(6).double()(p) for p in x.chunk(2)]),
    ("batch_norm_devices", "NC"): lambda x: torch.cat([nn.BatchNorm1d(6).double()(p) for p in x.chunk(2)]),
    ("sync_batch_norm", "NCHW"): lambda x: nn.BatchNorm2d(6).double()(x),
    ("batch_norm_frozen", "NCHW"): lambda x: nn.BatchNorm2d(6).double().eval()(x),
    ("switchable_norm", "NCHW"): lambda x: mixed(x, (2, 3), (1, 2, 3), (0, 2, 3)),
    ("switchable_norm", "NLC"): lambda x: mixed(x, (1,), (1, 2), (0, 1)),
    ("adaptive_instance_norm", "NCHW"): lambda x: nn.InstanceNorm2d(6).double()(x),  # with no second input
    ("weight_norm", "OIHW"): lambda x: parametrized(nn.Conv2d(6, 4, (3, 5), bias=False), x),
    ("weight_norm", "OI"): lambda x: parametrized(nn.Linear(6, 6, bias=False), x),
    ("weight_standardization", "OIHW"): lambda x: standardized_rows(x),
    ("weight_standardization", "OI"): lambda x: standardized_rows(x),
}


def renormalized(x: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    """Algorithm 1 of Ioffe 2017 with a new layer's buffers (0 and 1), r_max = 3 and d_max = 5."""
    mu, sigma, old = x.mean(axes, True), (x.var(axes, False, keepdim=True) + 1e-5).sqrt(), math.sqrt(1 + 1e-5)
    return (x - mu) / sigma * (sigma / old).clip(1 / 3, 3) + (mu / old).clip(-5, 5)


def mixed(x: torch.Tensor, *sets: tuple[int, ...]) -> torch.Tensor:
    """Equation 3 of Luo et al. 2019, all weights equal."""
    mu = sum((x.mean(axes, True) for axes in sets), torch.zeros(())) / 3
    var = sum((x.var(axes, False, keepdim=True) for axes in sets), torch.zeros(())) / 3
    return (x - mu) / (var + 1e-5).sqrt()


def parametrized(layer: nn.Module, v: torch.Tensor) -> torch.Tensor:
    """The weight of torch's own parametrization, given this one."""
    nn.utils.parametrizations.weight_norm(layer.double())
    layer.weight = v
    weight: torch.Tensor = layer.weight
    return weight


def standardized_rows(w: torch.Tensor) -> torch.Tensor:
    """Equation 5 of Qiao et al. 2019."""
    rows = w.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    return (rows / (rows.square().mean(1, keepdim=True) + 1e-5).sqrt()).view_as(w)


@pytest.mark.parametrize(("key", "layout"), BY_HAND)
def test_it_is_torchs_layer_as_one_would_write_it(key: str, layout: str) -> None:
    shape = {"NCHW": (4, 6, 3, 5), "NLC": (4, 7, 6), "NC": (6, 6), "OIHW": (4, 6, 3, 5), "OI": (6, 6)}[layout]
    x = values(shape, 3)
    knobs = {"num_groups": 3} if key == "group_norm" else {}
    with torch.no_grad():
        expected = BY_HAND[key, layout](torch.from_numpy(x)).numpy()
    assert close(normalize(x, METHODS[key].spec(**knobs)), expected)


def test_affine_shapes_are_torchs() -> None:
    x, rng = values((3, 4, 2, 5), 0), np.random.default_rng(1)
    layer = nn.LayerNorm((4, 2, 5)).double()
    weight, bias = rng.normal(size=(2, 4, 2, 5))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
        expected = layer(torch.from_numpy(x)).numpy()
    assert close(normalize(x, METHODS["layer_norm"].spec(), weight=weight, bias=bias), expected)


@pytest.mark.parametrize("layout", ["NCHW", "NC"])
@examples(10)
@given(seed=seeds, momentum=st.floats(0, 1))
def test_evaluating_after_training_uses_what_the_buffers_hold(
    layout: str, seed: int, momentum: float
) -> None:
    shape = {"NCHW": (5, 3, 2, 2), "NC": (5, 3)}[layout]
    layer = {"NCHW": nn.BatchNorm2d, "NC": nn.BatchNorm1d}[layout](3, momentum=momentum).double()
    for step in range(3):
        layer(torch.from_numpy(values(shape, seed + step)))
    layer.eval()
    x = values(shape, seed + 3)
    with torch.no_grad():
        expected = layer(torch.from_numpy(x)).numpy()
    assert layer.running_mean is not None and layer.running_var is not None
    running = (layer.running_mean.numpy(), layer.running_var.numpy())
    assert close(normalize(x, METHODS["batch_norm_eval"].spec(), running=running), expected)


def kinds(y: Array) -> npt.NDArray[np.int_]:
    """Per cell: 0 finite, 2 NaN, else the sign of Inf."""
    return np.where(np.isnan(y), 2, np.where(np.isinf(y), np.sign(y), 0)).astype(int)


# Measured with torch 2.13 on the CPU: no kernel differs, so no exception is made for any.
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("key", "layout"), [pair for pair in EVERYWHERE if pair != ("instance_norm", "NC")])
@examples(6)
@given(data=st.data())
def test_nan_and_inf_go_where_they_go_in_torch(
    key: str, layout: str, bad: float, data: st.DataObject
) -> None:
    case = data.draw(cases(key, layout, least=2))
    assume(not case.alone)
    x = values(case.shape, data.draw(seeds))
    x[data.draw(cells(case.shape))] = bad
    with torch.no_grad():
        module = case.method.module(nn, case.shape, **case.knobs).double()
        expected = case.through(module, torch.from_numpy(x)).numpy()
    y = normalize(x, case.spec, **case.given)
    assert np.array_equal(kinds(y), kinds(expected))
    finite = np.isfinite(expected)
    assert close(y[finite], expected[finite])


@pytest.mark.parametrize(("key", "layout"), EVERYWHERE)
@examples(10)
@given(data=st.data())
def test_a_nan_poisons_exactly_the_cells_whose_set_holds_it(
    key: str, layout: str, data: st.DataObject
) -> None:
    case = data.draw(cases(key, layout, fixed={"beta": 0.75}))  # LRN with beta = 0 divides by 1
    bad = data.draw(cells(case.shape))
    x = values(case.shape, data.draw(seeds))
    x[bad] = np.nan
    poisoned = np.isnan(normalize(x, case.spec))
    for cell in itertools.product(*map(range, case.shape)):
        reached = cell == bad or any(s.mask(case.shape, cell)[bad] for s in case.spec.sets)
        assert poisoned[cell] == reached


@pytest.mark.parametrize("layer", ["layer_norm", "instance_norm", "group_norm", "batch_norm"])
def test_a_constant_set_becomes_zero_by_eps(layer: str) -> None:
    x = np.full((2, 8, 3, 3), 7.25)
    assert not normalize(x, METHODS[layer].spec()).any()


def test_two_passes_keep_the_digits_of_a_small_spread_far_from_zero() -> None:
    x = 1e6 + 1e-3 * values((2, 3, 8, 8), 0)
    expected = nn.InstanceNorm2d(3, eps=1e-12).double()(torch.from_numpy(x)).numpy()
    y = normalize(x, METHODS["instance_norm"].spec(eps=1e-12))
    assert np.abs(y - expected).max() < 1e-6
    assert abs(y[0, 0].std() - 1) < 1e-6


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_rms_norms_eps_is_that_of_the_dtype_torch_computes_in(dtype: torch.dtype) -> None:
    x = torch.full((1, 4), 2.0**-11, dtype=dtype)
    expected = nn.RMSNorm(4, dtype=dtype)(x).double().detach().numpy()
    assert np.abs(normalize(x.numpy(), METHODS["rms_norm"].spec()) - expected).max() < 1e-3


@pytest.mark.parametrize(
    ("key", "name", "array", "words"),
    [
        ("batch_norm", "weight", np.ones(4), r"weight has shape \(4,\).*needs \(3,\).*along \(C\)"),
        ("layer_norm", "bias", np.ones(3), r"bias has shape \(3,\).*needs \(3, 2, 2\).*along \(C, H, W\)"),
        ("rms_norm", "bias", np.ones((3, 2, 2)), r"no bias.*Leave it out"),
        ("local_response_norm", "weight", np.ones(3), r"no weight.*Leave it out"),
        (
            "batch_norm_eval",
            "running",
            (np.ones(3), np.ones(2)),
            r"running variance has shape \(2,\).*needs \(3,\)",
        ),
    ],
)
def test_parameters_that_do_not_fit_are_refused(key: str, name: str, array: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        normalize(values((2, 3, 2, 2), 0), METHODS[key].spec(), **{name: array})


def test_a_second_input_gives_scale_and_shift() -> None:
    x, style = values((3, 4, 5, 2), 0), 3 + 2 * values((3, 4, 5, 2), 1)
    y = normalize(x, METHODS["adaptive_instance_norm"].spec(eps=1e-12), second=style)
    assert np.allclose(y.mean((2, 3)), style.mean((2, 3))) and np.allclose(y.std((2, 3)), style.std((2, 3)))
    with pytest.raises(ValueError, match="takes no second input"):
        normalize(x, METHODS["instance_norm"].spec(), second=style)


def test_a_wrong_rank_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(5,\) has 1 axes.*Try reshaping"):
        normalize(np.ones(5), METHODS["layer_norm"].spec())


def test_the_input_is_left_alone() -> None:
    x = values((2, 4, 2, 2), 0).astype(np.float32)
    x.flags.writeable = False
    assert normalize(x, METHODS["group_norm"].spec(num_groups=2)).dtype == np.float64
