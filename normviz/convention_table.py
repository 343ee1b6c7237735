"""What torch, Keras, Flax, TensorFlow and ONNX do differently: the rows, each with the page that says so.

The frameworks' own sources were read too (Keras 3.15, Flax 0.12, ONNX 1.23, torch 2.13, TensorFlow's kernels), and what
Keras, Flax and ONNX compute is frozen into the tests.

>>> from normviz.catalogue import METHODS
>>> aspects(METHODS["batch_norm"]), aspects(METHODS["local_response_norm"])
(('running', 'eps'), ('response',))
>>> [(row.framework, row.argument, row.default) for row in AVERAGES][:2]
[('torch', 'momentum', 0.1), ('keras', 'momentum', 0.99)]
"""

from __future__ import annotations

from collections.abc import Mapping

from normviz.catalogue import METHODS
from normviz.conventions import Average, Axes, Damping, Epsilon, Start
from normviz.extents import Groups, Own, Whole
from normviz.layouts import WEIGHTS
from normviz.methods import Method
from normviz.spec import L2, Response, Root, Spec

TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn."
KERAS = "https://keras.io/api/layers/normalization_layers/"
FLAX = "https://flax.readthedocs.io/en/latest/api_reference/flax.linen/layers.html#flax.linen."
ONNX = "https://onnx.ai/onnx/operators/onnx__"
TENSORFLOW = "https://www.tensorflow.org/api_docs/python/tf/"


BATCH = "BatchNorm2d.html"
AVERAGES = (
    Average("torch", "nn.BatchNorm2d", "momentum", TORCH + BATCH, 0.1, True, True),
    Average("keras", "BatchNormalization", "momentum", f"{KERAS}batch_normalization/", 0.99, False, False),
    Average("flax", "nn.BatchNorm", "momentum", f"{FLAX}BatchNorm", 0.99, False, False),
    # Its kernel corrects the variance that it returns, not the one that it normalizes with (Bessel).
    Average(
        "tensorflow",
        "tf.compat.v1.nn.fused_batch_norm",
        "exponential_avg_factor",
        f"{TENSORFLOW}compat/v1/nn/fused_batch_norm",
        1.0,
        True,
        True,
    ),
    Average("onnx", "BatchNormalization", "momentum", f"{ONNX}BatchNormalization.html", 0.9, False, False),
)

#: By kind of layer.
EPSILONS: Mapping[str, tuple[Epsilon, ...]] = {
    "batch": (
        Epsilon("torch", "nn.BatchNorm2d", "eps", TORCH + BATCH, 1e-5),
        Epsilon("keras", "BatchNormalization", "epsilon", f"{KERAS}batch_normalization/", 1e-3),
        Epsilon("flax", "nn.BatchNorm", "epsilon", f"{FLAX}BatchNorm", 1e-5),
        Epsilon("tensorflow", "tf.compat.v1.nn.fused_batch_norm", "epsilon", AVERAGES[3].source, 1e-3),
        Epsilon("onnx", "BatchNormalization", "epsilon", f"{ONNX}BatchNormalization.html", 1e-5),
    ),
    "layer": (
        Epsilon("torch", "nn.LayerNorm", "eps", f"{TORCH}LayerNorm.html", 1e-5),
        Epsilon("keras", "LayerNormalization", "epsilon", f"{KERAS}layer_normalization/", 1e-3),
        Epsilon("flax", "nn.LayerNorm", "epsilon", f"{FLAX}LayerNorm", 1e-6),
        Epsilon("onnx", "LayerNormalization", "epsilon", f"{ONNX}LayerNormalization.html", 1e-5),
    ),
    "group": (
        Epsilon("torch", "nn.GroupNorm", "eps", f"{TORCH}GroupNorm.html", 1e-5),
        Epsilon("keras", "GroupNormalization", "epsilon", f"{KERAS}group_normalization/", 1e-3),
        Epsilon("flax", "nn.GroupNorm", "epsilon", f"{FLAX}GroupNorm", 1e-6),
        Epsilon("onnx", "GroupNormalization", "epsilon", f"{ONNX}GroupNormalization.html", 1e-5),
    ),
    "instance": (
        Epsilon("torch", "nn.InstanceNorm2d", "eps", f"{TORCH}InstanceNorm2d.html", 1e-5),
        Epsilon("keras", "GroupNormalization(groups=-1)", "epsilon", f"{KERAS}group_normalization/", 1e-3),
        Epsilon("flax", "nn.InstanceNorm", "epsilon", f"{FLAX}InstanceNorm", 1e-6),
        Epsilon("onnx", "InstanceNormalization", "epsilon", f"{ONNX}InstanceNormalization.html", 1e-5),
    ),
    "rms": (
        Epsilon("torch", "nn.RMSNorm", "eps", f"{TORCH}RMSNorm.html", None),
        Epsilon("keras", "RMSNormalization", "epsilon", f"{KERAS}rms_normalization/", 1e-6),
        Epsilon("flax", "nn.RMSNorm", "epsilon", f"{FLAX}RMSNorm", 1e-6),
        Epsilon("onnx", "RMSNormalization", "epsilon", f"{ONNX}RMSNormalization.html", 1e-5),
    ),
    "l2": (
        Epsilon("torch", "functional.normalize", "eps", f"{TORCH}functional.normalize.html", 1e-12, "norm"),
        Epsilon("keras", "UnitNormalization", "", f"{KERAS}unit_normalization/", 1e-12, "norm"),
        Epsilon("tensorflow", "tf.math.l2_normalize", "epsilon", f"{TENSORFLOW}math/l2_normalize", 1e-12, "squares"),
    ),
    "weight_standardization": (
        Epsilon(
            "paper",
            "Conv2d (the authors' code)",
            "",
            "https://github.com/joe-siyuan-qiao/WeightStandardization",
            1e-5,
            "std",
            unbiased=True,
        ),
        Epsilon(
            "timm",
            "StdConv2d",
            "eps",
            "https://github.com/huggingface/pytorch-image-models/blob/main/timm/layers/std_conv.py",
            1e-6,
        ),
    ),
}  # fmt: skip

