"""A histogram drawn as steps on a base line, as rows of them stand below one another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Scatter

from normviz.records import Summary
from normviz.reference import FloatArray


def density(counts: npt.NDArray[np.intp], summary: Summary, edges: FloatArray) -> FloatArray:
    """Counts per value of the set and per unit of the axis, for bins of one width."""
    width = float(edges[1] - edges[0])
    return np.asarray(counts / (max(summary.count, 1) * width), np.float64)


def steps(
    figure: Figure,
    edges: FloatArray,
    heights: FloatArray,
    base: float,
    name: str,
    color: str,
    fill: str,
    width: float,
    *,
    limit: float = np.inf,
    dash: str = "solid",
) -> None:
    """One histogram from its first bin that holds something to its last; nothing where none does.

    What is higher than ``limit`` is cut off flat there and marked by an arrow.

    >>> figure = Figure()
    >>> steps(figure, np.arange(5.0), np.array([0.0, 1.0, 3.0, 0.0]), 0.0, "all", "#000000", "#EEEEEE", 1, limit=2.0)
    >>> list(map(float, figure.data[0].x)), list(map(float, figure.data[0].y))
    ([1.0, 1.0, 2.0, 2.0, 3.0, 3.0], [0.0, 1.0, 1.0, 2.0, 2.0, 0.0])
    >>> figure.layout.annotations[0].text
    '↑'
    """
    held = np.flatnonzero(heights)
    if not held.size:
        return
    first, last = int(held[0]), int(held[-1]) + 1
    top = base + np.repeat(np.minimum(heights[first:last], limit), 2)
    figure.add_trace(
        Scatter(
            x=np.repeat(edges[first : last + 1], 2),
            y=np.concatenate([[base], top, [base]]),
            mode="lines",
            fill="toself",
            fillcolor=fill,
            line={"color": color, "width": width, "dash": dash},
            name=name,
            hoverinfo="skip",
        )
    )
    cut = np.flatnonzero(heights > limit * (1 + 1e-9))
    if cut.size:
        middle = float((edges[cut[0]] + edges[cut[-1] + 1]) / 2)
        mark = {"text": "↑", "showarrow": False, "font": {"color": color, "size": 14}}
        figure.add_annotation(x=middle, y=base + limit, yanchor="top", **mark)
