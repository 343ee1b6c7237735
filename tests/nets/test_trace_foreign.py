"""Modules that torch itself treats in another way: compiled, scripted, sparse, lazy, transformed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from normviz.nets.trace import trace
from normviz.traces import Trace


class Does(nn.Module):
    """A module whose forward is this function of its linear layer and x."""

    def __init__(self, does: Callable[[nn.Module, torch.Tensor], Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.does = nn.Linear(3, 3), does

    def forward(self, x: torch.Tensor) -> Any:
        return self.does(self.linear, x)


class Backend:
    """Counts how often something is compiled."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, graph: Any, inputs: Any) -> Any:
        self.count += 1
        return graph.forward


def ops(found: Trace) -> list[tuple[str, str]]:
    return [(layer.name, layer.op) for layer in found.layers]


X = torch.arange(6.0).view(2, 3)


@pytest.mark.filterwarnings(
    "ignore:Using `torch.compile:UserWarning"
)  # torch's, where hooks are on all modules
@pytest.mark.parametrize("warm", [False, True])
def test_compiled_modules_run_as_they_are_written(warm: bool) -> None:
    torch._dynamo.reset()
    backend = Backend()
    first, relu = nn.Linear(3, 3), nn.ReLU()
    plain = trace(nn.Sequential(first, relu), X)
    parts: list[Any] = [first, torch.compile(relu, backend=backend)]
    whole: Any = torch.compile(nn.Sequential(*parts), backend=backend)
    if warm:
        whole(X)
    before = backend.count
    found = trace(whole, X)
    assert ops(found) == [("_orig_mod.0", "linear"), ("_orig_mod.1._orig_mod", "relu")]
    for a, b in zip(found.layers, plain.layers, strict=True):
        assert a.histogram == b.histogram and np.array_equal(a.channel_mean, b.channel_mean)
    assert backend.count == before
    whole(X)
    assert (backend.count > 0) and (warm or backend.count > before)


