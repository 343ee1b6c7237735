"""Layer, Instance, Group Norm and their kin: what is shared stays within a sample."""

from __future__ import annotations

from collections.abc import Sequence

from normviz.entries.pieces import CHW, EPS, WHOLE, affine, by_channel, learned, one, over_shape, to_first
from normviz.extents import Groups
from normviz.layers import Layer
from normviz.methods import Knob, Method, Paper
from normviz.softmax import softmax
from normviz.spec import Affine, Part, Root, Spec, StatSet
from normviz.written import adaptive_instance_norm, switchable_norm

LAYER_NORM = Paper(
    "Layer Normalization", "J. L. Ba, J. R. Kiros, G. E. Hinton", 2016, "https://arxiv.org/abs/1607.06450"
)
#: The layouts with positions to share over.
MAPS = ("NLC", "NCHW")
#: What Switchable Norm mixes, in its order: the knobs are the logits of their weights.
MEAN, VAR = (tuple(f"{what}_{norm}" for norm in ("in", "ln", "bn")) for what in ("mean", "var"))

instance_norm_layer = by_channel("InstanceNorm")


def mixed(mean: Sequence[float], var: Sequence[float]) -> tuple[Part, ...]:
    """Instance, Layer and Batch Norm's sets, each with its share of the mean and of the variance."""
    positions = {"H": WHOLE, "W": WHOLE, "L": WHOLE}
    sets = [StatSet.over(MAPS, **positions, **more) for more in ({}, {"C": WHOLE}, {"N": WHOLE})]
    weights = (softmax(logits).tolist() for logits in (mean, var))
    return tuple(Part(*part) for part in zip(sets, *weights, strict=True))


ENTRIES = (
    Method(
        "layer_norm",
        "layer",
        LAYER_NORM,
        rule=lambda eps, elementwise_affine: Spec(
            one(C=WHOLE, H=WHOLE, W=WHOLE), divisor=Root(eps), affine=learned(elementwise_affine, CHW)
        ),
        layer=lambda n, axes, **knobs: over_shape(n, axes, axes == "NLC", "LayerNorm", **knobs),
        knobs=(EPS, affine(name="elementwise_affine")),
    ),
    Method(
        "layer_norm_last",
        "layer",
        LAYER_NORM,
        rule=lambda eps, elementwise_affine: Spec(
            one(C=WHOLE), divisor=Root(eps), affine=learned(elementwise_affine, ("C",))
        ),
        layer=lambda n, axes, **knobs: over_shape(n, axes, True, "LayerNorm", **knobs),
        knobs=(EPS, affine(name="elementwise_affine")),
    ),
    Method(
        "instance_norm",
        "instance",
        Paper(
            "Instance Normalization: The Missing Ingredient for Fast Stylization",
            "D. Ulyanov, A. Vedaldi, V. Lempitsky",
            2016,
            "https://arxiv.org/abs/1607.08022",
        ),
        rule=lambda eps, affine: Spec(
            one(H=WHOLE, W=WHOLE, L=WHOLE), divisor=Root(eps), affine=learned(affine, ("C",))
        ),
        layer=lambda n, axes, **knobs: instance_norm_layer(n, axes, lone=True, **knobs),
        knobs=(EPS, affine(default=False)),
    ),
    Method(
        "adaptive_instance_norm",
        "instance",
        Paper(
            "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization",
            "X. Huang, S. Belongie",
            2017,
            "https://arxiv.org/abs/1703.06868",
        ),
        rule=lambda eps: Spec(
            (Part(StatSet.over(MAPS, H=WHOLE, W=WHOLE, L=WHOLE)),),
            divisor=Root(eps),
            affine=Affine(("N", "C"), ("N", "C"), origin="second"),
            layouts=MAPS,
        ),
        layer=lambda n, axes, eps: Layer(
            "AdaptiveInstanceNorm", {"eps": eps}, to_first(axes), written=adaptive_instance_norm, second=True
        ),
        knobs=(EPS,),
        own_layer=False,
    ),
    Method(
        "group_norm",
        "group",
        Paper("Group Normalization", "Y. Wu, K. He", 2018, "https://arxiv.org/abs/1803.08494"),
        rule=lambda num_groups, eps, affine: Spec(
            one(C=Groups(num_groups), H=WHOLE, W=WHOLE, L=WHOLE),
            divisor=Root(eps),
            affine=learned(affine, ("C",)),
        ),
        layer=lambda n, axes, **knobs: Layer("GroupNorm", {"num_channels": n["C"], **knobs}, to_first(axes)),
        knobs=(Knob("num_groups", 4, "G", divides="C", low=1), EPS, affine()),
    ),
    Method(
        "switchable_norm",
        "group",
        Paper(
            "Differentiable Learning-to-Normalize via Switchable Normalization",
            "P. Luo, J. Ren, Z. Peng, R. Zhang, J. Li",
            2019,
            "https://arxiv.org/abs/1806.10779",
        ),
        rule=lambda eps, affine, **logits: Spec(
            mixed([logits[name] for name in MEAN], [logits[name] for name in VAR]),
            divisor=Root(eps),
            affine=learned(affine, ("C",)),
            layouts=MAPS,
        ),
        layer=lambda n, axes, eps, affine, **logits: Layer(
            "SwitchableNorm",
            {
                "num_features": n["C"],
                "mean_weight": tuple(logits[name] for name in MEAN),
                "var_weight": tuple(logits[name] for name in VAR),
                "eps": eps,
                "affine": affine,
            },
            to_first(axes),
            written=switchable_norm,
        ),
        knobs=(
            *(
                Knob(name, 0.0, rf"\lambda_{{{name}}}", low=-20.0, high=20.0, shown=False)
                for name in MEAN + VAR
            ),
            EPS,
            affine(),
        ),
        own_layer=False,
    ),
    Method(
        "rms_norm",
        "layer",
        Paper(
            "Root Mean Square Layer Normalization",
            "B. Zhang, R. Sennrich",
            2019,
            "https://arxiv.org/abs/1910.07467",
        ),
        rule=lambda normalized_shape, eps, elementwise_affine: Spec(
            one(**dict.fromkeys(normalized_shape, WHOLE)),
            centred=False,
            divisor=Root(eps),
            affine=Affine(tuple(normalized_shape) if elementwise_affine else ()),
        ),
        layer=lambda n, axes, normalized_shape, **knobs: over_shape(
            n, axes, normalized_shape == "C" or axes == "NLC", "RMSNorm", **knobs
        ),
        knobs=(
            Knob("normalized_shape", "CHW", r"\mathrm{shape}", options=("CHW", "C")),
            Knob("eps", None, r"\epsilon", low=1e-12, high=1.0, logarithmic=True, shown=False),
            affine(name="elementwise_affine"),
        ),
    ),
)
