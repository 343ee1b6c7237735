"""The surface of the boxes a tensor is arranged in: the faces' triangles, and lines along the cells' edges.

A tensor becomes an array (boxes, depth, rows, columns). A cell at (depth z, row y, column x) is the unit cube
[x, x+1] x [z, z+1] x [-y-1, -y] in Plotly's (x, y, z), moved by its box's offset: columns run to the right,
depth away from the viewer, rows downwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from normviz.layouts import Arrangement, Shape

Floats = npt.NDArray[np.float32]

#: The gap between boxes above and beside one another, as a share of a box.
GAPS = (1.0, 0.5)
#: How far lines float above the faces, as a share of a box, so that they are not swallowed by them.
LIFT = 0.002


@dataclass(frozen=True)
class Face:
    """One side of every box: across axis 0 (depth), 1 (rows) or 2 (columns), at its first or last cell."""

    axis: int
    last: bool

    def of(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The cells on this side, shape (boxes, u, v)."""
        side: npt.NDArray[Any] = array.take(-1 if self.last else 0, self.axis + 1)
        return side


@dataclass(frozen=True)
class Boxes:
    """How many boxes there are, (depth, rows, columns) of each; ``flat`` ones are sheets of one side."""

    count: int
    dims: tuple[int, int, int]
    flat: bool

    @classmethod
    def of(cls, shape: Shape, axes: Sequence[str], how: Arrangement) -> Boxes:
        """The boxes of a tensor of that shape."""
        lengths = dict(zip(axes, (int(n) for n in shape), strict=True))
        count, depth, rows, columns = (
            math.prod(lengths[a] for a in names) for names in (how.grid, how.z, how.y, how.x)
        )
        return cls(count, (depth, rows, columns), not how.z)

    def arranged(self, array: npt.NDArray[Any], axes: Sequence[str], how: Arrangement) -> npt.NDArray[Any]:
        """The tensor as (boxes, depth, rows, columns)."""
        order = [axes.index(a) for a in how.grid + how.z + how.y + how.x]
        return array.transpose(order).reshape(self.count, *self.dims)

    @property
    def faces(self) -> tuple[Face, ...]:
        """The sides drawn: front, back, top, bottom, left, right; of a sheet the front alone."""
        return (
            (Face(0, False),)
            if self.flat
            else tuple(Face(a, last) for a in range(3) for last in (False, True))
        )

    @property
    def grid(self) -> tuple[int, int]:
        """How many boxes stand above and beside one another."""
        columns = self.count if self.count <= 4 else math.ceil(math.sqrt(2 * self.count))
        return math.ceil(self.count / columns), columns

    @property
    def extent(self) -> tuple[float, float, float]:
        """Depth, rows and columns that all boxes take together with their gaps, in cells."""
        down, across = self.grid
        depth, rows, columns = self.dims
        return depth, rows * (down + GAPS[0] * (down - 1)), columns * (across + GAPS[1] * (across - 1))

    def offsets(self) -> Floats:
        """(depth, rows, columns) of the first corner of every box, shape (boxes, 3)."""
        row, column = np.divmod(np.arange(self.count), self.grid[1])
        down, across = (1 + gap for gap in GAPS)
        steps = [0 * row, row * self.dims[1] * down, column * self.dims[2] * across]
        return np.stack(steps, axis=1).astype(np.float32)

    def points(self, face: Face, u: npt.ArrayLike, v: npt.ArrayLike, box: Any, lift: float = 0.0) -> Floats:
        """Plotly's x, y, z, shape (3, ...), of places on a face of a box; ``u`` and ``v`` count its cells."""
        u, v, box = np.broadcast_arrays(np.asarray(u), np.asarray(v), np.asarray(box))
        end = self.dims[face.axis]
        out = np.empty((3, *u.shape), np.float32)
        out[face.axis] = end * (1 + lift) if face.last else -end * lift
        along = [k for k in range(3) if k != face.axis]
        out[along[0]], out[along[1]] = u, v
        out += np.moveaxis(self.offsets()[box], -1, 0)
        return np.stack([out[2], out[0], -out[1]])

    def mesh(self) -> tuple[Floats, npt.NDArray[np.int32]]:
        """Vertices (3, count) and triangles (3, count), two for every cell's face as in ``sample``."""
        vertices, triangles, start = [], [], 0
        for face in self.faces:
            rows, columns = (n for k, n in enumerate(self.dims) if k != face.axis)
            box, u, v = np.ogrid[: self.count, : rows + 1, : columns + 1]
            points = self.points(face, u, v, box).reshape(3, -1)
            box, u, v = np.ogrid[: self.count, :rows, :columns]
            first = start + (box * (rows + 1) + u) * (columns + 1) + v
            right, below, across = first + 1, first + columns + 1, first + columns + 2
            pair = np.stack([[first, right, across], [first, across, below]], axis=-1)
            vertices.append(points)
            triangles.append(pair.reshape(3, -1).astype(np.int32))
            start += points.shape[1]
        return np.concatenate(vertices, axis=1), np.concatenate(triangles, axis=1)

    def sample(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The value of the cell behind every triangle, of an arranged tensor."""
        return np.concatenate([np.repeat(face.of(array).reshape(-1), 2) for face in self.faces])

    def shades(self) -> npt.NDArray[np.uint8]:
        """For every triangle 0 (front and back), 1 (left and right) or 2 (top and bottom)."""
        shade = (0, 2, 1)
        cells = math.prod(self.dims) * self.count
        sizes = [2 * cells // self.dims[face.axis] for face in self.faces]
        return np.repeat(np.array([shade[face.axis] for face in self.faces], np.uint8), sizes)

    def outline(self, lit: npt.NDArray[np.bool_], lift: float = LIFT) -> Floats:
        """Lines on all sides around the lit cells of an arranged tensor, (3, points), NaN between lines."""
        parts = []
        for face in self.faces:
            shown = face.of(lit)
            for axis in (1, 2):
                ends = np.zeros_like(shown.take([0], axis))
                box, u, v = np.nonzero(np.diff(shown, axis=axis, prepend=ends, append=ends))
                to_u, to_v = (u, v + 1) if axis == 1 else (u + 1, v)
                parts.append(
                    _lines(self.points(face, u, v, box, lift), self.points(face, to_u, to_v, box, lift))
                )
        return np.concatenate(parts, axis=1)

    def rules(self, every: bool) -> Floats:
        """The boxes' edges or, with ``every``, the line between any two cells; as ``outline`` has them."""
        parts = []
        for face in self.faces:
            rows, columns = (n for k, n in enumerate(self.dims) if k != face.axis)
            box = np.arange(self.count)[:, None]
            u = np.arange(1, rows) if every else np.array([0, rows])
            v = np.arange(1, columns) if every else np.array([0, columns])
            # Edges lie a little above the grid.
            lift = LIFT / 2 if every else LIFT * 0.75
            for from_u, from_v, to_u, to_v in ((u, 0, u, columns), (0, v, rows, v)):
                first = self.points(face, from_u, from_v, box, lift)
                second = self.points(face, to_u, to_v, box, lift)
                parts.append(_lines(first.reshape(3, -1), second.reshape(3, -1)))
        return np.concatenate(parts, axis=1)


def _lines(first: Floats, second: Floats) -> Floats:
    """Separate lines from points to points, both (3, count), as one run with NaN between them."""
    return np.stack([first, second, np.full_like(first, np.nan)], axis=-1).reshape(3, -1)
