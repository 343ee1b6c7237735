"""Looking at a model never changes it: everything it holds is hashed before and after, however the pass ends."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from normviz.nets.trace import Enough, record, trace
from normviz.nets.trace_drafts import Draft
from normviz.nets.trace_plan import plan
from normviz.nets.trace_recorder import Recorder
from normviz.nets.trace_state import Kept
from tests.nets.traced import NETWORKS, InPlace, images


class Restless(nn.Module):
    """A forward that changes all it can get at."""

    seen: torch.Tensor
    moved: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.net = InPlace()
        self.drop = nn.Dropout(0.5)
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.swapped = nn.Parameter(torch.ones(3))
        self.register_buffer("seen", torch.zeros(2))
        self.register_buffer("moved", torch.arange(3.0))
        self.cache = torch.zeros(3)
        self.calls, self.kept, self.table = 0, ["first"], {"a": torch.ones(2)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.kept.append("more")
        self.table["a"].add_(1)
        self.table["b"] = x
        self.cache[1] = 5
        self.last = x
        self.seen += 1
        self.moved = self.moved * 2
        with torch.no_grad():
            self.scale.mul_(0.5)
            self.scale.data[0] += 1
            self.swapped.data = torch.zeros(3)
            torch.mul(self.net.conv.weight, 2, out=self.net.conv.weight)
        self.drop.p = 0.25
        self.scale.requires_grad_(False)
        self.net.eval()
        self.register_forward_hook(lambda *_: None)
        return self.drop(self.net(x) * self.scale)


def digest(module: nn.Module) -> str:
    """A hash of all that a module holds, which objects it holds, and of torch's random numbers."""
    said = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            said.update(f"{id(value)} {value.dtype} {tuple(value.shape)} {value.requires_grad}".encode())
            said.update(f"{value.data_ptr()} {value.grad is None}".encode())
            said.update(value.detach().contiguous().view(-1).numpy().tobytes())
            if value.grad is not None:
                add(value.grad)
        elif isinstance(value, nn.Module):
            said.update(str(id(value)).encode())
        elif isinstance(value, dict):
            for name, item in value.items():
                said.update(repr(name).encode())
                add(item)
        elif isinstance(value, (list, tuple)):
            said.update(str(len(value)).encode())
            for item in value:
                add(item)
        else:
            said.update(repr(value).encode())

    for name, one in module.named_modules():
        said.update(f"{name} {id(one)}".encode())
        add(vars(one))
    said.update(torch.get_rng_state().numpy().tobytes())
    hooks = torch.nn.modules.module
    said.update(f"{len(hooks._global_forward_hooks)} {len(hooks._global_forward_pre_hooks)}".encode())
    said.update(f"{torch.is_grad_enabled()} {torch.get_num_threads()}".encode())
    return said.hexdigest()


def fail(*_: Any) -> None:
    raise ZeroDivisionError("stop")


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def enough(*_: Any) -> None:
    raise Enough


WAYS: dict[str, tuple[Callable[..., Any], type[BaseException] | None]] = {
    "trace": (trace, None),
    "backward": (lambda net, x: record(net, x, target=0), ValueError),
    "progress raises": (lambda net, x: record(net, x, progress=fail), ZeroDivisionError),
    "interrupted": (lambda net, x: record(net, x, progress=interrupt), KeyboardInterrupt),
    "watch raises": (lambda net, x: record(net, x, watch=fail), ZeroDivisionError),
    "enough": (lambda net, x: record(net, x, watch=enough), None),
    "plan": (lambda net, x: plan(net, tuple(x.shape)), None),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [Restless, InPlace])
def test_nothing_changes_however_the_pass_ends(
    make: Callable[[], nn.Module], way: str, training: bool
) -> None:
    torch.manual_seed(0)
    net, x = make().train(training), images()
    for parameter in list(net.parameters())[:2]:
        parameter.grad = torch.ones_like(parameter)
    run, raises = WAYS[way]
    values, before = x.clone(), digest(net)
    if raises is None:
        run(net, x)
    else:
        with pytest.raises(raises):
            run(net, x)
    assert digest(net) == before
    assert torch.equal(x, values) and x.grad is None


def test_the_hash_sees_what_a_plain_forward_changes() -> None:
    net = Restless().train()
    before = digest(net)
    net(images())
    assert digest(net) != before


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_changes_where_the_forward_fails_half_way(name: str) -> None:
    torch.manual_seed(0)
    make, data = NETWORKS[name]
    net, x = nn.Sequential(make(), nn.Dropout(), nn.Linear(1000, 3)), data()
    before = digest(net)
    found = trace(net, x)
    assert digest(net) == before
    assert "mat1 and mat2" in found.error and found.layers


def test_a_backward_pass_leaves_no_gradient_behind() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(144, 3)
    )
    x = images()
    before = digest(net)
    found = record(net, x, target=-1)
    assert digest(net) == before and found.trace.layers[0].gradient
    assert all(parameter.grad is None for parameter in net.parameters())


def test_the_pass_is_the_one_that_would_have_come() -> None:
    """Its random numbers and statistics are those of a call of the module there and then."""
    torch.manual_seed(5)
    net, x = nn.Sequential(nn.Linear(6, 6), nn.Dropout(), nn.BatchNorm1d(6)).train(), torch.randn(9, 6)
    found = record(net, x)
    assert torch.equal(found.output, net(x).detach())


def test_what_a_pass_held_is_freed_without_the_garbage_collector() -> None:
    net, x = InPlace(), images()
    gc.collect()
    gc.disable()
    try:
        trace(net, x)
        assert not [one for one in gc.get_objects() if type(one) in (Recorder, Kept, Draft)]
    finally:
        gc.enable()


def test_what_a_user_set_up_goes_on_working() -> None:
    net, calls = InPlace(), []
    net.conv.register_forward_hook(lambda *_: calls.append("mine"))
    trace(net, images())
    assert calls == ["mine"]
    net(images())
    assert calls == ["mine"] * 2


def test_the_parameters_of_a_half_failed_backward_are_untouched() -> None:
    net, x = nn.Sequential(InPlace(), nn.Flatten(), nn.Linear(144, 3)), images()
    before = digest(net)
    assert record(net, x, target=0).trace.error
    assert digest(net) == before
