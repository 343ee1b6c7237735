"""A traced normalization as the cube: the sets of its Spec on its real output, or on a part that can be pointed at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from normviz.formula import latex
from normviz.layer_check import FEWEST, Agreement, NormPart
from normviz.layer_sets import Box, LayerSets, intervals, layer_sets, of_channels, part
from normviz.layouts import ARRANGEMENTS, Arrangement, front_cell
from normviz.measures import MEASURES, measures
from normviz.text.lookup import section
from normviz.traces import LayerTrace
from normviz.ui import cached_layer
from normviz.ui.choices import Choices
from normviz.ui.controls import pick, remember, remembered
from normviz.ui.cube import Buffers, Colour, Cube, WeightedSet, cube, cube_state, limit_of
from normviz.ui.cube_payload import valid_look
from normviz.ui.cube_view import COLOURS
from normviz.ui.network.shown import Shown
from normviz.ui.numbers import amount, in_brackets, read_lengths, scientific, spoken, written
from normviz.ui.parts import checked, rounding
from normviz.ui.pinned import news

#: The key of this cube: the shared one is the shared tensor's.
CUBE = "layer-cube"
#: What the readout's sentences become where the cube is a part of the layer.
PARTS = ("share", "share_plain", "share_one", "mixed", "alone")
Cell = tuple[int, ...]
Axes = tuple[tuple[str, int], ...]


def show_sets(c: Choices, shown: Shown, number: int) -> None:
    """The cube, the formula, how many share, the pinned cell's real numbers, and whether the reference agrees."""
    layer = shown.trace.layers[number]
    found = layer_sets(layer)
    st.subheader(c.say(f"network_layer.sets{'_only' if shown.values is None else ''}"), anchor=False)
    if found is None:
        st.caption(c.say("network_layer.no_sets", shape=in_brackets(layer.shape)))
        return
    values = None if shown.values is None else cached_layer.norm(shown, number)
    left, right = st.columns([7, 4], gap="large")
    with left:
        cell = _cube(c, layer, found, values)
    with right.container(key="nv-rail"):
        _counts(c, found, values, cell)
        st.latex(latex(found.spec, layout="".join(found.axes)), width="content")
        if values is not None:
            _numbers(c, found, values, cell)
            _agreement(c, values)
    st.caption(c.prose(list(_notes(c, found, values))))


def _box(found: LayerSets, values: NormPart | None) -> Box:
    """The part of the layer that is drawn; of a large one there may be values of the first images only."""
    return part(found) if values is None else values.box


def _cube(c: Choices, layer: LayerTrace, found: LayerSets, values: NormPart | None) -> Cell:
    """Draw it; the pinned cell, counted from the part's corner."""
    box = _box(found, values)
    lengths = tuple(stop - start for start, stop in box)
    axes = tuple(zip(found.axes, lengths, strict=True))
    colours = tuple(k for k in COLOURS if k not in ("before", "after") or values is not None)
    if values is not None and values.before is None:
        colours = tuple(k for k in colours if k != "before")
    with st.container(horizontal=True, gap="small", key="nv-views"):
        colour = pick("paint", c.say("cube_page.colour"), colours, colours[-1], lang=c.lang,
                      names=lambda k: c.say(f"colour.{k}"), label_visibility="collapsed")  # fmt: skip
        arranged = _arrangement(c, "".join(found.axes))
    cell = _cell(axes, arranged)
    look = remembered("llook", valid_look, "")
    tensors = {} if values is None else {"before": values.before, "after": values.after}
    limits = [limit_of(tensor) for tensor in tensors.values() if tensor is not None]
    cube(
        (_picture(layer, found, values, colour, cell),),
        axes=axes,
        arrangement=arranged,
        colour=colour,
        words=_words(c, lengths != found.shape),
        key=CUBE,
        cell=cell,
        look=look,
        limit=max(limits) if colour in tensors else None,
        origin=tuple(start for start, _ in box),
    )
    remember("llook", look, "")
    return cell


def _picture(
    layer: LayerTrace, found: LayerSets, values: NormPart | None, colour: Colour, cell: Cell
) -> Cube:
    box = _box(found, values)
    whole = all(interval == (0, n) for interval, n in zip(box, found.shape, strict=True))
    shown = None if values is None else {"before": values.before, "after": values.after}.get(colour)
    # The browser would sum up the part, and a part's mean is not the layer's.
    names = MEASURES[found.spec.outcome] if whole or shown is None else ()
    numbers = None if values is None or not names else _measured(found, values, cell)
    buffers = None
    if not found.spec.sets and (read := of_channels(found, layer.running, box)) is not None:
        buffers = Buffers(found.axes.index("C"), tuple(map(float, read[0])), tuple(map(float, read[1])))
    cut = intervals(found, box)
    return Cube(
        key=found.method.key,
        sets=tuple(WeightedSet(cut[k], one.weight) for k, one in enumerate(found.spec.parts)),
        measures=names,
        partition=all(shared.is_partition(found.shape) for shared in found.spec.sets),
        buffers=buffers,
        values=shown,
        pinned=None if numbers is None else tuple(numbers[name] for name in names),
    )


def _measured(found: LayerSets, values: NormPart, cell: Cell) -> dict[str, float] | None:
    """What a cell is normalized with, of its whole set in the layer, by the cube's names for it."""
    if values.mean is None or values.second is None:
        return None
    size = found.spec.sets[0].size(found.shape, _in_layer(values, cell)) if found.spec.sets else 1
    return measures(_at(values.mean, cell), _at(values.second, cell), size)


