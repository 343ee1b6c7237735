"""What a forward changes without a sign of it: by an argument, in a plain list, in everybody's random numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from normviz.nets.trace import trace


class Own(nn.Module):
    """Changes its own parameter in a way that no name of a method tells."""

    def __init__(self, does: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.weight, self.does = nn.Parameter(torch.randn(10, 4) * 3), does

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.does(self.weight, x)


INDICES = torch.tensor([[1, 2], [3, 9]])


@pytest.mark.parametrize(
    "does",
    [
        lambda w, x: F.relu(w, inplace=True) + x,
        lambda w, x: nn.Hardtanh(inplace=True)(w) + x,
        lambda w, x: F.threshold(w, 0.1, 0.0, True) + x,
        lambda w, x: F.embedding(INDICES, w, None, 0.5).sum() + x,
        lambda w, x: F.embedding_bag(INDICES, w, max_norm=0.5).sum() + x,
        lambda w, x: torch.ops.aten.add_.Tensor(w, 1.0) + x,
    ],
)
def test_functions_told_to_work_in_place_leave_a_parameter_as_it_was(
    does: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> None:
    net, x = Own(does), torch.randn(10, 4)
    before = net.weight.detach().clone()
    found = trace(net, x)
    assert found.error == "" and found.layers
    assert torch.equal(net.weight, before)
    net(x)
    assert not torch.equal(net.weight, before), "without a trace it does change"


def numpys() -> list[int]:
    state: Any = np.random.get_state()
    return list(state[1])


def test_modules_in_plain_lists_and_everybodys_random_numbers_are_put_back() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden: dict[str, list[Any]] = {
                "norms": [nn.BatchNorm1d(4), nn.Sequential(nn.BatchNorm1d(4))]
            }

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for norm in self.hidden["norms"]:
                x = norm(x) + random.random() + np.random.rand()
            return x

    net = Net().train()
    norms = [net.hidden["norms"][0], net.hidden["norms"][1][0]]
    before = random.getstate(), numpys()
    found = trace(net, torch.randn(6, 4))
    assert found.error == "" and sum(layer.kind == "norm" for layer in found.layers) == 2
    assert found.parameters == 16
    assert all(int(one.num_batches_tracked) == 0 and not one.running_mean.any() for one in norms)
    assert (random.getstate(), numpys()) == before
