"""Looking at a model never changes it: everything it holds is hashed before and after, however the pass ends."""

from __future__ import annotations

import gc
import hashlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn

from normviz.nets.trace import Enough, record, trace
from normviz.nets.trace_drafts import Draft
from normviz.nets.trace_plan import plan
from normviz.nets.trace_recorder import Recorder
from normviz.nets.trace_state import Kept, storage
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


class Acts(nn.Module):
    """Its forward does what it is told."""

    def __init__(self, act: Callable[[Any], Any], **holds: Any) -> None:
        super().__init__()
        self.act, self.linear = act, nn.Linear(3, 3)
        for name, value in holds.items():
            setattr(self, name, nn.Buffer(value) if isinstance(value, torch.Tensor) else value)

    def forward(self, x: torch.Tensor) -> Any:
        self.act(self)
        return self.linear(x)


@contextmanager
def same(net: nn.Module) -> Iterator[None]:
    """What the block changes is put back."""
    before = digest(net)
    yield
    assert digest(net) == before


def test_containers_in_containers() -> None:
    def act(net: Any) -> None:
        net.cache["a"].append(1)
        net.pair[1][0]["x"] = 2
        net._hidden[0].append(3)

    net: Any = Acts(act, cache={"a": []}, pair=(1, [{"x": 1}]), _hidden=[[]])
    trace(net, torch.ones(2, 3))
    assert net.cache == {"a": []} and net.pair == (1, [{"x": 1}]) and net._hidden == [[]]


def test_containers_that_hold_themselves() -> None:
    net: Any = Acts(lambda net: net.cycle.append(4), cycle=[[]])
    net.cycle.append((net.cycle,))
    trace(net, torch.ones(2, 3))
    assert len(net.cycle) == 2 and net.cycle[1][0] is net.cycle


def test_containers_of_other_kinds() -> None:
    def act(net: Any) -> None:
        net.last.append(8)
        net.groups["new"].append(9)
        net.counts.update("ab")

    net: Any = Acts(act, last=deque([1, 2], maxlen=2), groups=defaultdict(list, a=[1]), counts=Counter("aab"))
    with same(net):
        trace(net, torch.ones(2, 3))
    assert list(net.last) == [1, 2] and net.last.maxlen == 2


def test_tensors_in_containers_that_share_their_memory() -> None:
    def act(net: Any) -> None:
        net.parts[0].add_(1)
        net.parts[1].add_(1)
        net.deep[0][0].data = torch.ones(3).double()

    both = torch.zeros(4)
    net: Any = Acts(act, parts=[both[:2], both[2:]], deep=([torch.zeros(2)],))
    trace(net, torch.ones(2, 3))
    assert torch.equal(both, torch.zeros(4)) and torch.equal(net.deep[0][0], torch.zeros(2))


def test_random_numbers_of_the_modules_own() -> None:
    own, inner = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    net: Any = Acts(
        lambda net: torch.rand(2, generator=own) + torch.rand(2, generator=inner), own=own, more=[inner]
    )
    before = own.get_state(), inner.get_state()
    trace(net, torch.ones(2, 3))
    assert torch.equal(own.get_state(), before[0]) and torch.equal(inner.get_state(), before[1])


def test_gradients_that_change_in_place() -> None:
    net: Any = Acts(lambda net: net.linear.weight.grad.add_(5))
    net.linear.weight.grad = torch.ones(3, 3)
    with same(net):
        trace(net, torch.ones(2, 3))


def test_a_buffer_of_another_dtype() -> None:
    def act(net: Any) -> None:
        net.seen.data = net.seen.data.to(torch.float64) + 1

    net: Any = Acts(act, seen=torch.ones(2))
    trace(net, torch.ones(2, 3))
    assert net.seen.dtype == torch.float32 and net.seen.tolist() == [1, 1]


@pytest.mark.parametrize("change", [lambda seen: seen.add_(1), lambda seen: seen.resize_(5)])
def test_a_module_made_for_inference(change: Callable[[torch.Tensor], Any]) -> None:
    def act(net: Any) -> None:
        with torch.inference_mode():
            change(net.seen)
            net.linear.weight.mul_(2)

    with torch.inference_mode():
        net: Any = Acts(act, seen=torch.ones(2))
    weight = net.linear.weight.tolist()
    trace(net, torch.ones(2, 3))
    assert net.seen.tolist() == [1, 1] and net.seen.is_inference()
    assert net.linear.weight.tolist() == weight and net.linear.weight.is_inference()


def test_a_buffer_that_cannot_be_compared() -> None:
    net: Any = Acts(lambda net: net.seen.mul_(2), seen=torch.eye(2).to_sparse())
    trace(net, torch.ones(2, 3))
    assert net.seen.is_sparse and torch.equal(net.seen.to_dense(), torch.eye(2))


def test_a_buffer_that_cannot_be_written_to() -> None:
    net: Any = Acts(lambda net: net.seen[0].fill_(5), seen=torch.ones(1).expand(3))
    trace(net, torch.ones(2, 3))
    assert net.seen.tolist() == [1, 1, 1]


class Stubborn(torch.Tensor):
    """It cannot be put back."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.equal, torch.Tensor.data.__set__):  # type: ignore[attr-defined]
            raise RuntimeError("never")
        return super().__torch_function__(func, types, args, kwargs or {})


def test_what_cannot_be_put_back_does_not_keep_the_rest() -> None:
    net: Any = Acts(print, first=torch.ones(2).as_subclass(Stubborn), seen=torch.ones(2))
    net.names = ["a"]
    random, kept = torch.get_rng_state(), Kept(net)
    torch.rand(2)
    net.seen.add_(1)
    net.names.append("b")
    net.linear.weight.requires_grad_(False)
    with pytest.raises(RuntimeError, match="never"):
        kept.restore()
    assert net.seen.tolist() == [1, 1] and net.names == ["a"] and net.linear.weight.requires_grad
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_children_of_torchscript() -> None:
    linear = torch.jit.trace(nn.Linear(3, 3), torch.randn(4, 3))
    net = nn.Sequential(linear, torch.jit.script(nn.ReLU()), torch.jit.script(nn.BatchNorm1d(3)))
    before, kept = {name: value.clone() for name, value in net.state_dict().items()}, Kept(net)
    net(torch.randn(4, 3))
    net.eval()
    kept.restore()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert len(kept.buffers) == 3 and len(kept.parameters) == 4
    assert all(one.training for one in net.modules())


def test_tensors_that_have_no_memory_of_their_own() -> None:
    seen = []

    def asked(x: torch.Tensor) -> torch.Tensor:
        seen.append(storage(x))
        return x.sum()

    torch.func.grad(asked)(torch.ones(2))
    torch.func.vmap(asked)(torch.ones(2, 2))
    assert seen == [None, None] and storage(torch.eye(2).to_sparse()) is None
    net: Any = Acts(lambda net: torch.func.grad(lambda w: (w * 1).mul_(2).sum())(torch.ones(2)))
    assert not trace(net, torch.ones(2, 3)).error
