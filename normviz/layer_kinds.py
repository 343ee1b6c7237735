"""What kind of operation torch's functions are, by their names.

>>> kind_of("conv2d"), kind_of("relu_"), kind_of("max_pool2d"), kind_of("frobnicate")
('conv', 'activation', 'pool', 'other')
"""

from __future__ import annotations

import re
from functools import lru_cache

#: Every kind, in the order in which a page lists them.
KINDS = (
    "conv", "linear", "norm", "activation", "pool", "combine", "attention", "recurrent", "embedding",
    "softmax", "dropout", "other",
)  # fmt: skip

_PATTERNS = (
    ("norm", r"(batch|group|layer|instance|rms|local_response|.*batch)_norm|normalize"),
    ("attention", r"scaled_dot_product_attention|multi_head_attention_forward"),
    ("conv", r"conv(_transpose|_tbc)?\d?d?|fold|unfold"),
    ("linear", r"linear|bilinear|matmul|mm|bmm|addmm|baddbmm|addbmm|einsum|tensordot|dot|inner|mv|addmv|chain_matmul"),
    ("softmax", r"(log_|gumbel_)?softm(ax|in)|logsumexp"),
    ("pool", r"(adaptive_|fractional_)?(max|avg|lp)_(un)?pool\d?d?(_with_indices)?|mean|amax|interpolate|upsample.*"),
    ("dropout", r"(feature_)?(alpha_)?dropout\d?d?"),
    ("activation", r"relu6?|leaky_relu|rrelu|prelu|[cs]?elu|gelu|silu|swish|mish|(hard|log|soft)?_?sigmoid"
     r"|(hard)?tanh|tanhshrink|(soft|hard)shrink|hardswish|softplus|softsign|glu|threshold|clamp(_min|_max)?"),
    ("combine", r"add|sub|rsub|mul|div|true_divide|cat|concat|concatenate|stack|lerp|addcmul|addcdiv|maximum|minimum"),
    ("recurrent", r"lstm|gru|rnn_(tanh|relu)|(lstm|gru|rnn_(tanh|relu))_cell"),
    ("embedding", r"embedding(_bag)?"),
)  # fmt: skip


@lru_cache(maxsize=4096)  # asked again for every layer of a trace, which may have thousands
def kind_of(op: str) -> str:
    """The kind of an operation by its name at torch; what works in place (``relu_``) is of the same kind."""
    name = op.rstrip("_")
    for kind, pattern in _PATTERNS:
        if re.fullmatch(pattern, name):
            return kind
    return "other"
