"""The networks of :mod:`normviz.networks` as modules, their random weights and their inputs.

>>> net = build("small_cnn", norm="group_norm", activation="gelu")
>>> images, digits = draw_digits(3)
>>> net(prepare(images, "small_cnn")).shape
torch.Size([3, 10])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

import torch
from torch import nn

from normviz.nets.networks.alexnet import AlexNet, AlexNetTorchvision
from normviz.nets.networks.initialization import check_scheme, initialize
from normviz.nets.networks.inputs import HELD_OUT, digit_data, draw_digits, prepare
from normviz.nets.networks.parts import Parts, allocate
from normviz.nets.networks.patch_transformer import PatchTransformer
from normviz.nets.networks.resnet import PLANS, ResNet
from normviz.nets.networks.small import MLP, SmallCNN
from normviz.nets.networks.vgg import CONVS, VGG
from normviz.networks import Network, network

__all__ = ["HELD_OUT", "build", "digit_data", "draw_digits", "initialize", "labels", "prepare"]

Definition = Callable[[Network, Parts, int], nn.Module]

DEFINITIONS: Mapping[str, Definition] = {
    "small_cnn": SmallCNN,
    "mlp": MLP,
    **dict.fromkeys(PLANS, ResNet),
    **dict.fromkeys(CONVS, VGG),
    "alexnet": AlexNet,
    "alexnet_torchvision": AlexNetTorchvision,
    "patch_transformer_pre": partial(PatchTransformer, pre=True),
    "patch_transformer_post": partial(PatchTransformer, pre=False),
}

#: The names of ImageNet's classes, and where they are from.
IMAGENET_NAMES = Path(__file__).parents[3] / "assets" / "labels" / "imagenet.txt"
#: Build without filling the weights, for those who fill them next.
UNFILLED = "none"


def build(
    key: str,
    *,
    norm: str = "",
    activation: str = "",
    side: int = 0,
    seed: int = 0,
    init: str = "default",
    device: torch.device | str = "cpu",
) -> nn.Module:
    """The network with random weights, in evaluation mode; what is left empty is the network's own.

    ``norm`` is a key of ``network(key).norms``, ``activation`` one of the activations, ``init`` one of
    ``network_runs.INITS``, or "none", which leaves the weights as the memory was, to be loaded. On the device "meta"
    it has shapes and no numbers, and costs nothing. torch's global random state is not touched.
    Raises ValueError where there is no such network, norm, activation, initialization or side.

    >>> net = build("resnet50", norm="rms_norm", device="meta")
    >>> net.get_submodule("layer1.0.bn1"), net.bn1.weight.shape
    (RMSNorm((64, 56, 56), eps=None, elementwise_affine=True), torch.Size([64, 112, 112]))
    """
    row = network(key)
    parts = Parts(row, row.chosen_norm(norm), row.chosen_activation(activation), device)
    side = row.chosen_side(side)
    if init != UNFILLED:
        check_scheme(init)
    with torch.inference_mode(False):  # a caller's must not make weights that cannot be learned
        with torch.device("meta"):
            net = DEFINITIONS[row.key](row, parts, side)
        allocate(net, device)
        if torch.device(device).type != "meta" and init != UNFILLED:
            initialize(net, init, seed)
    return net.eval()


def labels(key: str) -> tuple[str, ...] | None:
    """The names of the classes a network tells apart, in the order of its scores; None where they have none.

    >>> labels("mlp")[-1], labels("resnet18")[281], labels("patch_transformer_pre")
    ('9', 'tabby', None)
    """
    row = network(key)
    if row.labels == "imagenet":
        return _imagenet()
    return tuple(str(digit) for digit in range(row.classes)) if row.labels == "digits" else None


@cache
def _imagenet() -> tuple[str, ...]:
    lines = IMAGENET_NAMES.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))
