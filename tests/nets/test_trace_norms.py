"""A trace knows the catalogue's normalizations and activations, and their arguments, by torch's calls."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from normviz.activation import SATURATED
from normviz.activations import ACTIVATIONS
from normviz.catalogue import METHODS
from normviz.nets.trace import trace
from tests.nets.traced import InPlace, images

NORMS = [
    key for key, entry in METHODS.items() if "I" not in entry.layouts[0] and key != "adaptive_instance_norm"
]
#: Of these torch computes the same under another row's name.
ALIKE = {
    "sync_batch_norm": "batch_norm",
    "batch_norm_frozen": "batch_norm_eval",
    "positional_norm": "layer_norm_last",
}


@pytest.mark.parametrize("key", NORMS)
def test_norms_carry_the_catalogues_key_and_knobs(key: str) -> None:
    shape = (4, 12, 4, 4)
    knobs = METHODS[key].defaults(dict(zip("NCHW", shape, strict=True)))
    net = nn.Sequential(nn.Identity(), METHODS[key].module(nn, shape, **knobs))
    (layer,) = trace(net, torch.randn(shape)).layers
    assert layer.name == "1" and layer.kind == "norm" and layer.channel_axis == 1 and layer.shape == shape
    expected = ALIKE.get(key, key)
    assert layer.method == expected
    names = {knob.name for knob in METHODS[expected].knobs}
    told = {name: value for name, value in layer.knobs.items() if name in names}
    METHODS[expected].spec(**told)
    for name, value in told.items():
        assert value == knobs.get(name, value), name
    # Its logits are learned, and told by no argument.
    assert set(told) == names - {
        name for name in names if "weight" in name or name[-3:] in ("_in", "_ln", "_bn")
    }


@pytest.mark.parametrize("name", ["batch_norm", "batch_renorm", "batch_norm_devices"])
def test_a_norm_in_evaluation_is_what_it_becomes_there(name: str) -> None:
    net = METHODS[name].module(nn, (4, 12, 4, 4), eps=1e-3).eval()
    (layer,) = trace(net, torch.randn(4, 12, 4, 4)).layers
    assert (layer.method, layer.knobs["eps"], layer.knobs["training"]) == ("batch_norm_eval", 1e-3, False)
    tracked = nn.InstanceNorm2d(12, track_running_stats=True)
    assert trace(tracked.eval(), torch.randn(4, 12, 4, 4)).layers[0].method == "batch_norm_eval"
    assert trace(tracked.train(), torch.randn(4, 12, 4, 4)).layers[0].method == "instance_norm"


def test_layer_norm_by_the_axes_it_looks_at() -> None:
    for shape, over, key, axis in [
        ((2, 5, 4, 4), (5, 4, 4), "layer_norm", 1), ((2, 4, 4, 5), (5,), "layer_norm_last", 3),
        ((2, 6, 5), (5,), "layer_norm", 2), ((2, 5), (5,), "layer_norm", 1),
    ]:  # fmt: skip
        (layer,) = trace(nn.LayerNorm(over), torch.randn(shape)).layers
        assert (layer.method, layer.channel_axis) == (key, axis)
        (layer,) = trace(nn.RMSNorm(over), torch.randn(shape)).layers
        # In 2 and 3 axes both are the same.
        assert layer.method == "rms_norm"
        assert len(shape) < 4 or layer.knobs["normalized_shape"] == ("CHW" if len(over) == 3 else "C")
    assert trace(nn.LayerNorm((6, 5)), torch.randn(2, 6, 5)).layers[0].method == ""


def test_running_buffers_are_told_as_before_the_pass() -> None:
    net = InPlace().train()
    nn.init.constant_(net.norm.get_buffer("running_mean"), 0.5)
    by_name = {layer.name: layer for layer in trace(net, images()).layers}
    running = by_name["norm"].running
    assert running is not None and (running[0] == 0.5).all() and (running[1] == 1).all()
    assert by_name["conv"].running is None


@pytest.mark.parametrize("key", ACTIVATIONS)
def test_saturated_values_are_those_of_the_activations_row(key: str) -> None:
    entry = ACTIVATIONS[key]
    x = (torch.randn(50, 7) * 5).to(torch.float32)
    edges = [edge for region in entry.regions() for edge in (region.low, region.high) if math.isfinite(edge)]
    x.view(-1)[: len(edges)] = torch.tensor(edges)
    (layer,) = trace(entry.module(nn), x).layers
    known = any(region.kind == "saturated" for region in entry.regions())
    assert layer.op == key and layer.kind == "activation"
    assert layer.saturated == (int(entry.saturated(x.double().numpy()).sum()) if known else None)


def test_saturation_and_knobs_follow_the_arguments() -> None:
    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.elu(F.leaky_relu(F.softplus(x, 2.0), 0.3), alpha=2.0, inplace=True)

    x = torch.randn(40, 5) * 4
    soft, leaky, elu = trace(Net(), x).layers
    assert soft.knobs == {"beta": 2.0, "threshold": 20.0} and leaky.knobs == {"negative_slope": 0.3}
    assert soft.saturated == int(ACTIVATIONS["softplus"].saturated(x.double().numpy(), beta=2.0).sum()) > 0
    assert elu.knobs == {"alpha": 2.0} and elu.saturated == 0 and leaky.saturated is None


BOUNDED: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], ...]] = {
    "relu6": (F.relu6,),
    "hardtanh": (nn.Hardtanh(-2.0, 3.0), lambda x: F.hardtanh(x, -2.0, max_val=3.0)),
    "hardsigmoid": (nn.Hardsigmoid(), F.hardsigmoid),
    "clamp": (lambda x: x.clamp(-2, 3), lambda x: torch.clamp(x, max=3.0, min=-2.0)),
    "celu": (nn.CELU(0.7), lambda x: F.celu_(x, alpha=0.7)),
    "softsign": (nn.Softsign(), lambda x: F.softsign(input=x)),
    "log_sigmoid": (nn.LogSigmoid(), F.logsigmoid),
}


class Calls(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


@pytest.mark.parametrize("op", BOUNDED)
def test_other_functions_that_end_somewhere_are_saturated_where_their_slope_is_small(op: str) -> None:
    x = torch.randn(400, 5, requires_grad=True) * 5
    for function in BOUNDED[op]:
        (slope,) = torch.autograd.grad(function(x.clone()).sum(), x)
        flat = (slope.abs() < SATURATED) & ((x > 0) | (op != "relu6"))
        (layer,) = trace(Calls(function), x.detach()).layers
        assert layer.op == op and layer.saturated == int(flat.sum()) > 0


def test_an_end_at_zero_makes_zeros_and_is_no_saturation() -> None:
    x = torch.randn(400, 5) * 5
    six, floor, bounds = (
        trace(Calls(function), x).layers[0]
        for function in (
            nn.Hardtanh(0, 6),
            lambda x: x.clamp(min=-1),
            lambda x: x.clamp(-torch.ones(5), torch.ones(5)),
        )
    )
    assert six.saturated == int((x > 6).sum()) > 0 and six.zeros == int((x <= 0).sum())
    assert floor.saturated is None and bounds.saturated is None
