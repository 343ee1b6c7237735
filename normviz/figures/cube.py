"""The cube for notebooks and export: which cells share with a cell, as a Plotly Mesh3d of the surface."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure

from normviz.catalogue import method as find
from normviz.figures.paint import by_set, by_value, lines, scene
from normviz.figures.surface import Boxes
from normviz.layouts import ARRANGEMENTS, Arrangement, Shape, arrangement, cells, check_cell, layout_of
from normviz.methods import Method
from normviz.records import shared_edges
from normviz.reference import normalize
from normviz.spec import Spec

#: The largest tensor drawn, in cells, and the most separate boxes.
BUDGET, BOXES = 2**21, 128


def cube(
    x_or_shape: npt.ArrayLike | Shape,
    method: str | Method,
    *,
    cell: Sequence[int] | None = None,
    values: str | npt.ArrayLike | None = None,
    layout: str = "figure2",
    **knobs: Any,
) -> Figure:
    """The tensor as a box you can turn: the cells that share a statistic with ``cell`` (amber) are blue.

    ``x_or_shape``: a tensor or only its shape, (N, C), (N, L, C) or (N, C, H, W), of up to 2,097,152 cells.
    ``method``: a key of ``METHODS`` or an entry; ``knobs`` are its knobs.
    ``cell``: its indices; by default in the first sample and the middle channel, a third of the way down.
    ``values``: ``"before"`` (x) or ``"after"`` (x normalized), which need a tensor, or an array of its shape.
    The cells then take diverging colours centred at 0, red where a value is NaN, and the set is outlined.
    ``layout``: for (N, C, H, W) ``"figure2"`` (C to the right, H·W down, N in depth, as in the Group Norm
    paper) or ``"unfolded"`` (a C x H x W box for every sample); the other ranks have one picture each.

    Several weighted sets are shaded by how many of them hold a cell; where nothing is shared the cell alone
    is marked. Raises ValueError for a shape, cell, layout, method, knob or array that does not fit.

    Figure 2: Y. Wu, K. He, Group Normalization, 2018, https://arxiv.org/abs/1803.08494.

    >>> import normviz as nv
    >>> figure = nv.cube((8, 12, 4, 4), "group_norm", num_groups=3)
    >>> figure.layout.title.text.split("<br>")[1]
    '64 of 1,536 cells share the statistic of cell (0, 5, 1, 0)'
    >>> x = nv.Sample().tensor((8, 12, 4, 4))
    >>> figure = nv.cube(x, "layer_norm", values="after", layout="unfolded")
    """
    entry = find(method)
    spec = entry.spec(**knobs)
    x, shape = _tensor(x_or_shape)
    name = layout_of(shape, spec.layouts)
    how, axes = _arrangement(name, layout), tuple(name)
    boxes = _within_budget(Boxes.of(shape, axes, how), shape)
    here = check_cell(_home(axes, shape) if cell is None else cell, shape)

    holders = np.zeros(shape, np.uint8)
    for shared in spec.sets:
        holders += shared.mask(shape, here)
    mark = np.zeros(shape, bool)
    mark[here] = True
    level, marked = (boxes.arranged(array, axes, how) for array in (holders, mark))

    figure = Figure()
    mesh = boxes.mesh()
    if values is None:
        figure.add_trace(by_set(boxes, mesh, level, marked, max(1, len(spec.sets))))
    else:
        shown, reach = _values(values, x, shape, spec)
        sampled = boxes.sample(boxes.arranged(shown, axes, how))
        by_value(figure, mesh, sampled, boxes.sample((level > 0) | marked), reach)
    lines(figure, boxes, level, marked, hollow=values is not None)
    scene(figure, boxes, how, dict(zip(axes, shape, strict=True)))
    _title(figure, entry, spec, knobs, shape, here)
    return figure


def _tensor(given: Any) -> tuple[npt.NDArray[Any] | None, tuple[int, ...]]:
    """The array, if one was given, and its shape."""
    if isinstance(given, tuple | list) and all(isinstance(n, int | float | np.number) for n in given):
        if not all(math.isfinite(n) for n in given):
            raise ValueError(f"The shape {tuple(given)} needs whole lengths of 1 or more. Try (8, 12, 4, 4).")
        layout_of(given)  # refuses broken lengths before they are cut to whole ones
        return None, tuple(int(n) for n in given)
    x = _numbers(given, "x")
    return x, x.shape


def _numbers(given: Any, what: str) -> npt.NDArray[Any]:
    """An array of real numbers."""
    array = np.asarray(given)
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"{what} holds {array.dtype}, but the cube shows real numbers. "
            f"Try {what}.real, or an array of floats."
        )
    return array


def _arrangement(axes: str, wanted: str) -> Arrangement:
    """The arrangement of that name; a rank with a single picture has that one under any known name."""
    options = ARRANGEMENTS[axes]
    known = {key for names in ARRANGEMENTS.values() for key in names}
    if wanted not in (options if len(options) > 1 else known):
        raise ValueError(
            f"There is no layout {wanted!r} for ({', '.join(axes)}): the layouts are {', '.join(options)}."
        )
    return arrangement(axes, wanted)[1]


def _within_budget(boxes: Boxes, shape: Shape) -> Boxes:
    if cells(shape) > BUDGET:
        raise ValueError(
            f"A tensor of shape {tuple(shape)} has {cells(shape):,} cells; the cube draws up to {BUDGET:,}. "
            "Try fewer samples, channels or pixels."
        )
    if boxes.count > BOXES:
        raise ValueError(
            f"Unfolded, a tensor of shape {tuple(shape)} gives {boxes.count:,} boxes; "
            f"up to {BOXES} are drawn. Try layout='figure2'."
        )
    return boxes


def _home(axes: Sequence[str], shape: Shape) -> tuple[int, ...]:
    """The cell lit at first: the middle channel of the first sample, a third of the way down."""
    at = {"C": 0.5, "I": 0.5, "H": 1 / 3, "L": 1 / 3}
    return tuple(int((n - (a in "CI")) * at.get(a, 0)) for a, n in zip(axes, shape, strict=True))


def _values(
    values: Any, x: npt.NDArray[Any] | None, shape: Shape, spec: Spec
) -> tuple[npt.NDArray[np.float64], float]:
    """The values shown and the reach of their colours; before and after have one in common."""
    if isinstance(values, str):
        if values not in ("before", "after"):
            raise ValueError(f"values={values!r} is not known: it is 'before', 'after', an array or None.")
        if x is None:
            raise ValueError(
                f"values={values!r} needs a tensor, but only the shape {tuple(shape)} was given. "
                "Try nv.cube(x, ...) with an array x."
            )
        if values == "after" and spec.affine.origin == "second":
            raise ValueError(
                "Here values='after' needs a second input. Give the array itself: "
                "values=nv.normalize(x, spec, second=...)."
            )
        before, after = x.astype(np.float64), normalize(x, spec)
        return before if values == "before" else after, float(shared_edges(before, after)[-1])
    array = _numbers(values, "values")
    if array.shape != tuple(shape):
        raise ValueError(
            f"values has shape {array.shape}, but the tensor has {tuple(shape)}: one value a cell is needed."
        )
    array = array.astype(np.float64)
    return array, float(shared_edges(array, array)[-1])


def _title(
    figure: Figure, entry: Method, spec: Spec, knobs: Mapping[str, Any], shape: Shape, cell: tuple[int, ...]
) -> None:
    """The method, its knobs, and how many cells share."""
    said = {knob.name: value for knob in entry.knobs if (value := _said(knob, knobs)) is not None}
    call = f"{entry.key}({', '.join(f'{name}={value!r}' for name, value in said.items())})"
    sizes = [shared.size(shape, cell) for shared in spec.sets]
    total = cells(shape)
    if not sizes:
        shares = f"No cell shares anything: cell {cell} reads the running statistics"
    elif len(sizes) == 1:
        shares = f"{sizes[0]:,} of {total:,} cells share the statistic of cell {cell}"
    else:
        counts = ", ".join(f"{n:,}" for n in sizes)
        shares = f"Cell {cell} mixes the statistics of {len(sizes)} sets: {counts} of {total:,} cells"
    figure.update_layout(title={"text": f"<b>{call}</b><br>{shares}", "x": 0.02, "font": {"size": 17}})


def _said(knob: Any, knobs: Mapping[str, Any]) -> Any:
    """The value of a knob the title names: one that decides the sets, or one that was given."""
    return knobs.get(knob.name, knob.default if knob.shown else None)
