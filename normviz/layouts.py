"""The axes of a tensor: their names by rank, and how each layout is arranged on screen.

>>> axes_of((8, 12, 4, 4))
('N', 'C', 'H', 'W')
>>> axes_of((8, 12, 6))
('N', 'L', 'C')
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Shape = Sequence[int]

ACTIVATIONS: tuple[str, ...] = ("NC", "NLC", "NCHW")
WEIGHTS: tuple[str, ...] = ("OI", "OIHW")


@dataclass(frozen=True)
class Arrangement:
    """Which tensor axes lie along screen x, y and z, flattened in this order, and which give separate boxes."""

    x: tuple[str, ...] = ()
    y: tuple[str, ...] = ()
    z: tuple[str, ...] = ()
    grid: tuple[str, ...] = ()


#: By layout, the arrangements a cube can be shown in; the first is the default.
ARRANGEMENTS: Mapping[str, Mapping[str, Arrangement]] = {
    "NCHW": {
        "figure2": Arrangement(x=("C",), y=("H", "W"), z=("N",)),
        "unfolded": Arrangement(x=("C",), y=("H",), z=("W",), grid=("N",)),
    },
    "NLC": {"box": Arrangement(x=("C",), y=("L",), z=("N",))},
    "NC": {"sheet": Arrangement(x=("C",), y=("N",))},
    "OIHW": {
        "figure2": Arrangement(x=("I",), y=("H", "W"), z=("O",)),
        "unfolded": Arrangement(x=("I",), y=("H",), z=("W",), grid=("O",)),
    },
    "OI": {"sheet": Arrangement(x=("I",), y=("O",))},
}


def layout_of(shape: Shape, layouts: Sequence[str] = ACTIVATIONS) -> str:
    """The layout among ``layouts`` that has as many axes as ``shape``, which must have positive lengths."""
    if any(int(n) != n or n < 1 for n in shape):
        raise ValueError(
            f"The shape {tuple(shape)} has an empty or broken axis: every axis needs a whole length of 1 or more. "
            "Try (8, 12, 4, 4)."
        )
    for layout in layouts:
        if len(layout) == len(shape):
            return layout
    known = ", ".join(f"({', '.join(layout)})" for layout in layouts)
    raise ValueError(
        f"A tensor of shape {tuple(shape)} has {len(shape)} axes; the layouts known here are {known}. "
        "Try reshaping it to one of them."
    )


def axes_of(shape: Shape, layouts: Sequence[str] = ACTIVATIONS) -> tuple[str, ...]:
    """The names of the axes of a tensor of this shape."""
    return tuple(layout_of(shape, layouts))


def arrangement(layout: str, name: str = "") -> tuple[str, Arrangement]:
    """The arrangement called ``name`` of a layout, or the layout's default where it has none of that name."""
    options = ARRANGEMENTS[layout]
    key = name if name in options else next(iter(options))
    return key, options[key]


def check_cell(cell: Sequence[int], shape: Shape) -> tuple[int, ...]:
    """The cell as a tuple of plain ints, when it lies inside the shape."""
    inside = len(cell) == len(shape) and all(
        int(i) == i and 0 <= i < n for i, n in zip(cell, shape, strict=True)
    )
    if not inside:
        last = tuple(n - 1 for n in shape)
        raise ValueError(
            f"The cell {tuple(cell)} is not in a tensor of shape {tuple(shape)}: "
            f"it needs {len(shape)} indices from {(0,) * len(shape)} to {last}."
        )
    return tuple(int(i) for i in cell)


def cells(shape: Shape) -> int:
    """How many cells a tensor of this shape has."""
    return math.prod(int(n) for n in shape)


def front_cell(axes: Sequence[tuple[str, int]], shown: Arrangement) -> tuple[int, ...]:
    """A cell on the front of the cube, a little left of and above the middle.

    >>> front_cell((("N", 12), ("C", 24)), Arrangement(x=("C",), y=("N",)))
    (3, 10)
    """
    lengths = dict(axes)
    cell = dict.fromkeys(lengths, 0)
    for names, part in ((shown.x, 0.42), (shown.y, 0.3)):
        index = int(math.prod(lengths[name] for name in names) * part)
        for name in reversed(names):
            index, cell[name] = divmod(index, lengths[name])
    return tuple(cell.values())


def default_cell(shape: Shape, layout: str = "") -> tuple[int, ...]:
    """The cell to start from: on the front of the first arrangement of the layout (by default that of activations).

    >>> default_cell((8, 12, 4, 4))
    (0, 5, 1, 0)
    """
    layout = layout or layout_of(shape)
    return front_cell(tuple(zip(layout, shape, strict=True)), arrangement(layout)[1])
