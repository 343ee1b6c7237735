"""What batch statistics do to small batches: the outputs there can be, and the noise of the mean."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from plotly.graph_objects import Figure, Scatter

from normviz.figures.theme import AFTER, AXIS, BASELINE, BEFORE, legend, marked, style
from normviz.lone import BySize

HEIGHT = 320
#: The most points drawn for one batch size.
POINTS = 240


def outputs(found: BySize, *, words: Mapping[str, str]) -> Figure:
    """Every output on (n, C) for each batch size n, between the bounds ±sqrt(n - 1); one column a size.

    ``words`` has ``size``, ``output`` and ``bound``.

    >>> two = BySize((1, 2), (np.zeros(3), np.array([-1.0, 1.0])), (0.0, 0.0), np.ones(2), 8, 10)
    >>> [trace.mode for trace in outputs(two, words=dict(size="N", output="y", bound="bound")).data]
    ['lines', 'lines', 'markers', 'markers']
    """
    figure = Figure()
    places = np.arange(len(found.sizes), dtype=float)
    bound = np.sqrt(np.asarray(found.sizes, float) - 1)
    for sign in (1, -1):
        # One level a column: the bound holds for whole batch sizes only.
        x = np.stack([places - 0.42, places + 0.42, places + 0.42], 1).reshape(-1)
        y = np.stack([sign * bound, sign * bound, np.full_like(bound, np.nan)], 1).reshape(-1)
        line = {"color": BEFORE, "width": 2}
        figure.add_trace(Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", connectgaps=False))
    for place, n, y in zip(places, found.sizes, found.outputs, strict=True):
        shown = y[np.unique(np.linspace(0, y.size - 1, min(y.size, POINTS)).astype(int))]
        # The golden ratio spreads them without a pattern of their own.
        spread = 0.64 * (np.arange(shown.size) * 0.618034 % 1 - 0.5)
        figure.add_trace(
            Scatter(
                x=place + spread,
                y=shown,
                mode="markers",
                marker={"color": AFTER, "size": 5, "opacity": 0.6},
                hovertemplate=f"{words['size']} = {n}<br><b>%{{y:.4f}}</b><extra></extra>",
            )
        )
    legend(figure, marked((AFTER, "●", words["output"]), (BEFORE, "━", words["bound"])))
    _frame(figure, found, words["size"])
    figure.add_hline(y=0, line={"color": BASELINE, "width": 1}, layer="below")
    return style(figure).update_layout(hovermode="closest")


def noise(found: BySize, *, words: Mapping[str, str]) -> Figure:
    """std(batch mean) / sigma against the batch size, measured, and how it would fall with 1 / sqrt(n) from the first.

    ``words`` has ``size``, ``measured`` and ``expected``.

    >>> two = BySize((1, 4), (np.zeros(3), np.zeros(3)), (0.0, 0.0), np.array([0.4, 0.2]), 8, 10)
    >>> [round(float(y), 2) for y in noise(two, words=dict(size="N", measured="m", expected="e")).data[0].y]
    [0.4, 0.2]
    """
    figure = Figure()
    places = list(range(len(found.sizes)))
    expected = found.noise[0] * np.sqrt(found.sizes[0] / np.asarray(found.sizes, float))
    dotted = {"color": BEFORE, "width": 2, "dash": "dot"}
    figure.add_trace(Scatter(x=places, y=expected, mode="lines", line=dotted, hoverinfo="skip"))
    figure.add_trace(
        Scatter(
            x=places,
            y=found.noise,
            mode="lines+markers+text",
            text=[f"{v:.3f}" for v in found.noise],
            textposition="top right",
            line={"color": AFTER, "width": 2},
            marker={"size": 8},
            hoverinfo="skip",
            cliponaxis=False,
        )
    )
    legend(figure, marked((AFTER, "●", words["measured"]), (BEFORE, "┅", words["expected"])))
    _frame(figure, found, words["size"])
    top = float(np.nanmax(found.noise)) if np.isfinite(found.noise).any() else 1.0
    figure.update_yaxes(range=[0, 1.2 * (top or 1.0)])
    return style(figure)


def _frame(figure: Figure, found: BySize, size: str) -> None:
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 44, "r": 12, "t": 30, "b": 44},
        xaxis={
            **AXIS,
            "showgrid": False,
            "tickvals": list(range(len(found.sizes))),
            "ticktext": [str(n) for n in found.sizes],
            "title": {"text": size},
            "range": [-0.6, len(found.sizes) - 0.4],
        },
        yaxis={**AXIS, "showgrid": True},
    )
