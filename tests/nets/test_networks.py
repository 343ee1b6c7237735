"""The networks as modules: published counts and names, every norm and activation in its place, seeds."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from normviz.activations import ACTIVATIONS
from normviz.catalogue import METHODS
from normviz.nets.networks import build
from normviz.networks import NETWORKS, NONE, Network

KEYS_FOLDER = Path(__file__).parents[1] / "data" / "torchvision_keys"
#: Learned numbers, as the papers' networks and torchvision's documentation have them.
PUBLISHED = {
    ("alexnet", ""): 60_965_224,
    ("alexnet_torchvision", ""): 61_100_840,
    ("vgg11", ""): 132_863_336,
    ("vgg16", ""): 138_357_544,
    ("vgg19", ""): 143_667_240,
    ("vgg11", "batch_norm"): 132_868_840,
    ("vgg16", "batch_norm"): 138_365_992,
    ("vgg19", "batch_norm"): 143_678_248,
    ("resnet18", ""): 11_689_512,
    ("resnet34", ""): 21_797_672,
    ("resnet50", ""): 25_557_032,
}
VARIANTS = [(row, norm, name) for row in NETWORKS.values() for norm, name in row.variants.items()]
#: Every network with every norm.
ALL = [(row, norm) for row in NETWORKS.values() for norm in row.norms]
NAMES = [f"{row.key}-{norm}" for row, norm in ALL]
#: What is quick to fill; VGG and AlexNet have 60 million weights and more in their linear layers.
QUICK = [pair for pair in ALL if pair[0].family in ("cnn", "mlp", "transformer") or pair[0].key == "resnet18"]


def noise(row: Network, count: int, side: int) -> torch.Tensor:
    """Seeded standard normal inputs."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, row.channels, side, side, generator=generator)


@pytest.fixture
def untouched() -> Iterator[None]:
    """torch's and numpy's global random states are the same afterwards."""
    torch_state, numpy_state = torch.random.get_rng_state(), str(np.random.get_state())
    yield
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert str(np.random.get_state()) == numpy_state


@pytest.mark.parametrize(("key", "norm"), PUBLISHED)
def test_there_are_as_many_parameters_as_published(key: str, norm: str) -> None:
    found = sum(p.numel() for p in build(key, norm=norm, device="meta").parameters())
    assert found == PUBLISHED[key, norm]


@pytest.mark.parametrize(("row", "norm", "name"), VARIANTS, ids=[name for *_, name in VARIANTS])
def test_names_and_shapes_are_torchvisions(row: Network, norm: str, name: str) -> None:
    lines = (KEYS_FOLDER / f"{name}.txt").read_text().splitlines()
    expected = [line.partition(" ")[::2] for line in lines if not line.startswith("#")]
    found = build(row.key, norm=norm, device="meta").state_dict()
    assert [(key, "x".join(map(str, tensor.shape))) for key, tensor in found.items()] == expected


def test_every_list_of_names_is_used() -> None:
    assert {path.stem for path in KEYS_FOLDER.iterdir()} == {name for *_, name in VARIANTS}


