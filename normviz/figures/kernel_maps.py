"""The direction of one kernel before and after, as rows of maps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Heatmap

from normviz.figures.maps import gap, tiled
from normviz.figures.theme import AXIS, BASELINE, style
from normviz.figures.values import SCALE, number
from normviz.reference import FloatArray
from normviz.weights import directions

#: The most maps side by side.
MOST = 8
#: Pixels of a map where there is room; the room above a row of them and the height of a row that is no map, as
#: shares of a map.
TILE, ABOVE, FLAT = 54, 0.6, 0.4


def kernel_maps(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    *,
    dim: int,
    place: int,
    first: int = 0,
    words: Mapping[str, str],
    axis: str,
    tile: int = TILE,
) -> Figure:
    """The direction v / |v| of one kernel before and after, and the difference, as rows of maps on one scale.

    ``axis`` names the axis along which the maps stand side by side, up to eight from ``first`` on; the kernel of a
    fully connected layer is one row of cells. Violet is below 0, green above, on one scale from -m to +m, m the
    largest absolute value of the two directions shown.
    ``words`` has ``before``, ``after`` and ``change``. ``tile`` is a map's side in pixels.
    """
    pair = [slices(directions(kernel, dim), dim, place)[first : first + MOST] for kernel in (before, after)]
    table = np.asarray(pair[0]).ndim == 3 and np.asarray(before).ndim == 4
    rows = [("before", pair[0]), ("after", pair[1]), ("change", pair[1] - pair[0])]
    finite = np.abs(np.concatenate([p.reshape(-1) for p in pair]))
    finite = finite[np.isfinite(finite)]
    reach = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    count, height, width = pair[0].shape
    step, share = width + gap(width), (1.0 if table else FLAT)
    figure = Figure()
    for k, (name, kernel) in enumerate(rows):
        base = k * (share + ABOVE)
        z = tiled(kernel)
        figure.add_trace(
            Heatmap(
                z=z,
                x0=0.5 / width,
                dx=1 / width,
                y0=base + share * 0.5 / height,
                dy=share / height,
                zmin=-reach,
                zmax=reach,
                colorscale=SCALE,
                showscale=False,
                hoverongaps=False,
                hovertemplate="%{z:.4f}<extra></extra>",
            )
        )
        for m in range(count):
            left = m * step / width
            _box(figure, left, left + 1, base, base + share)
        size = np.abs(kernel[np.isfinite(kernel)])
        most = f"±{number(float(size.max()))}" if size.size else "NaN"
        figure.add_annotation(
            x=0, y=base, text=f"{words[name]}, {most}", showarrow=False, font={"size": 13}, xanchor="left",
            yanchor="bottom", xshift=-4,
        )  # fmt: skip
    labels = [f"<i>{axis}</i> {first + m}" for m in range(count)] if table else [f"<i>{axis}</i>"]
    plain = {**AXIS, "showgrid": False, "constrain": "domain"}
    bottom = 2 * (share + ABOVE) + share
    figure.update_xaxes(
        **plain,
        range=[-0.02, max(count * step - gap(width), 8 * step - gap(width) if table else 0) / width + 0.02],
        tickvals=[m * step / width + 0.5 for m in range(count)],
        ticktext=labels,
        constraintoward="left",
    )
    ratio = {"scaleanchor": "x", "constraintoward": "top"} if table else {}
    figure.update_yaxes(**plain, **ratio, range=[bottom + 0.02, -ABOVE], showticklabels=False)
    inner = round((bottom + ABOVE) * tile)
    figure.update_layout(height=inner + 30, margin={"l": 4, "r": 4, "t": 4, "b": 26})
    return style(figure).update_layout(hovermode="closest")


def slices(kernel: FloatArray, dim: int, place: int) -> FloatArray:
    """One arrow as maps (count, H, W): the rest of its axes, or (1, 1, count) of a fully connected layer.

    >>> slices(np.zeros((12, 8, 3, 3)), 0, 5).shape, slices(np.zeros((12, 8)), 0, 5).shape
    ((8, 3, 3), (1, 1, 8))
    """
    one = np.take(kernel, place, dim)
    return one if one.ndim == 3 else one.reshape(1, 1, -1)


def _box(figure: Figure, x0: float, x1: float, y0: float, y1: float) -> None:
    figure.add_shape(type="rect", x0=x0, x1=x1, y0=y0, y1=y1, line={"color": BASELINE, "width": 1})
