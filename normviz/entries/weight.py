"""Norms of a layer's weight: no activation is looked at."""

from __future__ import annotations

from normviz.entries.pieces import EPS, WHOLE
from normviz.layers import Layer
from normviz.layouts import WEIGHTS
from normviz.methods import Knob, Method, Paper
from normviz.spec import L2, Affine, Part, Root, Spec, StatSet
from normviz.written import weight_norm

#: Everything that one output, or one input, is computed with; by torch's dim.
BY_DIM = {0: ("O", ("I", "H", "W")), 1: ("I", ("O", "H", "W"))}


def kernel(dim: int = 0) -> tuple[Part, ...]:
    """All weights at one index of that axis."""
    return (Part(StatSet.over(WEIGHTS, **dict.fromkeys(BY_DIM[dim][1], WHOLE))),)


ENTRIES = (
    Method(
        "weight_norm",
        "weight",
        Paper(
            "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural Networks",
            "T. Salimans, D. P. Kingma",
            2016,
            "https://arxiv.org/abs/1602.07868",
        ),
        rule=lambda dim: Spec(
            kernel(dim),
            centred=False,
            divisor=L2(0.0),
            affine=Affine((BY_DIM[dim][0],), identity_at_start=True),
            layouts=WEIGHTS,
        ),
        layer=lambda n, axes, dim: Layer("WeightNorm", {"dim": dim}, written=weight_norm),
        knobs=(Knob("dim", 0, r"\mathrm{dim}", options=(0, 1)),),
    ),
    Method(
        "weight_standardization",
        "weight",
        Paper(
            "Micro-Batch Training with Batch-Channel Normalization and Weight Standardization",
            "S. Qiao, H. Wang, C. Liu, W. Shen, A. Yuille",
            2019,
            "https://arxiv.org/abs/1903.10520",
        ),
        rule=lambda eps: Spec(kernel(), divisor=Root(eps), layouts=WEIGHTS),
        layer=lambda n, axes, eps: Layer(
            "LayerNorm",
            {"normalized_shape": tuple(n[a] for a in axes[1:]), "eps": eps, "elementwise_affine": False},
        ),
        knobs=(EPS,),
        own_layer=False,
    ),
)
