"""The channels of a layer as a strip: mean ± standard deviation of each over its number, one or several series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Scatter

from normviz.figures.theme import BASELINE, NUMBERS, ORANGE, VERMILLION, legend, letters, marked, style
from normviz.reference import FloatArray

#: Pixels of the plot, and of a line of the legend.
HEIGHT, LINE = 240, 22
#: So many letters fit in one line of the legend, on a phone too.
SHORT = 46
#: What lies further out than this many times what 98 % of the channels need is drawn at the edge.
APART = 3.0
#: Marks below the strip: every value is 0, or all are one other value.
DEAD, CONSTANT = ("✕", VERMILLION), ("◆", ORANGE)


@dataclass(frozen=True, eq=False)
class Series:
    """The mean and the biased variance of every channel, (C,) each, under a name and in two colours; NaN is left out.

    With ``outlined`` the band is drawn by its edges alone, so that it does not hide another's.
    """

    name: str
    mean: FloatArray
    var: FloatArray
    color: str
    fill: str
    outlined: bool = False

    @property
    def std(self) -> FloatArray:
        """The standard deviations."""
        with np.errstate(invalid="ignore"):  # a file may say that a variance is negative
            return np.sqrt(self.var)


def channel_strip(series: Sequence[Series], *, words: Mapping[str, str], mark: int = -1) -> Figure:
    """Every channel's mean as a step and mean ± standard deviation as a band, all series on one axis.

    Below stand the marks of channels of the last series that are dead (0 everywhere) or constant (variance 0). Where a
    few channels reach far beyond the others they are cut off at the edge, and an arrow says so; the numbers stand at
    a touch. ``mark`` is a channel to point out, -1 for none. ``words`` has ``channel`` (a template with ``{channel}``),
    ``axis``, ``band``, ``dead`` and ``constant``.

    Raises ValueError where there is no series, or they differ in length.

    >>> english = dict(channel="channel {channel}", axis="channel", band="μ ± σ", dead="dead", constant="constant")
    >>> one = Series("after", np.array([0.0, 1.0]), np.array([1.0, 0.0]), "#000000", "rgba(0,0,0,.3)")
    >>> figure = channel_strip([one], words=english)
    >>> [trace.name for trace in figure.data]
    ['after ±', 'after', 'constant']
    """
    lengths = {array.shape for one in series for array in (one.mean, one.var)}
    if len(lengths) != 1 or len(next(iter(lengths))) != 1:
        raise ValueError(
            f"{len(series)} series with means and variances of shapes {sorted(lengths)}: at least one series is "
            "needed, and all arrays must be (C,), one number a channel."
        )
    low, high, cut = _reach(series)
    figure = Figure()
    figure.add_hline(y=0, line={"color": BASELINE, "width": 1}, layer="below")
    for one in series:
        _band(figure, one, low, high)
    for one in series:
        _line(figure, one, low, high, words["channel"])
    last = series[-1]
    floor = low - 0.06 * (high - low)
    flat = last.var == 0
    entries = [(one.color, "■", one.name) for one in series]
    for (sign, color), found, name in (
        (DEAD, flat & (last.mean == 0), "dead"),
        (CONSTANT, flat & (last.mean != 0), "constant"),
    ):
        if found.any():
            _signs(figure, np.flatnonzero(found), floor, sign, color, words[name])
            entries.append((color, sign, f"{words[name]}: {int(found.sum()):,}"))
    if 0 <= mark < last.mean.size:
        figure.add_vline(x=mark, line={"color": BASELINE, "width": 1.5, "dash": "dot"}, layer="below")
    for channel, top in cut:
        side = (
            {"y": high, "yanchor": "top", "text": "↑"}
            if top
            else {"y": low, "yanchor": "bottom", "text": "↓"}
        )
        figure.add_annotation(x=channel, showarrow=False, font={"size": 13}, **side)
    wide = sum(letters([name]) + 4 for _, _, name in entries)
    said = [marked(*entries)] if wide <= SHORT else [marked(entry) for entry in entries]
    legend(figure, *said, f"<i>{words['band']}</i>")
    above = LINE * (len(said) + 1)
    count = last.mean.size
    room = max(0.5, count * 0.005)
    figure.update_layout(height=HEIGHT + above + 44, margin={"l": 8, "r": 8, "t": above + 4, "b": 40})
    figure.update_xaxes(
        **NUMBERS | {"showgrid": False},
        range=[-room, count - 1 + room],
        tickformat=",d",
        nticks=9,
        tickangle=0,
    )
    figure.update_xaxes(title={"text": words["axis"], "standoff": 4, "font": {"size": 14}})
    if count <= 10:
        figure.update_xaxes(dtick=1)
    figure.update_yaxes(**NUMBERS, range=[low - 0.12 * (high - low), high], automargin=True, nticks=6)
    return style(figure).update_layout(hovermode="x")


def _reach(series: Sequence[Series]) -> tuple[float, float, list[tuple[int, bool]]]:
    """The ends of the axis, and the channels beyond them, each with whether it is the upper end."""
    lower = np.stack([one.mean - one.std for one in series])
    upper = np.stack([one.mean + one.std for one in series])
    known = np.concatenate([lower[np.isfinite(lower)], upper[np.isfinite(upper)], [0.0]])
    usual = float(np.quantile(np.abs(known), 0.98)) or float(np.abs(known).max()) or 1.0
    limit = APART * usual if np.abs(known).max() > APART * usual else np.inf
    low, high = float(np.maximum(known.min(), -limit)), float(np.minimum(known.max(), limit))
    room = 0.04 * (high - low) or 1.0
    with np.errstate(invalid="ignore"):
        above = np.flatnonzero((upper > limit).any(0))
        below = np.flatnonzero((lower < -limit).any(0))
    # Few arrows say as much as many.
    cut = [(int(k), True) for k in above[:40]] + [(int(k), False) for k in below[:40]]
    return low - room, high + room, cut


def _stairs(values: FloatArray, low: float, high: float) -> FloatArray:
    return np.repeat(np.clip(values, low, high), 2)


def _sides(count: int) -> FloatArray:
    """Where each channel's step begins and ends."""
    return (np.arange(count)[:, None] + np.array([-0.5, 0.5])).reshape(-1)


