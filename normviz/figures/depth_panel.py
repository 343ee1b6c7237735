"""A panel of lines over a network's depth, of which several stand below one another on one axis of layers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from plotly.graph_objects import Figure, Scatter

from normviz.figures.depth_axis import DepthAxis
from normviz.figures.entries import HOVERED, LINE
from normviz.figures.theme import AXIS, BASELINE, BEFORE, legend, style
from normviz.reference import FloatArray

#: Pixels above a panel, for its title.
TITLE = 30
MARGIN = {"l": 54, "r": 12, "b": 48}
#: Fewer values than this have dots on their line.
DOTS = 40
#: At most so many numbers of layers.
TICKS = 8
#: What is clicked must not make the rest paler.
KEPT: dict[str, Any] = {"unselected": {"marker": {"opacity": 1}}}
UNSEEN: dict[str, Any] = {"selected": {"marker": {"opacity": 0}}, "unselected": {"marker": {"opacity": 0}}}


def y_name(panel: int, axis: str = "y") -> str:
    """How plotly calls the vertical axis of a panel, counted from 0.

    >>> y_name(0), y_name(1, "yaxis")
    ('y', 'yaxis2')
    """
    return f"{axis}{panel + 1}" if panel else axis


def line(
    figure: Figure,
    at: Any,
    values: FloatArray,
    axis: DepthAxis,
    color: str,
    panel: int,
    *,
    dots: bool = False,
) -> None:
    """A line through the values of these layers, or only ``dots``."""
    mode = "markers" if dots else "lines+markers" if len(at) < DOTS else "lines"
    look = {"line": {"color": color, "width": 2}, "marker": {"size": 4.5, "color": color}}
    figure.add_trace(
        Scatter(x=at, y=axis.place(values), mode=mode, yaxis=y_name(panel), hoverinfo="skip", **look, **KEPT)
    )


def marks(figure: Figure, values: FloatArray, axis: DepthAxis, color: str, panel: int) -> tuple[bool, bool]:
    """Triangles for zeros that have no place on the axis, crosses for NaN and infinity; whether there are such."""
    zero, lost = (values == 0) & (axis.kind == "log"), ~np.isfinite(values)
    for where, symbol in ((zero, "triangle-down"), (lost, "x")):
        if where.any():
            look = {"marker": {"symbol": symbol, "size": 7, "color": color}, **KEPT}
            figure.add_trace(
                Scatter(x=np.flatnonzero(where), y=axis.marked(values)[where], mode="markers", hoverinfo="skip",
                        yaxis=y_name(panel), **look)
            )  # fmt: skip
    return bool(zero.any()), bool(lost.any())


def hits(
    figure: Figure,
    values: FloatArray,
    axis: DepthAxis,
    numbers: Sequence[int],
    hover: Sequence[str],
    panel: int,
) -> None:
    """An unseen point a layer, which the mouse hits wherever it is above or below it."""
    figure.add_trace(
        Scatter(x=np.arange(len(numbers)), y=axis.marked(values), mode="markers", yaxis=y_name(panel),
                marker={"opacity": 0, "size": 8, "color": BEFORE}, customdata=list(numbers), hovertext=list(hover),
                hovertemplate="%{hovertext}<extra></extra>", **UNSEEN)
    )  # fmt: skip


def frame_panel(
    figure: Figure, axis: DepthAxis, panel: int, place: tuple[float, float, float], title: str
) -> None:
    """The panel's vertical axis and its title; ``place``: its upper edge and height, and that of all, in pixels."""
    top, height, inner = place
    values, said = axis.ticks
    domain = [1 - (top + height) / inner, 1 - top / inner]
    look = {**AXIS, "domain": domain, "range": [axis.low, axis.high], "tickvals": values, "ticktext": said}
    figure.update_layout(
        {y_name(panel, "yaxis"): {**look, "automargin": False, "tickfont": {"size": 12.5}, "anchor": "x"}}
    )
    figure.add_annotation(
        xref="paper", yref="paper", x=0, y=domain[1], xanchor="left", yanchor="bottom", yshift=3, showarrow=False,
        xshift=8 - MARGIN["l"], text=f"<b>{title}</b>", font={"size": 14},
    )  # fmt: skip


def whole(layers: int) -> list[int]:
    """Which layers' numbers an axis shows: every 1, 2 or 5 times a power of ten, at most 8.

    >>> whole(3), whole(60)
    ([0, 1, 2], [0, 10, 20, 30, 40, 50])
    """
    steps = (m * 10**power for power in itertools.count() for m in (1, 2, 5))
    return list(range(0, layers, next(step for step in steps if layers <= TICKS * step)))


def frame(
    figure: Figure, layers: int, inner: float, lowest: int, title: str, key: Sequence[str], room: int = 0
) -> Figure:
    """The axis of layers below the panel ``lowest``, the legend, and ``room`` pixels between it and the panels."""
    figure.update_xaxes(
        **AXIS, **HOVERED, showspikes=True, spikemode="across", range=[-0.7, layers - 0.3], showgrid=False,
        showline=True, linecolor=BASELINE, anchor=y_name(lowest), tickvals=whole(layers),
        tickfont={"size": 12.5}, automargin=False,
    )  # fmt: skip
    figure.add_annotation(
        xref="paper", yref="paper", x=1, y=0, xanchor="right", yanchor="top", yshift=-25, showarrow=False,
        text=title, font={"size": 13},
    )  # fmt: skip
    legend(figure, *key, xshift=8 - MARGIN["l"], yshift=4 + room)
    above = room + LINE * len(key) + 10
    figure.update_layout(height=inner + above + MARGIN["b"], margin={**MARGIN, "t": above})
    return style(figure).update_layout(
        hovermode="x", hoverdistance=-1, clickmode="event+select", hoverlabel={"align": "left"}
    )
