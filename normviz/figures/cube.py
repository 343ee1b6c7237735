"""The cube for notebooks and export: which cells share with a cell, as one Plotly Mesh3d of the tensor's surface."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Mesh3d, Scatter3d

from normviz.catalogue import method as find
from normviz.figures import theme
from normviz.figures.surface import Boxes
from normviz.layouts import ARRANGEMENTS, Arrangement, Shape, arrangement, cells, check_cell, layout_of
from normviz.methods import Method
from normviz.records import shared_edges
from normviz.reference import normalize
from normviz.spec import Spec

#: The largest tensor drawn, in cells, and the most separate boxes.
BUDGET, BOXES = 2_000_000, 128
#: The home view of an orthographic camera, in radians.
AZIMUTH, ELEVATION = 0.80, 0.50
#: A box's edge grows with this power of its cells; the vertical one is a little shorter.
POWER, VERTICAL = 0.45, 0.84
#: The length of all boxes' diagonal, and the camera's distance from their middle, in Plotly's scene units.
SIZE, AWAY = 1.77, 1.6
#: Lines between cells are drawn where no side of a box has more cells than this, and boxes times lines stay few.
FINE = 48
#: How far the axes reach beyond the boxes, as a share of their length.
ROOM = 0.02


def cube(
    x_or_shape: npt.ArrayLike | Shape,
    method: str | Method,
    *,
    cell: Sequence[int] | None = None,
    values: str | npt.ArrayLike | None = None,
    layout: str = "figure2",
    **knobs: Any,
) -> Figure:
    """The tensor as a box you can turn: the cells that share a statistic with ``cell`` are blue, ``cell`` is amber.

    ``x_or_shape``: a tensor or only its shape, (N, C), (N, L, C) or (N, C, H, W), of up to 2,000,000 cells.
    ``method``: a key of ``METHODS`` or an entry; ``knobs`` are its knobs.
    ``cell``: its indices; by default in the first sample and the middle channel, a third of the way down.
    ``values``: ``"before"`` (x) or ``"after"`` (x normalized), which need a tensor, or any array of the tensor's shape.
    The cells then take diverging colours centred at 0, red where a value is not a number, and the set is outlined.
    ``layout``: for (N, C, H, W) ``"figure2"`` (C to the right, H·W down, N in depth, as figure 2 of the Group Norm paper)
    or ``"unfolded"`` (a C x H x W box for every sample); the other ranks have one picture each.

    Several weighted sets are shaded by how many of them hold a cell; where nothing is shared the cell alone is marked.
    Raises ValueError for a shape, cell, layout, method, knob or array that does not fit.

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
        figure.add_trace(_by_set(boxes, mesh, level, marked, max(1, len(spec.sets))))
    else:
        shown, reach = _values(values, x, shape, spec)
        sampled = boxes.sample(boxes.arranged(shown, axes, how))
        _by_value(figure, mesh, sampled, boxes.sample((level > 0) | marked), reach)
    _lines(figure, boxes, level, marked)
    _scene(figure, boxes, how, dict(zip(axes, shape, strict=True)))
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
    """The arrangement of that name; where a rank has a single picture, the name of another rank's means that one."""
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
            f"Unfolded, a tensor of shape {tuple(shape)} gives {boxes.count:,} boxes; up to {BOXES} are drawn. "
            "Try layout='figure2'."
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
        before, after = x.astype(np.float64), normalize(x, spec)
        return before if values == "before" else after, float(shared_edges(before, after)[-1])
    array = _numbers(values, "values")
    if array.shape != tuple(shape):
        raise ValueError(
            f"values has shape {array.shape}, but the tensor has {tuple(shape)}: one value a cell is needed."
        )
    array = array.astype(np.float64)
    return array, float(shared_edges(array, array)[-1])


def _mesh(mesh: tuple[Any, Any], **more: Any) -> Mesh3d:
    """Faces in exactly the colours given: no light, one number a triangle."""
    (x, y, z), (i, j, k) = mesh
    light = {"ambient": 1, "diffuse": 0, "specular": 0, "fresnel": 0}
    return Mesh3d(
        x=x, y=y, z=z, i=i, j=j, k=k, flatshading=True, lighting=light, hoverinfo="skip", **more
    )  # fmt: skip


def _by_set(
    boxes: Boxes,
    mesh: tuple[Any, Any],
    level: npt.NDArray[np.uint8],
    marked: npt.NDArray[np.bool_],
    sets: int,
) -> Mesh3d:
    """intensity = 3 * (how many sets hold the cell, or sets + 1 for the cell itself) + shade."""
    palette = [
        theme.mix(a, b, k / sets) for k in range(sets + 1) for a, b in zip(theme.COLD, theme.SET, strict=True)
    ]
    palette += theme.CELL
    group = boxes.sample(np.where(marked, np.uint8(sets + 1), level))
    n = len(palette)
    scale = [(stop, color) for k, color in enumerate(palette) for stop in (k / n, (k + 1) / n)]
    return _mesh(
        mesh,
        intensity=(3 * group + boxes.shades()).astype(np.uint8),
        intensitymode="cell",
        colorscale=scale,
        cmin=-0.5,
        cmax=n - 0.5,
        showscale=False,
    )


