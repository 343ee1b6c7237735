"""The visitor's own weights: safetensors in, tensors out, or one :class:`WeightsError`; and which network they fit.

Nothing that could run code is ever read: no pickle, TorchScript or .pt2. The header is checked by
:mod:`normviz.nets.safetensors_file` before the safetensors library sees the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any, Final

import safetensors.torch
import torch
from safetensors import SafetensorError

from normviz.nets import safetensors_file
from normviz.nets.networks import build
from normviz.nets.weights_errors import WeightsError
from normviz.networks import NETWORKS

#: What wrappers write before every name: DataParallel, Lightning and others, checkpoints of all, torch.compile.
PREFIXES: Final = ("module.", "model.", "net.", "network.", "state_dict.", "_orig_mod.")
#: Counted by Batch Norm, used by nothing here, absent from old files: torch fills it in, too.
COUNTER: Final = "num_batches_tracked"
VARIANCE: Final = "running_var"
#: No more wrappers than this are looked for around each other.
WRAPPERS: Final = 8

Shape = tuple[int, ...]


def read(data: bytes | str | PathLike[str]) -> dict[str, torch.Tensor]:
    """Every tensor of a safetensors file by its name, on the CPU; what is floating is float32.

    ``data`` is the file itself or a path. At most 600 MB, a header of 1 MiB and 20,000 tensors are read. Raises
    WeightsError for anything else than a sound safetensors file of finite values; OSError where a path cannot be read.

    >>> file = safetensors.torch.save({"bias": torch.tensor([1.0, 2.0], dtype=torch.float16)})
    >>> read(file)
    {'bias': tensor([1., 2.])}
    >>> read(file[:-1])
    Traceback (most recent call last):
        ...
    normviz.nets.weights_errors.WeightsError: The file ends too early: ...
    """
    if isinstance(data, bytes):
        header = safetensors_file.check(data, len(data))
        load: Any = safetensors.torch.load
    else:
        header = read_header(data)
        load = safetensors.torch.load_file
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, RuntimeError, KeyError):  # its words name Rust's types
        raise WeightsError("damaged", {}) from None
    if {name: tuple(tensor.shape) for name, tensor in tensors.items()} != header.shapes:
        raise WeightsError("damaged", {})
    # In the order of the file: what is said of "the first" is the same on every reading.
    given = {name: tensors[name] for name in header.tensors}
    _check_finite(given)
    state = {name: one.float() if one.is_floating_point() else one for name, one in given.items()}
    _check_numbers(given, state)
    return state


def read_header(path: str | PathLike[str]) -> safetensors_file.Header:
    """The names, shapes and texts of a safetensors file, without its values. Raises WeightsError, OSError."""
    with Path(path).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 65_536))
        tail = file.read()
        file.seek(0)
        return safetensors_file.check(file.read(8 + safetensors_file.MAX_HEADER), size, tail)


def digest(data: bytes) -> str:
    """The SHA-256 of a file, by which one of the visitor's files is told from another (``Plan.digest``)."""
    return hashlib.sha256(data).hexdigest()


def _check_finite(state: Mapping[str, torch.Tensor]) -> None:
    bad = {name: int((~tensor.isfinite()).sum()) for name, tensor in state.items()}
    names = [name for name, count in bad.items() if count]
    if names:
        raise WeightsError("not_finite", {"name": names[0], "count": bad[names[0]], "tensors": len(names)})


def _check_numbers(given: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]) -> None:
    """What no network here can compute with, although it is finite."""
    for name, one in state.items():
        if not one.isfinite().all():
            received, limit = float(given[name].abs().max()), torch.finfo(torch.float32).max
            raise WeightsError(
                "float32", {"name": name, "received": f"{received:.3g}", "limit": f"{limit:.3g}"}
            )
        if name.endswith(VARIANCE) and (one < 0).any():
            count, least = int((one < 0).sum()), f"{float(one.min()):.3g}"
            raise WeightsError("negative_variance", {"name": name, "count": count, "received": least})


