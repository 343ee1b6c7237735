"""Every device's mean and standard deviation beside the synchronised ones: dots around a line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from plotly.graph_objects import Figure, Scatter
from plotly.subplots import make_subplots

from normviz.figures.ridge import label, moments
from normviz.figures.theme import (
    AFTER,
    AFTER_FILL,
    BASELINE,
    CELL,
    NUMBERS,
    ROWS,
    SET,
    legend,
    letters,
    marked,
    style,
)
from normviz.records import Summary
from normviz.reference import FloatArray
from normviz.splits import DeviceStatistics

#: Blue and amber that stand out on light and dark.
DEVICE, PINNED = SET[2], CELL[0]
ROW = 28
PANELS = ("(<i>μ<sub>k</sub></i> − <i>μ</i>) / <i>σ</i>", "<i>σ<sub>k</sub></i> / <i>σ</i>")


def all_sets(
    d: DeviceStatistics,
    *,
    words: Mapping[str, str],
    axes: Sequence[str],
    shown: Sequence[int],
    pinned: int | None = None,
) -> Figure:
    """A row a set, a dot a device: left (mean_k - mean) / std, right std_k / std; lines mark the synchronised 0 and 1.

    ``shown`` are the numbers of the sets; ``pinned`` is the device with the pinned cell, drawn in the cell's colour.
    ``axes`` names the tensor's axes in order. ``words`` has ``each``, ``pinned`` and ``synchronised``.
    Raises ValueError where ``axes`` does not name every axis.

    >>> from normviz.spec import StatSet
    >>> from normviz.extents import Whole
    >>> from normviz.splits import shares
    >>> x = np.arange(24.0).reshape(4, 6) ** 2
    >>> found = DeviceStatistics.of(x, StatSet.over(N=Whole()), shares(4, 2))
    >>> english = dict(each="each device", pinned="the pinned cell's", synchronised="synchronised")
    >>> figure = all_sets(found, words=english, axes="NC", shown=(0, 1))
    >>> [len(trace.x) for trace in figure.data if trace.name == "each device"]
    [4, 4]
    """
    lengths = [int(block[-1][1]) for block in d.blocks]
    labels = [label(d.box(number), axes, lengths) for number in shown]
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.06)
    base = np.arange(len(shown))[::-1]
    for column, (values, line, title) in enumerate(
        zip((d.shift, d.ratio), (0.0, 1.0), PANELS, strict=True), 1
    ):
        picked = values[:, list(shown)]
        reach = _reach(picked - line)
        text = {"text": title, "font": {"size": 14}, "standoff": 8}
        figure.update_xaxes(range=[line - reach, line + reach], nticks=6, title=text, row=1, col=column)
        _line(figure, line, len(shown), words["synchronised"], row=1, col=column)
        low, high = np.fmin.reduce(picked), np.fmax.reduce(picked)
        for y, left, right in zip(base, low, high, strict=True):
            _bar(figure, (left, right), y, BASELINE, 2, row=1, col=column)
        others = [k for k in range(len(picked)) if k != pinned]
        _dots(figure, picked[others], base, words["each"], DEVICE, row=1, col=column)
        if pinned is not None:
            _dots(figure, picked[[pinned]], base, words["pinned"], PINNED, row=1, col=column)
    for y, name in zip(base, labels, strict=True):
        _beside(figure, float(y), name)
    left = max(52, 30 + 7 * letters(labels))
    _named(figure, words, pinned is not None, left)
    return _framed(figure, len(shown), left=left, right=16, bottom=60)


def one_set(
    d: DeviceStatistics,
    number: int,
    *,
    words: Mapping[str, str],
    pinned: int | None = None,
    limit: int = 16,
) -> Figure:
    """One set in its own units, a row a device: mean and standard deviation around the synchronised line and band.

    ``words`` has ``each``, ``pinned``, ``synchronised``, ``device`` (with {number}) and ``none``. At most ``limit``
    devices are drawn.
    """
    figure = Figure()
    mean, var = float(d.joined_mean[number]), float(d.joined_var[number])
    std = math.sqrt(var) if var >= 0 else math.nan
    drawn = range(min(limit, len(d.mean)))
    ends = [
        m + s * math.sqrt(v)
        for m, v in zip(d.mean[:, number], d.var[:, number], strict=True)
        for s in (-1, 1)
    ]
    reach = _reach(np.array([*ends, mean - std, mean + std]) - mean)
    if math.isfinite(mean):
        figure.add_vrect(
            mean - std, mean + std, fillcolor=AFTER_FILL, opacity=0.5, line_width=0, layer="below"
        )
        _line(figure, mean, len(drawn) + 1, words["synchronised"])
        figure.update_xaxes(range=[mean - reach, mean + reach])
    top = len(drawn)
    rows = [
        (words["device"].format(number=k), d.mean[k, number], d.var[k, number], d.values[k]) for k in drawn
    ]
    said: list[str] = []
    for k, (name, m, v, count) in enumerate(rows):
        y = top - k
        colour = PINNED if k == pinned else DEVICE
        if math.isfinite(m):
            _bar(figure, (m - math.sqrt(v), m + math.sqrt(v)), y, colour, 3)
            _dots(figure, np.array([[m]]), np.array([y]), words["pinned" if k == pinned else "each"], colour)
        said.append(_written(m, v, int(count)) if count else words["none"])
        _beside(figure, y, name, said[-1])
    said.append(_written(mean, var, int(d.values.sum())))
    _beside(figure, 0, f"<b>{words['synchronised']}</b>", f"<b>{said[-1]}</b>")
    if math.isfinite(mean):
        _bar(figure, (mean - std, mean + std), 0, AFTER, 3)
        _dots(figure, np.array([[mean]]), np.array([0]), words["synchronised"], AFTER)
    names = [words["synchronised"], *(name for name, *_ in rows)]
    left = 24 + 8 * letters(names)
    _named(figure, words, pinned is not None and pinned in drawn, left)
    return _framed(figure, top + 1, left=left, right=max(112, 12 + 7 * letters(said)), bottom=34)


def _written(mean: float, var: float, count: int) -> str:
    return moments(Summary(count, float(mean), float(var), math.nan, math.nan, 0))


def _reach(distances: FloatArray) -> float:
    """Half the width of an axis that holds them all, with room for a dot."""
    finite = np.abs(distances[np.isfinite(distances)])
    largest = float(finite.max(initial=0.0))
    return largest * 1.15 if largest > 1e-9 else 1.0


def _bar(
    figure: Figure, ends: tuple[float, float], y: float, colour: str, width: float, **where: int
) -> None:
    if all(map(math.isfinite, ends)):
        line = {"color": colour, "width": width}
        figure.add_trace(
            Scatter(x=list(ends), y=[y, y], mode="lines", line=line, hoverinfo="skip", name=""), **where
        )


def _line(figure: Figure, x: float, rows: int, name: str, **where: int) -> None:
    """The synchronised value, through all rows: a trace, because shapes lie below the grid or above the dots."""
    line = {"color": AFTER, "width": 2.5}
    figure.add_trace(
        Scatter(x=[x, x], y=[-0.6, rows - 0.4], mode="lines", line=line, hoverinfo="skip", name=name), **where
    )


def _dots(figure: Figure, values: FloatArray, base: np.ndarray, name: str, colour: str, **where: int) -> None:
    """A dot for every finite value of (devices, rows)."""
    y = np.broadcast_to(base, values.shape)
    there = np.isfinite(values)
    marker = {"color": colour, "size": 10, "line": {"color": "rgba(20,25,31,.75)", "width": 1}}
    figure.add_trace(
        Scatter(x=values[there], y=y[there], mode="markers", marker=marker, hoverinfo="skip", name=name),
        **where,
    )


def _beside(figure: Figure, y: float, left: str, right: str = "") -> None:
    common = {"xref": "paper", "yref": "y", "y": y, "yanchor": "middle", "showarrow": False}
    figure.add_annotation(**common, x=0, xshift=-8, xanchor="right", text=left, font={"size": 14})
    if right:
        figure.add_annotation(**common, x=1, xshift=8, xanchor="left", text=right, font={"size": 13.5})


def _named(figure: Figure, words: Mapping[str, str], pinned: bool, left: int) -> None:
    """From the picture's left edge: a phone has no room to spare."""
    entries = [(DEVICE, "●", words["each"])]
    if pinned:
        entries.append((PINNED, "●", words["pinned"]))
    entries.append((AFTER, "┃", f"<b>{words['synchronised']}</b>"))
    legend(figure, marked(*entries), xshift=8 - left)


def _framed(figure: Figure, rows: int, *, left: int, right: int, bottom: int) -> Figure:
    figure.update_layout(
        height=40 + bottom + ROW * rows, margin={"l": left, "r": right, "t": 36, "b": bottom}
    )
    figure.update_xaxes(**NUMBERS)
    figure.update_yaxes(**ROWS, range=[-0.6, rows - 0.4])
    return style(figure)
