"""The table of the networks: what follows from a row, and what is refused."""

from __future__ import annotations

import dataclasses

import pytest

from normviz.activations import ACTIVATIONS
from normviz.catalogue import METHODS
from normviz.network import stands
from normviz.network_runs import WEIGHTS
from normviz.networks import NETWORKS, NONE, Network, network
from normviz.text.lookup import words

KEYS = tuple(NETWORKS)


def test_a_row_is_found_by_its_key_or_is_one_already() -> None:
    row = network("resnet50")
    assert row.key == "resnet50" and network(row) is row
    with pytest.raises(
        ValueError, match=r"^There is no network 'resnet51': the networks are small_cnn, .*\.$"
    ):
        network("resnet51")


def test_the_table_cannot_be_changed_and_its_rows_can_be_keys() -> None:
    with pytest.raises(TypeError):
        NETWORKS["mine"] = NETWORKS["mlp"]  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        NETWORKS["mlp"].side = 9  # type: ignore[misc]
    assert len({*NETWORKS.values()}) == len(NETWORKS)


@pytest.mark.parametrize("row", NETWORKS.values(), ids=KEYS)
def test_every_row_agrees_with_itself(row: Network) -> None:
    least, most = row.sides
    assert row.key == next(key for key, found in NETWORKS.items() if found is row)
    assert least <= row.side <= most and row.fixed == (least == most)
    assert least % row.step == most % row.step == row.side % row.step == 0
    assert len(row.mean) == len(row.std) == row.channels and min(row.std) > 0
    assert row.norm in row.norms and row.activation in row.activations == tuple(ACTIVATIONS)
    assert row.norms[0] == NONE and set(row.norms[1:]) | set(row.norm_knobs) | {NONE} == set(row.norms)
    assert set(row.weights) <= set(WEIGHTS) and row.weights[0] == "random"
    assert ("published" in row.weights) == bool(row.variants)
    assert set(row.variants) <= set(row.norms)
    for key, knobs in row.norm_knobs.items():
        METHODS[key].spec(**knobs)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_network_has_its_words(lang: str) -> None:
    known = words(lang)
    for row in NETWORKS.values():
        assert known[f"network.{row.key}"] and known[f"network_what.{row.key}"]
        assert known[f"network_input.{row.labels or 'none'}"]


def test_what_can_stand_in_a_network_follows_from_the_catalogue() -> None:
    maps, rows, tokens = (set(NETWORKS[key].norms) for key in ("resnet18", "mlp", "patch_transformer_pre"))
    assert {
        "batch_norm",
        "layer_norm",
        "instance_norm",
        "group_norm",
        "local_response_norm",
        "rms_norm",
    } <= maps
    assert maps == tokens
    # Without positions an instance is one number, and Switchable Norm mixes in Instance Norm.
    assert maps - rows == {"instance_norm", "switchable_norm"}
    # A second input, weights instead of maps, buffers alone, and devices that must divide the batch:
    assert not maps & {"adaptive_instance_norm", "weight_norm", "weight_standardization"}
    assert not maps & {"batch_norm_eval", "batch_norm_frozen", "batch_norm_devices"}


def test_a_new_entry_of_the_catalogue_stands_where_its_spec_lets_it() -> None:
    renamed = dataclasses.replace(METHODS["group_norm"], key="mine")
    assert stands(renamed, "NCHW") and stands(renamed, "NC") and not stands(renamed, "OIHW")
    weight = dataclasses.replace(METHODS["weight_standardization"], key="mine")
    assert not stands(weight, "NCHW")


def test_published_weights_go_with_the_norm_they_were_trained_with() -> None:
    vgg, resnet = NETWORKS["vgg16"], NETWORKS["resnet18"]
    assert (vgg.published(), vgg.published("batch_norm"), vgg.published("group_norm")) == (
        "vgg16",
        "vgg16_bn",
        "",
    )
    assert (resnet.published(), resnet.published("none")) == ("resnet18", "")
    assert NETWORKS["alexnet_torchvision"].published() == "alexnet"
    assert "published" in resnet.weights_for() and "published" not in resnet.weights_for("layer_norm")
    assert NETWORKS["alexnet"].weights_for() == ("random", "own")


@pytest.mark.parametrize(
    ("key", "norm", "fewest"),
    [
        ("mlp", "batch_norm", 2),
        ("mlp", "batch_renorm", 2),
        ("mlp", "layer_norm", 1),
        ("mlp", "none", 1),
        ("resnet18", "", 1),
        ("patch_transformer_pre", "batch_norm", 1),
    ],
)
def test_training_needs_two_values_for_every_statistic(key: str, norm: str, fewest: int) -> None:
    assert NETWORKS[key].fewest(norm) == fewest


def test_what_is_left_empty_is_the_networks_own() -> None:
    row = NETWORKS["alexnet"]
    assert (row.chosen_norm(), row.chosen_activation(), row.chosen_side()) == (
        "local_response_norm",
        "relu",
        227,
    )
    assert NETWORKS["mlp"].chosen_norm("rms_norm") == "rms_norm"
    assert NETWORKS["patch_transformer_pre"].chosen_side(72) == 72


@pytest.mark.parametrize(
    ("key", "side", "said"),
    [
        ("alexnet", 224, "alexnet takes no input of 224 x 224: the side must be 227. Try 227."),
        ("resnet18", 32, "resnet18 takes no input of 32 x 32: the side must be 64 to 448. Try 224."),
        (
            "resnet18",
            10_000,
            "resnet18 takes no input of 10000 x 10000: the side must be 64 to 448. Try 224.",
        ),
        ("resnet18", -1, "resnet18 takes no input of -1 x -1: the side must be 64 to 448. Try 224."),
        (
            "patch_transformer_pre",
            65,
            "patch_transformer_pre takes no input of 65 x 65: the side must be 32 to 128, a multiple of 8. Try 64.",
        ),
    ],
)
def test_a_side_that_does_not_fit_is_refused_in_a_sentence(key: str, side: int, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        NETWORKS[key].chosen_side(side)
    assert str(refused.value) == said


def test_a_norm_or_activation_that_there_is_not_is_refused_in_a_sentence() -> None:
    with pytest.raises(
        ValueError, match=r"^'instance_norm' cannot stand in mlp: it normalizes \(N, C\), with one of "
    ):
        NETWORKS["mlp"].chosen_norm("instance_norm")
    with pytest.raises(ValueError, match=r"^'magic' cannot stand in resnet18"):
        NETWORKS["resnet18"].fewest("magic")
    with pytest.raises(ValueError, match="There is no activation 'magic'"):
        NETWORKS["resnet18"].chosen_activation("magic")
