r"""A pooling's formulas with numbers in them, as LaTeX: the size, the windows, and one output's value.

In the table's formulas ``\,`` stands between factors.

>>> substituted(r"o\,s - p + 2k", {"o": 3, "s": 2, "p": 1, "k": 4})
'3 \\cdot 2 - 1 + 2 \\cdot 4'
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from normviz.formula import number
from normviz.pooled import Pooled
from normviz.pooling import AXES, Pooling
from normviz.windows import Windows

Cell = tuple[int, int]
#: A letter that is no part of a command or a word, and the digit in front of it where there is one.
_SYMBOL = re.compile(r"(\d?)(?<![\\A-Za-z])([a-z])(?![A-Za-z])")
#: Of longer windows the first and the last are written out.
MOST, ENDS = 6, 2
#: Where an equation goes on below, at its equals sign.
BREAK = r" \\[4pt] &= "


def substituted(latex: str, values: Mapping[str, Any]) -> str:
    """The formula with values in the place of its symbols."""

    def replaced(found: re.Match[str]) -> str:
        digit, symbol = found.groups()
        if symbol not in values:
            return found[0]
        return rf"{digit} \cdot {values[symbol]}" if digit else str(values[symbol])

    return _SYMBOL.sub(replaced, latex).replace(r"\,", r" \cdot ")


def values_of(entry: Pooling, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs' values by their symbols; what is left open has the kernel's, as in torch."""
    complete = entry.complete(knobs)
    return {
        knob.symbol: complete.get("kernel_size") if complete[knob.name] is None else complete[knob.name]
        for knob in entry.knobs
        if knob.symbol
    }


def size_lines(entry: Pooling, windows: Sequence[Windows], knobs: Mapping[str, Any]) -> tuple[str, ...]:
    """How many outputs there are: in symbols, then with the numbers of every axis; of equal axes once."""
    up = bool(entry.complete(knobs).get("ceil_mode"))
    formula = entry.size_latex
    if up:
        formula = formula.replace("floor", "ceil")
    values = values_of(entry, knobs)
    found: dict[str, list[str]] = {}
    for name, along in zip(AXES[len(windows)], windows, strict=True):
        said = substituted(formula, {**values, "n": along.length})
        if is_cut(along, values, up):
            said += " - 1"
        # The result stands below, where the page is narrow.
        line = said if said == str(along.count) else f"{said}{BREAK}{along.count}"
        found.setdefault(line, []).append(f"{name}'")
    return (f"n' = {formula}", *(f"{', '.join(names)} = {line}" for line, names in found.items()))


def is_cut(along: Windows, values: Mapping[str, Any], up: bool) -> bool:
    """Whether rounding up gave a last window that is left out, because it would start in the padding behind."""
    if not up:
        return False
    room = along.length + sum(along.padded) - along.step * (along.size[0] - 1) - 1
    return -(-room // values["s"]) + 1 > along.count


def window_lines(
    entry: Pooling, windows: Sequence[Windows], cell: Cell, knobs: Mapping[str, Any]
) -> tuple[str, ...]:
    """The first and the last index that this output reads along every axis, by the rule and counted out."""
    lines = []
    for name, along, output in zip(AXES[len(windows)], windows, cell, strict=True):
        rule = substituted(entry.window_latex, {**values_of(entry, knobs), "n": along.length, "o": output})
        read = along.all_of(output)
        lines.append(rf"W_{name}({output}) = {rule} = {_range(read)}")
    return tuple(lines)


def value_lines(done: Pooled, cell: Cell, counts: Any) -> tuple[str, ...]:
    """One output's value from those that it reads: the largest of them, or their sum by how many count."""
    y = rf"y_{{{cell[0]},{cell[1]}}}"
    result = number(float(done.y[cell]))
    members = _matrix(done, cell, None if counts is None else float(counts[cell]))
    if counts is None:
        return (rf"{y} = \max {members}", rf"\phantom{{{y}}} = {result}")
    count = int(counts[cell])
    block = done.x[np.ix_(done.rows.of(cell[0]), done.columns.of(cell[1]))]
    total = number(float(block.astype(np.float64).sum()))
    return (
        rf"{y} = \frac{{1}}{{{count}}} \sum {members}",
        rf"\phantom{{{y}}} = \frac{{{total}}}{{{count}}} = {result}",
    )


def aligned(lines: Sequence[str], gap: int = 8) -> str:
    """Lines below each other at their first equals sign."""
    joined = rf" \\[{gap}pt] ".join(line.replace("=", "&=", 1) for line in lines)
    return rf"\begin{{aligned}} {joined} \end{{aligned}}"


def _range(read: Any) -> str:
    low, high = int(read[0]), int(read[-1])
    step = rf"\;(\text{{+}}{int(read[1] - read[0])})" if read.size > 1 and read[1] - read[0] > 1 else ""
    text = [f"{{-}}{-k}" if k < 0 else str(k) for k in (low, high)]
    return text[0] if low == high else rf"{text[0]} \dots {text[1]}{step}"


def _matrix(done: Pooled, cell: Cell, counted: float | None) -> str:
    """The window's cells in rows; padding in grey, the winner in a box."""
    rows, columns = done.rows.all_of(cell[0]), done.columns.all_of(cell[1])
    height, width = done.x.shape
    inside = done.rows.of(cell[0]).size * done.columns.of(cell[1]).size
    won = -1 if done.winner is None else int(done.winner[cell])

    def entry(i: int, j: int) -> str:
        if 0 <= i < height and 0 <= j < width:
            text = number(float(done.x[i, j]))
            return rf"\boxed{{{text}}}" if i * width + j == won else text
        if counted is None:
            return r"\textcolor{gray}{{-}\infty}"
        counts = _padded(done.rows, i) and _padded(done.columns, j) and counted > inside
        return r"\textcolor{gray}{0}" if counts else r"\textcolor{gray}{\cdot}"

    down, across = _shown(rows), _shown(columns)
    lines = []
    for i in down:
        if i is None:
            lines.append(" & ".join(r"\vdots" for _ in across))
        else:
            lines.append(" & ".join(r"\cdots" if j is None else entry(i, j) for j in across))
    return r"\begin{bmatrix} " + r" \\ ".join(lines) + r" \end{bmatrix}"


def _padded(along: Windows, index: int) -> bool:
    return -along.padded[0] <= index < along.length + along.padded[1]


def _shown(read: Any) -> list[int | None]:
    found: list[int | None] = [int(k) for k in read]
    return found if len(found) <= MOST else [*found[:ENDS], None, *found[-ENDS:]]