def test_threads_that_trace_leave_compiling_as_it_was() -> None:
    torch._dynamo.reset()
    backend = Backend()
    net = torch.compile(nn.Linear(3, 3), backend=backend)
    threads = [threading.Thread(target=trace, args=(nn.Sequential(nn.Linear(3, 3)), X)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    net(X)
    assert backend.count == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_children_are_one_layer() -> None:
    net = nn.Sequential(nn.Linear(3, 3), torch.jit.trace(nn.Linear(3, 3), X), torch.jit.script(nn.ReLU()))
    found = trace(net, X)
    assert found.error == "" and len(found.layers) == 3
    expected = net(X).detach().numpy()
    assert found.layers[2].mean == pytest.approx(expected.mean(dtype=np.float64))


def test_parts_of_complex_numbers_are_followed() -> None:
    found = trace(Does(lambda linear, x: linear(torch.fft.fft(x).imag)), X)
    assert found.error == "" and found.layers[-1].op == "linear"


def test_sparse_values_between_layers_are_no_layer_of_their_own() -> None:
    found = trace(Does(lambda linear, x: linear(torch.relu(x).to_sparse().to_dense())), X)
    assert found.error == "" and ops(found)[0] == ("relu", "relu") and ops(found)[-1] == ("linear", "linear")


def vmapped(linear: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What a transformation computes with a layer's values has no values of its own yet."""
    y: torch.Tensor = linear(x)
    return torch.vmap(lambda row: row + y)(x)


def test_a_pass_ends_where_values_cannot_be_read() -> None:
    found = trace(Does(vmapped), X)
    assert ops(found) == [("linear", "linear")]
    assert found.error.startswith("The pass ended after layer 1") and "cannot be read" in found.error


@pytest.mark.parametrize(
    "hides",
    [
        torch.vmap(torch.sin),
        torch.func.grad(lambda x: x.square().sum()),
        lambda x: torch.from_numpy(np.sin(x.detach().numpy())),
        lambda x: torch.tensor(x.tolist()),
    ],
)
def test_a_trace_that_lost_the_way_to_the_output_says_so(hides: Callable[[Any], Any]) -> None:
    found = trace(Does(lambda linear, x: torch.relu(linear(hides(linear(x))))), X)
    assert ops(found) == [("linear", "linear")]
    assert found.error.startswith("The pass could be followed up to layer 1") and "torch.func" in found.error
    nowhere = trace(Does(lambda linear, x: hides(x)), X)
    assert not nowhere.layers and "followed nowhere" in nowhere.error
    partly = trace(Does(lambda linear, x: (linear(x), hides(x), torch.ones(2))), X)
    assert partly.error == "" and len(partly.layers) == 1


@pytest.mark.parametrize(
    "other",
    [
        lambda y: torch.tanh(y.to_sparse()),
        lambda y: torch.tanh(torch.complex(y, y)),
        lambda y: F.gelu(torch.nested.as_nested_tensor([y, y], layout=torch.jagged)),
    ],
)
def test_saturated_values_are_counted_of_plain_floating_numbers_only(other: Callable[[Any], Any]) -> None:
    def both(linear: nn.Module, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = linear(x)
        other(y)
        return y

    found = trace(Does(both), X)
    assert found.error == "" and ops(found)[0] == ("linear", "linear")


def test_that_the_values_cannot_be_read_is_told_where_the_module_goes_on() -> None:
    def goes_on(linear: nn.Module, x: torch.Tensor) -> torch.Tensor:
        try:
            return vmapped(linear, x)
        except Exception:
            return x

    assert "cannot be read" in trace(Does(goes_on), X).error


def test_values_that_are_negative_by_a_mark_are_read() -> None:
    found = trace(Does(lambda linear, x: torch._neg_view(linear(x)) + 0), X)
    assert found.error == "" and found.layers[1].mean == pytest.approx(-found.layers[0].mean)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (torch.eye(3).to_sparse(), "sparse_coo"),
        (torch.eye(3, device="meta"), "on the meta device"),
        (torch.nested.nested_tensor([torch.ones(3), torch.ones(3)], layout=torch.jagged), "nested"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_input_without_all_its_values_is_refused(x: torch.Tensor, said: str) -> None:
    with pytest.raises(TypeError, match=f"^The input is a tensor that is {said}.*such as x.to_dense"):
        trace(nn.ReLU(), x)


def test_lazy_modules_are_refused_until_they_have_shapes() -> None:
    net = nn.Sequential(nn.LazyLinear(4))
    with pytest.raises(ValueError, match=r"lazy parameters.*call module\(x\) once before"):
        trace(net, X)
    net(X)
    assert ops(trace(net, X)) == [("0", "linear")]


def test_a_device_may_be_torchs() -> None:
    assert trace(nn.ReLU(), X, device=torch.device("cpu")).device == "cpu"
    with pytest.raises(ValueError, match="The device '0' is not on this machine"):
        trace(nn.ReLU(), X, device=0)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [1.0, "a", [1]])
def test_a_target_is_a_whole_number(target: Any) -> None:
    with pytest.raises(TypeError, match="a class is a whole number"):
        trace(nn.Linear(3, 3), X, target=target)


def test_a_target_needs_classes() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 0\): a backward pass from a class needs"):
        trace(Does(lambda linear, x: linear(x)[:, :0] * 1), X, target=-1)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_a_packed_sequence_makes_no_layers_of_its_own(kind: type[nn.LSTM] | type[nn.GRU]) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = kind(3, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 3]))
            out, _ = nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0])
            return torch.relu(out)

    found = trace(Net(), torch.randn(5, 2, 3))
    assert found.error == ""
    assert [(layer.name, layer.kind) for layer in found.layers] == [
        ("rnn", "recurrent"),
        ("relu", "activation"),
    ]


def test_an_exported_module_is_traced_as_what_it_was_exported_from() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(64, 2)
    ).eval()
    x = torch.randn(2, 3, 6, 6)
    mine, exported = trace(net, x), trace(torch.export.export(net, (x,)).module(), x)
    assert exported.error == ""
    said = [
        [(one.op, one.kind, one.shape, one.multiply_adds, one.saturated) for one in t.layers]
        for t in (mine, exported)
    ]
    assert said[0] == said[1] and mine.multiply_adds == exported.multiply_adds > 0


@pytest.mark.parametrize(
    "call",
    [
        lambda x: F.conv1d(weight=torch.ones(4, 3, 3), input=x),
        lambda x: F.scaled_dot_product_attention(attn_mask=torch.zeros(3, 3), query=x, key=x, value=x),
        lambda x: F.scaled_dot_product_attention(value=x[..., :5], key=x, query=x),
        lambda x: torch.matmul(other=torch.ones(8, 2), input=x),
    ],
)
def test_names_may_be_written_in_any_order(call: Callable[[torch.Tensor], torch.Tensor]) -> None:
    x = torch.randn(2, 3, 8)
    with FlopCounterMode(display=False) as counter:
        call(x)
    assert trace(Does(lambda linear, x: call(x)), x).multiply_adds == counter.get_total_flops() / 2 > 0


@pytest.mark.parametrize("name", ["fliplr", "unfold", "narrow_copy", "adjoint", "positive"])
def test_views_and_copies_are_no_layers(name: str) -> None:
    calls = {"unfold": (0, 2, 1), "narrow_copy": (0, 0, 2)}
    found = trace(
        Does(lambda linear, x: linear(getattr(x, name)(*calls.get(name, ())).reshape(-1, 3))), X[:3]
    )
    assert found.error == "" and ops(found) == [("linear", "linear")]
