"""The networks: one row each, with what a page must know before torch is there.

>>> NETWORKS["resnet50"].norm, NETWORKS["resnet50"].published(), NETWORKS["vgg16"].published("batch_norm")
('batch_norm', 'resnet50', 'vgg16_bn')
>>> "group_norm" in NETWORKS["resnet50"].norms, "adaptive_instance_norm" in NETWORKS["resnet50"].norms
(True, False)
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from normviz.methods import Paper
from normviz.network import NONE, Network

__all__ = ["NETWORKS", "NONE", "Network", "network"]

ALEXNET = Paper(
    "ImageNet Classification with Deep Convolutional Neural Networks",
    "A. Krizhevsky, I. Sutskever, G. E. Hinton",
    2012,
    "https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
)
ONE_WEIRD_TRICK = Paper(
    "One weird trick for parallelizing convolutional neural networks",
    "A. Krizhevsky",
    2014,
    "https://arxiv.org/abs/1404.5997",
)
VGG = Paper(
    "Very Deep Convolutional Networks for Large-Scale Image Recognition",
    "K. Simonyan, A. Zisserman",
    2015,
    "https://arxiv.org/abs/1409.1556",
)
RESNET = Paper(
    "Deep Residual Learning for Image Recognition",
    "K. He, X. Zhang, S. Ren, J. Sun",
    2016,
    "https://arxiv.org/abs/1512.03385",
)
TRANSFORMER = Paper(
    "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale",
    "A. Dosovitskiy et al.",
    2021,
    "https://arxiv.org/abs/2010.11929",
)
POST_NORM = Paper("Attention Is All You Need", "A. Vaswani et al.", 2017, "https://arxiv.org/abs/1706.03762")

#: What published ImageNet weights were trained with: mean and standard deviation of R, G, B over the training images.
IMAGENET: Mapping[str, Any] = {
    "channels": 3,
    "side": 224,
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
    "classes": 1000,
    "labels": "imagenet",
    "activation": "relu",
}
#: scikit-learn's digits: mean and standard deviation of the training part, in [0, 1].
DIGITS: Mapping[str, Any] = {
    "channels": 1,
    "mean": (0.3054,),
    "std": (0.3760,),
    "classes": 10,
    "labels": "digits",
    "activation": "relu",
    "norm": "batch_norm",
}
#: Local Response Norm as the paper has it (section 3.3), where alpha is not divided by the size as torch does.
PAPERS_LRN = {"local_response_norm": {"size": 5, "alpha": 5e-4, "beta": 0.75, "k": 2.0}}
PUBLISHED = ("random", "published", "own")


def _vgg(depth: int) -> Network:
    name = f"vgg{depth}"
    variants = {NONE: name, "batch_norm": f"{name}_bn"}
    return Network(
        name, "vgg", VGG, sides=(32, 448), norm=NONE, variants=variants, weights=PUBLISHED, **IMAGENET
    )


def _resnet(depth: int) -> Network:
    name = f"resnet{depth}"
    return Network(name, "resnet", RESNET, sides=(64, 448), norm="batch_norm", variants={"batch_norm": name},
                   weights=PUBLISHED, **IMAGENET)  # fmt: skip


def _transformer(key: str, paper: Paper) -> Network:
    half = (0.5, 0.5, 0.5)
    return Network(key, "transformer", paper, channels=3, side=64, sides=(32, 128), step=8, mean=half, std=half,
                   classes=10, labels="", norm="layer_norm", activation="gelu", layout="NLC")  # fmt: skip


ENTRIES = (
    Network("small_cnn", "cnn", None, side=32, sides=(16, 128), weights=("random", "trained", "own"), **DIGITS),
    Network("mlp", "mlp", None, side=8, sides=(8, 8), layout="NC", **DIGITS),
    *(_resnet(depth) for depth in (18, 34, 50)),
    *(_vgg(depth) for depth in (11, 16, 19)),
    Network("alexnet", "alexnet", ALEXNET, sides=(227, 227), norm="local_response_norm", norm_knobs=PAPERS_LRN,
            **{**IMAGENET, "side": 227}),
    Network("alexnet_torchvision", "alexnet", ONE_WEIRD_TRICK, sides=(64, 448), norm=NONE,
            variants={NONE: "alexnet"}, weights=PUBLISHED, **IMAGENET),
    _transformer("patch_transformer_pre", TRANSFORMER),
    _transformer("patch_transformer_post", POST_NORM),
)  # fmt: skip


class Networks(dict[str, Network]):
    """Networks by key; an unknown key is answered with the keys there are."""

    def __missing__(self, key: object) -> Network:
        raise ValueError(f"There is no network {key!r}: the networks are {', '.join(self)}.")


#: Every network by its key, in the order in which they are offered.
NETWORKS: Mapping[str, Network] = MappingProxyType(Networks({entry.key: entry for entry in ENTRIES}))


def network(key: str | Network) -> Network:
    """The row of that key. Raises ValueError with the known keys for another.

    >>> network("vgg11").classes
    1000
    """
    return key if isinstance(key, Network) else NETWORKS[key]
