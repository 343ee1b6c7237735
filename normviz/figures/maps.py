"""Feature maps: the channels of one sample side by side, before above after."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Heatmap

from normviz.figures.theme import BASELINE, CELL, CELL_LINE, DIVERGING, MISSING, mix, style

#: The most channels side by side; eight still tell apart on a phone.
MOST = 8
#: Rows whose largest values differ by more than this factor do not share a scale.
APART = 4.0
#: Pixels: the side of a map where there is room, a line of text, the names of the channels.
TILE, LINE, NAMES = 84, 32, 22
#: Room around the maps as a share of one, so that a line around a cell at the rim is not cut off.
RIM = 0.04
#: From the smallest value through 0 to the largest. The theme's colours are those of a light page; moved towards
#: the dark page's (violet and green half the way, the middle 15 %) all three stand out on both.
LOW, ZERO, HIGH = (
    mix(light, dark, share)
    for light, dark, share in zip(DIVERGING, ("#B18AE0", "#20262E", "#3CCBA3"), (0.5, 0.15, 0.5), strict=True)
)


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
        scale = [(0, LOW), (0.5, ZERO), (1, HIGH)]
        figure.add_trace(
            Heatmap(z=finite, zmin=-reach, zmax=reach, colorscale=scale, hovertemplate=hover, **common)
        )
        lost = tiled(np.where(np.isfinite(maps), np.nan, 1.0))
        if np.isfinite(lost).any():
            hover = "h %{y}, %{x}<br><b>NaN/Inf</b><extra></extra>"
            red = [(0, MISSING), (1, MISSING)]
            figure.add_trace(Heatmap(z=lost, zmin=0, zmax=1, colorscale=red, hovertemplate=hover, **common))
        for k in range(count):
            _outline(figure, axis, (k * step, 0), (width, height), BASELINE, 1)
        if cell is not None and channel is not None:
            corner = (channel * step + cell[1], cell[0])
            _outline(figure, axis, corner, (1, 1), CELL_LINE, 5)
            _outline(figure, axis, corner, (1, 1), CELL[0], 2.5)
    _axes(figure, before.shape, step * len(pictures))
    legend = _legend(words["same_scale"] if shared else "", len(figure.data) > 2)
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


def number(value: float) -> str:
    """A limit in two significant digits, rounded.

    >>> number(0.912), number(12.4), number(3.2e-6), number(45678.0)
    ('0.91', '12', '3.2e−6', '4.6e+4')
    """
    if value == 0 or 0.01 <= value < 1000:
        return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent):+d}".replace("-", "−")


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
    plain = {
        "type": "category",
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
        "showticklabels": False,
        "ticks": "",
        "constrain": "domain",
    }
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


def _legend(same: str, missing: bool) -> str:
    entries = [(LOW, "−"), (ZERO, "0"), (HIGH, "+")] + [(MISSING, "NaN/Inf")] * missing
    squares = " ".join(f"<span style='color:{color}'>■</span> {sign}" for color, sign in entries)
    return squares + (f"   {same}" if same else "")


def _picture(figure: Figure, picture: npt.NDArray[Any], x: int, size: tuple[int, int]) -> None:
    width, height = size
    figure.add_layout_image(
        source=png(picture),
        xref="x",
        yref="y",
        x=x - 0.5,
        y=-0.5,
        sizex=width,
        sizey=height,
        sizing="contain",
    )


def png(picture: npt.NDArray[Any]) -> str:
    """A picture, (H, W) or (H, W, 3), uint8 or floats in [0, 1], as the address of a PNG that holds it.

    Where it is more than twice as large as it is shown, blocks of pixels are averaged.
    """
    pixels = np.asarray(picture)
    if pixels.ndim not in (2, 3) or not pixels.size or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError(f"A picture of shape {pixels.shape}: it must be (H, W) or (H, W, 3).")
    values = pixels.astype(np.float64) * (1 if pixels.dtype == np.uint8 else 255)
    values = np.broadcast_to(values if values.ndim == 3 else values[..., None], (*values.shape[:2], 3))
    block = max(1, min(values.shape[:2]) // (2 * TILE))
    rows, columns = (n // block for n in values.shape[:2])
    values = values[: rows * block, : columns * block].reshape(rows, block, columns, block, 3).mean((1, 3))
    bytes_ = np.clip(np.rint(np.nan_to_num(values)), 0, 255).astype(np.uint8).reshape(rows, -1)
    lines = np.pad(bytes_, ((0, 0), (1, 0))).tobytes()
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    chunks = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts]
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()
