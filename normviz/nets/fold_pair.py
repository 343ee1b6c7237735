"""A real convolution (or linear map) and the Batch Norm behind it, and torch's own way to make one layer of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import skip_init
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from normviz.fold import Plan
from normviz.nets.filters import filter_bank
from normviz.nets.tensors import resamples
from normviz.reference import FloatArray
from normviz.spec import Spec


def pair(given: FloatArray, spec: Spec, plan: Plan) -> tuple[Any, Any, str]:
    """The layer, Batch Norm in evaluation with trained buffers, and torch's sentence where it refused to train.

    ``given``, the input that they are trained on, is channels first. Both are in float64 on the CPU.
    """
    rank = given.ndim - 2
    generator = torch.Generator().manual_seed(plan.seed)
    into = given.shape[1]
    layer: Any
    # skip_init: what is made here draws nothing from torch's own random state.
    if plan.bank:
        weight = filter_bank(plan.bank, plan.channels, plan.seed).weight
        side = weight.shape[-1]
        more: dict[str, Any] = {"padding": side // 2, "bias": False, "padding_mode": "replicate"}
        layer = skip_init(nn.Conv2d, into, plan.channels, side, plan.stride, **more)
    elif rank:
        conv = nn.Conv1d if rank == 1 else nn.Conv2d
        layer = skip_init(conv, into, plan.channels, plan.kernel, plan.stride, plan.kernel // 2)
    else:
        layer = skip_init(nn.Linear, into, plan.channels)
    layer = layer.double().eval()
    if plan.bank:
        layer.weight.copy_(weight)
    else:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        reach = 1 / math.sqrt(layer.weight[0].numel())
        layer.bias.uniform_(-reach, reach, generator=generator)

    assert spec.eps is not None
    batch_norm = nn.BatchNorm2d if rank == 2 else nn.BatchNorm1d
    # Always with gamma and beta, at 1 and 0 where the Spec has none: torch 2.13 does not fold a linear layer without.
    norm = batch_norm(plan.channels, eps=spec.eps, momentum=plan.momentum)
    norm = norm.double()
    if spec.affine.weight and plan.drawn:
        rng = np.random.default_rng((plan.seed, 1))
        norm.weight.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, plan.channels)))
        norm.bias.copy_(torch.from_numpy(0.5 * rng.standard_normal(plan.channels)))
    z = layer(torch.tensor(given, dtype=torch.float64))
    refusal = ""
    try:
        for batch in resamples(z, plan.batches, plan.seed):
            norm(batch)
    except ValueError as refused:
        refusal = str(refused)
    return layer, norm.eval(), refusal


def fuse(layer: Any, norm: Any) -> Any:
    """The one layer that does what the two do in evaluation, by ``torch.nn.utils.fusion``."""
    return (
        fuse_linear_bn_eval(layer, norm) if isinstance(layer, nn.Linear) else fuse_conv_bn_eval(layer, norm)
    )
