"""Every layer of a trace as a row of plain numbers and texts, for a table on a page or a spreadsheet.

>>> trace = Trace((LayerTrace.of("relu", "relu", [[0.0, 2.0]], inputs=(-1,)),), LayerTrace.of("", "", [[-1.0, 2.0]]))
>>> (row,) = rows(trace)
>>> row.name, row.kind, row.shape, row.zeros, row.mean
('relu', 'activation', '1x2', 0.5, 1.0)
>>> print(csv(trace).splitlines()[0][:40])
number,name,kind,op,method,shape,paramet
"""

from __future__ import annotations

import csv as comma_separated
import io
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from normviz.traces import LayerTrace, Trace

Column = npt.NDArray[np.int64] | npt.NDArray[np.float64] | tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One layer. Shares are of the finite values, from 0 to 1; NaN stands where there is no such number.

    ``multiply_adds`` are for the whole input, ``gradient`` is |dL/dy|. The columns ``parameters`` and
    ``multiply_adds`` add up to those of the trace.
    """

    number: int
    name: str
    kind: str
    op: str
    method: str
    shape: str
    parameters: int
    multiply_adds: int
    count: int
    mean: float
    std: float
    min: float
    max: float
    zeros: float
    negatives: float
    saturated: float
    channels: int
    dead: int
    nonfinite: int
    gradient: float


#: The keys of the columns, in order.
COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Row))


def rows(trace: Trace) -> tuple[Row, ...]:
    """One row a layer, in the order of execution."""
    return tuple(_row(number, layer) for number, layer in enumerate(trace.layers))


def columns(trace: Trace) -> dict[str, Column]:
    """The same by column: int64 and float64 arrays (layers,), texts as tuples."""
    found = rows(trace)
    kinds = Row.__annotations__
    return {key: _column([getattr(row, key) for row in found], kinds[key]) for key in COLUMNS}


def csv(trace: Trace) -> str:
    """The table as CSV (RFC 4180: CRLF, quotes where they are needed), the keys in its first line.

    Every number is written so that it reads back equal; what there is no number for is empty. There is no row of
    totals, which would stand in everybody's way who sorts or averages. A name that a spreadsheet would take for a
    formula gets an apostrophe in front.
    """
    file = io.StringIO()
    writer = comma_separated.writer(file)  # its dialect, "excel", is RFC 4180's
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in astuple(row)] for row in rows(trace))
    return file.getvalue()


def _row(number: int, layer: LayerTrace) -> Row:
    return Row(
        number=number,
        name=layer.name,
        kind=layer.kind,
        op=layer.op,
        method=layer.method,
        shape="x".join(map(str, layer.shape)),
        parameters=layer.parameters,
        multiply_adds=layer.multiply_adds,
        count=layer.count,
        mean=layer.mean,
        std=layer.std,
        min=layer.min,
        max=layer.max,
        zeros=layer.zeros_share,
        negatives=layer.negatives_share,
        saturated=layer.saturated_share,
        channels=layer.channels,
        dead=layer.dead_channels,
        nonfinite=layer.nonfinite,
        gradient=math.nan if layer.gradient is None else layer.gradient,
    )


def _column(values: Sequence[Any], kind: str) -> Column:
    if kind == "str":
        return tuple(map(str, values))
    return np.array(values, np.int64) if kind == "int" else np.array(values, np.float64)


def _cell(value: str | float) -> str:
    """A cell's text. Source of the first letters: OWASP, "CSV Injection"."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else value
    return "" if math.isnan(value) else repr(value)
