"""The opened layer's real output as pictures: maps in a grid, or a sheet where there are none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import streamlit as st

from normviz.figures.map_grid import FINE, NARROW, map_grid, sheet
from normviz.histograms import Histogram
from normviz.records import Tensor
from normviz.text.lookup import section
from normviz.traces import INPUT, LayerTrace
from normviz.ui import cached_layer
from normviz.ui.choices import Choices
from normviz.ui.controls import number as pick_number
from normviz.ui.controls import pick
from normviz.ui.fitted import show_fitted
from normviz.ui.network.shown import Shown
from normviz.ui.numbers import amount
from normviz.ui.parts import chart

#: Maps on one page, columns of a sheet, and rows of one.
PAGE, FEATURES, ROWS = 48, 2048, 256
#: Products of matrices, one for each head.
MATRICES = ("matmul", "einsum")
SORTS = ("index", "variance")
#: The share of the values within the colour scale, and how the notes say it.
COVER = 0.995
COVERED = {"cover": f"{100 * COVER:g}"}


def show_maps(c: Choices, shown: Shown, number: int) -> None:
    """The maps of one image of the batch, 48 at a time; of (N, L, C) its sheet, of (N, C) all rows in one."""
    layer = shown.trace.input if number == INPUT else shown.trace.layers[number]
    if len(layer.shape) == 4:
        _maps(c, shown, number, layer)
    elif len(layer.shape) == 3:
        _tokens(c, shown, number, layer)
    elif len(layer.shape) == 2:
        _rows(c, shown, number, layer)
    else:
        st.caption(c.say("network_layer.no_picture", axes=len(layer.shape)))


def scale(histogram: Histogram) -> float:
    """The end of the colour scale: the share ``COVER`` of the values is within it.

    >>> scale(Histogram.of([0.0, 0.5, -1.0]))
    1.0
    """
    return histogram.reach(COVER) or 1.0


def _maps(c: Choices, shown: Shown, number: int, layer: LayerTrace) -> None:
    axis = layer.channel_axis if layer.channel_axis in (1, 2, 3) and not _has_heads(layer) else 1
    channels = layer.shape[axis]
    known = axis == layer.channel_axis
    st.subheader(c.say("network_layer.heads" if _has_heads(layer) else "network_layer.maps"), anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", key="nv-layer-maps"):
        index = _image(c, shown, number)
        order = "index"
        if known and channels > 1:
            order = pick("sort", c.say("network_layer.sort"), SORTS, "index", lang=c.lang,
                         names=lambda k: c.say(f"network_layer.sort_{k}"))  # fmt: skip
        first = _page(c, channels, PAGE)
    ranked = np.argsort(-layer.channel_var, kind="stable") if order == "variance" else np.arange(channels)
    chosen = ranked[first : first + PAGE]
    maps = np.moveaxis(cached_layer.image(shown, number, index), axis - 1, 0)[chosen]
    words = section(c.lang, "layer_maps")
    other = words["head" if _has_heads(layer) else "channel"]
    names = [_name(layer, int(k), words["dead"]) if known else other.format(channel=k) for k in chosen]
    hovers = [_hover(layer, int(k), words["hover"]) if known else other.format(channel=k) for k in chosen]
    limit = scale(layer.histogram)
    few = len(chosen) <= 4
    wide = map_grid(maps, names, hovers=hovers, words=words, limit=limit, columns=6 if few else 12)
    narrow = map_grid(maps, names, hovers=hovers, words={"legend": ""}, limit=limit, columns=2 if few else 6,
                      width=NARROW, fine=28)  # fmt: skip
    show_fitted(wide, narrow, "layer-maps")
    note = "heads_note" if _has_heads(layer) else "maps_note"
    said = {
        "image": index + 1,
        "shown": len(chosen),
        "channels": f"{channels:,}",
        "h": maps.shape[1],
        "w": maps.shape[2],
    }
    notes = [c.say(f"network_layer.{note}", **said, **COVERED)]
    if max(maps.shape[1:]) > FINE:
        notes.append(c.say("network_layer.maps_blocks"))
    st.caption(c.prose(notes))


def _has_heads(layer: LayerTrace) -> bool:
    """Whether it is a (N, heads, rows, columns) of attention, of which each head is a map."""
    return layer.channel_axis == 3 and (layer.kind in ("attention", "softmax") or layer.op in MATRICES)


def _tokens(c: Choices, shown: Shown, number: int, layer: LayerTrace) -> None:
    last = layer.channel_axis != 1
    st.subheader(c.say("network_layer.sheet"), anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", key="nv-layer-maps"):
        index = _image(c, shown, number)
        first = _page(c, layer.shape[2], FEATURES)
    rows, columns = ("tokens", "features") if last else ("channels", "positions")
    _sheet(c, layer, cached_layer.image(shown, number, index), rows, columns, first)
    said = {"image": index + 1, "rows": layer.shape[1], "columns": layer.shape[2]}
    st.caption(c.say("network_layer.sheet_note", **said, **COVERED))


def _rows(c: Choices, shown: Shown, number: int, layer: LayerTrace) -> None:
    st.subheader(c.say("network_layer.rows"), anchor=False)
    first = _page(c, layer.shape[1], FEATURES)
    _sheet(c, layer, cached_layer.sheet(shown, number, ROWS), "images", "features", first)
    said = {"rows": layer.shape[0], "columns": f"{layer.shape[1]:,}"}
    st.caption(c.say("network_layer.rows_note", **said, **COVERED))


def _sheet(
    c: Choices,
    layer: LayerTrace,
    values: npt.NDArray[np.float32] | Tensor,
    rows: str,
    columns: str,
    first: int,
) -> None:
    words = section(c.lang, "layer_maps")
    seen = values[:ROWS, first : first + FEATURES]
    chart(
        sheet(
            seen, axes=(words[rows], words[columns]), words=words, limit=scale(layer.histogram), first=first
        ),
        "layer-sheet",
    )


def _image(c: Choices, shown: Shown, number: int) -> int:
    """Which image of the batch, among those there are values of."""
    count = cached_layer.count(shown, number)
    if count < 2:
        return 0
    # People count images from 1, as the table of what each was taken for does.
    label = c.say("network_layer.image", count=count)
    return pick_number("image", label, 1, 1, count, lang=c.lang, width=150) - 1


def _page(c: Choices, count: int, page: int) -> int:
    """The first channel of the page of them that is shown."""
    pages = -(-count // page)
    if pages < 2:
        return 0
    label = c.say("network_layer.page", pages=pages)
    return page * (pick_number("maps", label, 1, 1, pages, lang=c.lang, width=150) - 1)


def _name(layer: LayerTrace, channel: int, dead: str) -> str:
    return f"<i>c</i> {channel}" + (f" <b>{dead}</b>" if layer.dead_mask[channel] else "")


def _hover(layer: LayerTrace, channel: int, said: str) -> str:
    mean, std = float(layer.channel_mean[channel]), float(layer.channel_var[channel] ** 0.5)
    return said.format(channel=channel, mean=amount(mean), std=amount(std))