@pytest.mark.parametrize(("row", "norm", "name"), VARIANTS, ids=[name for *_, name in VARIANTS])
def test_outputs_are_torchvisions(row: Network, norm: str, name: str) -> None:
    try:  # a build for another torch fails with a RuntimeError
        models = import_module("torchvision.models")
    except (ImportError, RuntimeError) as missing:
        pytest.skip(f"torchvision cannot be imported here: {missing}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = getattr(models, name)(weights=None).eval()
    ours = build(row.key, norm=norm, init="none")
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = noise(row, 2, 96)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


@pytest.mark.parametrize(("row", "norm"), ALL, ids=NAMES)
def test_every_norm_is_the_catalogues_layer_and_sees_what_it_was_made_for(row: Network, norm: str) -> None:
    net = build(row.key, norm=norm, device="meta")
    seen: dict[str, tuple[int, ...]] = {}
    names = normalizing(net, norm)

    def note(name: str, x: torch.Tensor) -> None:
        seen[name] = tuple(x.shape)

    for name in names:
        net.get_submodule(name).register_forward_pre_hook(lambda _, x, name=name: note(name, x[0]))
    scores = net(torch.empty(3, row.channels, row.side, row.side, device="meta"))
    assert scores.shape == (3, row.classes)
    assert seen.keys() == names and bool(names) == (norm != NONE)
    for name, shape in seen.items():
        entry = METHODS[norm]
        assert len(shape) == len(row.layout)
        knobs = entry.defaults(dict(zip(row.layout, shape, strict=True))) | dict(row.norm_knobs.get(norm, {}))
        expected, found = entry.module(nn, shape, **knobs), net.get_submodule(name)
        # A class for another layout, or one that is written out, is made anew for every layer: the text tells it.
        assert str(found) == str(expected)
        assert {k: v.shape for k, v in found.state_dict().items()} == {
            k: v.shape for k, v in expected.state_dict().items()
        }


def normalizing(net: nn.Module, norm: str) -> set[str]:
    """The paths of the modules whose class is the method's, on any layout."""
    if norm == NONE:
        return set()
    classes = {
        type(
            METHODS[norm].module(nn, shape, **METHODS[norm].defaults(dict(zip(layout, shape, strict=True))))
        ).__name__
        for layout, shape in (("NCHW", (2, 8, 4, 4)), ("NLC", (2, 4, 8)), ("NC", (2, 8)))
        if layout in METHODS[norm].layouts
    }
    return {name for name, module in net.named_modules() if type(module).__name__ in classes}


@pytest.mark.parametrize(
    ("key", "count"),
    [("resnet18", 20), ("resnet34", 36), ("resnet50", 53), ("vgg11", 8), ("vgg16", 13), ("vgg19", 16), ("alexnet", 2),
     ("alexnet_torchvision", 5), ("small_cnn", 4), ("mlp", 4), ("patch_transformer_pre", 9),
     ("patch_transformer_post", 8)],
)  # fmt: skip
def test_there_are_as_many_norms_as_drawn_in_the_papers(key: str, count: int) -> None:
    assert len(normalizing(build(key, norm="group_norm", device="meta"), "group_norm")) == count


@pytest.mark.parametrize(("row", "norm"), QUICK, ids=[f"{row.key}-{norm}" for row, norm in QUICK])
def test_every_norm_runs_on_the_smallest_side(row: Network, norm: str, untouched: None) -> None:
    side = row.sides[0]
    net = build(row.key, norm=norm, side=side)
    assert not net.training
    x = noise(row, 2, side)
    with torch.no_grad():
        scores = net(x)
        trained = net.train()(x[: row.fewest(norm)])
    assert scores.shape == (2, row.classes) and scores.dtype == torch.float32
    assert scores.isfinite().all() and trained.isfinite().all()
    assert not torch.equal(scores[0], scores[1])


@pytest.mark.parametrize("key", ["vgg11", "alexnet_torchvision", "resnet50"])
@pytest.mark.parametrize("norm", ["", "instance_norm", "layer_norm"])
def test_the_large_ones_run_on_the_smallest_side_too(key: str, norm: str) -> None:
    row = NETWORKS[key]
    net = build(key, norm=norm, side=row.sides[0]).train()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):  # dropout
        assert net(noise(row, 1, row.sides[0])).isfinite().all()


@pytest.mark.parametrize("row", NETWORKS.values(), ids=list(NETWORKS))
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_stands_in_every_network(row: Network, activation: str) -> None:
    modules = [type(m).__name__ for m in build(row.key, activation=activation, device="meta").modules()]
    own = [type(m).__name__ for m in build(row.key, device="meta").modules()]
    layer, before = ACTIVATIONS[activation].layer, ACTIVATIONS[row.activation].layer
    assert modules == [layer if name == before else name for name in own] and layer in modules


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_runs(activation: str, untouched: None) -> None:
    for key in ("small_cnn", "mlp", "patch_transformer_post"):
        net = build(key, activation=activation)
        with torch.no_grad():
            assert net(noise(NETWORKS[key], 2, NETWORKS[key].side)).isfinite().all()


def test_pre_and_post_norm_differ_where_they_should() -> None:
    x = noise(NETWORKS["patch_transformer_pre"], 2, 64)
    shown = {}
    for key in ("patch_transformer_pre", "patch_transformer_post"):
        net = build(key)
        with torch.no_grad():
            shown[key] = net.get_submodule("blocks")(
                net.get_submodule("patches")(x).flatten(2).transpose(1, 2)
            )
    post = shown["patch_transformer_post"]
    # What a post-norm block puts out has just been normalized; a pre-norm block's sum has not.
    assert post.mean(-1).abs().max() < 1e-6
    assert shown["patch_transformer_pre"].mean(-1).abs().max() > 1e-3


