"""Feature maps: the channels of one sample side by side, before above after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Heatmap

from normviz.figures.png import png
from normviz.figures.theme import BASELINE, CELL, CELL_LINE, ROWS, style
from normviz.figures.values import RED, SCALE, number, signs

#: The most channels side by side; eight still tell apart on a phone.
MOST = 8
#: Rows whose largest values differ by more than this factor do not share a scale.
APART = 4.0
#: Pixels: the side of a map where there is room, a line of text, the names of the channels.
TILE, LINE, NAMES = 84, 32, 22
#: Room around the maps as a share of one, so that a line around a cell at the rim is not cut off.
RIM = 0.04


def feature_maps(
    before: npt.NDArray[Any],
    after: npt.NDArray[Any],
    *,
    names: Sequence[str],
    pictures: Sequence[npt.NDArray[Any]] = (),
    words: Mapping[str, str],
    cell: tuple[int, int] | None = None,
    channel: int | None = None,
    first: int = 0,
) -> Figure:
    """One sample's maps before and after, both (C, H, W) with C <= 8: two rows of squares, a column a channel.

    Violet is below 0 and green above. Both rows share one scale from -m to +m, m being the largest finite
    absolute value; where the two rows' own m differ by more than a factor of 4, each has its own scale. Every
    row's label says its ±m. What is not finite is red.

    ``names`` are the channels' full names, shown at a touch; below the columns stands only "c 0", counted from
    ``first``. ``cell`` (h, w) of ``channel`` (an index into the given maps) is outlined in both rows.
    ``pictures`` is empty or holds the picture the maps were made from, (H, W) or (H, W, 3), uint8 or floats in
    [0, 1]; it stands left of the first row. ``words`` has ``before``, ``after``, ``same_scale`` and, for the
    picture, ``of_sample``.

    Raises ValueError where shapes, names, cell or pictures do not fit.

    >>> import normviz as nv
    >>> x = nv.Sample().tensor((2, 3, 4, 4))
    >>> y = nv.normalize(x, nv.METHODS["batch_norm"].spec())
    >>> english = dict(before="before", after="after", same_scale="same scale")
    >>> figure = feature_maps(x[0], y[0], names=["red", "green", "blue"], words=english)
    >>> len(figure.data)
    2
    """
    before, after = np.asarray(before), np.asarray(after)
    _check(before, after, names, pictures, cell, channel)
    count, height, width = before.shape
    step = width + gap(width)
    limits, shared = scales(before, after)
    columns = [
        f"w {w} · c {first + k} · {names[k]}" if w < width else f"{k} {w}"
        for k in range(count)
        for w in range(step)
    ][: count * step - (step - width)]
    figure = Figure()
    for maps, limit, axis in ((before, limits[0], "y"), (after, limits[1], "y2")):
        z = tiled(maps)
        rows = [str(h) for h in range(height)]
        common = {"x": columns, "y": rows, "yaxis": axis, "showscale": False, "hoverongaps": False}
        finite = np.where(np.isfinite(z), z, np.float32(np.nan))
        hover = "h %{y}, %{x}<br><b>%{z:.4g}</b><extra></extra>"
        reach = limit or 1.0
        figure.add_trace(
            Heatmap(z=finite, zmin=-reach, zmax=reach, colorscale=SCALE, hovertemplate=hover, **common)
        )
        lost = tiled(np.where(np.isfinite(maps), np.nan, 1.0))
        if np.isfinite(lost).any():
            hover = "h %{y}, %{x}<br><b>NaN/Inf</b><extra></extra>"
            figure.add_trace(Heatmap(z=lost, zmin=0, zmax=1, colorscale=RED, hovertemplate=hover, **common))
        for k in range(count):
            _outline(figure, axis, (k * step, 0), (width, height), BASELINE, 1)
        if cell is not None and channel is not None:
            corner = (channel * step + cell[1], cell[0])
            _outline(figure, axis, corner, (1, 1), CELL_LINE, 5)
            _outline(figure, axis, corner, (1, 1), CELL[0], 2.5)
    _axes(figure, before.shape, step * len(pictures))
    legend = signs(missing=len(figure.data) > 2) + (f"   {words['same_scale']}" if shared else "")
    _label(figure, "y", NAMES, f"<b>{words['before']}</b>, ±{number(limits[0])}   {legend}")
    _label(figure, "y2", 0, f"<b>{words['after']}</b>, ±{number(limits[1])}")
    for k in range(count):
        _name(figure, k * step, width, f"<i>c</i> {first + k}")
    for picture in pictures:
        _name(figure, -step, width, words["of_sample"])
        _picture(figure, picture, -step, (width, height))
    return style(figure).update_layout(hovermode="closest")


def tiled(maps: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Maps (C, H, W) side by side as (H, columns), with columns of NaN between them.

    >>> tiled(np.ones((2, 1, 2))).tolist()
    [[1.0, 1.0, nan, 1.0, 1.0]]
    """
    count, height, width = maps.shape
    between = gap(width)
    wide = np.full((height, count, width + between), np.nan, np.float32)
    wide[..., :width] = maps.transpose(1, 0, 2)
    return wide.reshape(height, -1)[:, : wide.shape[1] * wide.shape[2] - between]