DAMPINGS = (
    Damping("torch", "nn.LocalResponseNorm", "size", f"{TORCH}LocalResponseNorm.html", 5, 1e-4, 0.75, 1.0, True),
    Damping(
        "onnx", "LRN", "size", f"{ONNX}LRN.html", 5, 1e-4, 0.75, 1.0, True,
        leans="after", names=("size", "alpha", "beta", "bias"),
    ),
    Damping(
        "tensorflow", "tf.nn.local_response_normalization", "depth_radius",
        f"{TENSORFLOW}nn/local_response_normalization", 11, 1.0, 0.5, 1.0, False,
        leans="both", names=("depth_radius", "alpha", "beta", "bias"),
    ),
    Damping(
        "paper", "AlexNet", "n", METHODS["local_response_norm"].paper.url, 5, 1e-4, 0.75, 2.0, False,
        leans="both", names=("n", "alpha", "beta", "k"),
    ),
)  # fmt: skip

CHW, C = ("C", "H", "W"), ("C",)
LAYER_AXES = (
    Axes("torch", "nn.LayerNorm", "normalized_shape", f"{TORCH}LayerNorm.html", CHW, CHW),
    Axes("torch", "nn.GroupNorm", "num_groups", f"{TORCH}GroupNorm.html", ("C", "H", "W", "L"), C),
    Axes("keras", "LayerNormalization", "axis", f"{KERAS}layer_normalization/", C, C),
    Axes("flax", "nn.LayerNorm", "reduction_axes", f"{FLAX}LayerNorm", C, C),
    Axes("onnx", "LayerNormalization", "axis", f"{ONNX}LayerNormalization.html"),
)
RMS_AXES = (
    Axes("torch", "nn.RMSNorm", "normalized_shape", f"{TORCH}RMSNorm.html", CHW, CHW),
    Axes("keras", "RMSNormalization", "axis", f"{KERAS}rms_normalization/", C, C),
    Axes("flax", "nn.RMSNorm", "reduction_axes", f"{FLAX}RMSNorm", C, C),
    Axes("onnx", "RMSNormalization", "axis", f"{ONNX}RMSNormalization.html"),
)

WEIGHT = "https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.weight_norm.html"
STARTS = (
    Start("torch", "parametrizations.weight_norm", "original0", WEIGHT),
    Start("flax", "nn.WeightNorm", "scale_init", f"{FLAX}WeightNorm", 1.0),
)


def kind(spec: Spec) -> str:
    """The kind of layer that a Spec is, where the frameworks' tables differ by it.

    >>> [kind(METHODS[key].spec()) for key in ("batch_norm", "positional_norm", "rms_norm", "l2_norm")]
    ['batch', 'layer', 'rms', 'l2']
    """
    if spec.layouts == WEIGHTS:
        return "weight_standardization" if spec.centred else "weight_norm"
    if isinstance(spec.divisor, L2 | Response):
        return "l2" if isinstance(spec.divisor, L2) else "response"
    if not spec.centred:
        return "rms"
    if not spec.sets or spec.sets[0].extent("N") != Own():
        return "batch"
    match spec.sets[0].extent("C"):
        case Whole():
            return "layer"
        case Groups():
            return "group"
    return "instance"


def aspects(method: Method) -> tuple[str, ...]:
    """The aspects of this method that the frameworks do differently, asked of its Spec."""
    spec = method.spec()
    sets = spec.sets
    # A frozen layer reads averages that no batch moves any more.
    moved = spec.running is not None and spec.affine.origin != "frozen"
    one_sample = len(sets) == 1 and sets[0].extent("N") == Own() and sets[0].extent("C") == Whole()
    applies = {
        "running": moved or bool(method.evaluating),
        "response": isinstance(spec.divisor, Response),
        "axes": isinstance(spec.divisor, Root) and one_sample and bool(spec.affine.weight),
        "start": spec.affine.identity_at_start,
        "eps": kind(spec) in EPSILONS,
    }
    return tuple(name for name, holds in applies.items() if holds)
