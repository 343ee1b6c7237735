"""The table of layers: every cell against the record, and the CSV against Python's own reader."""

from __future__ import annotations

import csv as comma_separated
import io
import math

import numpy as np
import pytest
from hypothesis import given

from normviz.layer_table import COLUMNS, columns, csv, rows
from normviz.traces import Trace
from tests.strategies import examples
from tests.trace_samples import chain, layer, small, traces


def parsed(trace: Trace) -> list[dict[str, str]]:
    return list(comma_separated.DictReader(io.StringIO(csv(trace), newline=""), strict=True))


def test_a_row_says_what_the_layer_says() -> None:
    trace = small()
    for number, (row, one) in enumerate(zip(rows(trace), trace.layers, strict=True)):
        assert (row.number, row.name, row.op, row.kind, row.method) == (
            number,
            one.name,
            one.op,
            one.kind,
            one.method,
        )
        assert row.shape == "x".join(str(n) for n in one.shape)
        assert (row.parameters, row.multiply_adds, row.count) == (
            one.parameters,
            one.multiply_adds,
            one.count,
        )
        assert (row.channels, row.dead, row.nonfinite) == (one.channels, one.dead_channels, one.nonfinite)
        if one.finite:
            assert (row.mean, row.std, row.min, row.max) == (one.mean, one.std, one.min, one.max)
            assert row.zeros == one.zeros / one.finite and row.negatives == one.negatives / one.finite
    act, norm = rows(trace)[2], rows(trace)[1]
    assert act.saturated == 3 / trace.layers[2].finite and math.isnan(act.gradient)
    assert norm.gradient == math.inf and math.isnan(norm.saturated)
    gone = rows(trace)[4]
    assert math.isnan(gone.mean) and math.isnan(gone.zeros) and gone.nonfinite == 4


@examples(80)
@given(trace=traces())
def test_columns_are_typed_and_add_up_to_the_traces_totals(trace: Trace) -> None:
    found = columns(trace)
    assert tuple(found) == COLUMNS
    for key, column in found.items():
        assert len(column) == len(trace.layers)
        if isinstance(column, tuple):
            assert key in ("name", "kind", "op", "method", "shape")
        else:
            assert column.dtype in (np.int64, np.float64)
    assert sum(map(int, found["parameters"])) == trace.parameters
    assert sum(map(int, found["multiply_adds"])) == trace.multiply_adds


@examples(80)
@given(trace=traces())
def test_every_number_of_the_csv_reads_back_equal(trace: Trace) -> None:
    found = parsed(trace)
    assert len(found) == len(trace.layers)
    for cells, row in zip(found, rows(trace), strict=True):
        assert list(cells) == list(COLUMNS)
        for key in COLUMNS:
            value = getattr(row, key)
            if isinstance(value, str):
                assert cells[key].removeprefix("'") == value.removeprefix("'")
            elif math.isnan(value):
                assert cells[key] == ""
            else:
                assert float(cells[key]) == value


@pytest.mark.parametrize("name", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_is_no_formula(name: str) -> None:
    (found,) = parsed(chain(layer(name, name, [[1.0]])))
    assert found["name"] == f"'{name}" == found["op"]


@pytest.mark.parametrize("name", ["a,b", 'say "x"', "two\nlines", "层", ""])
def test_names_of_any_kind_stay_one_cell(name: str) -> None:
    (found,) = parsed(chain(layer(name, "relu", [[-1.0]])))
    assert found["name"] == name and found["mean"] == "-1.0"


def test_lines_end_as_the_rfc_says_and_the_first_names_the_columns() -> None:
    text = csv(small())
    lines = text.split("\r\n")
    assert lines[0] == ",".join(COLUMNS) and lines[-1] == "" and len(lines) == 2 + len(small().layers)
    assert "\n" not in text.replace("\r\n", "")
