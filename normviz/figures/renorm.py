"""r and d of every channel over the steps, within bounds that open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Scatter

from normviz.figures.steps import (
    OTHERS,
    drawn,
    key,
    line,
    lines,
    panel,
    panel_axis,
    steps_axis,
)
from normviz.figures.theme import BEFORE, SET, VERMILLION, marked, style
from normviz.reference import FloatArray
from normviz.renorm import Corrected

#: The pinned channel is the set, blue; clipped is Okabe and Ito's vermillion; all else is grey.
PINNED, CLIPPED, BAND = SET[0], VERMILLION, "rgba(135,146,160,.20)"
#: How many other channels hide the pinned one unless they are fainter; pixels.
CROWD, HEIGHT = 15, 464
#: r is a factor, so its axis is one of powers. The ticks of an axis that reaches at least so far on both sides of 1.
FACTORS = (
    (64.0, (1 / 64, 1 / 8, 1.0, 8.0, 64.0)),
    (8.0, (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)),
    (4.0, (1 / 4, 1 / 2, 1.0, 2.0, 4.0)),
    (3.0, (1 / 3, 1 / 2, 1.0, 2.0, 3.0)),
    (2.0, (1 / 2, 1.0, 2.0)),
    (1.5, (1 / 1.5, 1.0, 1.5)),
    (1.25, (0.8, 1.0, 1.25)),
    (1.1, (0.9, 1.0, 1.1)),
    (1.0, (0.95, 1.0, 1.05)),
)


def renorm_figure(run: Corrected, *, channel: int, words: Mapping[str, str]) -> Figure:
    """r (above, on a scale of powers) and d (below) as used, a line a channel, over the steps 1 ... T.

    The band is what the bounds allow. The pinned channel is blue, dotted where it would be without bounds; a mark says
    that a channel is clipped. At most 63 other channels are drawn, evenly chosen
    (:func:`normviz.figures.steps.drawn`). ``words`` has ``channel`` (it may hold ``{channel}``), ``others``,
    ``clipped``, ``unclipped``, ``allowed``, ``steps``, ``r`` and ``d``.

    >>> import normviz as nv
    >>> from normviz.nets.renorm import corrected
    >>> from normviz.renorm import Opening
    >>> run = corrected(nv.Sample().tensor((32, 3, 4, 4)), "batch_renorm", {}, Opening(), batch=4, steps=30)
    >>> english = dict(channel="channel {channel}", others="other channels", clipped="clipped", unclipped="unclipped",
    ...                allowed="allowed", steps="step", r="r", d="d")
    >>> renorm_figure(run, channel=2, words=english).layout.xaxis.range
    (0.5, 30.5)
    """
    figure = Figure()
    words = {name: text.format(channel=channel) for name, text in words.items()}
    factors = np.log2
    panels = (
        (factors(run.raw_r), factors(run.r), factors(run.r_max), run.clipped_r),
        (run.raw_d, run.d, run.d_max, run.clipped_d),
    )
    for row, (raw, used, bound, clipped) in enumerate(panels):
        axis = panel_axis(row)
        _band(figure, bound, words["allowed"], axis)
        _others(figure, used, clipped, channel, words, axis)
        _pinned(figure, raw[:, channel], used[:, channel], clipped[:, channel], words, axis)
        top = _reach(raw[:, channel], used, bound)
        panel(
            figure, row, words[("r", "d")[row]], range=(-top, top), nticks=6, **({} if row else _factors(top))
        )
    _legend(figure, words, alone=run.r.shape[1] == 1)
    steps_axis(figure, 1, len(run.r), words["steps"], height=HEIGHT)
    return style(figure)


def _band(figure: Figure, bound: FloatArray, name: str, axis: Mapping[str, str]) -> None:
    at = np.arange(1, len(bound) + 1)
    figure.add_trace(
        Scatter(
            x=np.concatenate([at, at[::-1]]), y=np.concatenate([bound, -bound[::-1]]), mode="lines", fill="toself",
            fillcolor=BAND, line={"color": OTHERS, "width": 1}, name=name, hoverinfo="skip", **axis,
        )
    )  # fmt: skip


def _others(
    figure: Figure,
    used: FloatArray,
    clipped: npt.NDArray[np.bool_],
    channel: int,
    words: Mapping[str, str],
    axis: Mapping[str, str],
) -> None:
    chosen = drawn(used.shape[1], channel)
    if not chosen:
        return
    at = np.arange(1, len(used) + 1)
    opacity = 1.0 if len(chosen) <= CROWD else 0.6
    lines(figure, at, used[:, chosen], words["others"], OTHERS, opacity=opacity, **axis)
    steps, which = np.nonzero(clipped[:, chosen])
    held = used[:, chosen][steps, which]
    # Channels at the same bound lie on one another: one mark for all.
    points = np.unique(np.stack([steps + 1.0, held], axis=1), axis=0)
    _marks(figure, points[:, 0], points[:, 1], words["clipped"], CLIPPED, 3.5, axis, opacity=0.55)


def _pinned(
    figure: Figure,
    raw: FloatArray,
    used: FloatArray,
    clipped: npt.NDArray[np.bool_],
    words: Mapping[str, str],
    axis: Mapping[str, str],
) -> None:
    at = np.arange(1, len(used) + 1)
    if clipped.any():
        # Only where it differs, with a neighbour on both sides, so that the line leaves the drawn one and comes back.
        near = clipped | np.append(clipped[1:], False) | np.append(False, clipped[:-1])
        line(figure, at, np.where(near, raw, np.nan), words["unclipped"], PINNED, 1.25, dash="dot", **axis)
    line(figure, at, used, words["channel"], PINNED, 2, **axis)
    _marks(figure, at[clipped], used[clipped], words["clipped"], CLIPPED, 6, axis)


def _reach(raw: FloatArray, used: FloatArray, bound: FloatArray) -> float:
    """How far from the middle a panel reaches: to all that is used, and to what was clipped up to twice the bound."""
    finite = np.abs(np.concatenate([used.reshape(-1), np.clip(raw, -2 * bound.max(), 2 * bound.max())]))
    finite = finite[np.isfinite(finite)]
    most = float(finite.max()) if finite.size else 0.0
    beyond = np.abs(raw[np.isfinite(raw)])
    if most < 0.05 and beyond.size:  # shut bounds: show what they hold back
        most = min(float(beyond.max()), 2.0)
    return 1.12 * max(most, 0.05)


def _factors(top: float) -> dict[str, Any]:
    """The ticks of the axis of r."""
    ticks = next(ticks for factor, ticks in FACTORS if math.log2(factor) <= top)
    return {"tickvals": [math.log2(f) for f in ticks], "ticktext": [_factor(f) for f in ticks]}


def _legend(figure: Figure, words: Mapping[str, str], *, alone: bool) -> None:
    first = [(PINNED, "━", f"<b>{words['channel']}</b>"), (PINNED, "┅", words["unclipped"])]
    second = [
        (BEFORE, "━", words["others"]),
        (CLIPPED, "●", words["clipped"]),
        (BEFORE, "▒", words["allowed"]),
    ]
    key(figure, marked(*first), marked(*(second[1:] if alone else second)))


def _marks(
    figure: Figure,
    x: Any,
    y: Any,
    name: str,
    color: str,
    size: float,
    axis: Mapping[str, str],
    opacity: float = 1,
) -> None:
    marker = {"color": color, "size": size, "opacity": opacity}
    figure.add_trace(Scatter(x=x, y=y, mode="markers", marker=marker, name=name, hoverinfo="skip", **axis))


def _factor(value: float) -> str:
    """A factor as people say it.

    >>> _factor(1 / 3), _factor(0.8), _factor(2 / 3), _factor(2.0)
    ('1/3', '0.8', '0.67', '2')
    """
    over = 1 / value
    if value < 0.6 and abs(over - round(over)) < 1e-9:
        return f"1/{over:g}"
    return f"{value:.3g}" if value > 1 else f"{value:.2g}"
