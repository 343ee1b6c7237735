"""A pooling drawn: one output cell and the window it reads; before and after as histograms; what a shift changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Scatter

from normviz.figures.entries import HOVERED, LINE, coloured, flowed
from normviz.figures.paper import on_paper
from normviz.figures.pool_panels import RIM, TITLE, Pair, at, draw
from normviz.figures.pool_sizes import formulas
from normviz.figures.ridge import ridge
from normviz.figures.theme import AXIS, BASELINE, BEFORE, CELL, SET, legend, marked, style
from normviz.figures.values import number, signs
from normviz.pooled import Pooled, Shifts
from normviz.pooling import Pooling
from normviz.poolings import POOLINGS
from normviz.records import Distributions, SetRow
from normviz.windows import Windows

Words = Mapping[str, str]

#: What stands in a notebook.
ENGLISH: Words = {
    "input": "input",
    "output": "output",
    "padding": "padding {padding}",
    "window": "window of the cell {cell}",
    "winner": "the largest, {value}",
    "mean": "its mean, {value}",
    "left_out": "a last window that would start in the padding is left out",
}
#: The largest map drawn, in cells; the least width of a figure in pixels, which its title needs.
BUDGET, LEAST = 2**20, 560
MARGIN = {"l": 16, "r": 16, "b": 40}
#: Pixels of a line of the title, and of the chart of shifts.
ROW, SHIFTS = 22, 260


def pool(
    x: npt.ArrayLike,
    key: str | Pooling = "max",
    *,
    cell: int | Sequence[int] | None = None,
    dims: int | None = None,
    words: Words = ENGLISH,
    **knobs: Any,
) -> Figure:
    """One map and what a pooling makes of it: the window of one output cell is blue, what was taken amber.

    ``x``: a map (H, W) or a row (L,), of up to 1,048,576 cells; with ``dims=1`` every row of a map is pooled alone.
    ``key``: a key of ``POOLINGS`` or an entry; ``knobs`` are its knobs, under torch's names.
    ``cell``: the output cell's indices; by default the middle one. Both maps share one scale, violet below 0 and green
    above; padding is the grey ring, which counts as -inf for a maximum and as 0 for a mean; NaN and inf are red.
    Raises ValueError for a shape, key, knob or cell that does not fit.

    >>> import normviz as nv
    >>> x = np.arange(36.0).reshape(6, 6)
    >>> figure = nv.pool(x, "max", kernel_size=3, stride=2, padding=1)
    >>> figure.layout.title.text.split("<br>")[1]
    'H, W: ⌊(6 + 2 × 1 − 3) / 2⌋ + 1 = 3'
    >>> figure = nv.pool(x, "average", kernel_size=2, cell=(0, 2))
    """
    entry = POOLINGS[key] if isinstance(key, str) else key
    values = _numbers(x)
    rank = values.ndim if dims is None else dims
    if rank not in (1, 2) or rank > values.ndim:
        raise ValueError(
            f"dims = {dims!r} for an array of shape {values.shape}: 1 or 2 of its axes are pooled. Try dims=1."
        )
    along = entry.windows(values.shape[-rank:], **knobs)
    y, winners = entry(values, dims=rank, **knobs), entry.winners(values, dims=rank, **knobs)
    here = _cell(cell, y.shape)
    rows = along[0] if rank == 2 else _each(values.shape[0] if values.ndim == 2 else 1)
    x2, y2 = np.atleast_2d(values), np.atleast_2d(y)
    place = here if len(here) == 2 else (0, here[0])
    winner = at(None if winners is None else np.atleast_2d(winners), (place[0], place[1]), x2.shape[1], rank)
    pair = Pair(x2, y2, rows, along[-1], (place[0], place[1]), winner)
    sizes = [np.abs(v[np.isfinite(v)]).max(initial=0.0) for v in (x2, y2)]
    padded = [f"{w.padded[0]}" for w in along if any(w.padded)]
    figure = Figure()
    titles = [f"<b>{words[name]}</b>  {_spoken(v.shape)}" for name, v in (("input", values), ("output", y))]
    if padded:
        titles[0] += ", " + words["padding"].format(padding=" × ".join(dict.fromkeys(padded)))
    width, height = draw(figure, pair, float(max(sizes)), (titles[0], titles[1]))
    lines = [f"<b>{_call(entry, knobs)}</b>", *formulas(entry, along, knobs, words["left_out"])]
    taken = number_of(float(y2[pair.cell]))
    said = words["winner" if entry.largest else "mean"].format(value=taken)
    marks = [
        (SET[0], "■", words["window"].format(cell=here if len(here) > 1 else here[0])),
        (CELL[0], "■", said),
    ]
    shown = f"{signs(missing=not (np.isfinite(x2).all() and np.isfinite(y2).all()))}   ±{number(float(max(sizes)))}"
    _lay_out(figure, (width, height), lines, [shown, marked(*marks)])
    return on_paper(style(figure).update_layout(hovermode="closest"))


def pool_histograms(pooled: Pooled, *, words: Words) -> Figure:
    """The values of the map before (grey) and after pooling (green) on one axis, as densities.

    ``words`` are those of :func:`normviz.figures.ridge.ridge`.
    """
    box = ((0, pooled.x.shape[0]), (0, pooled.x.shape[1]))
    row = SetRow(-1, box, pooled.before, pooled.after, pooled.before_counts, pooled.after_counts)
    outside = [
        summary.count - summary.nonfinite - int(counts.sum())
        for summary, counts in ((pooled.before, row.before_counts), (pooled.after, row.after_counts))
    ]
    shown = Distributions(pooled.edges, (), row, 1, (outside[0], outside[1]))
    return ridge(shown, words=words, axes=("H", "W"), overall=True)


def shift_curves(shifts: Shifts, names: Sequence[str], *, words: Words) -> Figure:
    """How much the maps change when the picture moves: the unpooled one in grey, each pooled one in its colour.

    ``names`` are those of ``shifts.keys``. ``words`` has ``unpooled``, ``change`` and ``pixels``. Raises ValueError
    where there is not one name for every pooling.

    >>> found = Shifts((1, 2), np.array([0.4, 0.6]), ("max",), np.array([[0.2, 0.3]]))
    >>> english = dict(unpooled="not pooled", change="relative change", pixels="pixels")
    >>> [trace.name for trace in shift_curves(found, ["Max"], words=english).data]
    ['not pooled', 'Max']
    """
    colours = coloured(names, len(shifts.keys))
    lines = [(words["unpooled"], BEFORE, shifts.unpooled), *zip(names, colours, shifts.pooled, strict=True)]
    figure = Figure()
    for name, colour, values in lines:
        figure.add_trace(
            Scatter(
                x=shifts.pixels,
                y=values,
                mode="lines+markers",
                line={"color": colour, "width": 2.5, "dash": "dash" if colour == BEFORE else "solid"},
                marker={"size": 7},
                name=name,
                hovertemplate=f"<b>{name}</b>   %{{y:.1%}}<extra></extra>",
                cliponaxis=False,
            )
        )
    known = np.concatenate([np.asarray(values, np.float64) for *_, values in lines])
    top = float(known[np.isfinite(known)].max(initial=0.0)) or 1.0
    key = flowed([(colour, "╍╍" if colour == BEFORE else "━", name) for name, colour, _ in lines])
    legend(figure, f"<b>{words['change']}</b>", *key, xshift=-40)
    low, high = min(shifts.pixels), max(shifts.pixels)
    room = 0.02 * (high - low) or 0.5
    figure.update_xaxes(
        **AXIS, **HOVERED, range=[low - room, high + room], showgrid=False, showline=True, linecolor=BASELINE,
        tickvals=list(shifts.pixels), title={"text": words["pixels"], "standoff": 6},
    )  # fmt: skip
    figure.update_yaxes(**AXIS, range=[0, 1.08 * top], tickformat=".0%", nticks=6, automargin=False)
    above = LINE * (len(key) + 1) + 12
    figure.update_layout(height=SHIFTS + above + 50, margin={"l": 48, "r": 14, "t": above, "b": 50})
    return style(figure).update_layout(hovermode="x unified")


def number_of(value: float) -> str:
    """A value in three digits.

    >>> number_of(-0.12345), number_of(35.0), number_of(-np.inf)
    ('−0.123', '35', '−∞')
    """
    return "NaN" if np.isnan(value) else f"{value:.3g}".replace("-", "−").replace("inf", "∞")


def _numbers(x: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"x holds {array.dtype}, but real numbers are pooled. Try x.real, or an array of floats."
        )
    if array.ndim not in (1, 2):
        first = ", ".join(["0"] * (array.ndim - 2))
        hint = (
            f"Try nv.pool(x[{first}])." if array.ndim > 2 else "Try nv.pool(np.arange(36.0).reshape(6, 6))."
        )
        raise ValueError(f"x of shape {array.shape}: one map (H, W) is drawn, or one row (L,). {hint}")
    if array.size > BUDGET:
        raise ValueError(
            f"A map of shape {array.shape} has {array.size:,} cells; up to {BUDGET:,} are drawn. Try a part."
        )
    return array.astype(np.float64)


def _cell(cell: int | Sequence[int] | None, shape: Sequence[int]) -> tuple[int, ...]:
    """The output cell, checked; the middle one by default."""
    if cell is None:
        return tuple((n - 1) // 2 for n in shape)
    given = tuple(cell) if isinstance(cell, Sequence) else (cell,)
    fits = len(given) == len(shape) and all(
        isinstance(i, int | np.integer) and 0 <= i < n for i, n in zip(given, shape, strict=False)
    )
    if not fits:
        last = tuple(n - 1 for n in shape)
        raise ValueError(
            f"cell = {cell!r} is not in the output of shape {tuple(shape)}: whole indices from {(0,) * len(shape)} to "
            f"{last} are needed. Try cell={tuple((n - 1) // 2 for n in shape)}."
        )
    return tuple(int(i) for i in given)


def _each(length: int) -> Windows:
    """Along an axis that is not pooled every index is a window of its own."""
    return Windows(length, tuple(range(length)), (1,) * length)


def _call(entry: Pooling, knobs: Mapping[str, Any]) -> str:
    return f"{entry.key}({', '.join(f'{name}={value!r}' for name, value in knobs.items())})"


def _spoken(shape: Sequence[int]) -> str:
    return " × ".join(f"{n:,}" for n in shape)


def _lay_out(figure: Figure, size: tuple[int, int], lines: Sequence[str], key: Sequence[str]) -> None:
    """The title above, the legend below, and the maps at the left of what is between."""
    width = max(LEAST - MARGIN["l"] - MARGIN["r"], size[0])
    for axis in ("xaxis", "xaxis2"):
        a, b = figure.layout[axis].domain
        figure.layout[axis].domain = (a * size[0] / width, b * size[0] / width)
    above = 8 + ROW * len(lines) + TITLE + 4
    below = MARGIN["b"] + LINE * (len(key) - 1)
    figure.update_layout(
        width=width + MARGIN["l"] + MARGIN["r"],
        height=size[1] + above + below,
        margin={**MARGIN, "t": above, "b": below},
        title={
            "text": "<br>".join(lines), "x": 0, "xref": "paper", "xanchor": "left", "y": 1, "yref": "container",
            "yanchor": "top", "pad": {"t": 12, "l": RIM}, "font": {"size": 16},
        },
    )  # fmt: skip
    figure.add_annotation(
        xref="paper", yref="paper", x=0, y=0, xanchor="left", yanchor="top", yshift=-8, xshift=RIM - 3, align="left",
        showarrow=False, text="<br>".join(key),
    )  # fmt: skip
