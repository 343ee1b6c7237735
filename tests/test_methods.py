"""The catalogue's entries and their knobs; and the examples in the docstrings of the core."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import normviz
from normviz.catalogue import METHODS, method
from normviz.layers import Layer
from normviz.written import source
from tests.strategies import EVERYWHERE

SHAPES = {"NC": (4, 8), "NLC": (4, 3, 8), "NCHW": (4, 8, 2, 2), "OI": (4, 8), "OIHW": (4, 8, 2, 2)}
KNOBS = [(key, knob.name) for key, entry in METHODS.items() for knob in entry.knobs]


def first_layer(key: str) -> Layer:
    return METHODS[key].torch_layer(SHAPES[METHODS[key].layouts[-1]])


def test_the_methods_in_their_order() -> None:
    assert list(METHODS) == [
        *("batch_norm", "batch_renorm", "batch_norm_devices", "sync_batch_norm"),
        *("batch_norm_eval", "batch_norm_frozen"),
        *("layer_norm", "layer_norm_last", "instance_norm", "adaptive_instance_norm", "group_norm"),
        *("switchable_norm", "rms_norm"),
        *("local_response_norm", "positional_norm", "l2_norm"),
        *("weight_norm", "weight_standardization"),
    ]
    assert all(key == entry.key for key, entry in METHODS.items())
    with pytest.raises(ValueError, match=r"There is no method 'groupnorm'.*group_norm"):
        METHODS["groupnorm"]


@pytest.mark.parametrize("key", METHODS)
def test_an_entry_is_whole(key: str) -> None:
    entry = METHODS[key]
    assert entry.paper.url.startswith("https://") and 2010 <= entry.year == entry.paper.year <= 2030
    assert entry.paper.title and entry.paper.authors and entry.family
    assert not entry.evaluating or (entry.evaluating in METHODS and entry.evaluating != key)
    assert entry.spec() == entry.spec(**{knob.name: knob.default for knob in entry.knobs})


@pytest.mark.parametrize(("key", "layout"), EVERYWHERE)
def test_knobs_have_torchs_names_and_defaults(key: str, layout: str) -> None:
    shape = SHAPES[layout]
    entry = METHODS[key]
    layer = entry.torch_layer(shape)
    if layer.function or layer.written:
        return
    bare = entry.module(nn, shape)
    for name, value in layer.arguments.items():
        assert getattr(bare, name) == value
    # What torch would have chosen itself, for the arguments that it lets us leave out.
    required = {"num_features", "normalized_shape", "num_groups", "num_channels", "size"}
    untouched = getattr(nn, layer.name)(**{k: v for k, v in layer.arguments.items() if k in required})
    for knob in entry.knobs:
        if knob.name in layer.arguments and knob.name not in required:
            assert getattr(untouched, knob.name) == knob.default


@pytest.mark.parametrize("key", [key for key in METHODS if first_layer(key).written])
def test_a_written_layer_takes_the_knobs_and_torchs_arguments(key: str) -> None:
    layer, entry = first_layer(key), METHODS[key]
    assert layer.written is not None and not hasattr(nn, layer.name)
    cls = layer.written(torch, nn)
    assert cls.__name__ == layer.name and f"class {layer.name}(" in source(layer.written)
    taken = inspect.signature(cls).parameters
    for knob in entry.knobs:
        if knob.name in taken:
            assert taken[knob.name].default == knob.default, knob.name
        elif knob.name in layer.arguments:  # handed on to torch's own class
            base = inspect.signature(cls.__mro__[1]).parameters
            assert base[knob.name].default == knob.default, knob.name
    assert set(layer.arguments) <= set(taken) | set(inspect.signature(cls.__mro__[1]).parameters)


def test_what_is_frozen_is_not_trained() -> None:
    frozen = METHODS["batch_norm_frozen"]
    module = frozen.module(nn, (8, 12, 4, 4))
    assert not module.training and not any(p.requires_grad for p in module.parameters())
    assert frozen.torch_layer((8, 12)).code().splitlines()[0].endswith(".eval().requires_grad_(False)")


def test_modules_are_torchs_own_and_fresh() -> None:
    built = [METHODS["batch_norm"].module(nn, (8, 12, 6)) for _ in range(2)]
    assert built[0] is not built[1] and all(isinstance(m, nn.BatchNorm1d) for m in built)
    assert built[0].training and not METHODS["batch_norm_eval"].module(nn, (8, 12)).training
    assert (
        METHODS["batch_norm"].module(nn, (8, 12)).state_dict().keys()
        == nn.BatchNorm1d(12).state_dict().keys()
    )


@pytest.mark.parametrize(
    ("key", "knobs", "words"),
    [
        ("batch_norm", {"groups": 2}, r"batch_norm has no knob 'groups': its knobs are eps, affine"),
        ("batch_norm", {"eps": -1e-5}, r"eps = -1e-05 is not allowed.*number from 1e-12 to 1.*Try 1e-05"),
        ("batch_norm", {"eps": True}, r"eps = True is not allowed.*must be a number"),
        ("batch_norm", {"eps": float("nan")}, r"eps = nan is not allowed"),
        ("batch_norm", {"eps": "small"}, r"eps = 'small' is not allowed"),
        ("batch_norm", {"eps": None}, r"eps = None is not allowed"),
        ("batch_norm", {"affine": "yes"}, r"affine = 'yes' is not known: it is one of \(True, False\)"),
        ("group_norm", {"num_groups": 2.5}, r"num_groups = 2.5 is not allowed.*whole number.*Try 4"),
        ("group_norm", {"num_groups": True}, r"num_groups = True is not allowed.*whole number"),
        ("group_norm", {"num_groups": 0}, r"num_groups = 0 is not allowed.*from 1"),
        ("rms_norm", {"normalized_shape": "HW"}, r"normalized_shape = 'HW' is not known.*'CHW', 'C'"),
        ("local_response_norm", {"size": 0}, r"size = 0 is not allowed.*from 1 to 64.*Try 5"),
        ("local_response_norm", {"k": 0.0}, r"k = 0.0 is not allowed"),
    ],
)
def test_wrong_knobs_are_refused(key: str, knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        METHODS[key].spec(**knobs)


@pytest.mark.parametrize(("key", "name"), KNOBS)
def test_a_default_is_allowed(key: str, name: str) -> None:
    (knob,) = (k for k in METHODS[key].knobs if k.name == name)
    assert knob.check(knob.default) == knob.default


def test_numpys_numbers_are_numbers() -> None:
    assert METHODS["group_norm"].spec(num_groups=np.int64(3)) == METHODS["group_norm"].spec(num_groups=3)
    assert METHODS["batch_norm"].spec(eps=np.float64(0.5)) == METHODS["batch_norm"].spec(eps=0.5)
    layer = METHODS["group_norm"].torch_layer((8, 12, 4, 4), num_groups=np.int64(3))
    assert "num_groups=3," in layer.code()


def test_a_number_stays_of_its_kind() -> None:
    assert "eps=0.5," in METHODS["batch_norm"].torch_layer((8, 12), eps=np.float32(0.5)).code()
    assert type(METHODS["local_response_norm"].complete({"size": 3})["size"]) is int


def test_a_knob_follows_the_shape() -> None:
    (groups,) = (k for k in METHODS["group_norm"].knobs if k.divides)
    assert groups.choices({"C": 12}) == (1, 2, 3, 4, 6, 12)
    assert groups.suited(4, {"C": 12}) == 4
    assert groups.suited(8, {"C": 12}) == 6 and groups.suited(64, {"C": 12}) == 12
    (eps, *_) = METHODS["batch_norm"].knobs
    assert eps.choices({"C": 12}) == () and eps.suited(0.25, {"C": 12}) == 0.25


def test_an_unknown_method_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        ValueError, match=r"no method 'bn': the methods are batch_norm, .*weight_standardization"
    ):
        method("bn")
    assert method("l2_norm") is METHODS["l2_norm"] is method(METHODS["l2_norm"])


@pytest.mark.parametrize("count", [5, 7, 24])
def test_groups_must_divide_the_channels(count: int) -> None:
    with pytest.raises(
        ValueError, match=rf"num_groups = {count} does not divide C = 12.*Try 1, 2, 3, 4, 6, 12"
    ):
        METHODS["group_norm"].module(nn, (8, 12, 4, 4), num_groups=count)


CORE = sorted(m.name for m in pkgutil.iter_modules(normviz.__path__) if not m.ispkg)


@pytest.mark.parametrize("name", CORE)
def test_the_examples_in_the_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"normviz.{name}")).failed == 0


def test_the_examples_of_the_package_run() -> None:
    outcome = doctest.testmod(normviz)
    assert outcome.attempted >= 3 and outcome.failed == 0
    assert {"catalogue", "extents", "reference", "spec"} <= set(CORE)
