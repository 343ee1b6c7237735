"""Networks filled from every source; own weights recognized, unwrapped, and refused by name where they do not fit."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import safetensors.torch
import torch

from normviz.nets import own_weights
from normviz.nets.networks import build
from normviz.nets.own_weights import Mismatch, fit, identify, recognize, shapes_of
from normviz.nets.weights import available, fill, trained_norms, training
from normviz.nets.weights_errors import WeightsError
from normviz.network_runs import WEIGHTS, Plan
from normviz.networks import NETWORKS

State = Mapping[str, torch.Tensor]
#: Norms that learn the same cannot be told apart: which one is taken, where it is another.
TAKEN = {
    ("alexnet", "none"): "local_response_norm",
    ("mlp", "group_norm"): "layer_norm",
    ("patch_transformer_pre", "group_norm"): "layer_norm",
    ("patch_transformer_post", "group_norm"): "layer_norm",
}


def state_of(network: str, norm: str = "", seed: int = 3) -> dict[str, torch.Tensor]:
    """What a visitor would have trained: every entry another value than a fresh network has."""
    state = build(network, norm=norm, init="he", seed=seed).state_dict()
    return {name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def refused(module: torch.nn.Module, plan: Plan, own: State | None = None) -> WeightsError:
    """The error, after which the module is as it was."""
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        fill(module, plan, own=own)
    assert same(module.state_dict(), before)
    return caught.value


@pytest.mark.parametrize("init", ["default", "xavier", "he"])
def test_random_weights_are_those_of_the_networks(init: str) -> None:
    module = build("small_cnn", seed=0)
    fill(module, Plan("small_cnn", init=init, seed=4))
    assert same(module.state_dict(), build("small_cnn", init=init, seed=4).state_dict())
    assert training("small_cnn", "", "random") is None


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(ValueError, match="random, trained, published, own"):
        fill(build("mlp"), Plan("mlp", weights="best"))


@pytest.mark.parametrize("network", list(NETWORKS))
def test_what_is_available_can_be_used(network: str) -> None:
    for norm in NETWORKS[network].norms:
        sources = available(network, norm)
        assert set(sources) <= set(NETWORKS[network].weights)
        assert {"random", "own"} <= set(sources)
        assert ("published" in sources) == bool(NETWORKS[network].published(norm))
        assert ("trained" in sources) == (norm in trained_norms(network))
        # How good they are is known of all weights that this project did not draw at random or get from a visitor.
        known = {source for source in WEIGHTS if training(network, norm, source)}
        assert known == set(sources) - {"random", "own"}


def test_what_there_is_not_is_refused_with_what_there_is() -> None:
    error = refused(
        build("resnet18", norm="group_norm"), Plan("resnet18", weights="published", norm="group_norm")
    )
    assert error.code == "not_published" and error.details["known"] == "batch_norm"
    error = refused(
        build("small_cnn", norm="rms_norm"), Plan("small_cnn", weights="trained", norm="rms_norm")
    )
    assert error.code == "not_trained" and "batch_norm" in str(error.details["known"]).split(", ")
    assert refused(build("mlp"), Plan("mlp", weights="own")).code == "no_own"


@pytest.mark.parametrize(
    ("network", "source", "sources", "known"),
    [
        ("small_cnn", "published", "random, trained, own", "resnet18"),
        ("mlp", "trained", "random, own", "small_cnn"),
    ],
)
def test_where_a_network_has_none_that_is_said_and_what_to_use_instead(
    network: str, source: str, sources: str, known: str
) -> None:
    error = refused(build(network), Plan(network, weights=source))
    assert error.code == f"never_{source}" and error.details["sources"] == sources
    others = str(error.details["known"]).split(", ")
    assert known in others and network not in others
    assert all(source in NETWORKS[other].weights for other in others)
    assert f"no {source} weights of {network}, whatever its norm" in str(error) and "–" not in str(error)


@pytest.mark.parametrize(
    "prefix", ["", "module.", "model.", "net.", "state_dict.", "state_dict.model.module."]
)
def test_own_weights_whatever_wrapped_them(prefix: str) -> None:
    state = state_of("small_cnn", "group_norm")
    file = safetensors.torch.save({prefix + name: tensor for name, tensor in state.items()})
    own = own_weights.read(file)
    guess = identify(own)
    assert (guess.network, guess.norm, guess.prefix, len(guess.mismatch)) == (
        "small_cnn",
        "group_norm",
        prefix,
        0,
    )
    module = build(guess.network, norm=guess.norm, init="none")
    fill(module, Plan(guess.network, weights="own", norm=guess.norm), own=own)
    assert same(module.state_dict(), state)


def test_half_precision_is_loaded_as_single() -> None:
    state = state_of("mlp", "layer_norm")
    half = {name: tensor.bfloat16() for name, tensor in state.items()}
    module = build("mlp", norm="layer_norm")
    fill(
        module,
        Plan("mlp", weights="own", norm="layer_norm"),
        own=own_weights.read(safetensors.torch.save(half)),
    )
    assert same(module.state_dict(), {name: tensor.float() for name, tensor in half.items()})


def test_counters_that_old_files_lack_are_zero() -> None:
    state = {name: tensor for name, tensor in state_of("small_cnn").items() if "num_batches" not in name}
    module = build("small_cnn")
    module.get_buffer("norm1.num_batches_tracked").fill_(9)
    fill(module, Plan("small_cnn", weights="own"), own=state)
    assert module.get_buffer("norm1.num_batches_tracked").item() == 0


def test_what_does_not_fit_is_listed_by_name() -> None:
    state = state_of("resnet18")
    del state["conv1.weight"]
    state["fc.weight"] = torch.zeros(10, 512)
    state["extra.scale"] = torch.zeros(1)
    expected = Mismatch(("conv1.weight",), ("extra.scale",), (("fc.weight", (1000, 512), (10, 512)),))
    module, plan = build("resnet18"), Plan("resnet18", weights="own")
    assert fit(module, state) == expected
    assert expected.names == ("fc.weight", "conv1.weight", "extra.scale") and len(expected) == 3
    error = refused(module, plan, state)
    assert error.code == "mismatch"
    assert error.details == {"network": "resnet18", "norm": "batch_norm", "missing": 1, "unexpected": 1, "shapes": 1,
                             "first": "fc.weight"}  # fmt: skip


@pytest.mark.parametrize("network", list(NETWORKS))
def test_every_network_is_recognized_by_its_state(network: str) -> None:
    for norm in ("none", "batch_norm", "group_norm", "layer_norm", "rms_norm"):
        if norm not in NETWORKS[network].norms:
            continue
        shapes = shapes_of(build(network, norm=norm, device="meta").state_dict())
        guess = recognize(shapes)
        assert guess is not None and not guess.mismatch
        assert own_weights.expected(guess.network, guess.norm) == shapes
        # Without norms the two transformers hold the same.
        alike = {"patch_transformer_pre", "patch_transformer_post"} if norm == "none" else {network}
        assert guess.network in alike | {network}
        assert guess.norm == TAKEN.get((network, norm), norm)


def test_another_number_of_classes_is_recognized_with_its_difference() -> None:
    shapes = shapes_of(build("resnet34", device="meta").state_dict())
    guess = recognize(shapes | {"fc.weight": (5, 512), "fc.bias": (5,)})
    assert guess is not None and (guess.network, guess.norm) == ("resnet34", "batch_norm")
    assert guess.mismatch.names == ("fc.weight", "fc.bias")


@pytest.mark.parametrize("shapes", [{}, {"a": (1,)}, {"encoder.layer.0.weight": (768, 768), "bias": (3,)}])
def test_strangers_are_not_recognized(shapes: dict[str, tuple[int, ...]]) -> None:
    assert recognize(shapes) is None
    with pytest.raises(WeightsError) as caught:
        identify({name: torch.zeros(shape) for name, shape in shapes.items()})
    assert caught.value.code == "unknown" and "resnet50" in str(caught.value)


def test_a_learned_activation_starts_at_its_own_number_among_trained_weights() -> None:
    net = build("small_cnn", activation="prelu", init="none")
    fill(net, Plan("small_cnn", "trained", activation="prelu"))
    plain = build("small_cnn", init="none")
    fill(plain, Plan("small_cnn", "trained"))
    state = net.state_dict()
    extra = set(state) - set(plain.state_dict())
    assert extra and all((state[name] == 0.25).all() for name in extra)
    assert all(torch.equal(state[name], value) for name, value in plain.state_dict().items())