def gap(width: int) -> int:
    """How many empty columns stand between two maps: a tenth of one, at least one."""
    return max(1, round(width / 10))


def scales(before: npt.NDArray[Any], after: npt.NDArray[Any]) -> tuple[tuple[float, float], bool]:
    """The ± limit of the two rows, and whether it is the same for both; a row of zeros takes the other's."""
    one, two = (float(np.max(np.abs(a), initial=0, where=np.isfinite(a))) for a in (before, after))
    large, small = max(one, two), min(one, two)
    if small > 0 and large > APART * small:
        return (one, two), False
    return (large, large), True


def _check(
    before: npt.NDArray[Any],
    after: npt.NDArray[Any],
    names: Sequence[str],
    pictures: Sequence[npt.NDArray[Any]],
    cell: tuple[int, int] | None,
    channel: int | None,
) -> None:
    if before.ndim != 3 or before.shape != after.shape or not before.size:
        raise ValueError(
            f"Feature maps of shapes {before.shape} and {after.shape}: both must be the same (C, H, W) with "
            "at least one cell. Give one sample of an (N, C, H, W) tensor, x[n] and y[n]."
        )
    count, height, width = before.shape
    if count > MOST:
        raise ValueError(f"{count} channels: at most {MOST} stand side by side. Give a slice, x[n, :{MOST}].")
    if len(names) != count:
        raise ValueError(f"{len(names)} names for {count} channels: give one name a channel.")
    if (cell is None) != (channel is None):
        raise ValueError(f"cell {cell} with channel {channel}: give both to mark a cell, or neither.")
    if cell is not None and channel is not None:
        place = (channel, *cell)
        if len(place) != 3 or not all(0 <= i < n for i, n in zip(place, before.shape, strict=True)):
            raise ValueError(
                f"The cell (channel, h, w) = {place} is outside of maps of shape {before.shape}: "
                f"it must lie within (0, 0, 0) and {(count - 1, height - 1, width - 1)}."
            )
    if len(pictures) > 1:
        raise ValueError(f"{len(pictures)} pictures of one sample: give its own, or none.")


def _axes(figure: Figure, shape: Sequence[int], left: int) -> None:
    """Square maps: on a wide page TILE pixels each, on a narrow one as large as fits; ``left`` columns before."""
    count, height, width = shape
    last = count * (width + gap(width)) - gap(width)
    tile = TILE * (1 + 2 * RIM)
    inner = 2 * tile + LINE
    margin = {"l": 4, "r": 4, "t": LINE + NAMES, "b": 8}
    plain = {**ROWS, "type": "category", "constrain": "domain"}
    across = [-left - 0.5 - RIM * width, last - 0.5 + RIM * width]
    row = {
        **plain,
        "range": [height - 0.5 + RIM * height, -0.5 - RIM * height],
        "scaleanchor": "x",
        "scaleratio": width / height,
    }
    # Where maps are smaller than TILE, the room left over stays above the first row and below the second.
    figure.update_layout(
        height=inner + margin["t"] + margin["b"],
        margin=margin,
        xaxis={**plain, "range": across, "constraintoward": "left"},
        yaxis={**row, "domain": [1 - tile / inner, 1], "constraintoward": "bottom"},
        yaxis2={**row, "domain": [0, tile / inner], "constraintoward": "top", "anchor": "x"},
    )


def _outline(
    figure: Figure, axis: str, corner: tuple[int, int], size: tuple[int, int], color: str, width: float
) -> None:
    (x, y), (w, h) = corner, size
    figure.add_shape(
        type="rect",
        xref="x",
        yref=axis,
        x0=x - 0.5,
        x1=x + w - 0.5,
        y0=y - 0.5,
        y1=y + h - 0.5,
        line={"color": color, "width": width},
    )


def _name(figure: Figure, x: int, width: int, text: str) -> None:
    figure.add_annotation(
        x=x + (width - 1) / 2, yref="y domain", y=1, yanchor="bottom", showarrow=False, text=text
    )


def _label(figure: Figure, axis: str, above: int, text: str) -> None:
    figure.add_annotation(
        xref="paper",
        x=0,
        xanchor="left",
        xshift=-3,
        yref=f"{axis} domain",
        y=1,
        yanchor="bottom",
        yshift=above,
        showarrow=False,
        text=text,
        font={"size": 15},
    )


def _picture(figure: Figure, picture: npt.NDArray[Any], x: int, size: tuple[int, int]) -> None:
    width, height = size
    figure.add_layout_image(
        source=png(picture, TILE),
        xref="x",
        yref="y",
        x=x - 0.5,
        y=-0.5,
        sizex=width,
        sizey=height,
        sizing="contain",
    )
