"""What a pooling's row is made of, and what follows from it: the windows, the values, the gradient, torch's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from normviz import windowed
from normviz.extents import IntArray
from normviz.layers import Layer
from normviz.methods import Knob
from normviz.numbers import real
from normviz.reference import FloatArray
from normviz.windows import Windows

Lengths = Sequence[int]
#: Names of the pooled axes, by how many there are.
AXES = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
#: A length with room for every kernel.
ROOMY = 4096

MESSAGES: Mapping[str, str] = {
    "padding": "padding = {padding} is more than half of kernel_size = {kernel} along {axis}: a window could lie in "
    "the padding alone. Try {fitting}.",
    "large": "kernel_size = {kernel} is larger than the map along {axis}, which is {room} long with its padding: "
    "the output would be empty. Try {fitting}.",
    "reach": "kernel_size = {kernel}, which reaches over {reach} cells with dilation = {dilation}, is larger than "
    "the map along {axis}, which is {room} long with its padding: the output would be empty. Try {fitting}.",
}
"""The English sentence of every `PoolingError.code`; its placeholders are the keys of `PoolingError.details`."""


class PoolingError(ValueError):
    """Knobs that do not fit a map: a stable ``code`` (a key of ``MESSAGES``), ``details`` for its placeholders.

    ``fitting`` are the knobs next to these that fit, as far as they differ.

    >>> from normviz.poolings import POOLINGS
    >>> try:
    ...     POOLINGS["max"].windows((8, 8), kernel_size=2, padding=2)
    ... except PoolingError as error:
    ...     error.code, error.fitting
    ('padding', {'padding': 1})
    """

    def __init__(self, code: str, details: Mapping[str, int | str], fitting: Mapping[str, Any]) -> None:
        super().__init__(code, dict(details), dict(fitting))  # all in args: the error survives pickling
        self.code, self.fitting = code, dict(fitting)
        self.details = {
            **details,
            "fitting": ", ".join(f"{name} = {value}" for name, value in fitting.items()),
        }

    def __str__(self) -> str:
        return MESSAGES[self.code].format(**self.details)


@dataclass(frozen=True)
class Pooling:
    """An entry of ``POOLINGS``: which windows there are, and whether the largest or the mean of each is kept.

    ``windows_of(length, axis, knobs)`` are the windows along one axis, ``layer`` is torch's class without its rank
    (``MaxPool``), ``fixed`` what it is given besides the knobs. ``window_latex`` is the first and the last index that
    output o reads, ``size_latex`` how many outputs there are, both in the knobs' symbols and n, the axis's length.
    """

    key: str
    largest: bool
    layer: str
    windows_of: Callable[[int, str, Mapping[str, Any]], Windows]
    latex: str
    size_latex: str
    knobs: tuple[Knob, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    window_latex: str = ""

    def __call__(self, x: npt.ArrayLike, *, dims: int | None = None, **knobs: Any) -> FloatArray:
        """The pooled array, float64: x's shape with the output's size along the pooled axes.

        Knobs have torch's names; kernel_size, stride, padding, dilation and output_size take one number, or one for
        each pooled axis. Raises ValueError where a knob or the shape does not fit. torch's AvgPool3d also refuses a
        kernel larger than the map before padding; here it works as along one and two axes.

        >>> from normviz.poolings import POOLINGS
        >>> POOLINGS["average"]([[1.0, 3.0, 5.0, 7.0]], kernel_size=2, padding=1).tolist()
        [[0.5, 4.0, 3.5]]
        """
        values, windows, complete = self._prepared(x, dims, knobs)
        if self.largest:
            return windowed.largest(values, windows)[0]
        return windowed.sums(values, windows) / windowed.members(windows, complete)

    def derivative(self, x: npt.ArrayLike, *, dims: int | None = None, **knobs: Any) -> FloatArray:
        """d(sum of y) / dx, of x's shape: how much of a gradient of ones reaches every input.

        The largest of a window takes it all, the first one where several are equal (of NaN: the last); a mean hands
        each member its share.

        >>> from normviz.poolings import POOLINGS
        >>> POOLINGS["max"].derivative([[1.0, 3.0, 2.0]], kernel_size=2, stride=1).tolist()
        [[0.0, 2.0, 0.0]]
        """
        values, windows, complete = self._prepared(x, dims, knobs)
        rank = len(windows)
        if self.largest:
            winner = windowed.largest(values, windows)[1].reshape(*values.shape[:-rank], -1)
            counted = np.zeros((*values.shape[:-rank], int(np.prod(values.shape[-rank:])) + 1))
            # The last place collects the windows that lie in the padding alone.
            np.add.at(
                counted,
                (*np.indices(winner.shape)[:-1], np.where(winner < 0, counted.shape[-1] - 1, winner)),
                1.0,
            )
            return counted[..., :-1].reshape(values.shape)
        weights = 1.0 / windowed.members(windows, complete)
        return windowed.handed_back(values.shape, windows, weights)

    def winners(self, x: npt.ArrayLike, *, dims: int | None = None, **knobs: Any) -> IntArray | None:
        """For every output the flat index of the input that it took, -1 where there was none; None for means.

        >>> from normviz.poolings import POOLINGS
        >>> POOLINGS["max"].winners([[1.0, 3.0, 2.0]], kernel_size=2, stride=1).tolist()
        [[1, 1]]
        """
        values, windows, _ = self._prepared(x, dims, knobs)
        return windowed.largest(values, windows)[1] if self.largest else None

    def windows(self, lengths: Lengths, **knobs: Any) -> tuple[Windows, ...]:
        """The windows along every pooled axis; raises ValueError where they do not fit.

        >>> from normviz.poolings import POOLINGS
        >>> [w.start for w in POOLINGS["max"].windows((5, 6), kernel_size=3, stride=2)]
        [(0, 2), (0, 2)]
        """
        if len(lengths) not in AXES or min(lengths) < 1:
            raise ValueError(
                f"Maps of {tuple(lengths)} cannot be pooled: 1, 2 or 3 lengths of 1 or more are needed. Try (4, 4)."
            )
        complete = self.complete(knobs)
        names = AXES[len(lengths)]
        try:
            return tuple(
                self.windows_of(int(n), names[k], _at(complete, k, len(lengths)))
                for k, n in enumerate(lengths)
            )
        except PoolingError as misfit:
            raise PoolingError(misfit.code, misfit.details, self._fitting(lengths, complete)) from None

    def output_size(self, lengths: Lengths, **knobs: Any) -> tuple[int, ...]:
        """The lengths of the pooled axes after pooling."""
        return tuple(windows.count for windows in self.windows(lengths, **knobs))

    def counts(self, lengths: Lengths, **knobs: Any) -> FloatArray | None:
        """How many members the mean of every output is over, padding among them where it counts; None for the largest.

        >>> from normviz.poolings import POOLINGS
        >>> POOLINGS["average"].counts((3,), kernel_size=2, padding=1, count_include_pad=False).tolist()
        [1.0, 2.0]
        """
        if self.largest:
            return None
        return windowed.members(self.windows(lengths, **knobs), self.complete(knobs))

    def parameter_count(self) -> int:
        """No pooling learns anything."""
        return 0

    def torch_layer(self, dims: int = 2, **knobs: Any) -> Layer:
        """torch's layer for maps of this many axes, as a value."""
        given = {
            name: value for name, value in self.complete(knobs).items() if name in knobs or name in _REQUIRED
        }
        _at(given, 0, dims)  # refuses knobs for another number of axes
        return Layer(f"{self.layer}{dims}d", {**self.fixed, **given})

    def module(self, nn: ModuleType, dims: int = 2, **knobs: Any) -> Any:
        """A fresh ``torch.nn.Module``; ``nn`` is ``torch.nn``, ``dims`` the number of pooled axes.

        >>> from normviz.poolings import POOLINGS
        >>> import torch
        >>> POOLINGS["global_average"].module(torch.nn)
        AdaptiveAvgPool2d(output_size=1)

        Raises ValueError for knobs that fit no map.
        """
        if dims not in AXES:
            raise ValueError(f"dims = {dims!r}: torch pools along 1, 2 or 3 axes. Try dims=2.")
        try:
            self.windows((ROOMY,) * dims, **knobs)
        except PoolingError as misfit:
            if misfit.code == "padding":  # the one that no map can help
                raise
        return self.torch_layer(dims, **knobs).build(nn)

    def complete(self, knobs: Mapping[str, Any]) -> dict[str, Any]:
        """All knobs, the ones given checked and the others at their defaults."""
        known = {knob.name: knob for knob in self.knobs}
        for name in knobs:
            if name not in known:
                has = ", ".join(known) or "none"
                raise ValueError(f"{self.key} has no knob {name!r}: its knobs are {has}.")
        return {name: _checked(knob, knobs.get(name, knob.default)) for name, knob in known.items()}

    def _prepared(
        self, x: npt.ArrayLike, dims: int | None, knobs: Mapping[str, Any]
    ) -> tuple[FloatArray, tuple[Windows, ...], dict[str, Any]]:
        values = real(x)
        complete = self.complete(knobs)
        spoken = _rank(complete)
        rank = (spoken or {1: 1, 2: 1, 3: 1, 4: 2, 5: 3}.get(values.ndim, 0)) if dims is None else dims
        if rank not in AXES or values.ndim < rank:
            working = f"dims={spoken if 0 < spoken <= values.ndim else min(values.ndim, 2)}"
            if spoken > values.ndim:
                working += " and one number for every knob"
            raise ValueError(
                f"An array of shape {values.shape} with dims = {dims} and knobs for {spoken or 'any number of'} axes: "
                "(N, C, L), (N, C, H, W) or (N, C, D, H, W) is needed, or dims of 1, 2 or 3 for how many of the last "
                f"axes are pooled. Try {working if values.ndim else 'shape (1, 1, 4, 4)'}."
            )
        if not values.size:
            raise ValueError(
                f"An array of shape {values.shape} holds nothing: every axis needs a length of 1 or more. "
                f"Try {tuple(max(n, 1) for n in values.shape)}."
            )
        return values, self.windows(values.shape[-rank:], **knobs), complete

    def _fitting(self, lengths: Lengths, complete: Mapping[str, Any]) -> dict[str, Any]:
        """The knobs next to these that fit along every axis, as far as they differ."""
        names, found = AXES[len(lengths)], dict(complete)
        before: dict[str, Any] = {}
        while found != before:  # what fits one axis may not fit another, nor the padding a smaller kernel
            before = dict(found)
            for k, n in enumerate(lengths):
                try:
                    self.windows_of(int(n), names[k], _at(found, k, len(lengths)))
                except PoolingError as misfit:
                    for name, fitting in misfit.fitting.items():
                        now = found[name]
                        found[name] = (
                            (*now[:k], fitting, *now[k + 1 :]) if isinstance(now, tuple) else fitting
                        )
        return {name: value for name, value in found.items() if value != complete[name]}