def _at(each: np.ndarray, cell: Cell) -> float:
    return float(each[tuple(0 if n == 1 else i for n, i in zip(each.shape, cell, strict=True))])


def _in_layer(values: NormPart, cell: Cell) -> Cell:
    return tuple(start + i for (start, _), i in zip(values.box, cell, strict=True))


def _arrangement(c: Choices, layout: str) -> Arrangement:
    options = ARRANGEMENTS[layout]
    name = next(iter(options))
    if len(options) > 1:
        name = pick("lview", c.say("arrangement.label"), tuple(options), name, lang=c.lang,
                    names=lambda k: c.say(f"arrangement.{k}"), label_visibility="collapsed")  # fmt: skip
    return options[name]


def _words(c: Choices, cut: bool) -> Mapping[str, str]:
    words = section(c.lang, "cube")
    return words | {name: c.say(f"layer_cube.{name}") for name in PARTS} if cut else words


def _cell(axes: Axes, arranged: Arrangement) -> Cell:
    """The pinned cell, or the one on the front.

    What the cube says is read before it is drawn, so that a click needs one run of the script and not two.
    """
    nothing: Cell = ()
    said = cube_state(CUBE, axes)
    if news(CUBE, "cell", said.cell):
        remember("lcell", said.cell or nothing, nothing, written=written(said.cell or nothing))
    if news(CUBE, "look", said.look):
        remember("llook", said.look, "")
    cell = remembered("lcell", read_lengths, nothing)
    fits = len(cell) == len(axes) and all(i < n for i, (_, n) in zip(cell, axes, strict=True))
    front = front_cell(axes, arranged)
    kept = cell if fits and cell != front else nothing
    return remember("lcell", kept, nothing, written=written(kept)) or front


def _counts(c: Choices, found: LayerSets, values: NormPart | None, cell: Cell) -> None:
    spec = found.spec
    with st.container(horizontal=True, gap="medium", key="nv-counts"):
        corner = [start for start, _ in _box(found, values)]
        at = tuple(a + i for a, i in zip(corner, cell, strict=True))
        sizes = [f"{shared.size(found.shape, at):,}" for shared in spec.sets] or ["0"]
        label = "sets" if spec.outcome == "standard" else "sets_other"
        st.metric(c.say("cube_page.size"), " · ".join(sizes), width="content")
        st.metric(c.say(f"cube_page.{label}"), f"{spec.statistic_count(found.shape):,}", width="content")


def _numbers(c: Choices, found: LayerSets, values: NormPart, cell: Cell) -> None:
    """The pinned cell's own numbers and those of its set, in the layer's own count."""
    names = ", ".join(axis.lower() for axis in found.axes)
    said: dict[str, Any] = {"axes": names, "cell": in_brackets(_in_layer(values, cell))}
    after = amount(float(values.after[cell]))
    if values.before is None:
        st.markdown(c.say("layer_cube.after_only", after=after, **said))
        return
    lines = [c.say("layer_cube.passed", before=amount(float(values.before[cell])), after=after, **said)]
    numbers = _measured(found, values, cell)
    if numbers is not None and values.divisor is not None:
        signs = {"mean": "μ", "std": "σ", "rms": "rms", "norm": "‖x‖", "length": "‖v‖"}
        shown = MEASURES[found.spec.outcome] or ("mean", "std")
        told = ", ".join(f"{signs[name]} = {amount(numbers[name])}" for name in shown)
        kinds = {"running": "read", "mixture": "mixture", "renormalized": "renormalized"}
        key = kinds.get(found.spec.outcome, "statistics")
        lines.append(c.say(f"layer_cube.{key}", numbers=told, divisor=amount(_at(values.divisor, cell))))
    st.markdown(c.prose(lines))


def _agreement(c: Choices, values: NormPart) -> None:
    """Whether the output is what the reference computes of the input, up to a scale and a shift."""
    found = values.agreement
    with st.container(key="nv-check", gap="xsmall"):
        if not isinstance(found, Agreement):
            st.caption(c.say(f"layer_cube.check_{found}", fewest=FEWEST))
            return
        far = not found.difference <= rounding("float32", values.after)
        learned = found.weight is not None or found.bias is not None
        said = {
            "difference": scientific(found.difference),
            "cells": f"{found.cells:,}",
            "count": f"{found.disagreements:,}",
        }
        yes = c.say("layer_cube.fits" if learned else "layer_cube.equal", **said)
        if found.weight is not None:
            low, high = amount(float(found.weight.min())), amount(float(found.weight.max()))
            yes = c.prose([yes, c.say("layer_cube.gamma", low=low, high=high)])
        checked(not (found.disagreements or far), yes, c.say("layer_cube.apart", **said))


def _notes(c: Choices, found: LayerSets, values: NormPart | None) -> list[str]:
    """Which part of the layer is drawn, and what its numbers are of."""
    box = _box(found, values)
    if all(limits == (0, n) for limits, n in zip(box, found.shape, strict=True)):
        notes = [c.say("layer_cube.whole", shape=spoken(found.shape))]
    else:
        places = [
            f"{axis.lower()} {start}–{stop - 1}" if stop - start > 1 else f"{axis.lower()} {start}"
            for axis, (start, stop), n in zip(found.axes, box, found.shape, strict=True)
            if stop - start < n
        ]
        said = {"places": ", ".join(places), "shape": spoken(found.shape)}
        notes = [c.say("layer_cube.part", **said)]
        if values is not None:
            notes.append(c.say("layer_cube.part_numbers"))
    if values is not None and values.before is None:
        notes.append(c.say("layer_cube.no_before"))
    return notes
