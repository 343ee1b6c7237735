"""Stages of the networks that people know, and what holds for every network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normviz.stages import LIMIT, Stage, stages
from normviz.traces import LayerTrace, Trace
from tests.strategies import examples
from tests.trace_samples import layer

Listed = list[tuple[str, str, int]]


def network(layers: Listed) -> Trace:
    """Layers by name, operation and height (0: a vector)."""
    made: list[LayerTrace] = []
    for name, op, side in layers:
        one = layer(name, op, [[[[0.0]]]] if side else [[0.0]])
        made.append(LayerTrace(**{**one.__dict__, "shape": (1, 1, side, side) if side else (1, 1)}))
    return Trace(tuple(made), layer("", "", [[0.0]]))


def labels(layers: Listed) -> list[str]:
    return [stage.label for stage in stages(network(layers))]


def below(path: str, names: str, side: int = 0, op: str = "linear") -> Listed:
    return [(f"{path}.{name}", op, side) for name in names.split()]


def vgg16() -> Listed:
    found: Listed = []
    side = 224
    for width in (2, 2, 3, 3, 3):
        for _ in range(width):
            found += [
                (f"features.{len(found)}", "conv2d", side),
                (f"features.{len(found) + 1}", "relu", side),
            ]
        side //= 2
        found.append((f"features.{len(found)}", "max_pool2d", side))
    found.append(("avgpool", "adaptive_avg_pool2d", 7))
    return found + [
        (f"classifier.{n}", op, 0) for n, op in enumerate(("linear", "relu", "dropout", "linear"))
    ]


def alexnet() -> Listed:
    first = [
        ("conv2d", 55),
        ("relu", 55),
        ("max_pool2d", 27),
        ("conv2d", 27),
        ("relu", 27),
        ("max_pool2d", 13),
    ]
    last = [("conv2d", 13), ("relu", 13), ("conv2d", 13), ("relu", 13), ("max_pool2d", 6)]
    found = [(f"features.{n}", op, side) for n, (op, side) in enumerate(first + last)]
    return [
        *found,
        ("avgpool", "adaptive_avg_pool2d", 6),
        ("classifier.1", "linear", 0),
        ("classifier.2", "relu", 0),
    ]


def resnet50() -> Listed:
    found: Listed = [
        ("conv1", "conv2d", 112),
        ("bn1", "batch_norm", 112),
        ("relu", "relu", 112),
        ("maxpool", "max_pool2d", 56),
    ]
    side = 56
    for number, blocks in enumerate((3, 4, 6, 3), 1):
        for block in range(blocks):
            # The first convolution of a block still has the size of the stage before.
            before = side * 2 if number > 1 and not block else side
            found += below(f"layer{number}.{block}", "conv1 bn1 relu", before, "conv2d")
            found += below(f"layer{number}.{block}", "conv2 bn2 relu#2 conv3 bn3 add relu#3", side, "conv2d")
        side //= 2
    return [*found, ("avgpool", "adaptive_avg_pool2d", 1), ("fc", "linear", 0)]


def small_cnn() -> Listed:
    found: Listed = []
    for number, side in enumerate((32, 16, 8), 1):
        found += [
            (f"conv{number}", "conv2d", side),
            (f"norm{number}", "batch_norm", side),
            (f"act{number}", "relu", side),
        ]
    return [*found, ("pool", "adaptive_avg_pool2d", 1), ("head", "linear", 0)]


def transformer(blocks: int) -> Listed:
    found: Listed = [("patches", "conv2d", 14), ("add", "add", 0)]
    for block in range(blocks):
        found += below(f"blocks.{block}", "norm1 qkv attention out add norm2 up act down add#2")
    return [*found, ("norm", "layer_norm", 0), ("head", "linear", 0)]


def test_vgg_is_cut_after_every_pooling() -> None:
    assert labels(vgg16()) == ["features.0 … 4", "features.5 … 9", "features.10 … 16", "features.17 … 23",
                               "features.24 … 30", "avgpool", "classifier"]  # fmt: skip


def test_alexnet_is_cut_where_the_size_changes() -> None:
    assert labels(alexnet()) == [
        "features.0 … 2",
        "features.3 … 5",
        "features.6 … 10",
        "avgpool",
        "classifier",
    ]


def test_resnet_has_its_stem_its_four_stages_and_its_head() -> None:
    assert labels(resnet50()) == ["conv1 … maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool … fc"]


def test_a_small_network_is_cut_at_every_size() -> None:
    assert labels(small_cnn()) == ["conv1 … act1", "conv2 … act2", "conv3 … pool", "head"]


def test_an_mlp_has_a_stage_for_each_weighted_layer() -> None:
    layers = [
        (f"{kind}{n}", op, 0) for n in range(1, 5) for kind, op in (("linear", "linear"), ("act", "relu"))
    ]
    assert labels([*layers, ("head", "linear", 0)]) == [*(f"linear{n} … act{n}" for n in range(1, 5)), "head"]
    assert labels([("0", "linear", 0), ("1", "relu", 0), ("2", "linear", 0)]) == ["0 … 2"]


def test_a_transformers_blocks_are_stages_between_its_ends() -> None:
    assert labels(transformer(4)) == ["patches … add", *(f"blocks.{n}" for n in range(4)), "norm … head"]
    many = labels(transformer(20))
    assert len(many) == LIMIT and many[0] == "patches … add" and many[-1] == "norm … head"
    assert many[1:-1] == [f"blocks.{n} … {n + 1}" for n in range(0, 20, 2)]


def test_a_wrapper_around_the_network_is_looked_through() -> None:
    wrapped = [(f"model.backbone.{name}", op, side) for name, op, side in resnet50()]
    assert [one.removeprefix("model.backbone.") for one in labels(wrapped)][1:5] == [
        f"layer{n}" for n in range(1, 5)
    ]


names = st.lists(
    st.lists(st.sampled_from(["a", "b", "0", "1", "relu#2", ""]), min_size=1, max_size=4).map(".".join),
    max_size=60,
)


@examples(300)
@given(
    names=names,
    ops=st.lists(st.sampled_from(["conv2d", "relu", "max_pool2d", "add"]), min_size=60, max_size=60),
    sides=st.lists(st.sampled_from([0, 4, 8]), min_size=60, max_size=60),
    limit=st.integers(1, 15),
)
def test_every_layer_is_in_one_stage(names: list[str], ops: list[str], sides: list[int], limit: int) -> None:
    trace = network([(name, op, side) for name, op, side in zip(names, ops, sides, strict=False)])
    found = stages(trace, limit)
    assert [number for stage in found for number in stage.numbers] == list(range(len(names)))
    assert len(found) <= limit


def test_no_layers_have_no_stages_and_one_layer_is_one() -> None:
    assert stages(network([])) == ()
    assert stages(network([("", "relu", 0)])) == (Stage("relu", 0, 0),)
    with pytest.raises(ValueError, match="at least 1"):
        stages(network([]), 0)
