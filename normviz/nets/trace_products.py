"""How much a call of torch's functions multiplies, by the shapes of what it reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch

from normviz.layer_kinds import kind_of


def multiply_adds(op: str, reads: list[torch.Tensor], output: torch.Tensor, args: Sequence[Any] = ()) -> int:
    """How many multiplications, each with its addition, by the shapes; 0 for what adds no products up.

    ``args`` are the call's arguments: an einsum's shapes alone do not tell. Products of more than two matrices in one
    call (``chain_matmul``) are not counted: torch chooses their order.
    """
    if not _multiplies(op):
        return 0
    found, out = [one.shape for one in reads], output.numel()
    if op.startswith("conv") and len(found) > 1:
        weight = math.prod(found[1][:-1] if op == "conv_tbc" else found[1][1:])
        return math.prod(found[0]) * weight if "transpose" in op else out * weight
    match op:
        case "linear" | "inner" if len(found) > 1:
            return out * found[1][-1]
        case "matmul" | "mm" | "bmm" | "mv" | "dot" | "addmm" | "baddbmm" | "addbmm" | "addmv" if (
            len(found) > 1
        ):
            first = found[1] if op.startswith(("add", "badd")) else found[0]
            batch = first[0] if op == "addbmm" else 1
            return out * first[-1] * batch
        case "tensordot" if len(found) > 1:
            # Of a and b with k summed over, both inputs and the output hold a k, k b and a b numbers.
            return math.isqrt(found[0].numel() * found[1].numel() * out)
        case "einsum" if args and isinstance(args[0], str):
            return _einsum(args[0], found)
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


def _einsum(equation: str, shapes: Sequence[Sequence[int]]) -> int:
    """Two operands after the other, from the left, as torch does it where no better order is searched for.

    >>> _einsum("bik, bkj -> bij", [(2, 3, 5), (2, 5, 7)]), _einsum("...i,i", [(4, 3, 5), (5,)])
    (210, 60)
    >>> _einsum("i,j->ij", [(3,), (4,)])  # adds nothing up
    0
    """
    given, _, wanted = equation.replace(" ", "").partition("->")
    operands = [_indices(text, shape) for text, shape in zip(given.split(","), shapes, strict=False)]
    if "->" in equation:
        kept = {*wanted.replace(".", "")}
    else:
        kept = {each for each in given if each.isalpha() and given.count(each) == 1}
    total, (left, *others) = 0, operands
    for number, right in enumerate(others):
        later = kept.union(*others[number + 1 :])
        # What only one of them has, and nothing later asks for, is summed before.
        both = {
            index: max(left.get(index, 1), right.get(index, 1))
            for index in {**left, **right}
            if index[0] == "." or index in later or (index in left and index in right)
        }
        left = {index: size for index, size in both.items() if index[0] == "." or index in later}
        total += math.prod(both.values()) if len(left) < len(both) else 0
    return total


def _indices(text: str, shape: Sequence[int]) -> dict[str, int]:
    """The length of every index of an operand; those of an ellipsis are counted from behind: .0, .1."""
    before, dots, after = text.partition("...")
    hidden = len(shape) - len(before) - len(after) if dots else 0
    names = [*before, *(f".{k}" for k in reversed(range(hidden))), *after]
    return dict(zip(names, shape, strict=False))
