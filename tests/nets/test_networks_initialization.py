"""Random weights: torch's own numbers by default, the papers' variances otherwise, and nothing global."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from normviz.nets.networks import build, initialize
from normviz.network_runs import INITS

#: A bound that float32 may have rounded up.
ROUNDED = 1 + 1e-6


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """torch's and numpy's global random states are the same afterwards."""
    torch_state, numpy_state = torch.random.get_rng_state(), str(np.random.get_state())
    yield
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert str(np.random.get_state()) == numpy_state


def same(first: nn.Module, second: nn.Module) -> bool:
    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("key", ["small_cnn", "mlp", "resnet18", "patch_transformer_pre"])
def test_a_seed_gives_the_same_weights_again(key: str, init: str) -> None:
    first, again, other = (build(key, seed=seed, init=init) for seed in (4, 4, 5))
    assert same(first, again) and not same(first, other)


def test_the_default_is_what_torchs_layers_draw() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        theirs = nn.Sequential(
            nn.Linear(64, 128),
            nn.Linear(128, 128),
            nn.Linear(128, 128),
            nn.Linear(128, 128),
            nn.Linear(128, 10),
        )
        images = nn.Conv2d(6, 8, 3, padding=1, groups=2)
    ours = build("mlp", norm="none", seed=7)
    names = [*(f"linear{k}" for k in range(1, 5)), "head"]
    for name, layer in zip(names, theirs, strict=True):
        assert torch.equal(ours.get_parameter(f"{name}.weight"), layer.get_parameter("weight"))
        assert torch.equal(ours.get_parameter(f"{name}.bias"), layer.get_parameter("bias"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        expected = nn.Conv2d(6, 8, 3, padding=1, groups=2)
    assert same(initialize(images, seed=9), expected)


@pytest.mark.parametrize(
    ("scheme", "variance"),
    [
        ("default", lambda n, m: 1 / (3 * n)),  # of U(-1/sqrt(n), 1/sqrt(n))
        ("xavier", lambda n, m: 2 / (n + m)),
        ("he", lambda n, m: 2 / n),
    ],
    ids=INITS,
)
def test_weights_have_the_schemes_variance(scheme: str, variance: Callable[[int, int], float]) -> None:
    with torch.random.fork_rng(devices=[]):
        layers = nn.Sequential(nn.Linear(300, 500), nn.Conv2d(30, 60, 5))
    linear, conv = initialize(layers, scheme, seed=1)
    for layer, n, m in ((linear, 300, 500), (conv, 30 * 25, 60 * 25)):
        weight = layer.get_parameter("weight").detach().double()
        assert float(weight.var()) == pytest.approx(variance(n, m), rel=0.02)
        assert abs(float(weight.mean())) < 4 * math.sqrt(variance(n, m) / weight.numel())
        bias = layer.get_parameter("bias").detach()
        assert bool(bias.any()) == (scheme == "default") and float(bias.abs().max()) <= n**-0.5 * ROUNDED
        if scheme == "default":
            assert float(weight.abs().max()) <= n**-0.5 * ROUNDED
        elif scheme == "xavier":
            assert float(weight.abs().max()) <= math.sqrt(6 / (n + m)) * ROUNDED
        else:
            assert float(weight.abs().max()) > 3 * math.sqrt(2 / n)  # a normal distribution has tails


def test_a_used_network_is_as_new_afterwards() -> None:
    net = build("small_cnn", activation="prelu", seed=2)
    fresh = deepcopy(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net.train()(
        torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    ).square().sum().backward()
    optimizer.step()
    assert not same(net, fresh)
    assert initialize(net, "default", 2) is net
    assert same(net, fresh)


def test_positions_start_small() -> None:
    position = build("patch_transformer_pre").get_parameter("position").detach()
    assert position.shape == (1, 64, 96)
    assert float(position.std()) == pytest.approx(0.02, rel=0.05)


def test_numbers_are_drawn_alike_for_every_device(monkeypatch: pytest.MonkeyPatch) -> None:
    # A tensor that is not on the CPU is filled from one that is; "meta" stands in for such a device.
    from normviz.nets.networks import initialization

    drawn: list[torch.Tensor] = []

    def fill(tensor: torch.Tensor, generator: torch.Generator) -> None:
        drawn.append(tensor.normal_(generator=generator))

    elsewhere = torch.empty(3, device="meta")
    initialization._draw(elsewhere, fill, torch.Generator().manual_seed(1))
    initialization._draw(torch.empty(3), fill, torch.Generator().manual_seed(1))
    assert drawn[0].device.type == "cpu" and torch.equal(*drawn)


def test_an_unknown_scheme_is_refused_in_a_sentence() -> None:
    net = build("mlp")
    before = deepcopy(net)
    with pytest.raises(ValueError) as refused:
        initialize(net, "zeros")
    assert str(refused.value) == "There is no initialization 'zeros': use one of default, xavier, he."
    assert same(net, before)
