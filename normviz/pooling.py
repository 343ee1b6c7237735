"""The poolings: one row each. What a window is, what is made of it, and torch's layers for one, two and three axes.

    y[..., o] = max or mean of x[..., k] over k in W(o),   W(o) = {o s - p + d j : j < k} along every pooled axis

Arrays have torch's layouts: the pooled axes are the last ones. (N, C, L) is pooled along 1 axis, (N, C, H, W) along 2,
(N, C, D, H, W) along 3, and (L,) and (C, L) along 1; ``dims`` says otherwise, for (H, W) or (C, H, W).

>>> import numpy as np
>>> x = np.arange(16.0).reshape(1, 1, 4, 4)
>>> POOLINGS["max"](x, kernel_size=2).tolist()
[[[[5.0, 7.0], [13.0, 15.0]]]]
>>> POOLINGS["global_average"](x).shape
(1, 1, 1, 1)
>>> POOLINGS["max"].output_size((224, 224), kernel_size=3, stride=2, padding=1)
(112, 112)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from normviz.extents import IntArray
from normviz.layers import Layer
from normviz.methods import Knob
from normviz.reference import FloatArray
from normviz.windows import Windows, adaptive, sliding

LARGEST = 4096
KERNEL = Knob("kernel_size", 2, "k", low=1, high=LARGEST)
#: torch takes the kernel's size where no stride is given.
STRIDE = Knob("stride", None, "s", low=1, high=LARGEST)
PADDING = Knob("padding", 0, "p", low=0, high=LARGEST)
DILATION = Knob("dilation", 1, "d", low=1, high=LARGEST)
CEIL = Knob("ceil_mode", False, options=(False, True))
COUNTED = Knob("count_include_pad", True, options=(True, False))
OUTPUT = Knob("output_size", 2, "m", low=1, high=LARGEST)

Lengths = Sequence[int]
#: Names of the pooled axes, by how many there are.
AXES = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}


def slide(length: int, axis: str, knobs: Mapping[str, Any]) -> Windows:
    """The windows of a kernel along one axis; what torch refuses is refused with a working neighbour."""
    k, p, d = knobs["kernel_size"], knobs.get("padding", 0), knobs.get("dilation", 1)
    if 2 * p > k:
        raise ValueError(
            f"padding = {p} is more than half of kernel_size = {k} along {axis}: a window could lie in the padding "
            f"alone. Try padding = {k // 2}."
        )
    windows = sliding(
        length,
        kernel_size=k,
        stride=knobs.get("stride") or k,
        padding=p,
        dilation=d,
        ceil_mode=knobs.get("ceil_mode", False),
    )
    if windows.count < 1:
        room = length + 2 * p
        reach = f", which reaches over {d * (k - 1) + 1} with dilation = {d}," if d > 1 else ""
        padded = f" + 2 · {p} of padding" if p else ""
        raise ValueError(
            f"kernel_size = {k}{reach} is larger than the map along {axis}, {length}{padded}: the output would be "
            f"empty. Try kernel_size = {(room - 1) // d + 1}."
        )
    return windows


def whole(length: int, axis: str, knobs: Mapping[str, Any]) -> Windows:
    """One window over the whole axis."""
    return adaptive(length, 1)


def adapt(length: int, axis: str, knobs: Mapping[str, Any]) -> Windows:
    """As many windows as the output is to have."""
    return adaptive(length, knobs["output_size"])


@dataclass(frozen=True)
class Pooling:
    """An entry of ``POOLINGS``: which windows there are, and whether the largest or the mean of each is kept.

    ``windows_of(length, axis, knobs)`` are the windows along one axis, ``layer`` is torch's class without its rank
    (``MaxPool``), ``fixed`` what it is given besides the knobs.
    """

    key: str
    largest: bool
    layer: str
    windows_of: Callable[[int, str, Mapping[str, Any]], Windows]
    latex: str
    size_latex: str
    knobs: tuple[Knob, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, x: npt.ArrayLike, *, dims: int | None = None, **knobs: Any) -> FloatArray:
        """The pooled array, float64: x's shape with the output's size along the pooled axes.

        Knobs have torch's names; kernel_size, stride, padding, dilation and output_size take one number, or one for
        each pooled axis. Raises ValueError where a knob or the shape does not fit. torch's AvgPool3d also refuses a
        kernel that only the padding makes room for; here it works as along one and two axes.

        >>> POOLINGS["average"]([[1.0, 3.0, 5.0, 7.0]], kernel_size=2, padding=1).tolist()
        [[0.5, 4.0, 3.5]]
        """
        values, windows, complete = self._prepared(x, dims, knobs)
        if self.largest:
            return _largest(values, windows)[0]
        return _weighted(values, windows, self._weights(values.shape, windows, complete))

    def derivative(self, x: npt.ArrayLike, *, dims: int | None = None, **knobs: Any) -> FloatArray:
        """d(sum of y) / dx, of x's shape: how much of a gradient of ones reaches every input.

        The largest of a window takes it all, the first one where several are equal; a mean hands each member its share.

        >>> POOLINGS["max"].derivative([[1.0, 3.0, 2.0]], kernel_size=2, stride=1).tolist()
        [[0.0, 2.0, 0.0]]
        """
        values, windows, complete = self._prepared(x, dims, knobs)
        rank = len(windows)
        if self.largest:
            winner = _largest(values, windows)[1].reshape(*values.shape[:-rank], -1)
            counted = np.zeros((*values.shape[:-rank], int(np.prod(values.shape[-rank:])) + 1))
            # The last place collects the windows that lie in the padding alone.
            np.add.at(
                counted,
                (*np.indices(winner.shape)[:-1], np.where(winner < 0, counted.shape[-1] - 1, winner)),
                1.0,
            )
            return counted[..., :-1].reshape(values.shape)
        weights = self._weights(values.shape, windows, complete)
        return _weighted_back(values.shape, windows, weights)

    def winners(self, x: npt.ArrayLike, *, dims: int | None = None, **knobs: Any) -> IntArray | None:
        """For every output the flat index of the input that it took, -1 where there was none; None for means.

        >>> POOLINGS["max"].winners([[1.0, 3.0, 2.0]], kernel_size=2, stride=1).tolist()
        [[1, 1]]
        """
        values, windows, _ = self._prepared(x, dims, knobs)
        return _largest(values, windows)[1] if self.largest else None

    def windows(self, lengths: Lengths, **knobs: Any) -> tuple[Windows, ...]:
        """The windows along every pooled axis; raises ValueError where they do not fit.

        >>> [w.start for w in POOLINGS["max"].windows((5, 6), kernel_size=3, stride=2)]
        [(0, 2), (0, 2)]
        """
        if len(lengths) not in AXES:
            raise ValueError(
                f"{len(lengths)} axes to pool along, {tuple(lengths)}: there must be 1, 2 or 3. Try dims=2."
            )
        complete = self.complete(knobs)
        names = AXES[len(lengths)]
        return tuple(
            self.windows_of(int(n), names[k], _at(complete, k, len(lengths))) for k, n in enumerate(lengths)
        )

    def output_size(self, lengths: Lengths, **knobs: Any) -> tuple[int, ...]:
        """The lengths of the pooled axes after pooling."""
        return tuple(windows.count for windows in self.windows(lengths, **knobs))

    def parameter_count(self) -> int:
        """No pooling learns anything."""
        return 0

    def torch_layer(self, dims: int = 2, **knobs: Any) -> Layer:
        """torch's layer for maps of this many axes, as a value."""
        given = {
            name: value for name, value in self.complete(knobs).items() if name in knobs or name in _REQUIRED
        }
        return Layer(f"{self.layer}{dims}d", {**self.fixed, **given})

    def module(self, nn: ModuleType, dims: int = 2, **knobs: Any) -> Any:
        """A fresh ``torch.nn.Module``; ``nn`` is ``torch.nn``, ``dims`` the number of pooled axes.

        >>> import torch
        >>> POOLINGS["global_average"].module(torch.nn)
        AdaptiveAvgPool2d(output_size=1)
        """
        if dims not in AXES:
            raise ValueError(f"dims = {dims!r}: torch pools along 1, 2 or 3 axes. Try dims=2.")
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
        values = np.asarray(x, np.float64)
        complete = self.complete(knobs)
        rank = dims or _rank(complete) or {1: 1, 2: 1, 3: 1, 4: 2, 5: 3}.get(values.ndim, 0)
        if rank not in AXES or values.ndim < rank:
            raise ValueError(
                f"An array of shape {values.shape} with dims = {dims}: (N, C, L), (N, C, H, W) or (N, C, D, H, W) is "
                "needed, or dims of 1, 2 or 3 for how many of the last axes are pooled. Try dims=2 for (H, W)."
            )
        if not values.size:
            raise ValueError(
                f"An array of shape {values.shape} holds nothing: every axis needs a length of 1 or more."
            )
        return values, self.windows(values.shape[-rank:], **knobs), complete

    def _weights(self, shape: Lengths, windows: Sequence[Windows], knobs: Mapping[str, Any]) -> FloatArray:
        """1 / (members counted) of every output: the padding in front and behind counts, unless it is not to."""
        counts = np.ones(())
        for axis in windows:
            low, high = -axis.padded[0], axis.length + axis.padded[1]
            if not knobs.get("count_include_pad", True):
                low, high = 0, axis.length
            along = [
                int(((axis.all_of(o) >= low) & (axis.all_of(o) < high)).sum()) for o in range(axis.count)
            ]
            counts = np.multiply.outer(counts, np.asarray(along, np.float64))
        return 1.0 / counts


