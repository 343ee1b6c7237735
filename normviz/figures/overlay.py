"""What several methods make of one input: a row each, all on one axis, the input in grey behind every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Scatter

from normviz.figures.ridge import full_height, moments
from normviz.figures.theme import BASELINE, BEFORE, BEFORE_FILL, style
from normviz.records import Summary, shared_edges
from normviz.reference import FloatArray

#: Okabe and Ito's colours, one a method; orange, sky blue and purple are darkened until they have 3:1 on white as well.
COLOURS = ("#D55E00", "#009E73", "#C86FA0", "#3C94CF", "#B87F00", "#0072B2")
#: Pixels of a row, and how much of it the highest step takes: the name stands above.
ROW, REACH = 74, 0.9
#: How much of the input's range the shared axis shows.
BINS = 80


@dataclass(frozen=True)
class Outcome:
    """One histogram: how many values fall into each bin, and the summary of all of them."""

    counts: npt.NDArray[np.intp]
    summary: Summary

    @property
    def outside(self) -> int:
        """Finite values beyond the shared axis."""
        return self.summary.count - self.summary.nonfinite - int(self.counts.sum())


@dataclass(frozen=True)
class Outcomes:
    """The input and what each method made of it, on the bins of ``edges``."""

    edges: FloatArray
    before: Outcome
    after: tuple[Outcome, ...]


def outcomes(x: npt.ArrayLike, ys: Sequence[npt.ArrayLike]) -> Outcomes:
    """Histograms of x and of every y on one axis: the widest of those that x and each y ask for.

    >>> found = outcomes([-1.0, 0.5, 2.0], [[-1.0, 0.0, 1.0], [-8.0, 0.0, 8.0]])
    >>> float(found.edges[-1]), [int(o.counts.sum()) for o in (found.before, *found.after)]
    (8.0, [3, 3, 3])
    """
    arrays = [np.asarray(values, np.float64).reshape(-1) for values in (x, *ys)]
    edges = max((shared_edges(arrays[0], y, BINS) for y in arrays[1:]), key=lambda e: float(e[-1]))
    made = [Outcome(np.histogram(v[np.isfinite(v)], edges)[0], Summary.of(v)) for v in arrays]
    return Outcomes(edges, made[0], tuple(made[1:]))


def overlay(found: Outcomes, names: Sequence[str], *, words: Mapping[str, str]) -> Figure:
    """A row a method with its name, ``mean ± standard deviation`` at the right, and the input in grey behind.

    Every step is a density, counts / (values * bin width), and all rows have one scale, that of the highest peak;
    a peak more than four times as high as the median one is cut off flat and marked by an arrow. Rows take the
    colours of ``COLOURS`` in order. ``words`` has ``before``, ``after`` and ``mean_std``. Raises ValueError where
    there is not one name for every outcome, or more of them than colours.
    """
    if not 1 <= len(names) == len(found.after) <= len(COLOURS):
        raise ValueError(
            f"{len(found.after)} outcomes came with {len(names)} names: one name each is needed, "
            f"and at most {len(COLOURS)}. Try fewer methods."
        )
    behind, *fronts = (_density(outcome, found.edges) for outcome in (found.before, *found.after))
    full = full_height([float(heights.max(initial=0.0)) for heights in (behind, *fronts)])
    figure = Figure()
    for k, (name, front, outcome, colour) in enumerate(
        zip(names, fronts, found.after, COLOURS, strict=False)
    ):
        base = len(names) - 1 - k
        figure.add_hline(y=base, line={"color": BASELINE, "width": 1}, layer="below")
        _steps(figure, found.edges, behind / full, base, words["before"], BEFORE, BEFORE_FILL, 1)
        _steps(figure, found.edges, front / full, base, name, colour, _clear(colour), 2)
        _caption(figure, base, f"<span style='color:{colour}'>■</span> {name}", moments(outcome.summary))
    _frame(figure, found, len(names), words)
    return style(figure)


def _density(outcome: Outcome, edges: FloatArray) -> FloatArray:
    width = float(edges[1] - edges[0])
    return np.asarray(outcome.counts / (max(outcome.summary.count, 1) * width), np.float64)


def _steps(
    figure: Figure,
    edges: FloatArray,
    heights: FloatArray,
    base: int,
    name: str,
    colour: str,
    fill: str,
    width: float,
) -> None:
    """One histogram as an outline: up at every left edge, then along the bin."""
    held = np.flatnonzero(heights)
    if not held.size:
        return
    first, last = int(held[0]), int(held[-1]) + 1
    top = np.minimum(heights[first:last], 1.0) * REACH
    figure.add_trace(
        Scatter(
            x=np.concatenate([[edges[first]], edges[first : last + 1]]),
            y=base + np.concatenate([[0.0], top, [0.0]]),
            mode="lines",
            line={"color": colour, "width": width, "shape": "hv"},
            fill="toself",
            fillcolor=fill,
            name=name,
            hoverinfo="skip",
        )
    )
    cut = np.flatnonzero(heights > 1 + 1e-9)
    if cut.size:
        middle = float((edges[cut[0]] + edges[cut[-1] + 1]) / 2)
        mark = {"text": "↑", "showarrow": False, "font": {"color": colour, "size": 14}}
        figure.add_annotation(x=middle, y=base + REACH, yanchor="top", **mark)


def _caption(figure: Figure, base: int, left: str, right: str) -> None:
    """The name and the moments of a row, in its upper corners."""
    common = {"xref": "paper", "y": base + 1, "yanchor": "top", "showarrow": False, "font": {"size": 14}}
    figure.add_annotation(**common, x=0, xanchor="left", text=left)
    figure.add_annotation(**common, x=1, xanchor="right", text=right)


def _frame(figure: Figure, found: Outcomes, rows: int, words: Mapping[str, str]) -> None:
    above = {"xref": "paper", "yref": "paper", "y": 1, "yanchor": "bottom", "yshift": 4, "showarrow": False}
    grey = f"<span style='color:{BEFORE}'>■</span> {words['before']}"
    figure.add_annotation(**above, x=0, xanchor="left", text=grey, font={"size": 14})
    said = f"<i>{words['mean_std']}</i>, {words['before']}: {moments(found.before.summary)}"
    figure.add_annotation(**above, x=1, xanchor="right", text=said, font={"size": 14})
    figure.update_layout(height=60 + ROW * rows, margin={"l": 4, "r": 4, "t": 30, "b": 30})
    figure.update_xaxes(
        range=[float(found.edges[0]), float(found.edges[-1])],
        fixedrange=True,
        showgrid=True,
        zeroline=False,
        ticks="",
        tickfont={"size": 14},
    )
    figure.update_yaxes(
        range=[-0.03, rows], fixedrange=True, showgrid=False, zeroline=False, showticklabels=False
    )


def _clear(colour: str) -> str:
    """The colour, mostly see-through, for an area."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},.34)"
