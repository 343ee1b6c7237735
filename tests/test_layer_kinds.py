"""The kinds of operations, by torch's own names for them."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from normviz.activations import ACTIVATIONS
from normviz.layer_kinds import KINDS, kind_of

EXPECTED = {
    "conv": ["conv1d", "conv2d", "conv3d", "conv_transpose2d", "fold", "unfold"],
    "linear": ["linear", "bilinear", "matmul", "bmm", "einsum", "baddbmm"],
    "norm": ["batch_norm", "group_norm", "layer_norm", "instance_norm", "rms_norm", "local_response_norm", "normalize"],
    "activation": ["relu", "relu6", "leaky_relu", "gelu", "silu", "sigmoid", "tanh", "hardtanh", "hardswish",
                   "hardsigmoid", "logsigmoid", "softplus", "softsign", "mish", "elu", "selu", "celu", "prelu", "rrelu",
                   "glu", "tanhshrink", "softshrink", "hardshrink", "threshold"],
    "pool": ["max_pool2d", "avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool3d", "lp_pool2d", "max_unpool2d",
             "max_pool2d_with_indices", "fractional_max_pool2d", "interpolate", "mean", "amax"],
    "combine": ["add", "sub", "mul", "div", "cat", "stack", "maximum"],
    "attention": ["scaled_dot_product_attention", "multi_head_attention_forward"],
    "recurrent": ["lstm", "gru", "rnn_tanh", "lstm_cell"],
    "embedding": ["embedding", "embedding_bag"],
    "softmax": ["softmax", "log_softmax", "gumbel_softmax", "softmin"],
    "dropout": ["dropout", "dropout2d", "alpha_dropout", "feature_alpha_dropout"],
    "other": ["view", "reshape", "frobnicate", "", "relu_forever", "exp"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "op"), [(kind, op) for kind, ops in EXPECTED.items() for op in ops])
def test_an_operation_is_of_its_kind(kind: str, op: str) -> None:
    assert kind_of(op) == kind
    assert kind_of(op + "_") == kind, "in place it is the same"


def test_every_kind_is_listed_and_every_name_is_torchs() -> None:
    assert set(EXPECTED) == set(KINDS)
    known = [name for kind, names in EXPECTED.items() if kind != "other" for name in names]
    missing = [name for name in known if not any(hasattr(place, name) for place in (F, torch, torch.Tensor))]
    assert not missing, f"no such function: {missing}"


def test_every_function_of_torch_named_after_a_norm_a_pool_or_a_convolution_is_known() -> None:
    for name in dir(F):
        if name.startswith("_") or not callable(getattr(F, name)) or "loss" in name:
            continue
        for part, kind in (("_norm", "norm"), ("pool", "pool"), ("conv", "conv"), ("dropout", "dropout")):
            if part in name and "tbc" not in name and "clip" not in name:
                assert kind_of(name) == kind, name


@pytest.mark.parametrize("key", ACTIVATIONS)
def test_the_catalogues_activations_are_activations(key: str) -> None:
    assert kind_of(key) == "activation"
