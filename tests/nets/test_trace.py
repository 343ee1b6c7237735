"""A trace sees what a network computes, told by the network itself, by hand or by hooks of the test's own."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.backends import opt_einsum
from torch.utils.flop_counter import FlopCounterMode

import normviz as nv
from normviz.nets.trace import Enough, record, trace
from normviz.nets.trace_plan import plan
from normviz.traces import INPUT, LayerTrace
from tests.nets.traced import NETWORKS, Control, Functional, Shared, listening, network


def same(found: LayerTrace, expected: np.ndarray) -> None:
    """The statistics of these values, from numpy in float64."""
    plain = LayerTrace.of("", "", expected, channel_axis=found.channel_axis)
    assert found.shape == expected.shape and found.histogram == plain.histogram
    assert (found.zeros, found.nonfinite, found.min, found.max) == (
        plain.zeros, plain.nonfinite, plain.min, plain.max)  # fmt: skip
    scale = np.sqrt(plain.channel_var) + np.abs(plain.channel_mean)
    assert (np.abs(found.channel_mean - plain.channel_mean) <= 1e-9 * scale).all()
    assert np.allclose(found.channel_var, plain.channel_var, rtol=1e-9, atol=1e-24)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_trace_sees_what_the_network_says_it_computes(name: str, training: bool) -> None:
    net, x = network(name, training)
    found = trace(net, x)
    with listening() as taps, torch.no_grad():
        net(x.clone())
    assert found.error == "" and found.mode == ("train" if training else "eval")
    assert [(layer.name, layer.op) for layer in found.layers] == [(name, op) for name, op, _ in taps.seen]
    for layer, (_, _, values) in zip(found.layers, taps.seen, strict=True):
        same(layer, values)
    same(found.input, x.double().numpy())
    assert found.model == type(net).__name__ and found.device == "cpu"


@pytest.mark.parametrize("name", NETWORKS)
def test_every_used_parameter_is_counted_once(name: str) -> None:
    net, x = network(name)
    used = {n: p for n, p in net.named_parameters() if not n.startswith("wrong")}
    assert trace(net, x).parameters == sum(p.numel() for p in used.values())


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in ("control flow", "attention")])
def test_a_plan_is_the_trace_before_it_is_made(name: str) -> None:
    net, x = network(name)
    ahead = plan(net, tuple(x.shape))
    assert ahead is not None
    fields = ("name", "op", "shape", "channel_axis", "inputs", "parameters", "multiply_adds", "method", "knobs",
              "count", "kind")  # fmt: skip
    for planned, layer in zip(ahead, trace(net, x).layers, strict=True):
        for what in fields:
            assert getattr(planned, what) == getattr(layer, what), (planned.name, what)


def test_a_plan_needs_no_memory_and_no_values() -> None:
    wide = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    ahead = plan(wide, (10**6, 3, 4002, 4002))
    assert ahead is not None and ahead[0].count == 10**6 * 4 * 4000**2
    assert ahead[0].multiply_adds == 27 * ahead[0].count
    assert plan(Control(), (5, 6)) is None  # its steps depend on the values
    assert plan(wide, (2, 5, 8, 8)) is None  # nor does this run
    tokens = plan(network("attention")[0], (3, 6), dtype="int64")
    assert tokens is not None and tokens[0].op == "embedding"


def test_inputs_are_the_layers_read_whatever_lies_between() -> None:
    by_name = {layer.name: layer for layer in trace(*network("branching")).layers}
    number = {name: k for k, name in enumerate(by_name)}
    assert by_name["blocks.0.add"].inputs == (INPUT, number["blocks.0.norm"])
    assert by_name["left"].inputs == by_name["right"].inputs == (number["blocks.1.add"],)
    assert by_name["cat"].inputs == (number["left"], number["right"])
    assert by_name["mul"].inputs == (number["cat"],)
    functional = trace(*network("functional")).layers
    assert [layer.inputs for layer in functional] == [(k - 1,) for k in range(len(functional))]


def test_a_change_in_place_reaches_the_views() -> None:
    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * 2
            left = y[:, :1]
            left.relu_()
            z = y + 1
            z[:, 0] = left[:, 0]
            return z.exp()

    found = trace(Net(), torch.randn(3, 2)).layers
    assert [(layer.op, layer.inputs) for layer in found] == [
        ("mul", (-1,)), ("relu", (0,)), ("add", (0, 1)), ("exp", (2, 1))]  # fmt: skip


def test_channels_are_followed_through_permutations() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 5, 1), nn.LayerNorm(5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.norm(self.conv(x).permute(0, 2, 3, 1))
            y = F.gelu(y).movedim(-1, 1) * 2
            tokens = y.flatten(2).transpose(1, 2)
            return (tokens @ tokens.mT).softmax(-1) + tokens.sum()

    found = trace(Net(), torch.randn(2, 3, 4, 4)).layers
    assert [(layer.op, layer.channel_axis) for layer in found] == [
        ("conv2d", 1), ("layer_norm", 3), ("gelu", 3), ("mul", 1), ("matmul", 2), ("softmax", 2), ("sum", None),
        ("add", 2)]  # fmt: skip
    assert found[4].multiply_adds == 2 * 16 * 16 * 5


@pytest.mark.parametrize(
    ("module", "shape", "adds"),
    [
        (nn.Conv2d(6, 8, 3, stride=2, groups=2), (2, 6, 9, 9), 2 * 8 * 16 * 3 * 9),
        (nn.ConvTranspose2d(6, 4, 2, stride=2), (2, 6, 5, 5), 2 * 6 * 25 * 4 * 4),
        (nn.Conv1d(3, 4, 5), (2, 3, 9), 2 * 4 * 5 * 15),
        (nn.Linear(6, 5), (2, 3, 6), 2 * 3 * 5 * 6),
        (nn.LSTM(6, 5, num_layers=2, batch_first=True), (2, 3, 6), 2 * 3 * 20 * (6 + 5 + 5 + 5)),
        (nn.GRU(6, 5, bidirectional=True), (3, 2, 6), 2 * 3 * 2 * 15 * (6 + 5)),
        (nn.MaxPool2d(2), (2, 3, 4, 4), 0),
    ],
)
def test_multiply_adds_by_hand(module: nn.Module, shape: tuple[int, ...], adds: int) -> None:
    found = trace(module, torch.randn(shape))
    assert found.error == "" and found.multiply_adds == adds


def test_multiply_adds_of_attention() -> None:
    n, length, width = 2, 6, 8
    x = torch.randn(n, length, width)

    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.scaled_dot_product_attention(x, x, x)

    assert trace(Net(), x).multiply_adds == n * 2 * length * length * width
    for first in (True, False):
        attention = nn.MultiheadAttention(width, 2, batch_first=first)
        found = trace(attention, (x if first else x.transpose(0, 1),) * 3)
        assert found.multiply_adds == n * length * (4 * width * width + 2 * length * width)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bik,bkj->bij", [(2, 3, 5), (2, 5, 7)]),
        ("bhqd, bhkd -> bhqk", [(2, 4, 6, 3), (2, 4, 5, 3)]),
        ("...ij,...jk", [(3, 1, 4, 5), (2, 5, 6)]),
        ("b...c,cd->b...d", [(2, 3, 4, 5), (5, 7)]),
        ("ij,jk,kl->il", [(3, 4), (4, 5), (5, 6)]),
        ("ik,jk->ij", [(4, 6), (3, 6)]),
        ("hij,jk->k", [(2, 4, 6), (6, 3)]),
        ("ij,ij,jk->ik", [(4, 6), (4, 6), (6, 3)]),
        ("e,deb,b->e", [(4,), (2, 4, 5), (5,)]),
    ],
)
def test_multiply_adds_of_einsum_are_those_that_torch_counts(
    equation: str, shapes: list[tuple[int, ...]]
) -> None:
    class Net(nn.Module):
        def forward(self, first: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
            return torch.einsum(equation, first, *others)

    values = tuple(torch.randn(shape) for shape in shapes)
    with opt_einsum.flags(enabled=False), FlopCounterMode(display=False) as counter:
        Net()(*values)
    assert trace(Net(), values).multiply_adds == counter.get_total_flops() / 2 > 0


def test_what_adds_no_products_up_has_no_multiply_adds_and_names_stand_in_any_order() -> None:
    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.einsum("i,j->ij", x[0], x[1]) + torch.einsum("ij,ij->ij", x, x)[:1].mT
            weight = torch.randn(5, 3, 3)
            return torch.inner(F.conv1d(weight=weight, input=x.reshape(2, 3, 4)), torch.randn(7, 2))

    x = torch.randn(4, 6)
    with FlopCounterMode(display=False) as counter:
        Net()(x)
    found = trace(Net(), x)
    assert found.error == "" and found.multiply_adds == counter.get_total_flops() / 2 == 2 * 5 * 2 * (9 + 7)


def test_multiply_adds_of_tensordot() -> None:
    class Net(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.tensordot(x, y, dims=([1, 2], [0, 1]))

    found = trace(Net(), (torch.randn(2, 3, 4), torch.randn(3, 4, 5)))
    assert found.multiply_adds == 2 * 12 * 5


def test_watch_sees_every_output_before_it_is_overwritten_and_can_end_the_pass() -> None:
    net, x = network("in place", training=True)
    seen: list[np.ndarray] = []

    def watch(number: int, values: torch.Tensor) -> None:
        assert number == len(seen) - 1
        seen.append(values.double().numpy().copy())
        if number == 2:
            raise Enough

    found = record(net, x, watch=watch)
    assert found.trace.error == "" and found.output is None and len(found.trace.layers) == 3
    assert np.array_equal(seen[0], x.double().numpy())
    for layer, values in zip(found.trace.layers, seen[1:], strict=True):
        same(layer, values)


def test_progress_is_told_of_every_layer() -> None:
    net, x = network("branching")
    told: list[tuple[int, str]] = []
    found = record(net, x, progress=lambda number, name: told.append((number, name)))
    assert [number for number, _ in told] == list(range(len(found.trace.layers)))
    assert [name for _, name in told] == [layer.name for layer in found.trace.layers]
    assert torch.equal(found.output, net(x))


def test_several_inputs() -> None:
    class Two(nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor, flip: bool = False) -> dict[str, torch.Tensor]:
            return {"sum": a + b if not flip else b - a}

    a, b = torch.randn(2, 3), torch.randn(2, 3)
    (layer,) = trace(Two(), (a, b)).layers
    same(layer, (a + b).double().numpy())
    assert layer.inputs == (INPUT,)
    found = record(Two(), {"b": b, "a": a.numpy(), "flip": True})
    assert torch.equal(found.output["sum"], b - a)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_other_dtypes(dtype: str) -> None:
    kind = getattr(torch, dtype)
    net, x = nn.Sequential(nn.Linear(6, 8), nn.ReLU()).to(kind), torch.randn(9, 6, dtype=kind)
    found = trace(net, x)
    assert found.dtype == dtype and found.error == ""
    same(found.layers[1], net(x).detach().double().numpy())


def test_arrays_take_the_modules_dtype() -> None:
    net = nn.Linear(6, 2)
    x = np.random.default_rng(0).standard_normal((4, 6))
    same(trace(net, x).layers[0], net(torch.tensor(x, dtype=torch.float32)).detach().double().numpy())
    assert trace(net.double(), x.astype(np.float32)).dtype == "float64"


@pytest.mark.parametrize(
    ("module", "x", "kind", "said"),
    [
        (lambda x: x, torch.zeros(2), TypeError, "torch.nn.Module"),
        (torch.jit.ScriptModule(), torch.zeros(2), TypeError, "TorchScript"),
        (nn.ReLU(), [1.0, 2.0], TypeError, "tensor or an array"),
        (nn.ReLU(), "image.jpg", TypeError, "tensor or an array"),
        (nn.ReLU(), {"flag": True}, TypeError, "tensor"),
        (nn.ReLU(), (), TypeError, "tensor"),
        (nn.ReLU(), np.array(["a"]), TypeError, "numbers are needed"),
        (nn.Linear(2, 2), torch.zeros(2, 2, dtype=torch.float64), TypeError, r"x.to\(torch.float32\)"),
    ],
)
def test_what_is_no_module_or_no_tensor_is_refused(
    module: Any, x: Any, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said) as refused:
        nv.trace(module, x)
    assert "\n" not in str(refused.value)


def test_a_device_that_is_not_here_is_refused() -> None:
    for device in ("xpu", "nonsense"):
        with pytest.raises(ValueError, match=f"'{device}' is not on this machine"):
            trace(nn.ReLU(), torch.zeros(2), device=device)
    assert trace(nn.ReLU(), torch.zeros(2), device="cpu").device == "cpu"


def test_a_forward_that_fails_gives_the_layers_up_to_there() -> None:
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Sequential(nn.Linear(5, 2)))
    found = trace(net, torch.randn(3, 6))
    assert [layer.name for layer in found.layers] == ["0", "1"]
    assert found.error.startswith(
        "The pass ended after layer 2, in 2.0 (linear): mat1 and mat2 shapes cannot"
    )
    assert "\n" not in found.error and found.error.endswith(".")

    class Raises(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise KeyError("nothing here\nand more")

    said = trace(nn.Sequential(nn.ReLU(), Raises()), torch.randn(3)).error
    assert said.startswith("The pass ended after layer 1, in 1: ") and "\n" not in said


def test_another_thread_is_neither_recorded_nor_disturbed() -> None:
    net = Shared().eval()
    x, other = torch.randn(5, 6), torch.randn(7, 6)
    expected = net(other)
    wrong: list[str] = []
    done = threading.Event()

    def run() -> None:
        with torch.no_grad():
            while not done.is_set():
                if not torch.equal(net(other), expected):
                    wrong.append("differs")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        traces = [trace(net, x) for _ in range(30)]
    finally:
        done.set()
        thread.join()
    assert not wrong and {len(one.layers) for one in traces} == {5}
    assert {layer.shape[0] for one in traces for layer in one.layers} == {5}


def test_two_traces_of_one_module_at_once() -> None:
    net = Functional().eval()
    inputs = [torch.randn(n, 3, 8, 8) for n in (1, 2, 3, 4)]
    alone = [trace(net, x) for x in inputs]
    found: dict[int, Any] = {}

    def run(k: int) -> None:
        for _ in range(10):
            found[k] = trace(net, inputs[k])

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, one in enumerate(alone):
        for a, b in zip(one.layers, found[k].layers, strict=True):
            assert a.name == b.name and a.shape == b.shape and a.histogram == b.histogram


def test_within_inference_mode_and_with_gradients_on() -> None:
    net, x = network("in place")
    plain = trace(net, x)
    lin, rows = nn.Linear(6, 2), torch.randn(3, 6)
    with torch.inference_mode():
        inside = trace(net, x)
        graded = record(lin, rows, target=-1).trace
        assert torch.is_inference_mode_enabled()
    assert inside.layers[3].histogram == plain.layers[3].histogram and inside.error == ""
    assert graded.layers[0].gradient == pytest.approx(math.sqrt(3))


def test_merging_two_traces_is_the_trace_of_both() -> None:
    net, _ = network("branching")
    x = torch.randn(6, 4, 8, 8)
    whole, parts = trace(net, x), trace(net, x[:2]).merge(trace(net, x[2:]))
    for a, b in zip(whole.layers, parts.layers, strict=True):
        assert a.count == b.count and a.name == b.name
        assert np.allclose(a.channel_mean, b.channel_mean, rtol=1e-4, atol=1e-6)
