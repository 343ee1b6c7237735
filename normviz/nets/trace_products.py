"""How much a call of torch's functions multiplies, by the shapes of what it reads."""

from __future__ import annotations

import math
from functools import cache

import torch

from normviz.layer_kinds import kind_of


def multiply_adds(op: str, reads: list[torch.Tensor], output: torch.Tensor) -> int:
    """How many multiplications, each with its addition, by the shapes; 0 for what multiplies with no matrix."""
    if not _multiplies(op):
        return 0
    found, out = [one.shape for one in reads], output.numel()
    if op.startswith("conv") and len(found) > 1:
        weight = math.prod(found[1][1:])
        return math.prod(found[0]) * weight if "transpose" in op else out * weight
    match op:
        case "linear" if len(found) > 1:
            return out * found[1][-1]
        case "matmul" | "mm" | "bmm" | "mv" | "dot" | "addmm" | "baddbmm" | "addbmm" | "addmv" if (
            len(found) > 1
        ):
            first = found[1] if op.startswith(("add", "badd")) else found[0]
            batch = first[0] if op == "addbmm" else 1
            return out * first[-1] * batch
        case "bilinear" if len(found) > 2:
            return out * found[0][-1] * found[1][-1]
        case "scaled_dot_product_attention" if len(found) > 2:
            q, k, v = found[:3]
            return math.prod(q[:-1]) * k[-2] * (q[-1] + v[-1])
        case "multi_head_attention_forward" if len(found) > 2:
            return _attention(found[0], found[1], found[2])
    if kind_of(op) == "recurrent":
        # The state is no parameter, and has as many rows as the input.
        matrices = [one for one in reads if isinstance(one, torch.nn.Parameter) and one.ndim == 2]
        return math.prod(found[0][:-1]) * sum(one.numel() for one in matrices)
    return 0


@cache
def _multiplies(op: str) -> bool:
    return kind_of(op) in ("conv", "linear", "attention", "recurrent")


def _attention(query: torch.Size, key: torch.Size, value: torch.Size) -> int:
    """Projections of (L, N, E), (S, N, Ek), (S, N, Ev), the scores, their sums, and the projection of the output."""
    rows, width, others = math.prod(query[:-1]), query[-1], key[0]
    projected = width * (rows * width + math.prod(key) + math.prod(value) + rows * width)
    return projected + 2 * rows * others * width