#: What torch's classes want to be given.
_REQUIRED = ("kernel_size", "output_size")


def _checked(knob: Knob, value: Any) -> Any:
    """The knob's value: one number, or a tuple of one for each axis."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not 1 <= len(value) <= len(AXES) or knob.options:
            raise ValueError(
                f"{knob.name} = {value!r}: one number is needed, or one for each of 1 to 3 axes. Try 2."
            )
        return tuple(_one(knob, each) for each in value)
    return _one(knob, value)


def _one(knob: Knob, value: Any) -> Any:
    if knob.default is None and value is not None:
        return replace(knob, default=int(knob.low)).check(value)
    return knob.check(value)


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


def _largest(x: FloatArray, windows: Sequence[Windows]) -> tuple[FloatArray, IntArray]:
    """The largest of every window and its flat index: axis by axis, from the last, the first one among equals.

    A NaN is larger than anything, as in torch; a window of padding alone is minus infinity.
    """
    rank = len(windows)
    flat = np.broadcast_to(np.arange(int(np.prod(x.shape[-rank:]))).reshape(x.shape[-rank:]), x.shape)
    best, at = x, flat
    for axis, along in zip(range(-1, -rank - 1, -1), reversed(windows), strict=True):
        best, at = np.moveaxis(best, axis, 0), np.moveaxis(at, axis, 0)
        values, places = [], []
        for output in range(along.count):
            members = along.of(output)
            if not members.size:
                values.append(np.full(best.shape[1:], -np.inf))
                places.append(np.full(best.shape[1:], -1))
                continue
            # argmax takes the first of equals, and a NaN before all others.
            k = np.argmax(best[members], axis=0)[None]
            values.append(np.take_along_axis(best[members], k, axis=0)[0])
            places.append(np.take_along_axis(at[members], k, axis=0)[0])
        best, at = (np.moveaxis(np.stack(found), 0, axis) for found in (values, places))
    return best, at


def _weighted(x: FloatArray, windows: Sequence[Windows], weights: FloatArray) -> FloatArray:
    """The sum over every window times its weight."""
    for axis, along in zip(range(-len(windows), 0), windows, strict=True):
        lined = np.moveaxis(x, axis, 0)
        # Not as a product with a matrix of 0 and 1: there one NaN would reach every output.
        sums = [lined[along.of(output)].sum(axis=0) for output in range(along.count)]
        x = np.moveaxis(np.stack(sums), 0, axis)
    return x * weights


def _weighted_back(shape: Lengths, windows: Sequence[Windows], weights: FloatArray) -> FloatArray:
    """What each input gets back when every output hands its weight to its members."""
    back = weights
    for axis, along in zip(range(-len(windows), 0), windows, strict=True):
        lined = np.moveaxis(back, axis, 0)
        sums = [lined[along.reach(index)].sum(axis=0) for index in range(along.length)]
        back = np.moveaxis(np.stack(sums), 0, axis)
    return np.broadcast_to(back, tuple(shape)).copy()


SLIDING_SIZE = r"\left\lfloor \frac{n + 2p - d\,(k - 1) - 1}{s} \right\rfloor + 1"
ENTRIES = (
    Pooling(
        "max",
        True,
        "MaxPool",
        slide,
        r"y_o = \max_{k \in W(o)} x_k",
        SLIDING_SIZE,
        (KERNEL, STRIDE, PADDING, DILATION, CEIL),
    ),
    Pooling(
        "average",
        False,
        "AvgPool",
        slide,
        r"y_o = \frac{1}{|W(o)|} \sum_{k \in W(o)} x_k",
        r"\left\lfloor \frac{n + 2p - k}{s} \right\rfloor + 1",
        (KERNEL, STRIDE, PADDING, CEIL, COUNTED),
    ),
    Pooling("global_max", True, "AdaptiveMaxPool", whole, r"y = \max_{k} x_k", "1", fixed={"output_size": 1}),
    Pooling(
        "global_average",
        False,
        "AdaptiveAvgPool",
        whole,
        r"y = \frac{1}{H W} \sum_{k} x_k",
        "1",
        fixed={"output_size": 1},
    ),
    Pooling(
        "adaptive_average",
        False,
        "AdaptiveAvgPool",
        adapt,
        r"y_o = \frac{1}{|W(o)|} \sum_{k \in W(o)} x_k",
        "m",
        (OUTPUT,),
    ),
    Pooling("adaptive_max", True, "AdaptiveMaxPool", adapt, r"y_o = \max_{k \in W(o)} x_k", "m", (OUTPUT,)),
)


class Poolings(dict[str, Pooling]):
    """Poolings by key; an unknown key is answered with the keys there are."""

    def __missing__(self, key: object) -> Pooling:
        raise ValueError(f"There is no pooling {key!r}: the poolings are {', '.join(self)}.")


#: Every pooling by its key, in the order in which they are offered.
POOLINGS = Poolings({entry.key: entry for entry in ENTRIES})
