"""Why evaluating Batch Norm is linear and training it is not: values against values, with their lines."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from plotly.graph_objects import Figure, Scatter

from normviz.figures.theme import AFTER, AXIS, BASELINE, BEFORE, legend, marked, style
from normviz.fold import Cloud

#: Batch A, batch B and their sum: colour and mark of each.
MARKS = ((BEFORE, "circle-open"), ("#CC79A7", "diamond-open"), (AFTER, "x-thin-open"))
HEIGHT = 300


def clouds(cloud: Cloud, *, words: Mapping[str, str]) -> Figure:
    """y against x of one channel, for batch A, batch B and A + B, each with the line y = a x + b it lies on.

    In evaluation the three lines are one and the same; in training each batch has its own. ``words`` has ``before``,
    ``after``, ``a``, ``b`` and ``sum``.

    >>> points = tuple((np.array([0.0, k]), np.array([1.0, 1.0 + 2 * k])) for k in (1.0, 2.0, 3.0))
    >>> english = dict(before="x", after="y", a="A", b="B", sum="A + B")
    >>> len(clouds(Cloud(points, ((2.0, 1.0),) * 3), words=english).data)
    6
    """
    figure = Figure()
    names = (words["a"], words["b"], words["sum"])
    low = min(float(x.min()) for x, _ in cloud.points)
    high = max(float(x.max()) for x, _ in cloud.points)
    room = 0.05 * (high - low) or 1.0
    ends = np.array([low - room, high + room])
    for (a, b), (color, _) in zip(cloud.lines, MARKS, strict=True):
        line = {"color": color, "width": 1.5}
        figure.add_trace(Scatter(x=ends, y=a * ends + b, mode="lines", line=line, hoverinfo="skip"))
    for (x, y), (color, symbol), name in zip(cloud.points, MARKS, names, strict=True):
        marker = {"color": color, "symbol": symbol, "size": 7, "line": {"width": 1.5, "color": color}}
        figure.add_trace(
            Scatter(
                x=x,
                y=y,
                mode="markers",
                marker=marker,
                name=name,
                hovertemplate=f"{name}<br>%{{x:.4g}} → %{{y:.4g}}<extra></extra>",
            )
        )
    found = np.concatenate([y for _, y in cloud.points])
    tall = 0.08 * float(np.ptp(found)) or 1.0
    axis = {**AXIS, "showgrid": True}
    entries = ((color, sign, name) for (color, _), sign, name in zip(MARKS, "○◇✕", names, strict=True))
    legend(figure, marked(*entries))
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 52, "r": 8, "t": 30, "b": 44},
        xaxis={**axis, "title": {"text": words["before"]}, "range": ends.tolist()},
        yaxis={
            **axis,
            "title": {"text": words["after"]},
            "range": [float(found.min()) - tall, float(found.max()) + tall],
        },
    )
    figure.add_hline(y=0, line={"color": BASELINE, "width": 1}, layer="below")
    return style(figure).update_layout(hovermode="closest")
