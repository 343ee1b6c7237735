"""Norms of a neighbourhood: a window of channels, or the channels at one position."""

from __future__ import annotations

from typing import Any

from normviz.entries.pieces import EPS, WHOLE, one, over_shape, to_first
from normviz.extents import Window
from normviz.layers import Layer
from normviz.methods import Knob, Lengths, Method, Paper
from normviz.spec import L2, Response, Root, Spec


def response(n: Lengths, axes: str, **knobs: Any) -> Layer:
    """torch's Local Response Norm wants at least one axis behind the channels."""
    return Layer("LocalResponseNorm", knobs, to_first(axes), unsqueeze=axes == "NC")


ENTRIES = (
    Method(
        "local_response_norm",
        "local",
        Paper(
            "ImageNet Classification with Deep Convolutional Neural Networks",
            "A. Krizhevsky, I. Sutskever, G. E. Hinton",
            2012,
            "https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
        ),
        rule=lambda size, alpha, beta, k: Spec(
            one(C=Window(size)), centred=False, divisor=Response(size, alpha, beta, k)
        ),
        layer=response,
        knobs=(
            Knob("size", 5, "n", low=1, high=64),
            Knob("alpha", 1e-4, r"\alpha", low=0.0, high=100.0, shown=False),
            Knob("beta", 0.75, r"\beta", low=0.0, high=4.0, shown=False),
            Knob("k", 1.0, "k", low=1e-3, high=100.0, shown=False),
        ),
    ),
    Method(
        "positional_norm",
        "local",
        Paper(
            "Positional Normalization",
            "B. Li, F. Wu, K. Q. Weinberger, S. Belongie",
            2019,
            "https://arxiv.org/abs/1907.04312",
        ),
        rule=lambda eps: Spec(one(C=WHOLE), divisor=Root(eps)),
        layer=lambda n, axes, eps: over_shape(n, axes, True, "LayerNorm", eps=eps, elementwise_affine=False),
        knobs=(EPS,),
        own_layer=False,
    ),
    Method(
        "l2_norm",
        "local",
        Paper(
            "ParseNet: Looking Wider to See Better",
            "W. Liu, A. Rabinovich, A. C. Berg",
            2015,
            "https://arxiv.org/abs/1506.04579",
        ),
        rule=lambda eps: Spec(one(C=WHOLE), centred=False, divisor=L2(eps)),
        layer=lambda n, axes, eps: Layer("normalize", {"dim": axes.index("C"), "eps": eps}, function=True),
        knobs=(Knob("eps", 1e-12, r"\epsilon", low=1e-12, high=1.0, logarithmic=True, shown=False),),
    ),
)
