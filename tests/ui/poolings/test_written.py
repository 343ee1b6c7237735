"""A pooling's written formulas say what happens: read back as arithmetic, they give the windows and torch's values."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from normviz.nets.poolings import pool_map
from normviz.pooling import PoolingError
from normviz.poolings import POOLINGS
from normviz.ui.poolings.written import is_cut, size_lines, substituted, value_lines, values_of, window_lines

OTHERS = {"output_size": 5}
NUMBER = re.compile(r"\{-\}\\infty|(\{-\})?\d+(\.\d+)?(\\times10\^\{-?\d+\})?")


def arithmetic(latex: str) -> Any:
    """What a formula of numbers comes to."""
    text = latex.replace("{-}", "-")
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)
    text = re.sub(r"\\left\\l(floor|ceil)", r"math.\1(", text)
    text = re.sub(r"\\right\\r(floor|ceil)", ")", text).replace(r"\cdot", "*")
    return eval(text, {"math": math})


def right(line: str) -> list[str]:
    """The sides of an equation, without its alignment."""
    return re.sub(r"\\\\\[\dpt\] &", "", line).split("=")


@st.composite
def geometries(draw: st.DrawFn) -> tuple[str, tuple[int, int], dict[str, Any]]:
    key = draw(st.sampled_from(list(POOLINGS)))
    knobs: dict[str, Any] = {}
    for knob in POOLINGS[key].knobs:
        if knob.options:
            knobs[knob.name] = draw(st.sampled_from(knob.options))
        elif draw(st.booleans()):
            knobs[knob.name] = draw(st.integers(int(knob.low), 5))
    return key, (draw(st.integers(1, 20)), draw(st.integers(1, 20))), knobs


@given(geometries())
def test_the_size_and_the_windows_read_as_arithmetic(
    made: tuple[str, tuple[int, int], dict[str, Any]],
) -> None:
    key, lengths, knobs = made
    entry = POOLINGS[key]
    try:
        windows = entry.windows(lengths, **knobs)
    except PoolingError:
        assume(False)
    _, *lines = size_lines(entry, windows, knobs)
    said = {name.strip(" '"): line for line in lines for name in line.partition("=")[0].split(",")}
    torch_size = entry.module(torch.nn, 2, **knobs)(torch.zeros(1, 1, *lengths)).shape[2:]
    for name, count in zip("HW", torch_size, strict=True):
        _, *sides = right(said[name])
        assert [arithmetic(side) for side in sides] == [count] * len(sides)
    cell = tuple(count // 2 for count in torch_size)
    for line, along, output in zip(window_lines(entry, windows, cell, knobs), windows, cell, strict=True):
        _, rule, result = line.split("=")
        ends = [arithmetic(side) for side in re.split(r"\\;\\dots\\;", rule)]
        read = along.all_of(output)
        assert (min(ends), max(ends)) == (read.min(), read.max())
        shown = [
            int(n.replace("{-}", "-")) for n in re.findall(r"(?:\{-\})?\d+", result.partition(r"\;(")[0])
        ]
        assert shown == sorted({int(read.min()), int(read.max())})


def test_rounding_up_can_give_a_window_that_is_left_out() -> None:
    entry, knobs = POOLINGS["average"], {"kernel_size": 3, "padding": 1, "ceil_mode": True}
    windows = entry.windows((32, 31), **knobs)
    assert [is_cut(along, values_of(entry, knobs), True) for along in windows] == [True, False]
    _, high, wide = size_lines(entry, windows, knobs)
    assert "+ 1 - 1" in high and "- 1" not in wide.partition("+ 1")[2]
    assert not any(is_cut(along, values_of(entry, {}), False) for along in entry.windows((32, 31)))


def test_words_and_commands_are_not_symbols() -> None:
    assert substituted(r"\max \frac{n}{2p} mod k", {"n": 7, "p": 3, "m": 1, "x": 9, "k": 2}) == (
        r"\max \frac{7}{2 \cdot 3} mod 2"
    )


def numbers(line: str) -> list[float]:
    """The numbers of a matrix or a result."""
    found = (match[0] for match in NUMBER.finditer(re.sub(r"textcolor\{gray\}", "", line)))
    plain = (n.replace("{-}", "-").replace(r"\infty", "inf") for n in found)
    return [float(re.sub(r"\\times10\^\{(-?\d+)\}", r"e\1", n)) for n in plain]


@pytest.mark.parametrize("cell", [(0, 0), (1, 2), (3, 3)])
@pytest.mark.parametrize(
    ("key", "knobs"),
    [
        ("max", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("max", {"kernel_size": 2, "dilation": 2, "stride": 1}),
        ("average", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("average", {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
        ("adaptive_average", {"output_size": 4}),
        ("adaptive_max", {"output_size": 5}),
    ],
)
def test_a_value_is_made_of_what_its_window_holds(
    key: str, knobs: dict[str, Any], cell: tuple[int, int]
) -> None:
    x = np.random.default_rng(3).normal(size=(7, 7))
    entry, done = POOLINGS[key], pool_map(x, key, knobs, dtype="float64")
    first, last = value_lines(done, cell, entry.counts(x.shape, **knobs))
    matrix = first.partition("bmatrix}")[2].partition(r"\end{bmatrix}")[0]
    shown = numbers(matrix)
    value = float(done.y[cell])
    assert numbers(last)[-1] == pytest.approx(value, rel=1e-3)
    if entry.largest:
        assert max(shown) == pytest.approx(value, rel=1e-3)
        assert numbers(matrix.partition("boxed")[2])[0] == max(shown)
    else:
        count = int(re.findall(r"\\frac\{1\}\{(\d+)\}", first)[0])
        assert sum(shown) / count == pytest.approx(value, abs=2e-3)


def test_a_long_window_is_cut_short_and_padding_alone_wins_nothing() -> None:
    x = np.random.default_rng(3).normal(size=(9, 9))
    done = pool_map(x, "global_max", {})
    (first, _) = value_lines(done, (0, 0), None)
    assert r"\vdots" in first and first.count(r"\\") == 4
    assert len(numbers(first.partition("bmatrix}")[2].partition(r"\end")[0])) == 16
