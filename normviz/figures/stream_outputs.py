"""What a layer puts out in training and in evaluation mode: matching and shifted data on one axis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from plotly.graph_objects import Figure, Scatter

from normviz.figures.ridge import OVERLAP, moments
from normviz.figures.theme import AFTER, AFTER_FILL, BASELINE, BEFORE, BEFORE_FILL, dye, letters, style
from normviz.reference import FloatArray
from normviz.stream import Evaluation, Outputs


def evaluation_figure(seen: Evaluation, *, words: Mapping[str, str]) -> Figure:
    """One channel's output in training mode (grey: the data's own statistics) and in evaluation mode (green: the
    buffers), for the data as it is and for the shifted data, all on one axis; densities.

    ``words`` has ``train``, ``eval``, ``matching``, ``shifted``, ``output`` and ``mean_std``.
    """
    rows = ((words["matching"], seen.matching), (words["shifted"], seen.shifted))
    peak = max(max(d.max() for d in _densities(outputs, seen.edges)) for _, outputs in rows) or 1.0
    scale = OVERLAP / peak
    figure = Figure()
    for k, (name, outputs) in enumerate(rows):
        base = len(rows) - 1 - k
        figure.add_hline(y=base, line={"color": BASELINE, "width": 1}, layer="below")
        looks = ((words["train"], BEFORE, BEFORE_FILL, 1.25), (words["eval"], AFTER, AFTER_FILL, 2))
        for heights, (said, color, fill, width) in zip(_densities(outputs, seen.edges), looks, strict=True):
            _histogram(figure, seen.edges, base, heights * scale, said, color, fill, width)
        common = {"y": base, "xref": "paper", "showarrow": False, "yanchor": "bottom"}
        figure.add_annotation(**common, x=0, xanchor="left", yshift=72, text=name, font={"size": 14})
        figure.add_annotation(
            **common, x=1, xshift=8, xanchor="left", align="left", font={"size": 13.5},
            text=f"{moments(outputs.train)}<br><b>{moments(outputs.eval)}</b>",
        )  # fmt: skip
    above = {"xref": "paper", "yref": "paper", "y": 1, "yanchor": "bottom", "yshift": 8, "showarrow": False}
    entries = f"{dye(BEFORE, '■')} {words['train']}   {dye(AFTER, '■')} <b>{words['eval']}</b>"
    figure.add_annotation(**above, x=0, xanchor="left", text=entries, font={"size": 15})
    figure.add_annotation(**above, x=1, xshift=8, xanchor="left", text=f"<i>{words['mean_std']}</i>")
    below = {**above, "y": 0, "yanchor": "top", "yshift": -20}
    figure.add_annotation(**below, x=1, xanchor="right", text=words["output"], font={"size": 13.5})
    right = letters([moments(each) for _, outputs in rows for each in (outputs.train, outputs.eval)])
    figure.update_layout(height=330, margin={"l": 8, "r": max(104, 10 + 7 * right), "t": 40, "b": 42})
    figure.update_xaxes(
        range=[float(seen.edges[0]), float(seen.edges[-1])], fixedrange=True, zeroline=False, ticks="",
        tickfont={"size": 14},
    )  # fmt: skip
    figure.update_yaxes(
        range=[-0.05, len(rows) + 0.4], fixedrange=True, showgrid=False, zeroline=False, showticklabels=False
    )
    return style(figure)


def _densities(outputs: Outputs, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    width = float(edges[1] - edges[0])
    both = ((outputs.train_counts, outputs.train), (outputs.eval_counts, outputs.eval))
    first, second = (counts / (max(1, summary.count) * width) for counts, summary in both)
    return first, second


def _histogram(
    figure: Figure,
    edges: FloatArray,
    base: int,
    heights: FloatArray,
    name: str,
    color: str,
    fill: str,
    width: float,
) -> None:
    held = np.flatnonzero(heights)
    if not held.size:
        return
    first, last = int(held[0]), int(held[-1])
    x = np.repeat(edges[first : last + 2], 2)
    y = np.concatenate([[base], base + np.repeat(heights[first : last + 1], 2), [base]])
    line = {"color": color, "width": width}
    figure.add_trace(
        Scatter(x=x, y=y, mode="lines", fill="toself", fillcolor=fill, line=line, name=name, hoverinfo="skip")
    )