@dataclass(frozen=True)
class Mismatch:
    """Where weights and a module differ; false where they fit. ``shapes``: the name, what is needed, what was given."""

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    shapes: tuple[tuple[str, Shape, Shape], ...] = ()

    def __len__(self) -> int:
        return len(self.missing) + len(self.unexpected) + len(self.shapes)

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, other shapes first: these say most."""
        return (*(name for name, _, _ in self.shapes), *self.missing, *self.unexpected)


@dataclass(frozen=True)
class Guess:
    """The network that weights come from: catalogue keys, what stands before every name, what still differs."""

    network: str
    norm: str
    prefix: str
    mismatch: Mismatch


def fit(module: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> Mismatch:
    """What of ``state`` is missing, too much or of another shape for this module, by name.

    >>> linear = torch.nn.Linear(3, 2)
    >>> fit(linear, {"weight": torch.zeros(2, 4), "scale": torch.zeros(2)})
    Mismatch(missing=('bias',), unexpected=('scale',), shapes=(('weight', (2, 3), (2, 4)),))
    >>> bool(fit(linear, linear.state_dict()))
    False
    """
    return compare(shapes_of(module.state_dict()), shapes_of(state))


def shapes_of(state: Mapping[str, torch.Tensor]) -> dict[str, Shape]:
    """The shape of every entry."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def compare(wanted: Mapping[str, Shape], given: Mapping[str, Shape]) -> Mismatch:
    """What is missing, too much or of another shape, by name; Batch Norm's counter of batches may be missing."""
    return Mismatch(
        tuple(name for name in wanted if name not in given and not name.endswith(COUNTER)),
        tuple(name for name in given if name not in wanted),
        tuple(
            (name, wanted[name], given[name])
            for name in wanted
            if given.get(name, wanted[name]) != wanted[name]
        ),
    )


def unwrapped(wanted: Mapping[str, Shape], given: Mapping[str, Shape]) -> tuple[str, Mismatch]:
    """The prefix before every given name without which they fit best ("" where they do as they are), and what differs.

    >>> unwrapped({"fc.bias": (2,)}, {"module.model.fc.bias": (2,)})
    ('module.model.', Mismatch(missing=(), unexpected=(), shapes=()))
    """
    tried = [
        (prefix, compare(wanted, {name.removeprefix(prefix): shape for name, shape in given.items()}))
        for prefix in _prefixes(given)
    ]
    return min(tried, key=lambda each: len(each[1]))


def _prefixes(names: Mapping[str, Shape]) -> Iterator[str]:
    """ "", and what wrappers have put before all names, one after the other."""
    prefix: str | None = ""
    for _ in range(WRAPPERS + 1):
        if prefix is None:
            return
        yield prefix
        longer = (prefix + each for each in PREFIXES)
        prefix = next(
            (each for each in longer if names and all(name.startswith(each) for name in names)), None
        )


@cache
def expected(network: str, norm: str = "") -> Mapping[str, Shape]:
    """The name and shape of everything that a network's state holds, with this norm ("": its own)."""
    return shapes_of(build(network, norm=norm, device="meta").state_dict())


def recognize(shapes: Mapping[str, Shape]) -> Guess | None:
    """Which of the networks here these weights come from, by names and shapes; None where less than half fits.

    ``shapes`` is ``{name: tuple(tensor.shape)}``. Where nothing fits exactly, the guess is the network with the fewest
    differences, and ``mismatch`` names them.

    >>> guess = recognize({"module." + name: shape for name, shape in expected("resnet18").items()})
    >>> guess.network, guess.norm, guess.prefix, len(guess.mismatch)
    ('resnet18', 'batch_norm', 'module.', 0)
    """
    pairs = [(key, norm) for key, entry in NETWORKS.items() for norm in entry.norms]
    found = {pair: unwrapped(expected(*pair), shapes) for pair in pairs}
    network, norm = min(found, key=lambda pair: (len(found[pair][1]), *_unusual(*pair)))
    prefix, mismatch = found[network, norm]
    if len(mismatch) > len(shapes) / 2:
        return None
    return Guess(network, norm, prefix, mismatch)


def _unusual(network: str, norm: str) -> tuple[bool, bool]:
    """By what those are put in order that learn the same, and so fit alike: a network's own norm first.

    Then those whose layer takes the network's tensors as they are (Group Norm before Layer Norm over C of maps), and
    of these the catalogue's first.
    """
    row = NETWORKS[network]
    return norm != row.norm, row.moves(norm)


def identify(state: Mapping[str, torch.Tensor]) -> Guess:
    """:func:`recognize` for tensors. Raises WeightsError where they fit no network here, or are whole numbers."""
    guess = recognize(shapes_of(state))
    if guess is None:
        first, networks = next(iter(state), "–"), ", ".join(NETWORKS)
        raise WeightsError("unknown", {"count": len(state), "first": first, "networks": networks})
    for name, one in state.items():
        if not one.is_floating_point() and not name.endswith(COUNTER):
            raise WeightsError("not_floating", {"name": name, "dtype": str(one.dtype).removeprefix("torch.")})
    return guess
