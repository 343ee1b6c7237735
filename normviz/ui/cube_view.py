"""The cube of the shared choices: a method's sets handed to the component."""

from __future__ import annotations

import numpy as np

from normviz.layouts import Arrangement
from normviz.measures import MEASURES, measured
from normviz.records import Tensor
from normviz.text.lookup import section
from normviz.ui.choices import Choices
from normviz.ui.controls import remember, remembered
from normviz.ui.cube import Buffers, Colour, Cube, WeightedSet, cube, limit_of
from normviz.ui.cube_payload import valid_look
from normviz.ui.pinned import CUBE

COLOURS: tuple[Colour, ...] = ("set", "all", "before", "after")


def show_cube(
    c: Choices,
    x: Tensor,
    colour: Colour,
    arrangement: Arrangement,
    values: Tensor | None,
    running: tuple[np.ndarray, np.ndarray] | None = None,
) -> None:
    """Draw the cube, and keep the camera and view in the link."""
    look = remembered("look", valid_look, "")
    axes = tuple(zip(c.axes, c.shape, strict=True))
    cube(
        (cube_of(c, x, values, running),),
        axes=axes,
        arrangement=arrangement,
        colour=colour,
        words=section(c.lang, "cube"),
        key=CUBE,
        cell=c.cell,
        look=look,
        limit=limit_of(x) if values is not None else None,
    )
    remember("look", look, "")


def cube_of(
    c: Choices, x: Tensor, values: Tensor | None, running: tuple[np.ndarray, np.ndarray] | None = None
) -> Cube:
    """One picture of a method's sets, with the numbers of the pinned cell's set."""
    measures = MEASURES[c.spec.outcome]
    buffers = None
    if c.spec.running and running and not c.spec.sets:
        (axis,) = (c.axes.index(a) for a in c.spec.running.axes)
        buffers = Buffers(axis, tuple(map(float, running[0])), tuple(map(float, running[1])))
    return Cube(
        key=c.method.key,
        sets=tuple(WeightedSet(part.set.intervals(c.shape), part.weight) for part in c.spec.parts),
        measures=measures,
        partition=all(shared.is_partition(c.shape) for shared in c.spec.sets),
        buffers=buffers,
        values=values,
        pinned=_measured(c, x, measures),
    )


def _measured(c: Choices, x: Tensor, measures: tuple[str, ...]) -> tuple[float, ...] | None:
    if len(c.spec.sets) != 1 or not measures:
        return None
    numbers = measured(x[c.spec.sets[0].box(c.shape, c.cell)])
    return tuple(numbers[name] for name in measures)
