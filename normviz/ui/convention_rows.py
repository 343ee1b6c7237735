"""The rows of a conventions table, and the line that says how each framework is converted to torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from normviz.convention_effects import Averages, Effect, Reading
from normviz.conventions import Average, Axes, Convention, Damping, Epsilon, Start
from normviz.spec import Response
from normviz.ui.choices import Choices
from normviz.ui.numbers import amount, plain, scientific
from normviz.ui.parts import TOLERANCE


@dataclass(frozen=True)
class Conversion:
    """A sentence about one framework, and the difference that is left; None where there is none to convert to."""

    words: str
    difference: float | None


def written(value: float) -> str:
    """A number as code has it, without the rounding of 1 - 0.99.

    >>> written(1 - 0.99), written(1e-5), written(12.0)
    ('0.01', '1e-5', '12')
    """
    return f"{value:.10g}".replace("e-0", "e-").replace("e+0", "e")


def name_of(c: Choices, row: Convention) -> str:
    """The framework's name."""
    return c.say(f"conventions.framework.{row.framework}")


def names(c: Choices, rows: Iterable[Convention]) -> dict[str, str]:
    """The names of the frameworks of these rows, by key."""
    return {row.framework: name_of(c, row) for row in rows}


def default(c: Choices, row: Convention) -> str:
    """The argument with its default, as code."""
    match row:
        case Average():
            return f"{row.argument}={written(row.default)}"
        case Epsilon():
            said = "None" if row.default is None else written(row.default)
            return f"{row.argument}={said}" if row.argument else said
        case Damping():
            size = row.size // 2 if row.argument == "depth_radius" else row.size
            numbers = zip(row.names, (size, row.alpha, row.beta, row.k), strict=True)
            # An argument called ``size`` has to be given: torch and ONNX have no default for it.
            return ", ".join(f"{n}={written(v)}" for n, v in numbers if n != "size")
        case Axes():
            if row.argument == "normalized_shape":
                return f"{row.argument}={shape_of(c, row)}"
            return f"{row.argument}={1 if row.argument == 'num_groups' else -1}"
        case Start():
            return row.argument if row.g is None else f"{row.argument}={written(row.g)}"
    return row.argument


def shape_of(c: Choices, row: Axes) -> str:
    """What the row normalizes over, as torch's ``normalized_shape``."""
    spec = row.spec(c.spec, c.shape)
    lengths = spec.lengths(row.axes or c.axes[-1:], c.shape)
    return str(lengths[0]) if len(lengths) == 1 else str(lengths)


def running_table(c: Choices, found: Averages, batches: int) -> dict[str, list[str]]:
    """After one batch and after several, as every framework keeps them."""
    rows = [kept.row for kept in found.kept]
    weighs = [c.say(f"conventions.{'new' if row.weighs_new else 'old'}") for row in rows]
    defaults = [f"`{default(c, row)}` × {what}" for row, what in zip(rows, weighs, strict=True)]
    return {
        c.say("conventions.framework_head"): _linked(c, rows),
        c.say("conventions.default"): defaults,
        c.say("conventions.variance"): ["n\u00a0−\u00a01" if row.unbiased else "n" for row in rows],
        c.say("conventions.after_1"): [plain(k.var[1]) for k in found.kept],
        c.say("conventions.after", batches=batches): [plain(k.var[batches]) for k in found.kept],
        c.say("conventions.evaluated"): [plain(found.evaluated(k, batches)) for k in found.kept],
    }


def effect_table(c: Choices, found: Effect, own: bool = False) -> dict[str, list[str]]:
    """What each framework's default is, and what becomes of the pinned cell and of the tensor."""
    rows = [reading.row for reading in found.readings]
    columns = {
        c.say("conventions.framework_head"): _linked(c, rows),
        c.say("conventions.default"): [f"`{default(c, row)}`" for row in rows],
    }
    columns |= _particular(c, rows)
    if isinstance(rows[0], Damping) and not own:
        columns.pop(c.say("conventions.default"))
    columns[c.say("conventions.cell")] = [plain(reading.cell) for reading in found.readings]
    columns[c.say("conventions.difference")] = [amount(r.difference) for r in found.readings]
    return columns


def _particular(c: Choices, rows: Sequence[Convention]) -> dict[str, list[str]]:
    """The columns that one aspect alone has."""
    if all(isinstance(row, Epsilon) for row in rows):
        places = [c.say(f"conventions.place_{row.place}") for row in rows if isinstance(row, Epsilon)]
        return {c.say("conventions.place"): places}
    if all(isinstance(row, Damping) for row in rows):
        divided = [row.divides for row in rows if isinstance(row, Damping)]
        return {c.say("conventions.divides"): [c.say(f"conventions.{'yes' if d else 'no'}") for d in divided]}
    if all(isinstance(row, Start) for row in rows):
        starts = [row.g for row in rows if isinstance(row, Start)]
        return {
            c.say("conventions.length"): [
                c.say("conventions.norm") if g is None else written(g) for g in starts
            ]
        }
    specs = [(row, row.spec(c.spec, c.shape)) for row in rows if isinstance(row, Axes)]
    over = [",\u00a0".join(a for a in c.axes if a in (row.axes or c.axes[-1:])) for row, _ in specs]
    counts = [f"{spec.parameter_count(c.shape):,}" for _, spec in specs]
    return {c.say("conventions.axes"): over, c.say("conventions.learned"): counts}