#: What torch's classes want to be given.
_REQUIRED = ("kernel_size", "output_size")


def _checked(knob: Knob, value: Any) -> Any:
    """The knob's value: one number, or a tuple of one for each axis."""
    # Where None stands for another knob's value, it stands alone: one of several is a number.
    number = replace(knob, default=int(knob.low)) if knob.default is None else knob
    if isinstance(value, Sequence) and not isinstance(value, str) and not knob.options:
        if not 1 <= len(value) <= len(AXES):
            raise ValueError(
                f"{knob.name} = {value!r} is not allowed: one number is needed, or one for each of 1 to 3 axes. "
                f"Try {number.default}."
            )
        return tuple(number.check(each) for each in value)
    return (knob if value is None else number).check(value)


def _rank(knobs: Mapping[str, Any]) -> int:
    """How many axes the knobs speak of, 0 where all are single numbers."""
    lengths = {len(value) for value in knobs.values() if isinstance(value, tuple)}
    if len(lengths) > 1:
        raise ValueError(
            f"Knobs for {sorted(lengths)} axes at once: give each one number, or one for each axis."
        )
    return lengths.pop() if lengths else 0


def _at(knobs: Mapping[str, Any], axis: int, rank: int) -> dict[str, Any]:
    """The knobs along one axis."""
    if _rank(knobs) not in (0, rank):
        raise ValueError(
            f"Knobs for {_rank(knobs)} axes on {rank} pooled axes: give one number, or one for each of the {rank}."
        )
    return {name: value[axis] if isinstance(value, tuple) else value for name, value in knobs.items()}
