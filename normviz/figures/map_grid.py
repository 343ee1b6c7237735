"""Many feature maps as a picture grid on one scale, and what has no maps as one sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Heatmap

from normviz.figures.theme import BASELINE, NUMBERS, ROWS, legend, style
from normviz.figures.values import RED, SCALE, number, signs

#: Pixels: the width the grid is laid out for, a map's name, the legend.
WIDTH, NAME, LEGEND = 1180, 24, 30
#: On a phone.
NARROW = 350
#: The room between two maps, as a share of one.
BETWEEN = 0.08
#: How many times longer than the other a side of a map is drawn at most.
LONGEST = 3.0
#: The largest side of a map sent to the browser, in cells: of larger ones, blocks are averaged.
FINE = 56


def map_grid(
    maps: npt.NDArray[Any],
    names: Sequence[str],
    *,
    hovers: Sequence[str],
    words: Mapping[str, str],
    limit: float,
    columns: int = 12,
    width: int = WIDTH,
    fine: int = FINE,
) -> Figure:
    """Maps (K, H, W) in rows of ``columns``, each under its name: violet below 0, green above, from -limit to limit.

    Maps with more than ``fine`` cells a side are shown by the means of blocks. What is not finite is red. ``hovers``
    say more about each map at a touch. ``width`` is the page's in pixels, for which the height is right. ``words`` has
    ``legend``. Raises ValueError where there is not one name and one hover text for every map, or no map.

    >>> figure = map_grid(np.ones((3, 2, 2)), list("abc"), hovers=["", "", ""], words={"legend": ""}, limit=1.0)
    >>> len(figure.data), figure.data[0].z.shape
    (3, (2, 2))
    """
    if maps.ndim != 3 or not maps.size or not len(maps) == len(names) == len(hovers):
        raise ValueError(
            f"Maps of shape {maps.shape} with {len(names)} names and {len(hovers)} texts: give (K, H, W) with "
            "one name and one text for each of the K maps."
        )
    small = blocks(maps, fine)
    _, high, wide = small.shape
    rows = -(-len(small) // columns)
    # A map is one unit wide; what is hardly more than a line has cells that are not square.
    tall = min(max(high / wide, 1 / LONGEST), LONGEST)
    tile = width / (columns + BETWEEN * (columns - 1))
    step = 1 + BETWEEN, tall + NAME / tile
    traces: list[Heatmap] = []
    frames: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    lost = False
    for k, one in enumerate(small):
        row, column = divmod(k, columns)
        left, top = column * step[0], row * step[1] + NAME / tile
        place = {
            "x0": left + 0.5 / wide,
            "dx": 1 / wide,
            "y0": top + 0.5 * tall / high,
            "dy": tall / high,
            "showscale": False,
        }
        known = np.isfinite(one)
        traces.append(
            Heatmap(z=np.where(known, one, np.float32(np.nan)), zmin=-limit, zmax=limit, colorscale=SCALE,
                    hoverongaps=False, hovertemplate=f"{hovers[k]}<br><b>%{{z:.4g}}</b><extra></extra>", **place)
        )  # fmt: skip
        if not known.all():
            lost = True
            red = np.where(known, np.nan, 1.0).astype(np.float32)
            traces.append(
                Heatmap(z=red, zmin=0, zmax=1, colorscale=RED, hoverongaps=False,
                        hovertemplate=f"{hovers[k]}<br><b>NaN/Inf</b><extra></extra>", **place)
            )  # fmt: skip
        ends = {"x0": left, "x1": left + 1, "y0": top, "y1": top + tall}
        frames.append({"type": "rect", **ends, "line": {"color": BASELINE, "width": 1}})
        corner = {"x": left, "y": top, "xanchor": "left", "yanchor": "bottom", "xshift": -2}
        labels.append({**corner, "showarrow": False, "text": names[k], "font": {"size": 12.5}})
    # All at once: each that is added to a figure checks all the others again.
    figure = Figure(traces, {"shapes": frames, "annotations": labels})
    legend(figure, f"{signs(missing=lost)}   ±{number(limit)}   {words['legend']}", size=14, xshift=-2)
    across = columns * step[0] - BETWEEN
    figure.update_layout(
        height=round(tile * rows * step[1]) + LEGEND + 12, margin={"l": 2, "r": 2, "t": LEGEND, "b": 10}
    )
    figure.update_xaxes(**ROWS, range=[-0.01, across + 0.01], constrain="domain", constraintoward="left")
    figure.update_yaxes(
        **ROWS,
        range=[rows * step[1] + 0.01, 0],
        scaleanchor="x",
        scaleratio=1,
        constrain="domain",
        constraintoward="top",
    )
    return style(figure).update_layout(hovermode="closest")


def sheet(
    values: npt.NDArray[Any],
    *,
    axes: tuple[str, str],
    words: Mapping[str, str],
    limit: float,
    first: int = 0,
) -> Figure:
    """An array (rows, columns) as one sheet of cells, violet below 0 and green above, from -limit to +limit.

    ``axes`` name rows and columns, which are counted from 0 and from ``first``. What is not finite is red. ``words``
    has ``legend``. Raises ValueError where ``values`` has not two axes.

    >>> figure = sheet(np.ones((2, 3)), axes=("image", "feature"), words={"legend": ""}, limit=1.0)
    >>> figure.data[0].z.shape
    (2, 3)
    """
    if values.ndim != 2 or not values.size:
        raise ValueError(f"Values of shape {values.shape}: a sheet needs (rows, columns).")
    rows, columns = values.shape
    known = np.isfinite(values)
    figure = Figure()
    place = {"x0": first, "dx": 1, "y0": 0, "dy": 1, "showscale": False, "hoverongaps": False}
    where = f"{axes[0]} %{{y}}, {axes[1]} %{{x}}<br>"
    figure.add_trace(
        Heatmap(z=np.where(known, values, np.nan).astype(np.float32), zmin=-limit, zmax=limit, colorscale=SCALE,
                hovertemplate=f"{where}<b>%{{z:.4g}}</b><extra></extra>", **place)
    )  # fmt: skip
    if not known.all():
        figure.add_trace(
            Heatmap(z=np.where(known, np.nan, 1.0).astype(np.float32), zmin=0, zmax=1, colorscale=RED,
                    hovertemplate=f"{where}<b>NaN/Inf</b><extra></extra>", **place)
        )  # fmt: skip
    text = f"{signs(missing=not known.all())}   ±{number(limit)}   {words['legend']}"
    legend(figure, text, size=14)
    figure.update_layout(
        height=min(420, max(96, 22 * rows)) + LEGEND + 46, margin={"l": 8, "r": 8, "t": LEGEND, "b": 42}
    )
    numbers = NUMBERS | {"showgrid": False, "tickformat": ",d"}
    title = {"standoff": 6, "font": {"size": 14}}
    figure.update_xaxes(
        **numbers, title={"text": axes[1], **title}, range=[first - 0.5, first + columns - 0.5], nticks=12
    )
    figure.update_yaxes(
        **numbers, title={"text": axes[0], **title}, range=[rows - 0.5, -0.5], automargin=True, nticks=8
    )
    if rows <= 10:
        figure.update_yaxes(dtick=1)
    if columns <= 12:
        figure.update_xaxes(dtick=1)
    return style(figure).update_layout(hovermode="closest")


def blocks(maps: npt.NDArray[Any], fine: int = FINE) -> npt.NDArray[np.float32]:
    """Maps (K, H, W) with at most about ``fine`` cells a side: each the mean of a block of the map's own.

    A block that holds what is not finite is not finite. What is left over of a side makes blocks of its own.

    >>> blocks(np.arange(8.0).reshape(1, 2, 4), 2).tolist()
    [[[2.5, 4.5]]]
    """
    size = max(1, -(-max(maps.shape[1:]) // fine))
    if size == 1:
        return np.ascontiguousarray(maps, np.float32)
    _, high, wide = maps.shape
    sums = maps.astype(np.float64)
    for axis, n in ((1, high), (2, wide)):
        starts = np.arange(0, n, size)
        lengths = np.diff(np.append(starts, n)).reshape(-1, 1) if axis == 1 else np.diff(np.append(starts, n))
        with np.errstate(invalid="ignore"):
            sums = np.add.reduceat(sums, starts, axis) / lengths
    return sums.astype(np.float32)