def _by_value(
    figure: Figure,
    mesh: tuple[Any, Any],
    values: npt.NDArray[np.float64],
    lit: npt.NDArray[np.bool_],
    reach: float,
) -> None:
    """A mesh for the set, a paler one for the rest, and a third for what is not a number."""
    missing = np.isnan(values)
    pale = [theme.mix(color, theme.PAPER, 0.6) for color in theme.DIVERGING]
    ends = {"tickvals": [-reach, 0, reach], "ticktext": [f"≤ −{reach:g}", "0", f"≥ {reach:g}"]}
    bar = {
        **ends,
        "orientation": "h",
        "x": 0.96,
        "xanchor": "right",
        "y": 1,
        "yanchor": "bottom",
        "len": 0.25,
    }
    bar |= {"thickness": 10, "outlinewidth": 0}
    for chosen, colors, name in (
        (lit & ~missing, theme.DIVERGING, "set"),
        (~lit & ~missing, pale, "others"),
        (missing, (theme.MISSING,) * 3, "NaN"),
    ):
        if chosen.any():
            figure.add_trace(
                _mesh(
                    (mesh[0], mesh[1][:, chosen]),
                    intensity=np.nan_to_num(np.clip(values[chosen], -reach, reach)).astype(np.float32),
                    intensitymode="cell",
                    colorscale=[(k / 2, color) for k, color in enumerate(colors)],
                    cmin=-reach,
                    cmax=reach,
                    showscale=name == "set",
                    colorbar=bar,
                    name=name,
                )
            )


def _lines(figure: Figure, boxes: Boxes, level: npt.NDArray[np.uint8], marked: npt.NDArray[np.bool_]) -> None:
    """Grid, the boxes' edges, the outlines of the set (or of each step of a mixture) and of the cell."""
    fine = max(boxes.dims) > FINE or boxes.count * sum(boxes.dims) > 40 * FINE
    thin = 0.5 if fine else 1.0
    drawn = [("edges", boxes.rules(every=False), theme.BOX_LINE, 2.0)]
    if not fine:
        drawn.insert(0, ("grid", boxes.rules(every=True), theme.GRID_LINE, 1.0))
    steps = np.unique(level)
    for low, _ in pairwise(steps.tolist()):
        drawn.append(("set", boxes.outline(level > low), theme.SET_LINE, 4.0 * thin))
    drawn.append(("cell", boxes.outline(marked, 0.004), theme.CELL_LINE, 5.0 * thin))
    for name, (x, y, z), color, width in drawn:
        line = {"color": color, "width": width}
        figure.add_trace(Scatter3d(x=x, y=y, z=z, mode="lines", line=line, name=name, hoverinfo="skip"))


def _scene(figure: Figure, boxes: Boxes, how: Arrangement, lengths: Mapping[str, int]) -> None:
    """Axes with names and lengths, the proportions, and the camera."""
    depth, rows, columns = boxes.extent
    edge = [n**POWER for n in boxes.dims]
    sizes = np.array([columns * edge[2] / boxes.dims[2], depth * edge[0] / boxes.dims[0], 0.0])
    sizes[2] = rows * edge[1] / boxes.dims[1] * VERTICAL
    if boxes.flat:
        sizes[1] = 1e-2
    sizes *= SIZE / float(np.linalg.norm(sizes))
    bare = {"showbackground": False, "showgrid": False, "zeroline": False, "showticklabels": False}
    bare |= {"ticks": "", "showspikes": False, "showline": False}
    # What lies outside the ranges is cut off, and so would be, by rounding, what lies on their ends.
    room = ROOM * (3 if boxes.flat else 1)
    ranges = [(a - room * (b - a), b + room * (b - a)) for a, b in ((0, columns), (0, depth), (-rows, 0))]
    titles = [_length(names, lengths) for names in (how.x, how.z, how.y)]
    if how.grid:
        titles[0] += " in each of " + _length(how.grid, lengths)
    scene: dict[str, Any] = {
        f"{a}axis": {**bare, "range": list(r), "title": {"text": title, "font": {"size": 16}}}
        for a, r, title in zip("xyz", ranges, titles, strict=True)
    }
    azimuth, elevation = (0.0, 0.0) if boxes.flat else (AZIMUTH, ELEVATION)
    eye = {
        "x": AWAY * math.sin(azimuth) * math.cos(elevation),
        "y": -AWAY * math.cos(azimuth) * math.cos(elevation),
        "z": AWAY * math.sin(elevation),
    }
    camera = {"eye": eye, "up": {"x": 0, "y": 0, "z": 1}, "projection": {"type": "orthographic"}}
    ratio = dict(zip("xyz", sizes.tolist(), strict=True))
    theme.style(figure)
    figure.update_layout(
        scene={**scene, "aspectmode": "manual", "aspectratio": ratio, "camera": camera, "dragmode": "orbit"},
        paper_bgcolor=theme.PAPER,
        font={"color": theme.TEXT},
        height=620,
        margin={"l": 8, "r": 8, "t": 72, "b": 8},
    )


def _length(names: Sequence[str], lengths: Mapping[str, int]) -> str:
    """``H·W = 16``, or nothing for a direction that holds no axis."""
    if not names:
        return ""
    return f"<i>{'·'.join(names)}</i> = {math.prod(lengths[a] for a in names):,}"


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
