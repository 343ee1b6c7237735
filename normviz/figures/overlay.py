"""What several methods make of one input: a row each, all on one axis, the input in grey behind every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure

from normviz.figures.histogram import density, steps
from normviz.figures.ridge import full_height, moments
from normviz.figures.theme import (
    BASELINE,
    BEFORE,
    BEFORE_FILL,
    CATEGORIES,
    NUMBERS,
    ROWS,
    clear,
    legend,
    marked,
    style,
)
from normviz.records import Summary, shared_edges
from normviz.reference import FloatArray

#: One a method.
COLOURS = CATEGORIES
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
    behind, *fronts = (
        density(outcome.counts, outcome.summary, found.edges) for outcome in (found.before, *found.after)
    )
    full = full_height([float(heights.max(initial=0.0)) for heights in (behind, *fronts)])
    figure = Figure()
    for k, (name, front, outcome, colour) in enumerate(
        zip(names, fronts, found.after, COLOURS, strict=False)
    ):
        base = len(names) - 1 - k
        figure.add_hline(y=base, line={"color": BASELINE, "width": 1}, layer="below")
        steps(
            figure,
            found.edges,
            behind / full * REACH,
            base,
            words["before"],
            BEFORE,
            BEFORE_FILL,
            1,
            limit=REACH,
        )
        steps(figure, found.edges, front / full * REACH, base, name, colour, clear(colour), 2, limit=REACH)
        _caption(figure, base, marked((colour, "■", name)), moments(outcome.summary))
    _frame(figure, found, len(names), words)
    return style(figure)


def _caption(figure: Figure, base: int, left: str, right: str) -> None:
    """The name and the moments of a row, in its upper corners."""
    common = {"xref": "paper", "y": base + 1, "yanchor": "top", "showarrow": False, "font": {"size": 14}}
    figure.add_annotation(**common, x=0, xanchor="left", text=left)
    figure.add_annotation(**common, x=1, xanchor="right", text=right)


def _frame(figure: Figure, found: Outcomes, rows: int, words: Mapping[str, str]) -> None:
    legend(figure, marked((BEFORE, "■", words["before"])))
    above = {"xref": "paper", "yref": "paper", "y": 1, "yanchor": "bottom", "yshift": 4, "showarrow": False}
    said = f"<i>{words['mean_std']}</i>, {words['before']}: {moments(found.before.summary)}"
    figure.add_annotation(**above, x=1, xanchor="right", text=said, font={"size": 14})
    figure.update_layout(height=60 + ROW * rows, margin={"l": 4, "r": 4, "t": 30, "b": 30})
    figure.update_xaxes(**NUMBERS, range=[float(found.edges[0]), float(found.edges[-1])])
    figure.update_yaxes(**ROWS, range=[-0.03, rows])
