"""What the cube is painted with: its coloured faces, its lines, its axes and camera."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Mesh3d, Scatter3d

from normviz.figures import theme
from normviz.figures.surface import LIFT, Boxes
from normviz.layouts import Arrangement

#: The home view of an orthographic camera, in radians.
AZIMUTH, ELEVATION = 0.80, 0.50
#: A box's edge grows with this power of its cells; the vertical one is a little shorter.
POWER, VERTICAL = 0.45, 0.84
#: The length of all boxes' diagonal, and the camera's distance from their middle, in Plotly's scene units.
SIZE, AWAY = 2.25, 2.0
#: Lines between cells are drawn where no side of a box has more cells than this, and lines stay few.
FINE = 48
#: How far the axes reach beyond the boxes, as a share of their length.
ROOM = 0.02


def _mesh(mesh: tuple[Any, Any], **more: Any) -> Mesh3d:
    """Faces in exactly the colours given: no light, one number a triangle."""
    (x, y, z), (i, j, k) = mesh
    light = {"ambient": 1, "diffuse": 0, "specular": 0, "fresnel": 0}
    return Mesh3d(
        x=x, y=y, z=z, i=i, j=j, k=k, flatshading=True, lighting=light, hoverinfo="skip", **more
    )  # fmt: skip


def by_set(
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


def by_value(
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
    bar |= {"len": 0.25, "thickness": 10, "outlinewidth": 0}
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


def lines(
    figure: Figure, boxes: Boxes, level: npt.NDArray[np.uint8], marked: npt.NDArray[np.bool_], hollow: bool
) -> None:
    """Grid, the boxes' edges, the outlines of the set (or of each step of a mixture) and of the cell."""
    fine = max(boxes.dims) > FINE or boxes.count * sum(boxes.dims) > 40 * FINE
    thin = 0.5 if fine else 1.0
    drawn = [("edges", boxes.rules(every=False), theme.BOX_LINE, 2.0)]
    if not fine:
        drawn.insert(0, ("grid", boxes.rules(every=True), theme.GRID_LINE, 1.0))
    steps = np.unique(level)
    for low, _ in pairwise(steps.tolist()):
        drawn.append(("set", boxes.outline(level > low), theme.SET_LINE, 4.0 * thin))
    drawn.append(("cell", boxes.outline(marked, 2 * LIFT), theme.CELL_LINE, (9.0 if hollow else 5.0) * thin))
    if hollow:
        drawn.append(("ring", boxes.outline(marked, 5 * LIFT), theme.CELL[0], 4.0 * thin))
    for name, (x, y, z), color, width in drawn:
        line = {"color": color, "width": width}
        figure.add_trace(Scatter3d(x=x, y=y, z=z, mode="lines", line=line, name=name, hoverinfo="skip"))


def scene(figure: Figure, boxes: Boxes, how: Arrangement, lengths: Mapping[str, int]) -> None:
    """Axes with names and lengths, the proportions, and the camera."""
    depth, rows, columns = boxes.extent
    edge = [n**POWER for n in boxes.dims]
    sizes = np.array([columns * edge[2] / boxes.dims[2], depth * edge[0] / boxes.dims[0], 0.0])
    sizes[2] = rows * edge[1] / boxes.dims[1] * VERTICAL
    if boxes.flat:
        sizes[1] = 1e-2
    sizes *= SIZE / float(np.linalg.norm(sizes))
    bare: dict[str, Any] = {
        "showbackground": False,
        "showgrid": False,
        "zeroline": False,
        "showticklabels": False,
    }
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