def _band(figure: Figure, one: Series, low: float, high: float) -> None:
    known = np.isfinite(one.mean) & np.isfinite(one.var)
    x = _sides(one.mean.size)
    xs: list[npt.NDArray[Any]] = []
    ys: list[npt.NDArray[Any]] = []
    # A polygon for every run of channels that have numbers, None between them.
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.view(np.int8), [0]])))
    top, bottom = _stairs(one.mean + one.std, low, high), _stairs(one.mean - one.std, low, high)
    for start, stop in edges.reshape(-1, 2):
        run = slice(2 * start, 2 * stop)
        xs += [x[run], x[run][::-1], np.array([np.nan])]
        ys += [top[run], bottom[run][::-1], np.array([np.nan])]
    if not xs:
        return
    figure.add_trace(
        Scatter(
            x=np.concatenate(xs).astype(np.float32),
            y=np.concatenate(ys).astype(np.float32),
            mode="lines",
            line={"width": 1 if one.outlined else 0, "color": one.color},
            fill="none" if one.outlined else "toself",
            fillcolor=one.fill,
            name=f"{one.name} ±",
            hoverinfo="skip",
        )
    )


def _line(figure: Figure, one: Series, low: float, high: float, channel: str) -> None:
    numbers = "μ <b>%{customdata[0]:.3g}</b>, σ <b>%{customdata[1]:.3g}</b>"
    figure.add_trace(
        Scatter(
            x=np.arange(one.mean.size),
            y=np.clip(one.mean, low, high).astype(np.float32),
            mode="lines" if one.mean.size > 1 else "markers",
            line={"color": one.color, "width": 1.75 if one.mean.size <= 256 else 1.1, "shape": "hvh"},
            marker={"color": one.color, "size": 8},
            name=one.name,
            # The line is cut off at the edge, the numbers are not.
            customdata=np.stack([one.mean, one.std], axis=1).astype(np.float32),
            hovertemplate=f"{channel.format(channel='%{x}')}<br>{one.name}: {numbers}<extra></extra>",
        )
    )


def _signs(
    figure: Figure, channels: npt.NDArray[np.intp], y: float, sign: str, color: str, name: str
) -> None:
    symbol = {"✕": "x", "◆": "diamond"}[sign]
    figure.add_trace(
        Scatter(x=channels, y=np.full(channels.size, y), mode="markers", name=name,
                marker={"color": color, "size": 7, "symbol": symbol},
                hovertemplate=f"{name}<extra></extra>")
    )  # fmt: skip
