"""A trace's gradients are autograd's, and a target that is none is refused."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from normviz.nets.trace import record, trace
from tests.nets.traced import images, network


def test_gradients_are_those_of_autograd() -> None:
    net, x = network("shared")
    for target in (2, -1):
        # By hand, through the two calls of each module.
        values = [x.clone().requires_grad_()]
        for step in (net.lin, net.act, net.lin, net.act, lambda h: F.linear(h, net.lin.weight.t())):
            values.append(step(values[-1]))
        score = values[-1].amax(1) if target == -1 else values[-1][:, target]
        gradients = torch.autograd.grad(score.sum(), values[1:])
        found = record(net, x, target=target)
        for layer, gradient in zip(found.trace.layers, gradients, strict=True):
            assert layer.gradient_square == pytest.approx(float(gradient.double().square().sum()), rel=1e-6)
        assert not found.output.requires_grad and torch.equal(found.output, values[-1])
        public = trace(net, x, target=target)
        assert [layer.gradient for layer in public.layers] == [layer.gradient for layer in found.trace.layers]


def test_gradients_reach_layers_that_are_overwritten_and_know_what_they_do_not() -> None:
    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.exp(x * 2)
            unused = y.sin()
            z = (y + 1).sub_(5)
            return z.mul_(3) + 0 * unused.detach()

    found = record(Net(), torch.zeros(2, 3), target=1).trace
    # Of two samples one of three classes: dL/dy is 1 at the top, 3 before the product, 3 e^0 before exp. No gradient
    # goes on behind what is detached.
    expected = {
        "mul": 18.0,
        "exp": 18.0,
        "sin": 0.0,
        "add": 18.0,
        "sub": 18.0,
        "mul#2": 2.0,
        "mul#3": 2.0,
        "add#2": 2.0,
    }
    assert {layer.name: layer.gradient_square for layer in found.layers} == pytest.approx(expected)


def test_a_network_that_overwrites_what_its_gradient_needs_says_so() -> None:
    net, x = network("in place")
    found = record(nn.Sequential(net, nn.Flatten(), nn.Linear(144, 3)), x, target=-1)
    assert found.trace.error.startswith("The backward pass ended early") and found.output is not None
    assert all(layer.gradient is None for layer in found.trace.layers)


def test_gradients_behind_tokens_and_frozen_weights() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.lin = nn.Embedding(5, 4), nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.lin(self.embed(x).relu_().mean(1))

    net, x = Net(), torch.randint(0, 5, (2, 3))
    for learns in (True, False):
        net.requires_grad_(learns)
        found = record(net, x, target=1).trace
        assert found.error == ""
        # The mean of 3 spreads the row of the head's weight over its inputs.
        row = float(net.lin.weight[1].detach().double().square().sum())
        assert found.layers[2].gradient_square == pytest.approx(2 * row)
        assert found.layers[1].gradient_square == pytest.approx(2 * row / 3)


def test_a_target_that_is_none_is_refused() -> None:
    lin = nn.Linear(6, 3)
    for target, said in ((3, "from 0 to 2"), (-2, "-1 for each")):
        with pytest.raises(ValueError, match=said):
            record(lin, torch.randn(2, 6), target=target)
    with pytest.raises(ValueError, match=r"\(N, classes\)"):
        record(nn.Conv2d(3, 4, 1), images(), target=0)

    class Without(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                return x * 2

    with pytest.raises(ValueError, match="without gradients"):
        record(Without(), torch.randn(2, 3), target=0)
