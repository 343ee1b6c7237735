"""Synchronised Batch Norm over real gloo processes against torch's own Batch Norm in one process, in float64."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from normviz.device_steps import DevicesRun, Gap, LayerStep, Verdict
from normviz.nets.device_processes import run
from normviz.nets.synchronized import SynchronizedBatchNorm, one_process, synchronized_batch_norm
from normviz.splits import Shares, shares
from tests.strategies import examples, seeds, values

NEAR = 1e-12


def on_processes(x: np.ndarray, upstream: np.ndarray, dealt: Shares) -> DevicesRun:
    *_, last = run(x, upstream, dealt, eps=1e-5)
    assert last.result is not None
    return last.result


def layer_and_input(x: np.ndarray, dealt: Shares) -> tuple[torch.nn.BatchNorm1d, torch.Tensor]:
    """torch's layer with the parameters the processes use, and all their samples in turn."""
    layer = torch.nn.BatchNorm1d(x.shape[1]).double()
    with torch.no_grad():
        layer.weight.copy_(torch.linspace(0.5, 1.5, x.shape[1], dtype=torch.float64))
        layer.bias.copy_(torch.linspace(-1, 1, x.shape[1], dtype=torch.float64))
    order = [k for share in dealt for k in share]
    return layer, torch.tensor(x[order], requires_grad=True)


@pytest.mark.parametrize(
    ("devices", "n"),
    [(2, 8), (4, 8), (5, 7)],
    ids=["two", "four", "2, 2, 2, 1 and 0 samples"],
)
def test_processes_synchronise_to_one(devices: int, n: int) -> None:
    x, upstream = values((n, 6, 5), 0), values((n, 6, 5), 1)
    dealt = shares(n, devices)
    found = on_processes(x, upstream, dealt)
    layer, given_x = layer_and_input(x, dealt)
    order = [k for share in dealt for k in share]
    y = layer(given_x)
    y.backward(torch.tensor(upstream[order]))
    assert given_x.grad is not None and layer.weight.grad is not None and layer.bias.grad is not None

    together = LayerStep.joined(found.synchronised)
    assert np.abs(together.y - y.detach().numpy()).max() <= NEAR
    assert np.abs(together.grad_x - given_x.grad.numpy()).max() <= NEAR
    assert np.abs(together.grad_weight - layer.weight.grad.numpy()).max() <= NEAR
    assert np.abs(together.grad_bias - layer.bias.grad.numpy()).max() <= NEAR
    assert len(found.synchronised) == devices
    for step in found.synchronised:  # every device ends with the same buffers, those of one process
        assert np.abs(step.running_mean - layer.running_mean.numpy()).max() <= NEAR  # type: ignore[union-attr]
        assert np.abs(step.running_var - layer.running_var.numpy()).max() <= NEAR  # type: ignore[union-attr]
        np.testing.assert_array_equal(step.running_var, found.synchronised[0].running_var)

    # Alone, each device is torch's Batch Norm on its own samples, and far from the whole.
    assert found.refusal == "" and len(found.alone) == sum(bool(share) for share in dealt)
    for step, share in zip(found.alone, (s for s in dealt if s), strict=True):
        layer, given_x = layer_and_input(x, (share,))
        y = layer(given_x)
        y.backward(torch.tensor(upstream[list(share)]))
        assert given_x.grad is not None
        assert np.abs(step.y - y.detach().numpy()).max() <= NEAR
        assert np.abs(step.grad_x - given_x.grad.numpy()).max() <= NEAR
        assert np.abs(step.running_var - layer.running_var.numpy()).max() <= NEAR  # type: ignore[union-attr]
    verdict = Verdict.of(found, one_process(x[order], upstream[order], eps=1e-5, momentum=0.1))
    assert verdict.devices == devices and verdict.synchronised.relative <= NEAR
    assert verdict.alone is not None and verdict.alone.forward > 0.1
    assert verdict.start_seconds > 0 and verdict.synchronised_seconds > 0


def test_one_value_a_channel_is_refused_alone_and_not_together() -> None:
    """On 3 devices 5 samples are 2, 2 and 1: the last one has one value a channel."""
    x, upstream = values((5, 4, 1), 2), values((5, 4, 1), 3)
    found = on_processes(x, upstream, shares(5, 3))
    assert "more than 1 value per channel" in found.refusal and found.alone == ()
    whole = one_process(x, upstream, eps=1e-5, momentum=0.1)
    assert Gap.between(LayerStep.joined(found.synchronised), whole).relative <= NEAR
    assert Verdict.of(found, whole).alone is None


def test_a_nan_reaches_its_channel_on_every_device_when_synchronised() -> None:
    x, upstream = values((4, 3, 2), 4), values((4, 3, 2), 5)
    x[0, 1, 0] = np.nan
    found = on_processes(x, upstream, shares(4, 2))
    assert [np.isnan(step.y).any(axis=(0, 2)).tolist() for step in found.synchronised] == [
        [False, True, False]
    ] * 2
    assert [bool(np.isnan(step.y).any()) for step in found.alone] == [True, False]
    gap = Gap.between(LayerStep.joined(found.synchronised), one_process(x, upstream, eps=1e-5, momentum=0.1))
    assert gap.relative <= NEAR and gap.disagreements == 0


# Without a group it is Batch Norm: the layer against torch's, quickly.


@examples(30)
@given(st.integers(2, 5), st.integers(1, 4), st.sampled_from(((), (3,), (2, 3))), seeds)
def test_alone_it_is_batch_norm(n: int, channels: int, more: tuple[int, ...], seed: int) -> None:
    kind = {0: torch.nn.BatchNorm1d, 1: torch.nn.BatchNorm1d, 2: torch.nn.BatchNorm2d}[len(more)]
    theirs = kind(channels, momentum=0.3).double()
    ours = SynchronizedBatchNorm(channels, momentum=0.3).double()
    ours.load_state_dict(copy.deepcopy(theirs.state_dict()))
    for turn in range(3):
        x = torch.tensor(values((n, channels, *more), seed + turn), requires_grad=True)
        z = x.detach().clone().requires_grad_()
        y, wanted = ours(x), theirs(z)
        torch.testing.assert_close(y, wanted, rtol=1e-10, atol=1e-10)
        upstream = torch.tensor(values(tuple(x.shape), seed + 9))
        y.backward(upstream)
        wanted.backward(upstream)
        torch.testing.assert_close(x.grad, z.grad, rtol=1e-8, atol=1e-8)
    for (name, mine), other in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10, msg=name)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-10, atol=1e-10)


def test_the_gradient_is_that_of_finite_differences() -> None:
    rng = torch.Generator().manual_seed(0)
    x, weight, bias = (
        torch.randn(shape, generator=rng, dtype=torch.float64).requires_grad_()
        for shape in ((3, 2, 2), (2,), (2,))
    )
    assert torch.autograd.gradcheck(lambda *a: synchronized_batch_norm(*a).y, (x, weight, bias))


def test_a_cumulative_average_and_no_affine() -> None:
    theirs = torch.nn.BatchNorm1d(3, momentum=None, affine=False).double()
    ours = SynchronizedBatchNorm(3, momentum=None, affine=False).double()
    for turn in range(4):
        x = torch.tensor(values((5, 3), turn))
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)


def test_one_value_in_all_is_said() -> None:
    with pytest.raises(ValueError, match=r"1 value per channel .* larger batch"):
        SynchronizedBatchNorm(3)(torch.zeros(1, 3))
