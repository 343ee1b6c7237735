"""Batch Norm and its kin: what is shared reaches across the samples."""

from __future__ import annotations

from typing import Any

from normviz.entries.pieces import EPS, WHOLE, affine, by_channel, learned, one, to_first
from normviz.extents import Extent, Groups
from normviz.layers import Layer
from normviz.methods import Knob, Lengths, Method, Paper
from normviz.spec import Affine, Part, Root, Running, Spec
from normviz.written import Written, batch_norm_devices, batch_renorm

BATCH_NORM = Paper(
    "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
    "S. Ioffe, C. Szegedy",
    2015,
    "https://arxiv.org/abs/1502.03167",
)
BATCH_RENORM = Paper(
    "Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models",
    "S. Ioffe",
    2017,
    "https://arxiv.org/abs/1702.03275",
)
SYNCHRONIZED = Paper(
    "MegDet: A Large Mini-Batch Object Detector",
    "C. Peng, T. Xiao, Z. Li, Y. Jiang, X. Zhang, K. Jia, G. Yu, J. Sun",
    2018,
    "https://arxiv.org/abs/1711.07240",
)
FROZEN = Paper(
    "Deep Residual Learning for Image Recognition",
    "K. He, X. Zhang, S. Ren, J. Sun",
    2016,
    "https://arxiv.org/abs/1512.03385",
)

#: torch's SyncBatchNorm trains on several GPUs only; what it computes is Batch Norm of the whole batch.
SYNCHRONIZE = "In one process; with one on each GPU: layer = nn.SyncBatchNorm.convert_sync_batchnorm(layer)"

layer = by_channel("BatchNorm")


def across(samples: Extent) -> tuple[Part, ...]:
    """One channel at all positions, across these samples."""
    return one(N=samples, H=WHOLE, W=WHOLE, L=WHOLE)


def our_own(name: str, written: Written, n: Lengths, axes: str, **knobs: Any) -> Layer:
    """A layer of torch's kind that is written out."""
    return Layer(name, {"num_features": n["C"], **knobs}, to_first(axes), written=written)


ENTRIES = (
    Method(
        "batch_norm",
        "batch",
        BATCH_NORM,
        rule=lambda eps, affine: Spec(
            one(N=WHOLE, H=WHOLE, W=WHOLE, L=WHOLE), divisor=Root(eps), affine=learned(affine, ("C",))
        ),
        layer=layer,
        knobs=(EPS, affine()),
        evaluating="batch_norm_eval",
    ),
    Method(
        "batch_renorm",
        "batch",
        BATCH_RENORM,
        rule=lambda r_max, d_max, eps, affine: Spec(
            across(WHOLE),
            divisor=Root(eps),
            running=Running(("C",), r_max, d_max),
            affine=learned(affine, ("C",)),
        ),
        layer=lambda n, axes, **knobs: our_own("BatchRenorm", batch_renorm, n, axes, **knobs),
        knobs=(
            Knob("r_max", 3.0, r"r_{\max}", low=1.0, high=1000.0),
            Knob("d_max", 5.0, r"d_{\max}", low=0.0, high=1000.0),
            EPS,
            affine(),
        ),
        evaluating="batch_norm_eval",
        own_layer=False,
    ),
    Method(
        "batch_norm_devices",
        "batch",
        BATCH_NORM,
        rule=lambda devices, eps, affine: Spec(
            across(Groups(devices, "devices")), divisor=Root(eps), affine=learned(affine, ("C",))
        ),
        layer=lambda n, axes, **knobs: our_own("BatchNormDevices", batch_norm_devices, n, axes, **knobs),
        knobs=(Knob("devices", 2, "K", divides="N", low=1), EPS, affine()),
        evaluating="batch_norm_eval",
        own_layer=False,
    ),
    Method(
        "sync_batch_norm",
        "batch",
        SYNCHRONIZED,
        rule=lambda eps, affine: Spec(across(WHOLE), divisor=Root(eps), affine=learned(affine, ("C",))),
        layer=lambda n, axes, **knobs: layer(n, axes, note=SYNCHRONIZE, **knobs),
        knobs=(EPS, affine()),
        evaluating="batch_norm_eval",
        own_layer=False,
    ),
    Method(
        "batch_norm_eval",
        "batch",
        BATCH_NORM,
        rule=lambda eps, affine: Spec(
            (), divisor=Root(eps), running=Running(("C",)), affine=learned(affine, ("C",))
        ),
        layer=lambda n, axes, **knobs: layer(n, axes, evaluating=True, **knobs),
        knobs=(EPS, affine()),
    ),
    Method(
        "batch_norm_frozen",
        "batch",
        FROZEN,
        rule=lambda eps: Spec(
            (),
            divisor=Root(eps),
            running=Running(("C",)),
            affine=Affine(("C",), ("C",), origin="frozen"),
        ),
        layer=lambda n, axes, eps: layer(n, axes, evaluating=True, frozen=True, eps=eps),
        knobs=(EPS,),
    ),
)
