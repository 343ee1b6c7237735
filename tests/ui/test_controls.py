"""What links say is parsed, never trusted: the parts of the pickers that need no page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normviz.layouts import ACTIVATIONS, WEIGHTS, cells, layout_of
from normviz.ui.controls import _parsed
from normviz.ui.numbers import read_lengths, spoken, written
from normviz.ui.shape_picker import BUDGET, DEFAULT_SHAPES, LONGEST, read_shape

shapes = (
    st.lists(st.integers(1, LONGEST), min_size=2, max_size=4).map(tuple).filter(lambda s: cells(s) <= BUDGET)
)


@given(shapes)
def test_a_shape_comes_back_from_its_link(shape: tuple[int, ...]) -> None:
    assert _parsed(read_shape, written(shape)) == shape


@pytest.mark.parametrize(("layout", "shape"), DEFAULT_SHAPES.items())
def test_the_default_shapes_are_allowed(layout: str, shape: tuple[int, ...]) -> None:
    kind = WEIGHTS if layout in WEIGHTS else ACTIVATIONS
    assert read_shape(written(shape), kind) == shape
    assert layout_of(shape, kind) == layout


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x",
            "8",
            "8x",
            "0x4",
            "8x-1",
            "-8x4",
            "8x12x4x4x4",
            "2048x1025",
            "1e2x3",
            "8 x 4",
            "８x４",
            "²x3",
        ),
        *("0x10x10", "+8x4", "8_0x4", "9" * 5000 + "x1", "nanx1"),
        *(f"{LONGEST + 1}x1", f"{LONGEST}x{BUDGET // LONGEST + 1}"),
    ],
)
def test_what_is_no_shape_within_the_budget_is_refused(text: str) -> None:
    assert _parsed(read_shape, text) is None


def test_the_budget_itself_is_allowed() -> None:
    assert read_shape(f"{LONGEST}x{BUDGET // LONGEST}") == (LONGEST, BUDGET // LONGEST)


@given(st.text(max_size=60))
def test_any_text_is_a_shape_or_nothing(text: str) -> None:
    shape = _parsed(read_shape, text)
    assert shape is None or (cells(shape) <= BUDGET and min(shape) >= 1 and max(shape) <= LONGEST)


@given(st.lists(st.integers(0, 9_999_999), min_size=1, max_size=6).map(tuple))
def test_a_cell_comes_back_from_its_link(cell: tuple[int, ...]) -> None:
    assert read_lengths(written(cell)) == cell


@pytest.mark.parametrize("error", [ValueError, TypeError, OverflowError])
def test_a_parser_that_fails_means_nothing_was_said(error: type[Exception]) -> None:
    def parse(text: str) -> int:
        raise error(text)

    assert _parsed(parse, "1") is None
    assert _parsed(int, "12") == 12
    assert _parsed(int, None) is None


def test_an_unforeseen_error_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        _parsed(lambda text: 1 // 0, "1")


def test_shapes_in_sentences() -> None:
    assert spoken((8, 12, 4, 4)) == "8 × 12 × 4 × 4"
