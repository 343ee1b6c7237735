"""Which cells of a traced normalization share: its Spec, and which part of a large layer a cube can show.

A layer of a real network has too many cells to point at one. The part shown is a box: some images, some channels, a
window of positions. Every cell's set is that of the whole layer, cut to the box, so each kind of set stays what it is;
its statistics are those of the whole set, read from the whole layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from normviz.catalogue import METHODS
from normviz.extents import Extent, Groups, Interval, Own
from normviz.layouts import WEIGHTS, axes_of, cells
from normviz.methods import Method
from normviz.reference import FloatArray
from normviz.spec import Spec
from normviz.traces import LayerTrace

Shape = tuple[int, ...]
#: For every axis where the part begins and ends.
Box = tuple[tuple[int, int], ...]

#: A layer of at most this many cells is shown whole.
FEW = 2**12
#: How many indices of each axis a part shows, and how many channels at most, to hold two whole groups.
SHOWN: Mapping[str, int] = {"N": 6, "C": 24, "L": 24, "H": 6, "W": 6}
GROUPED = 128


@dataclass(frozen=True)
class LayerSets:
    """A traced normalization: its catalogue entry, knobs and Spec, and its output as one of the Spec's layouts.

    ``order`` are the traced tensor's axes in the order of the layout, ``shape`` its lengths in that order.
    """

    method: Method
    knobs: Mapping[str, Any]
    spec: Spec
    order: tuple[int, ...]
    shape: Shape

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the axes."""
        return axes_of(self.shape, self.spec.layouts)

    def arranged(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The layer's values with their axes in the layout's order."""
        return np.transpose(values, self.order)

    def extents(self, axis: str) -> tuple[Extent, ...]:
        """How far each of the sets reaches along an axis."""
        return tuple(shared.extent(axis) for shared in self.spec.sets)


def layer_sets(layer: LayerTrace) -> LayerSets | None:
    """The sets of a traced layer; None where it is no normalization of the catalogue, or of no layout it has.

    >>> layer = LayerTrace.of("norm1", "group_norm", np.zeros((2, 8, 4, 4)), method="group_norm",
    ...                       knobs={"num_groups": 2, "num_channels": 8})
    >>> found = layer_sets(layer)
    >>> found.spec.sets[0].size(found.shape, (0, 0, 0, 0))
    64
    """
    entry = METHODS.get(layer.method)
    if entry is None or entry.layouts == WEIGHTS:
        return None
    known = {knob.name for knob in entry.knobs}
    knobs = {name: value for name, value in layer.knobs.items() if name in known}
    layout = next((one for one in entry.layouts if len(one) == len(layer.shape)), None)
    if layout is None or 0 in layer.shape:
        return None
    order = list(range(len(layout)))
    if layer.channel_axis is not None:
        order.insert(layout.index("C"), order.pop(layer.channel_axis))
    shape = tuple(layer.shape[k] for k in order)
    if layer.running is not None and layer.running[0].size != shape[layout.index("C")]:
        return None  # as below
    try:
        spec = entry.spec(**knobs)
        for shared in spec.sets:
            shared.intervals(shape)
    except ValueError:  # what a file says of a layer need not fit it
        return None
    return LayerSets(entry, entry.complete(knobs), spec, tuple(order), shape)


def part(found: LayerSets) -> Box:
    """The box of a layer to show: all of it where it is small, else few indices of each axis.

    Along groups it holds whole ones, at least two where 128 channels can, or else the border between the first two.
    Of height and width it is the middle.

    >>> layer = LayerTrace.of("norm1", "batch_norm", np.zeros((2, 64, 32, 32)), method="batch_norm")
    >>> part(layer_sets(layer))
    ((0, 2), (0, 24), (13, 19), (13, 19))
    """
    if cells(found.shape) <= FEW:
        return tuple((0, n) for n in found.shape)
    return tuple(
        _along(axis, n, found.extents(axis)) for axis, n in zip(found.axes, found.shape, strict=True)
    )


def _along(axis: str, n: int, extents: tuple[Extent, ...]) -> tuple[int, int]:
    wanted = min(n, SHOWN[axis])
    block = max((n // extent.count for extent in extents if isinstance(extent, Groups)), default=1)
    if 1 < block < n:
        whole = block * max(2, wanted // block)
        if whole <= max(GROUPED, wanted):
            return 0, min(n, whole)
        return block - wanted // 2, block - wanted // 2 + wanted
    start = (n - wanted) // 2 if axis in "HW" else 0
    return start, start + wanted


def intervals(found: LayerSets, box: Box) -> tuple[tuple[Interval, ...], ...]:
    """For every set and axis the intervals within the box, counted from its corner.

    >>> layer = LayerTrace.of("norm1", "batch_norm", np.zeros((2, 64, 32, 32)), method="batch_norm")
    >>> found = layer_sets(layer)
    >>> intervals(found, part(found))[0][2].hi.tolist()
    [6, 6, 6, 6, 6, 6]
    """
    return tuple(
        tuple(
            _cut(interval, *limits)
            for interval, limits in zip(shared.intervals(found.shape), box, strict=True)
        )
        for shared in found.spec.sets
    )


def closed(found: LayerSets, box: Box) -> Box:
    """The smallest box that holds all of the sets of the cells in ``box`` and that the Spec can be applied to: an axis
    is cut only where no set reaches along it."""
    return tuple(
        limits if all(extent == Own() for extent in found.extents(axis)) else (0, n)
        for axis, n, limits in zip(found.axes, found.shape, box, strict=True)
    )


def slices(box: Box) -> tuple[slice, ...]:
    """The box as an index."""
    return tuple(slice(start, stop) for start, stop in box)


def of_channels(
    found: LayerSets, running: tuple[FloatArray, FloatArray] | None, box: Box
) -> tuple[FloatArray, FloatArray] | None:
    """The part of the buffers, one entry a channel, that belongs to the box."""
    if running is None:
        return None
    start, stop = box[found.axes.index("C")]
    return running[0][start:stop], running[1][start:stop]


def _cut(interval: Interval, start: int, stop: int) -> Interval:
    lo, hi = (np.clip(ends[start:stop], start, stop) - start for ends in interval)
    return Interval(lo, hi)