def test_attention_is_the_papers_formula() -> None:
    net = build("patch_transformer_pre", seed=3).double()
    block = net.get_submodule("blocks.0")
    x = torch.randn(2, 5, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weight, bias = block.get_parameter("qkv.weight"), block.get_parameter("qkv.bias")
    q, k, v = (x @ weight[i * 96 : (i + 1) * 96].T + bias[i * 96 : (i + 1) * 96] for i in range(3))
    heads = []
    for head in range(4):
        part = slice(24 * head, 24 * (head + 1))
        share = torch.softmax(q[..., part] @ k[..., part].mT / 24**0.5, -1)
        heads.append(share @ v[..., part])
    expected = torch.cat(heads, -1) @ block.get_parameter("out.weight").T + block.get_parameter("out.bias")
    torch.testing.assert_close(block.attention(x), expected, rtol=1e-10, atol=1e-12)  # type: ignore[operator]


def test_local_response_norm_in_alexnet_is_the_papers_formula() -> None:
    net = build("alexnet", device="meta")
    norm = net.get_submodule("norm1")
    x = np.random.default_rng(0).standard_normal((2, 9, 3, 3)) * 20
    found = norm(torch.tensor(x)).numpy()
    k, n, alpha, beta = 2.0, 5, 1e-4, 0.75  # Krizhevsky et al. 2012, section 3.3
    for i in range(9):
        window = x[:, max(0, i - n // 2) : min(8, i + n // 2) + 1]
        expected = x[:, i] / (k + alpha * (window**2).sum(1)) ** beta
        np.testing.assert_allclose(found[:, i], expected, rtol=1e-12)


def test_the_papers_alexnet_has_the_papers_shapes() -> None:
    net = build("alexnet", device="meta")
    seen = {}
    for name, module in net.named_children():
        module.register_forward_hook(lambda m, x, y, name=name: seen.update({name: tuple(y.shape[1:])}))
    net(torch.empty(1, 3, 227, 227, device="meta"))
    assert (seen["conv1"], seen["pool1"], seen["conv2"]) == ((96, 55, 55), (96, 27, 27), (256, 27, 27))
    assert (seen["conv3"], seen["conv5"], seen["pool5"]) == ((384, 13, 13), (256, 13, 13), (256, 6, 6))


def test_no_activation_or_norm_stands_in_two_places() -> None:
    for key in NETWORKS:
        net = build(key, device="meta")
        calls: list[str] = []
        for name, module in net.named_modules():
            if not list(module.children()):
                module.register_forward_pre_hook(lambda m, x, calls=calls, name=name: calls.append(name))
        row = NETWORKS[key]
        net(torch.empty(1, row.channels, row.side, row.side, device="meta"))
        assert calls and len(calls) == len(set(calls))


def test_threads_build_at_the_same_time(untouched: None) -> None:
    expected = build("small_cnn", norm="group_norm", seed=5).state_dict()
    with ThreadPoolExecutor(4) as pool:
        built = list(
            pool.map(lambda seed: build("small_cnn", norm="group_norm", seed=seed), [5, 1, 5, 2] * 4)
        )
    for net in built[::2]:
        assert all(torch.equal(net.state_dict()[key], value) for key, value in expected.items())


def test_what_is_built_within_an_inference_can_be_learned() -> None:
    with torch.inference_mode():
        net = build("mlp")
    net(noise(NETWORKS["mlp"], 2, 8)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_what_does_not_fit_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="There is no network 'lenet'"):
        build("lenet")
    with pytest.raises(ValueError, match="'weight_norm' cannot stand in resnet18"):
        build("resnet18", norm="weight_norm")
    with pytest.raises(ValueError, match="There is no activation 'relu7'"):
        build("mlp", activation="relu7")
    with pytest.raises(ValueError, match="mlp takes no input of 32 x 32"):
        build("mlp", side=32)
    with pytest.raises(
        ValueError, match="There is no initialization 'zeros': use one of default, xavier, he"
    ):
        build("mlp", init="zeros", device="meta")
