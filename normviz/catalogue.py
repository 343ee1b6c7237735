"""The methods: one entry each, and nothing about a method anywhere else (but its words in ``text/``).

Each entry is a row of a table: which extents differ from ``Own()``, what is divided by, what is learned, and torch's
layer. Sets, colours, counts, formula, reference, snippet and widgets follow from the row.
"""

from __future__ import annotations

from typing import Any

from normviz.extents import Groups, Whole, Window
from normviz.layers import Layer
from normviz.methods import Knob, Lengths, Method, Paper
from normviz.spec import L2, Affine, Part, Response, Root, Running, Spec, StatSet

EPS = Knob("eps", 1e-5, r"\epsilon", low=1e-12, high=1.0, logarithmic=True, shown=False)
CHW = ("C", "H", "W")


def one(**extents: Any) -> tuple[Part, ...]:
    """The usual case: a single set of weight 1."""
    return (Part(StatSet.over(**extents)),)


def learned(on: bool, axes: tuple[str, ...]) -> Affine:
    """A weight and a bias over these axes, or none."""
    return Affine(axes, axes) if on else Affine()


def affine(default: bool = True, name: str = "affine") -> Knob:
    """The knob that adds a learned scale and shift."""
    return Knob(name, default, options=(True, False), shown=False)


def to_first(axes: str) -> tuple[int, int] | None:
    """How channels travel to axis 1, where torch's layer wants them."""
    return (-1, 1) if axes == "NLC" else None


def to_last(axes: str) -> tuple[int, int] | None:
    """How channels travel to the last axis."""
    return (1, -1) if axes == "NCHW" else None


def by_channel(name: str) -> Any:
    """torch's per-channel layers come in a flavour for images and one for the rest."""

    def layer(n: Lengths, axes: str, *, evaluating: bool = False, lone: bool = False, **knobs: Any) -> Layer:
        rank = "2d" if axes == "NCHW" else "1d"
        arguments = {"num_features": n["C"], **knobs}
        return Layer(
            name + rank, arguments, to_first(axes), evaluating=evaluating, unsqueeze=lone and axes == "NC"
        )

    return layer


def over_shape(n: Lengths, axes: str, last: bool, name: str, **knobs: Any) -> Layer:
    """Layer Norm and RMSNorm over (C, H, W), or over the channels alone."""
    names = ("C",) if last else CHW
    shape = tuple(n[a] for a in names if a in axes)
    return Layer(name, {"normalized_shape": shape, **knobs}, to_last(axes) if last else None)


def response(n: Lengths, axes: str, **knobs: Any) -> Layer:
    """torch's Local Response Norm wants at least one axis behind the channels."""
    return Layer("LocalResponseNorm", knobs, to_first(axes), unsqueeze=axes == "NC")


batch_norm_layer, instance_norm_layer = by_channel("BatchNorm"), by_channel("InstanceNorm")
WHOLE = Whole()

BATCH_NORM = Paper(
    "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
    "S. Ioffe, C. Szegedy",
    2015,
    "https://arxiv.org/abs/1502.03167",
)
LAYER_NORM = Paper(
    "Layer Normalization", "J. L. Ba, J. R. Kiros, G. E. Hinton", 2016, "https://arxiv.org/abs/1607.06450"
)

ENTRIES = (
    Method(
        "batch_norm",
        "batch",
        BATCH_NORM,
        rule=lambda eps, affine: Spec(
            one(N=WHOLE, H=WHOLE, W=WHOLE, L=WHOLE), divisor=Root(eps), affine=learned(affine, ("C",))
        ),
        layer=batch_norm_layer,
        knobs=(EPS, affine()),
        evaluating="batch_norm_eval",
    ),
    Method(
        "batch_norm_eval",
        "batch",
        BATCH_NORM,
        rule=lambda eps, affine: Spec(
            (), divisor=Root(eps), running=Running(("C",)), affine=learned(affine, ("C",))
        ),
        layer=lambda n, axes, **knobs: batch_norm_layer(n, axes, evaluating=True, **knobs),
        knobs=(EPS, affine()),
    ),
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
        "group_norm",
        "group",
        Paper("Group Normalization", "Y. Wu, K. He", 2018, "https://arxiv.org/abs/1803.08494"),
        rule=lambda num_groups, eps, affine: Spec(
            one(C=Groups(num_groups), H=WHOLE, W=WHOLE, L=WHOLE),
            divisor=Root(eps),
            affine=learned(affine, ("C",)),
        ),
        layer=lambda n, axes, **knobs: Layer(
            "GroupNorm", {"num_channels": n["C"], **knobs}, to_first(axes)
        ),
        knobs=(Knob("num_groups", 4, "G", divides="C", low=1), EPS, affine()),
    ),
    Method(
        "rms_norm",
        "layer",
        Paper("Root Mean Square Layer Normalization", "B. Zhang, R. Sennrich", 2019, "https://arxiv.org/abs/1910.07467"),
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
        Paper("Positional Normalization", "B. Li, F. Wu, K. Q. Weinberger, S. Belongie", 2019, "https://arxiv.org/abs/1907.04312"),
        rule=lambda eps: Spec(one(C=WHOLE), divisor=Root(eps)),
        layer=lambda n, axes, eps: over_shape(n, axes, True, "LayerNorm", eps=eps, elementwise_affine=False),
        knobs=(EPS,),
        own_layer=False,
    ),
    Method(
        "l2_norm",
        "local",
        Paper("ParseNet: Looking Wider to See Better", "W. Liu, A. Rabinovich, A. C. Berg", 2015, "https://arxiv.org/abs/1506.04579"),
        rule=lambda eps: Spec(one(C=WHOLE), centred=False, divisor=L2(eps)),
        layer=lambda n, axes, eps: Layer(
            "normalize", {"dim": axes.index("C"), "eps": eps}, function=True
        ),
        knobs=(Knob("eps", 1e-12, r"\epsilon", low=1e-12, high=1.0, logarithmic=True, shown=False),),
    ),
)  # fmt: skip


class Catalogue(dict[str, Method]):
    """Methods by key; an unknown key is answered with the keys there are."""

    def __missing__(self, key: object) -> Method:
        raise ValueError(f"There is no method {key!r}: the methods are {', '.join(self)}.")


#: Every method by its key, in the order in which they are offered.
METHODS = Catalogue({entry.key: entry for entry in ENTRIES})


def method(key: str | Method) -> Method:
    """The entry of that key."""
    return key if isinstance(key, Method) else METHODS[key]
