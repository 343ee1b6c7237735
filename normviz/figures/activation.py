"""Activations as curves: f above, f' below, and where nothing or nearly nothing passes back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Scatter

from normviz.activation import SATURATED, Activation
from normviz.activations import activation
from normviz.figures.entries import HOVERED, LINE, coloured, flowed, share
from normviz.figures.histogram import steps
from normviz.figures.paper import on_paper
from normviz.figures.regions import MARKS, bands, kinds, shade
from normviz.figures.sampled import Course, sampled
from normviz.figures.theme import AXIS, BASELINE, BEFORE, clear, legend, style

Words = Mapping[str, str]
Item = tuple[Activation, Mapping[str, Any], str]

#: What stands in a notebook; a page gives its own.
ENGLISH: Words = {
    "value": "x",
    "function": "f(x)",
    "slope": "f′(x)",
    "dead": "dead: f′ = 0",
    "saturated": "saturated: tail with |f′| < {slope:g}",
    "inputs": "inputs",
    "inputs_outside": "inputs, {share} outside",
}
#: Pixels: the panel of f, with f' below it and alone; the panel of f'; a panel's title; a band of regions.
FUNCTION, ALONE, SLOPE, TITLE, BAND = 150, 300, 110, 26, 9
MARGIN = {"l": 40, "r": 12, "b": 40}
#: Pixels of a line, and by how much each is wider than the one drawn over it: where they are equal, both are seen.
WIDTH, WIDER = 2.25, 0.6
#: Bins of the inputs, and the share of the panel they fill; a bin this many times as high as the next is cut off.
BINS, FILLED, SPIKE = 80, 0.9, 4.0


def activation_curve(
    *keys: str | Activation,
    limits: tuple[float, float] = (-6.0, 6.0),
    derivative: bool = True,
    regions: bool = True,
    x: npt.ArrayLike | None = None,
    words: Words = ENGLISH,
    **knobs: Any,
) -> Figure:
    """Up to six activations over ``limits``: f(x) above, f'(x) below, as a figure for notebooks and files.

    ``keys``: keys of ``ACTIVATIONS`` or entries. ``knobs``: each goes to every entry that has it, under torch's name.
    ``regions``: shade where f' = 0 (dead, hatched) and where it tends to 0 and is smaller than ``SATURATED``
    (:meth:`normviz.activation.Activation.regions`); several curves have a band each below the panels.
    ``x``: an array of any shape whose histogram stands grey behind f'. Where f or f' jumps, a dot is torch's value
    there and a ring the limit from the other side. Raises ValueError for a key, knob or limits that do not fit.

    >>> import normviz as nv
    >>> figure = nv.activation_curve("relu", "gelu")
    >>> figure.layout.hovermode
    'x unified'
    >>> figure = nv.activation_curve("leaky_relu", negative_slope=0.1, limits=(-3, 3))
    """
    if not all(isinstance(key, str | Activation) for key in keys):
        raise ValueError(f"{keys!r}: keys stand one after another. Try activation_curve('relu', 'gelu').")
    entries = [activation(key) for key in keys]
    has = [{knob.name for knob in e.knobs} | ({e.learned} if e.learned else set()) for e in entries]
    for name in knobs:
        if entries and not any(name in known for known in has):
            said = "; ".join(
                f"{e.key} has {', '.join(sorted(k)) or 'none'}" for e, k in zip(entries, has, strict=True)
            )
            raise ValueError(
                f"No curve here has a knob {name!r}: {said}. Leave it out, or add an entry that has it."
            )
    items = []
    for entry, known in zip(entries, has, strict=True):
        own = {name: value for name, value in knobs.items() if name in known}
        said = ", ".join(f"{name}={value}" for name, value in own.items() if np.ndim(value) == 0)
        items.append((entry, own, f"{entry.layer}({said})" if said else entry.layer))
    return on_paper(curves(items, words=words, limits=limits, derivative=derivative, regions=regions, x=x))


def curves(
    items: Sequence[Item],
    *,
    words: Words,
    limits: tuple[float, float] = (-6.0, 6.0),
    derivative: bool = True,
    regions: bool = True,
    x: npt.ArrayLike | None = None,
) -> Figure:
    """What :func:`activation_curve` draws, for a page: each item is an entry, its knobs and the name to show.

    ``words`` has ``value``, ``function``, ``slope``, ``dead``, ``saturated`` (it may hold ``{slope}``), ``inputs`` and
    ``inputs_outside`` (``{share}``).
    """
    low, high = _checked(limits)
    colours = coloured([name for *_, name in items], len(items))
    drawn = [sampled(entry, knobs, low, high) for entry, knobs, _ in items]
    found = [entry.regions(**knobs) if regions else () for entry, knobs, _ in items]
    shown = kinds([region for each in found for region in each], low, high)
    figure = Figure()
    panels = [_range([d.function for d in drawn])] + [_range([d.slope for d in drawn])] * derivative
    rows = len(items) if len(items) > 1 and shown else 0
    if len(items) == 1:
        for row, reach in enumerate(panels):
            shade(figure, found[0], (low, high), reach, row)
    entries = [(colour, "━", name) for colour, (*_, name) in zip(colours, items, strict=True)]
    below = [MARKS[kind] + (words[kind].format(slope=SATURATED),) for kind in shown]
    if x is not None:
        below.append((BEFORE, "▅", _inputs(figure, x, (low, high), panels[-1], len(panels) - 1, words)))
    for row in range(len(panels)):
        for k, (course, (*_, name), colour) in enumerate(zip(drawn, items, colours, strict=True)):
            _curve(figure, course, row, name, colour, WIDTH + WIDER * (len(items) - 1 - k), words)
    if rows:
        bands(figure, found, colours, (low, high), "y3")
    _frame(figure, (low, high), panels, rows, [*flowed(entries), *flowed(below)], words)
    return style(figure).update_layout(hovermode="x unified")


def _checked(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = (float(end) for end in limits)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            f"limits = {limits!r}: two finite numbers are needed, the smaller one first. Try (-6, 6)."
        )
    return low, high


def _range(values: Sequence[npt.NDArray[np.float64]]) -> tuple[float, float]:
    """An axis that holds all of them and 0."""
    low, high = (
        float(f([0.0, *(f(v[np.isfinite(v)], initial=0.0) for v in values)])) for f in (np.min, np.max)
    )
    room = 0.07 * (high - low) or 0.5
    return low - room, high + room


def _curve(
    figure: Figure, course: Course, row: int, name: str, colour: str, width: float, words: Words
) -> None:
    """One curve of a panel, broken where it jumps, and there its dots and rings."""
    axis = {"xaxis": "x", "yaxis": f"y{row + 1}" if row else "y"}
    said = f"{words['function']} = %{{customdata[0]:.4~g}}   {words['slope']} = %{{customdata[1]:.4~g}}"
    figure.add_trace(
        Scatter(
            x=course.x,
            y=course.slope if row else course.function,
            customdata=course.true,
            mode="lines",
            line={"color": colour, "width": width},
            name=name,
            hovertemplate=f"<b>{name}</b>   {said}<extra></extra>",
            **axis,
        )
    )
    ends = course.slope_ends if row else course.function_ends
    if not ends:
        return
    at, y, reached = zip(*ends, strict=True)
    marker = {
        "symbol": ["circle" if there else "circle-open" for there in reached],
        "size": 8,
        "color": colour,
        "line": {"width": 2, "color": colour},
    }
    figure.add_trace(
        Scatter(
            x=at, y=y, mode="markers", marker=marker, name=name, hoverinfo="skip", cliponaxis=False, **axis
        )
    )


def _inputs(
    figure: Figure,
    x: npt.ArrayLike,
    limits: tuple[float, float],
    reach: tuple[float, float],
    row: int,
    words: Words,
) -> str:
    """The histogram of the inputs behind a panel; what the legend says of it."""
    values = np.asarray(x, np.float64).reshape(-1)
    values = values[np.isfinite(values)]
    edges = np.linspace(*limits, BINS + 1)
    counts = np.histogram(values, edges)[0].astype(np.float64)
    second, top = np.sort(counts)[-2:]
    # A spike, as of the zeros that a ReLU leaves, would flatten everything else.
    full = top if top <= SPIKE * second or not second else second * SPIKE / 2
    height = FILLED * (reach[1] - reach[0])
    before = len(figure.data)
    steps(
        figure, edges, counts / (full or 1.0) * height, reach[0], words["inputs"], clear(BEFORE, 0.7),
        clear(BEFORE, 0.22), 1, limit=height,
    )  # fmt: skip
    axis = f"y{row + 1}" if row else "y"
    for trace in figure.data[before:]:
        trace.update(xaxis="x", yaxis=axis)
    for mark in figure.layout.annotations:
        mark.update(yref=axis)
    lost = values.size - int(counts.sum())
    return words["inputs_outside"].format(share=share(lost, values.size)) if lost else words["inputs"]


def _frame(
    figure: Figure,
    limits: tuple[float, float],
    panels: Sequence[tuple[float, float]],
    rows: int,
    key: Sequence[str],
    words: Words,
) -> None:
    """The panels' places in pixels, from the bottom: the bands, f', f."""
    strip = rows * BAND + 6 if rows else 0
    sizes = [FUNCTION, SLOPE] if len(panels) > 1 else [ALONE]
    inner = sum(sizes) + TITLE * (len(sizes) - 1) + strip
    top = inner
    for row, (size, reach) in enumerate(zip(sizes, panels, strict=True)):
        domain = [(top - size) / inner, top / inner]
        look = {
            **AXIS,
            "zeroline": True,
            "zerolinecolor": BASELINE,
            "zerolinewidth": 1,
            "nticks": 6 if not row else 5,
        }
        axis = {**look, "domain": domain, "range": reach, "automargin": False, "tickfont": {"size": 13}}
        figure.update_layout({f"yaxis{row + 1}" if row else "yaxis": axis})
        figure.add_annotation(
            xref="paper", yref="paper", x=0, y=domain[1], xanchor="left", yanchor="bottom", xshift=8 - MARGIN["l"],
            yshift=2, showarrow=False, text=f"<i>{words['slope' if row else 'function']}</i>", font={"size": 15},
        )  # fmt: skip
        top -= size + TITLE
    if rows:
        lanes = {**AXIS, "showgrid": False, "showticklabels": False}
        figure.update_layout(yaxis3={**lanes, "domain": [0, rows * BAND / inner], "range": [rows, 0]})
    figure.update_xaxes(
        **AXIS,
        **HOVERED,
        range=limits,
        anchor="y3" if rows else f"y{len(panels)}" if len(panels) > 1 else "y",
        showgrid=True,
        automargin=False,
        tickfont={"size": 13},
        hoverformat=".3f",
    )
    figure.add_annotation(
        xref="paper", yref="paper", x=1, y=0, xanchor="right", yanchor="top", yshift=-18, showarrow=False,
        text=f"<i>{words['value']}</i>", font={"size": 15},
    )  # fmt: skip
    legend(figure, *key, xshift=8 - MARGIN["l"], yshift=TITLE)
    above = TITLE + LINE * len(key) + 6
    figure.update_layout(height=inner + above + MARGIN["b"], margin={**MARGIN, "t": above})
