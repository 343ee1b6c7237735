"""What torch's functions mean to a trace: which are layers, and where their channels lie."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import torch

from normviz.layer_kinds import kind_of
from normviz.nets.trace_activations import has_knobs, readable, saturates
from normviz.nets.trace_norms import takes_maps


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: They rearrange or copy values, or cast them: no layers. What comes out comes from where their input comes from.
CARRY = _words("""
    __get__ __getitem__ __pos__ __set__ __setitem__ _pack_padded_sequence _pad_packed_sequence adjoint alias
    as_strided as_tensor atleast_1d atleast_2d atleast_3d bfloat16 broadcast_tensors broadcast_to channel_shuffle
    chunk clone contiguous copy_ cpu cuda data detach detach_ diagonal double dsplit expand expand_as flatten flip
    fliplr flipud float half hsplit index_select mT masked_select meshgrid moveaxis movedim narrow narrow_copy
    permute pixel_shuffle pixel_unshuffle positive ravel repeat repeat_interleave requires_grad_ reshape reshape_as
    resolve_conj resolve_neg roll rot90 select select_copy slice_copy split split_with_sizes squeeze squeeze_
    swapaxes swapdims t t_ take_along_dim tensor tensor_split tile to transpose transpose_ type type_as unbind
    unflatten unfold unsafe_chunk unsafe_split unsqueeze unsqueeze_ view view_as vsplit
""")
#: Of these, those that permute the axes.
_PERMUTE = _words("permute transpose transpose_ movedim moveaxis swapaxes swapdims mT t t_ __get__")
#: Of these, those after which an axis may mean something else.
_RESHAPE = _words("reshape reshape_as view view_as flatten ravel unflatten as_strided squeeze unsqueeze")
#: They read the shape of what they are given, not its values.
SHAPE = _words("""
    zeros_like ones_like full_like empty_like rand_like randn_like randint_like new_zeros new_ones new_full new_empty
    new_tensor zeros ones full empty rand randn randint arange linspace
""")
#: They ask for something that is no tensor.
ASK = _words("""
    dim size numel nelement is_contiguous is_floating_point is_complex stride storage_offset ndimension element_size
    __len__ get_device data_ptr is_set_to is_same_size
""")
#: Reflected and short forms, and other spellings, under the function's own name.
_SHORT = {"truediv": "div", "itruediv": "div", "rtruediv": "div", "rdiv": "div", "idiv": "div", "true_divide": "div",
          "rsub": "sub", "radd": "add", "rmul": "mul", "rmatmul": "matmul", "rpow": "pow", "iadd": "add",
          "isub": "sub", "imul": "mul", "subtract": "sub", "multiply": "mul", "divide": "div", "clip": "clamp",
         "linalg_matmul": "matmul"}  # fmt: skip
#: With these arguments a function works in place, whatever its name is.
_INPLACE = _words("inplace max_norm")
#: In this order tensors that are given by their names are read, in whatever order they are written.
_NAMED = ("input", "query", "key", "value", "weight", "other")
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
    saturates: bool
    knobs: bool
    #: Whether it takes ``inplace`` or ``max_norm``, with which it changes what it is given.
    inplace: bool


@cache
def facts(function: Function) -> Facts:
    """What is known of a function of torch.

    >>> facts(torch.relu_).mutates, facts(torch.Tensor.view).carries, facts(torch.nn.functional.layer_norm).norm
    (True, True, True)
    """
    name, op = raw_name(function), op_name(function)
    norm = op.endswith(("norm", "normalize"))
    return Facts(name, op, name in ASK, name in SHAPE, name in CARRY, mutates(name), norm,
                 saturates(op), has_knobs(op), not _INPLACE.isdisjoint(_signature(function)[0]))  # fmt: skip


def tensors(value: Any) -> list[torch.Tensor]:
    """Every tensor in arguments or results, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    found: list[torch.Tensor] = []
    _collect(value if type(value) in (tuple, list) else (value,), found)
    return found


def arguments(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """Every tensor in the arguments of a call, in order."""
    found: list[torch.Tensor] = []
    _collect(args, found)
    if kwargs:
        named = {name: kwargs[name] for name in _NAMED if name in kwargs}
        _collect({**named, **kwargs}.values(), found)
    return found


def floating(found: Iterable[torch.Tensor]) -> torch.Tensor | None:
    """The first of these tensors that holds floating numbers, all of them."""
    return next((one for one in found if readable(one)), None)


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
    """torch's name of a function, as it is; of an overload, as exported modules call them, that of them all."""
    return str(getattr(function, "__name__", type(function).__name__)).partition(".")[0]


def mutates(name: str) -> bool:
    """Whether a function of this name changes its first argument, or what that argument holds."""
    return name == "__setitem__" or (name[-1] == "_" and name[-2] != "_")


def in_place(function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a function that can be told to work in place is told so.

    >>> in_place(torch.nn.functional.relu, (None, True), {}), in_place(torch.nn.functional.embedding, (None, None), {})
    (True, False)
    """
    given = bound(function, args, kwargs)
    return bool(given.get("inplace")) or given.get("max_norm") is not None


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
    probe = function(torch.empty((), dtype=before.dtype).expand(_PROBE[: before.ndim]), *rest, **kwargs)
    return tuple(probe.shape).index(_PROBE[axis])


def default_axis(dimensions: int) -> int | None:
    """Where the channels are, when nothing else is known: (N, C), (N, L, C), (N, C, H, W), (N, C, D, H, W)."""
    return None if dimensions < 2 else 2 if dimensions == 3 else 1


def channel_axis(op: str, output: torch.Tensor, arguments: Mapping[str, Any], inherited: int | None,
                 inherited_from: int) -> int | None:  # fmt: skip
    """The axis of an operation's output along which its channels lie.

    ``inherited`` is that of its first input, which has ``inherited_from`` axes.
    """
    axes = output.ndim
    if axes < 2:
        return None
    places = _places(op)
    if places.behind:
        return max(0, axes - 1 - places.behind)
    if places.maps:
        return 1
    shape = arguments.get("normalized_shape")
    if places.last or (shape is not None and len(tuple(shape)) == 1):
        return axes - 1
    if inherited is not None and inherited_from == axes:
        return inherited
    return default_axis(axes)


class _Places(NamedTuple):
    """Where an operation itself says that the channels lie."""

    #: How many axes lie behind those of a convolution or a pooling; 0 for what is none.
    behind: int
    maps: bool
    last: bool


@cache
def _places(op: str) -> _Places:
    found = re.search(r"(?:conv\w*|pool)([123])d", op)
    last = op in ("linear", "bilinear") or kind_of(op) in ("attention", "embedding", "recurrent")
    return _Places(int(found[1]) if found else 0, takes_maps(op), last)


def bound(function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names, defaults included, where the function tells its names.

    >>> bound(torch.nn.functional.rms_norm, (None, (8,)), {"eps": 0.1})["eps"]
    0.1
    """
    names, defaults = _signature(function)
    given = defaults.copy()
    given.update(zip(names, args, strict=False))
    given.update(kwargs)
    return given


@cache
def _signature(function: Function) -> tuple[tuple[str, ...], dict[str, Any]]:
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        return (), {}
    return tuple(found), {name: one.default for name, one in found.items() if one.default is not one.empty}