def running_conversions(c: Choices, found: Averages) -> list[Conversion]:
    """How torch's BatchNorm is made to keep what the others keep."""
    lines = []
    for kept in found.kept[1:]:
        words = c.say(
            f"conventions.running_{'unbiased' if kept.row.unbiased else 'biased'}",
            framework=name_of(c, kept.row),
            theirs=default(c, kept.row),
            ours=written(kept.row.weight),
            less=f"{found.count - 1:,}",
            count=f"{found.count:,}",
            difference=_left(c, kept.converted),
        )
        lines.append(Conversion(words, kept.converted))
    return lines


def conversions(c: Choices, found: Effect, own: bool = False) -> list[Conversion]:
    """How torch's layer is made to do what the others do; torch itself needs none."""
    rest = [reading for reading in found.readings if reading.row.framework != "torch"]
    return [_conversion(c, reading, own) for reading in rest]


def _conversion(c: Choices, reading: Reading, own: bool) -> Conversion:
    row = reading.row
    numbers: dict[str, Any] = {
        "framework": name_of(c, row),
        "theirs": default(c, row),
        "difference": _left(c, reading.converted),
    }
    kept = None if math.isnan(reading.converted) and row.framework not in ("torch",) else reading.converted
    match row:
        case Epsilon():
            eps = row.value(c.dtype)
            key = "eps_none" if row.place == "std" else "eps"
            numbers |= {"ours": written(math.sqrt(eps) if row.place == "squares" else eps)}
            numbers |= {"theirs": written(eps)} if row.place == "std" else {}
        case Damping():
            key, more = _damped(c, row, own)
            numbers |= more
        case Axes():
            moved = "W" in c.axes and row.axes == ("C",)
            key = "axes_in" if moved else "axes_here"
            layer = "nn.LayerNorm" if c.spec.centred else "nn.RMSNorm"
            numbers |= {"ours": f"{layer}({shape_of(c, row)})"}
        case _:
            key = "start"
            numbers |= {"ours": written(row.g or 1.0) if isinstance(row, Start) else ""}
    return Conversion(c.say(f"conventions.{key}", **numbers), kept)


def _left(c: Choices, difference: float) -> str:
    """What is left after a conversion, in words where nothing finite came out to compare."""
    return c.say("conventions.untold") if math.isnan(difference) else scientific(difference)


def alike(c: Choices, rows: Sequence[Convention]) -> bool:
    """Whether these layers normalize over the same axes of this tensor."""
    over = {tuple(a for a in c.axes if a in (r.axes or c.axes[-1:])) for r in rows if isinstance(r, Axes)}
    return len(over) == 1


def _damped(c: Choices, row: Damping, own: bool) -> tuple[str, Mapping[str, Any]]:
    given = row if own or not isinstance(c.spec.divisor, Response) else c.spec.divisor
    back, on = row.reach(given.size)
    fits = row.in_torch(given.size, given.alpha)
    if fits is None:
        return "response_none", {"size": given.size, "back": back, "on": on}
    names = dict(zip(row.names, (given.size, given.alpha, given.beta, given.k), strict=True))
    if row.argument == "depth_radius":
        names[row.argument] = given.size // 2
    theirs = ", ".join(f"{name}={written(value)}" for name, value in names.items())
    ours = {"size": fits[0], "alpha": written(fits[1]), "beta": written(given.beta), "k": written(given.k)}
    return "response", {"theirs": theirs, **ours}


def show_conversions(c: Choices, lines: Sequence[Conversion]) -> None:
    """Each conversion with a green check where what is left is rounding, and a red mark where it is not."""
    st.markdown(f"**{c.say('conventions.convert')}**")
    for line in lines:
        if line.difference is None or math.isnan(line.difference):
            mark = ":gray[:material/block:]"
        elif line.difference <= TOLERANCE[c.dtype]:
            mark = ":green[:material/check_circle:]"
        else:
            mark = ":red[:material/report:]"
        st.markdown(f"{mark} {line.words}")


def sources(c: Choices, rows: Sequence[Convention]) -> dict[str, list[str]]:
    """Every row with its layer, the argument and the page that says so."""
    return {
        c.say("conventions.framework_head"): [name_of(c, row) for row in rows],
        c.say("conventions.layer"): [f"[{row.layer}]({row.source})" for row in rows],
        c.say("conventions.argument"): [f"`{row.argument}`" if row.argument else "–" for row in rows],
        c.say("conventions.default"): [f"`{default(c, row)}`" for row in rows],
    }


def farthest(values: Sequence[float], first: float) -> int:
    """The place of the value that is farthest from ``first``; NaN is never it.

    >>> farthest([1.0, 4.0, float("nan")], 1.0)
    1
    """
    away = np.abs(np.asarray(values, np.float64) - first)
    return int(np.argmax(np.where(np.isfinite(away), away, -1.0)))


def _linked(c: Choices, rows: Sequence[Convention]) -> list[str]:
    """The frameworks' names as links, with the layer where one framework has two."""
    known = [row.framework for row in rows]
    said = [
        name_of(c, row) if row.framework not in known[:k] else f"{name_of(c, row)} {row.layer.split('.')[-1]}"
        for k, row in enumerate(rows)
    ]
    return [f"[{name}]({row.source})" for name, row in zip(said, rows, strict=True)]


def learned(c: Choices, rows: Sequence[Convention]) -> list[int]:
    """How many numbers each of these layers learns, where they differ by their axes."""
    return [row.spec(c.spec, c.shape).parameter_count(c.shape) for row in rows if isinstance(row, Axes)]
