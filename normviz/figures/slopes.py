"""A slope while it is learned: every layer's over the steps, and below them the loss and the accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from plotly.graph_objects import Figure, Scatter

from normviz.activity import SlopeRun
from normviz.figures.entries import HOVERED, LINE, coloured, flowed
from normviz.figures.theme import AXIS, BASELINE, BEFORE, legend, style
from normviz.reference import FloatArray

#: Pixels of the panels from above, and of a panel's title.
SIZES, TITLE = (190, 96, 96), 36
MARGIN = {"l": 52, "r": 16, "b": 44}
#: The room above and below the values, as a share of their range.
ROOM = 0.1


def slopes(run: SlopeRun, *, words: Mapping[str, str], total: int | None = None) -> Figure:
    """The slope of every layer over the steps, with the loss and the held-out accuracy below.

    ``total`` is how many steps are planned: the axis has its place for them from the first one on. The dotted line is
    where the slopes began. Accuracy is drawn where it was measured. ``words`` has ``slopes``, ``layer`` (``{layer}``,
    from 1), ``start``, ``loss``, ``accuracy`` and ``steps``. Raises ValueError for more than six layers.

    >>> run = SlopeRun(np.array([[0.25, 0.25], [0.2, 0.3]]), np.array([2.3, 2.1]), np.array([0.1, np.nan]))
    >>> english = dict(slopes="slopes", layer="layer {layer}", start="start", loss="loss", accuracy="accuracy",
    ...                steps="steps")
    >>> figure = slopes(run, words=english, total=40)
    >>> [trace.name for trace in figure.data], figure.layout.xaxis.range
    (['layer 1', 'layer 2', 'loss', 'accuracy'], (-0.4, 40.4))
    """
    names = [words["layer"].format(layer=k + 1) for k in range(run.slopes.shape[1])]
    colours = coloured(names, len(names))
    steps = np.arange(len(run.loss))
    figure = Figure()
    for slope, name, colour in zip(run.slopes.T, names, colours, strict=True):
        _line(figure, steps, slope, name, colour, 0, "%{y:.4f}")
    _line(figure, steps, run.loss, words["loss"], BEFORE, 1, "%{y:.4f}")
    measured = np.isfinite(run.accuracy)
    _line(
        figure, steps[measured], run.accuracy[measured], words["accuracy"], BEFORE, 2, "%{y:.1%}",
        mode="lines+markers", marker={"size": 6},
    )  # fmt: skip
    for start in np.unique(run.slopes[0][np.isfinite(run.slopes[0])]):
        look = {"color": BEFORE, "width": 1.5, "dash": "dot"}
        figure.add_shape(
            type="line", xref="x domain", x0=0, x1=1, y0=start, y1=start, line=look, layer="below"
        )
    ranges = (_around(run.slopes), _around(run.loss, zero=True), (-0.04, 1.04))
    looks: tuple[dict[str, Any], ...] = (
        {"nticks": 6},
        {"nticks": 4},
        {"tickvals": [0, 0.5, 1], "tickformat": ".0%"},
    )
    _panels(figure, ranges, looks, [words[key] for key in ("slopes", "loss", "accuracy")])
    entries = [(colour, "━", name) for colour, name in zip(colours, names, strict=True)]
    _frame(figure, total or len(steps) - 1, flowed([*entries, (BEFORE, "┅", words["start"])]), words["steps"])
    return style(figure).update_layout(hovermode="x unified")


def _line(
    figure: Figure,
    x: Any,
    y: FloatArray,
    name: str,
    colour: str,
    row: int,
    said: str,
    mode: str = "lines",
    **look: Any,
) -> None:
    figure.add_trace(
        Scatter(
            x=x,
            y=y,
            mode=mode,
            line={"color": colour, "width": 2.5},
            name=name,
            hovertemplate=f"<b>{name}</b>   {said}<extra></extra>",
            xaxis="x",
            yaxis=f"y{row + 1}" if row else "y",
            **look,
        )
    )


def _around(values: FloatArray, *, zero: bool = False) -> tuple[float, float]:
    """A range that holds all finite values, and 0 where asked for."""
    known = np.append(values[np.isfinite(values)], [0.0] if zero else [])
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    room = ROOM * (high - low) or 0.05 * max(abs(high), 1.0)
    return low - (0 if zero else room), high + room


def _panels(
    figure: Figure,
    ranges: Sequence[tuple[float, float]],
    looks: Sequence[Mapping[str, Any]],
    titles: Sequence[str],
) -> None:
    inner = sum(SIZES) + TITLE * (len(SIZES) - 1)
    top = inner
    for row, (size, reach, look, title) in enumerate(zip(SIZES, ranges, looks, titles, strict=True)):
        axis = {**AXIS, "domain": [(top - size) / inner, top / inner], "range": reach, "automargin": False}
        figure.update_layout(
            {f"yaxis{row + 1}" if row else "yaxis": {**axis, **look, "tickfont": {"size": 13}}}
        )
        figure.add_annotation(
            xref="paper", yref="paper", x=0, y=top / inner, xanchor="left", yanchor="bottom", yshift=3,
            xshift=8 - MARGIN["l"], showarrow=False, text=f"<b>{title}</b>", font={"size": 14},
        )  # fmt: skip
        top -= size + TITLE


def _frame(figure: Figure, last: int, key: Sequence[str], steps: str) -> None:
    figure.update_xaxes(
        **AXIS,
        **HOVERED,
        range=[-0.01 * max(last, 1), 1.01 * max(last, 1)],
        anchor="y3",
        showgrid=False,
        showline=True,
        linecolor=BASELINE,
        nticks=8,
        tickformat="d",
        tickfont={"size": 13},
        automargin=False,
    )
    figure.add_annotation(
        xref="paper", yref="paper", x=1, y=0, xanchor="right", yanchor="top", yshift=-22, showarrow=False, text=steps,
        font={"size": 13.5},
    )  # fmt: skip
    legend(figure, *key, xshift=8 - MARGIN["l"], yshift=TITLE)
    above = TITLE + LINE * len(key) + 6
    figure.update_layout(
        height=sum(SIZES) + TITLE * (len(SIZES) - 1) + above + MARGIN["b"], margin={**MARGIN, "t": above}
    )
