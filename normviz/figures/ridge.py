"""The ridge: before and after, one row a set, all on one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from plotly.graph_objects import Figure

from normviz.figures.histogram import density, steps
from normviz.figures.mean_std import mean_std
from normviz.figures.theme import (
    AFTER,
    AFTER_FILL,
    BASELINE,
    BEFORE,
    BEFORE_FILL,
    NUMBERS,
    ROWS,
    legend,
    letters,
    marked,
    style,
)
from normviz.records import Distributions, SetRow, Summary, set_place

#: Pixels of a row, and of the row where there is only one.
ROW, SINGLE = 46, 184
#: The highest step, in rows: it may reach a little into the row above.
OVERLAP = 1.25
#: A peak this many times as high as the usual (median) one is cut off.
SPIKE = 4.0


def ridge(
    d: Distributions, *, words: Mapping[str, str], axes: Sequence[str], overall: bool = False
) -> Figure:
    """Step histograms before and after, one row a set, on the shared axis of ``d.edges``.

    Every step is a density, counts / (values of the set * bin width), so the area of a histogram is the share
    of its values inside the shown range. All rows have one scale, that of the highest peak; but a spike, a
    peak more than 4 times as high as the median one (as of a set whose values are all alike), does not count:
    it is cut off flat at the height of 1.25 rows, marked by an arrow, so that it does not flatten the rest.

    ``axes`` names the tensor's axes in order: a row is labelled by those along which its set is only a part.
    ``words`` has ``before``, ``after``, ``value``, ``mean_std`` and ``all_cells``. With ``overall`` the one
    row of all cells is drawn instead. Text and grid take the page's colours.

    Raises ValueError where ``axes`` does not name every axis.

    >>> import normviz as nv
    >>> from normviz.records import distributions
    >>> x, spec = nv.Sample().tensor((4, 3, 5, 5)), nv.METHODS["batch_norm"].spec()
    >>> english = dict(before="before", after="after", value="value", mean_std="μ ± σ", all_cells="all cells")
    >>> figure = ridge(distributions(x, nv.normalize(x, spec), spec), words=english, axes="NCHW")
    >>> len(figure.data)
    6
    """
    rows = (d.overall,) if overall else d.rows
    lengths = [stop for _, stop in d.overall.box]
    labels = [label(row.box, axes, lengths) or words["all_cells"] for row in rows]
    densities = [
        tuple(
            density(*counted, d.edges) for counted in ((r.before_counts, r.before), (r.after_counts, r.after))
        )
        for r in rows
    ]
    scale = OVERLAP / full_height([float(h.max()) for pair in densities for h in pair])
    figure = Figure()
    for k, (row, pair) in enumerate(zip(rows, densities, strict=True)):
        base = len(rows) - 1 - k
        figure.add_hline(y=base, line={"color": BASELINE, "width": 1}, layer="below")
        steps(
            figure, d.edges, pair[0] * scale, base, words["before"], BEFORE, BEFORE_FILL, 1.25, limit=OVERLAP
        )
        steps(figure, d.edges, pair[1] * scale, base, words["after"], AFTER, AFTER_FILL, 2, limit=OVERLAP)
        _beside(figure, base, labels[k], f"{moments(row.before)}<br><b>{moments(row.after)}</b>")
    _legend(figure, words)
    _frame(figure, d, rows, labels)
    return style(figure)


def label(box: Sequence[tuple[int, int]], axes: Sequence[str], lengths: Sequence[int]) -> str:
    """Where a set lies: the axes of which it holds a part, with its indices; empty where it holds all."""
    return " ".join(f"<i>{axis}</i> {indices}" for axis, indices in set_place(box, axes, lengths))


def full_height(peaks: Sequence[float]) -> float:
    """The density that reaches the full height: the highest peak within 4 times the lower median."""
    drawn = sorted(p for p in peaks if p > 0)
    usual = drawn[(len(drawn) - 1) // 2] if drawn else 1.0
    return max((p for p in drawn if p <= SPIKE * usual), default=usual)


def moments(summary: Summary) -> str:
    """Mean ± standard deviation of the finite values, and how many were not finite."""
    text = mean_std(summary.mean, summary.std) if np.isfinite(summary.mean) else "NaN"
    return text + (f"  {summary.nonfinite:,} NaN/Inf" if summary.nonfinite else "")


def _beside(figure: Figure, base: int, left: str, right: str) -> None:
    common = {"xref": "paper", "y": base, "yanchor": "bottom", "showarrow": False}
    figure.add_annotation(**common, x=0, xshift=-8, xanchor="right", text=left, font={"size": 14})
    figure.add_annotation(
        **common, x=1, xshift=8, xanchor="left", yshift=-3, align="left", text=right, font={"size": 13.5}
    )


def _legend(figure: Figure, words: Mapping[str, str]) -> None:
    entries = marked((BEFORE, "■", words["before"]), (AFTER, "■", f"<b>{words['after']}</b>"))
    legend(figure, entries, size=15, yshift=6)
    above = {"xref": "paper", "yref": "paper", "y": 1, "yanchor": "bottom", "yshift": 6, "showarrow": False}
    figure.add_annotation(
        **above, x=1, xshift=8, xanchor="left", text=f"<i>{words['mean_std']}</i>", font={"size": 15}
    )
    below = {**above, "y": 0, "yanchor": "top", "yshift": -4}
    figure.add_annotation(**below, x=1, xshift=8, xanchor="left", text=words["value"], font={"size": 13.5})


def _frame(figure: Figure, d: Distributions, rows: Sequence[SetRow], labels: Sequence[str]) -> None:
    right = letters([moments(s) for row in rows for s in (row.before, row.after)])
    figure.update_layout(
        height=60 + (ROW * len(rows) if len(rows) > 1 else SINGLE),
        margin={
            "l": max(52, 34 + 6 * letters(labels)),
            "r": max(104, 10 + 7 * right),
            "t": 34,
            "b": 34,
        },
    )
    # A number at the end of the axis would run into what stands beside it.
    figure.update_xaxes(
        **NUMBERS,
        range=[float(d.edges[0]), float(d.edges[-1])],
        ticklabeloverflow="hide past domain",
    )
    figure.update_yaxes(**ROWS, range=[-0.05, len(rows) + 0.35])
