"""Two traces of matched layers: their outputs on one axis, row by row, and their spread over depth in one panel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from plotly.graph_objects import Figure

from normviz.changes import Pair
from normviz.figures.depth_axis import depth_axis
from normviz.figures.depth_panel import TITLE, frame, frame_panel, hits, line, marks
from normviz.figures.entries import flowed, share
from normviz.figures.layer_rows import Look, Ridge, Row, escaped, stack, summary
from normviz.figures.ridge import moments
from normviz.figures.theme import BEFORE, CATEGORIES, clear
from normviz.traces import Trace

Words = Mapping[str, str]

#: The colours of the first and of the second run.
FIRST, SECOND = CATEGORIES[:2]
#: Pixels: the panel of the spread, and that of the distance.
SPREAD, APART = 150, 90


def pair_ridge(
    first: Trace,
    second: Trace,
    groups: Sequence[tuple[str, Sequence[Pair]]],
    names: tuple[str, str],
    *,
    words: Words,
    log: bool | None = None,
) -> Ridge:
    """The outputs of matched layers of two traces, a row a pair, as :func:`normviz.figures.layer_rows.stack` draws.

    The rows' numbers are those of the first trace. ``names`` are the runs' names; ``words`` has ``value``,
    ``value_log`` (``{linear}``), ``mean_std`` and ``distance``.
    """
    looks = Look(names[0], FIRST, clear(FIRST, 0.22), 1.25), Look(names[1], SECOND, clear(SECOND, 0.28), 1.75)
    rows = [(title, [_row(first, second, pair, names, words) for pair in pairs]) for title, pairs in groups]
    return stack(rows, looks, words=words, log=log)


def pair_depth(pairs: Sequence[Pair], names: tuple[str, str], *, words: Words) -> Figure:
    """The standard deviation of matched layers in both runs, and below it how far their distributions are apart.

    The panels share the axis of layers; the last trace of each holds a point a layer, whose ``customdata`` is the
    layer's number in the first trace. ``words`` has ``std_panel``, ``apart_panel``, ``layer``, ``distance``, ``zero``
    and ``nonfinite``. Raises ValueError where there is no pair.
    """
    if not pairs:
        raise ValueError(
            "There is no pair of layers to draw: compare traces that have layers of the same names."
        )
    figure = Figure()
    stds = np.array([pair.std for pair in pairs], np.float64).T
    apart = np.array([pair.distance for pair in pairs], np.float64)
    numbers, hover = [pair.numbers[0] for pair in pairs], [_told(pair, names, words) for pair in pairs]
    at, inner = np.arange(len(pairs)), SPREAD + APART + 2 * TITLE
    both, below = depth_axis(stds.reshape(-1)), depth_axis(apart, share=True)
    seen = np.zeros(2, bool)
    for values, colour in zip(stds, (FIRST, SECOND), strict=True):
        line(figure, at, values, both, colour, 0)
        seen |= marks(figure, values, both, colour, 0)
    hits(figure, np.fmax(*stds), both, numbers, hover, 0)
    line(figure, at, apart, below, BEFORE, 1)
    seen |= marks(figure, apart, below, BEFORE, 1)
    hits(figure, apart, below, numbers, hover, 1)
    frame_panel(figure, both, 0, (TITLE, SPREAD, inner), words["std_panel"])
    frame_panel(figure, below, 1, (SPREAD + 2 * TITLE, APART, inner), words["apart_panel"])
    entries = [(FIRST, "━", escaped(names[0])), (SECOND, "━", f"<b>{escaped(names[1])}</b>")]
    entries += [(BEFORE, "▼", words["zero"])] * bool(seen[0]) + [(BEFORE, "✖", words["nonfinite"])] * bool(
        seen[1]
    )
    return frame(figure, len(pairs), inner, 1, words["layer"], flowed(entries))


def _row(first: Trace, second: Trace, pair: Pair, names: tuple[str, str], words: Words) -> Row:
    a, b = first.layers[pair.numbers[0]], second.layers[pair.numbers[1]]
    ops = list(dict.fromkeys(pair.ops))
    lines = [f"<b>{escaped(pair.name)}</b>  {escaped(' / '.join(ops))}"]
    lines += [
        f"{escaped(name)}: {words['mean_std']}  {moments(summary(one))}"
        for name, one in zip(names, (a, b), strict=True)
    ]
    lines.append(_apart(pair, words))
    return Row(pair.numbers[0], pair.name, a, b, "<br>".join(lines))


def _apart(pair: Pair, words: Words) -> str:
    said = "NaN" if math.isnan(pair.distance) else share(round(1e6 * pair.distance), 10**6)
    return f"{words['distance']}  {said}"


def _told(pair: Pair, names: tuple[str, str], words: Words) -> str:
    lines = [f"<b>{escaped(pair.name)}</b>"]
    lines += [f"{escaped(name)}: σ {std:.3g}" for name, std in zip(names, pair.std, strict=True)]
    return "<br>".join([*lines, _apart(pair, words)])
