"""What torch's functions mean to a trace: which are layers, where their channels lie, what they multiply."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from normviz.layer_kinds import kind_of
from normviz.nets.trace_norms import takes_maps


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: They rearrange or copy values, or cast them: no layers. What comes out comes from where their input comes from.
CARRY = _words("""
    __get__ __set__ __getitem__ __setitem__ alias as_strided atleast_1d atleast_2d atleast_3d bfloat16 broadcast_to
    channel_shuffle chunk clone contiguous copy_ cpu cuda data detach detach_ diagonal double expand expand_as flatten
    flip float half hsplit index_select mT masked_select moveaxis movedim narrow permute pixel_shuffle pixel_unshuffle
    ravel repeat repeat_interleave requires_grad_ reshape reshape_as resolve_conj resolve_neg roll rot90 select split
    split_with_sizes squeeze squeeze_ swapaxes swapdims t t_ take_along_dim tensor_split tile to transpose transpose_
    type type_as unbind unflatten unsafe_chunk unsafe_split unsqueeze unsqueeze_ view view_as vsplit
""")
#: Of these, those that permute the axes.
_PERMUTE = _words("permute transpose transpose_ movedim moveaxis swapaxes swapdims mT t t_ __get__")
#: Of these, those after which an axis may mean something else.
_RESHAPE = _words("reshape reshape_as view view_as flatten ravel unflatten as_strided squeeze unsqueeze")
#: They read the shape of what they are given, not its values.
SHAPE = _words("""
    zeros_like ones_like full_like empty_like rand_like randn_like randint_like new_zeros new_ones new_full new_empty
    new_tensor
""")
#: They ask for something that is no tensor.
ASK = _words("""
    dim size numel nelement is_contiguous is_floating_point is_complex stride storage_offset ndimension element_size
    __len__ get_device data_ptr is_set_to is_same_size
""")
#: Reflected and short forms, under the function's own name.
_SHORT = {"truediv": "div", "itruediv": "div", "rtruediv": "div", "rdiv": "div", "idiv": "div", "true_divide": "div",
          "rsub": "sub", "radd": "add", "rmul": "mul", "rmatmul": "matmul", "rpow": "pow", "iadd": "add",
          "isub": "sub", "imul": "mul"}  # fmt: skip
_PROBE = (2, 3, 5, 7, 11, 13, 17, 19)

_PLAIN = frozenset((bool, int, float, str, type(None), torch.dtype, torch.device))
_TENSORS = frozenset((torch.Tensor, torch.nn.Parameter))

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a function's name tells of it."""

    name: str
    op: str
    asks: bool
    shapes: bool
    carries: bool
    mutates: bool
    norm: bool


@cache
def facts(function: Function) -> Facts:
    """What is known of a function of torch.

    >>> facts(torch.relu_).mutates, facts(torch.Tensor.view).carries, facts(torch.nn.functional.layer_norm).norm
    (True, True, True)
    """
    name, op = raw_name(function), op_name(function)
    norm = op.endswith(("norm", "normalize"))
    return Facts(name, op, name in ASK, name in SHAPE, name in CARRY, mutates(name), norm)


def tensors(value: Any) -> list[torch.Tensor]:
    """Every tensor in arguments or results, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    found: list[torch.Tensor] = []
    _collect(value if type(value) in (tuple, list) else (value,), found)
    return found


def _collect(values: Iterable[Any], found: list[torch.Tensor]) -> None:
    for value in values:
        kind = type(value)
        if kind in _TENSORS:
            found.append(value)
        elif kind in _PLAIN:
            continue
        elif isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, (tuple, list)):
            _collect(value, found)
        elif isinstance(value, dict):
            _collect(value.values(), found)


@cache
def op_name(function: Function) -> str:
    """torch's name of a function, without the marks of what works in place or is an operator.

    >>> op_name(torch.relu_), op_name(torch.Tensor.__rsub__), op_name(torch.conv2d)
    ('relu', 'sub', 'conv2d')
    """
    name = raw_name(function).strip("_")
    return _SHORT.get(name, name)


def raw_name(function: Function) -> str:
    """torch's name of a function, as it is."""
    return str(getattr(function, "__name__", type(function).__name__))


def mutates(name: str) -> bool:
    """Whether a function of this name changes its first argument, or what that argument holds."""
    return name == "__setitem__" or (name[-1] == "_" and name[-2] != "_")


def carried_axis(function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any], axis: int | None,
                 result: torch.Tensor) -> int | None:  # fmt: skip
    """Where the channels lie after a rearrangement; None where that is not known."""
    (before, *rest), name = args or (None,), raw_name(function)
    if axis is None or not isinstance(before, torch.Tensor) or before.ndim != result.ndim or name in _RESHAPE:
        return None
    if name not in _PERMUTE or before.ndim > len(_PROBE):
        return axis
    if name == "__get__" and before.shape == result.shape and before.stride() == result.stride():
        return axis
    # The same rearrangement of a tensor whose lengths tell its axes apart.
    probe = function(torch.empty(()).expand(_PROBE[: before.ndim]), *rest, **kwargs)
    return tuple(probe.shape).index(_PROBE[axis])


_kind = cache(kind_of)


def default_axis(dimensions: int) -> int | None:
    """Where the channels are, when nothing else is known: (N, C), (N, L, C), (N, C, H, W), (N, C, D, H, W)."""
    return None if dimensions < 2 else 2 if dimensions == 3 else 1


def channel_axis(op: str, output: torch.Tensor, arguments: Mapping[str, Any], inherited: int | None,
                 inherited_from: int) -> int | None:  # fmt: skip
    """The axis of an operation's output along which its channels lie.

    ``inherited`` is that of its first input, which has ``inherited_from`` axes.
    """
    last = output.ndim - 1
    if output.ndim < 2:
        return None
    if spatial := _positions(op):
        return max(0, last - spatial)
    if takes_maps(op):
        return 1
    shape = arguments.get("normalized_shape")
    if op in ("linear", "bilinear") or _kind(op) in ("attention", "embedding", "recurrent") or (
        shape is not None and len(tuple(shape)) == 1
    ):  # fmt: skip
        return last
    if inherited is not None and inherited_from == output.ndim:
        return inherited
    return default_axis(output.ndim)


@cache
def _positions(op: str) -> int:
    """How many axes lie behind the channels of a convolution or a pooling; 0 for what is none."""
    found = re.search(r"(?:conv\w*|pool)([123])d", op)
    return int(found[1]) if found else 0


def bound(function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names, defaults included, where the function tells its names.

    >>> bound(torch.nn.functional.rms_norm, (None, (8,)), {"eps": 0.1})["eps"]
    0.1
    """
    names, defaults = _signature(function)
    return {**defaults, **dict(zip(names, args, strict=False)), **kwargs}


@cache
def _signature(function: Function) -> tuple[tuple[str, ...], dict[str, Any]]:
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        return (), {}
    return tuple(found), {name: one.default for name, one in found.items() if one.default is not one.empty}


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
    if _kind(op) == "recurrent":
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
