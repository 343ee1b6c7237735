"""r and d of every channel over the steps, within bounds that open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Scatter

from normviz.figures.theme import BEFORE, SET, style
from normviz.reference import FloatArray
from normviz.renorm import Corrected

#: The pinned channel is the set, blue; clipped is Okabe and Ito's vermillion; all else is grey.
PINNED, CLIPPED, OTHERS, BAND = SET[0], "#D55E00", "rgba(135,146,160,.55)", "rgba(135,146,160,.20)"
#: Where the two panels lie, as shares of the height; the most channels drawn besides the pinned one, and how many of
#: them hide it unless they are fainter.
PANELS = ((0.56, 1.0), (0.0, 0.44))
DRAWN, CROWD = 63, 15
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


def renorm_figure(run: Corrected, *, channel: int, step: int, words: Mapping[str, str]) -> Figure:
    """r (above, on a scale of powers) and d (below) as used, a line a channel, over the steps 1 ... T.

    The band is what the bounds allow. The pinned channel is blue, dotted where it would be without bounds; a mark says
    that a channel is clipped. ``step`` is marked, with its numbers beside. At most 63 other channels are drawn, evenly
    chosen (:func:`drawn`). ``words`` has ``channel``, ``others``, ``clipped``, ``unclipped``, ``allowed``, ``step``
    (each may hold ``{channel}`` and ``{step}``), ``steps``, ``r`` and ``d``.

    >>> import normviz as nv
    >>> from normviz.nets.renorm import corrected
    >>> from normviz.renorm import Opening
    >>> run = corrected(nv.Sample().tensor((32, 3, 4, 4)), "batch_renorm", {}, Opening(), batch=4, steps=30)
    >>> english = dict(channel="channel {channel}", others="other channels", clipped="clipped", unclipped="unclipped",
    ...                allowed="allowed", step="step {step}", steps="step", r="r", d="d")
    >>> renorm_figure(run, channel=2, step=5, words=english).layout.xaxis.range
    (0.5, 30.5)
    """
    figure = Figure()
    words = {key: text.format(channel=channel, step=step) for key, text in words.items()}
    factors = np.log2
    panels = (
        (factors(run.raw_r), factors(run.r), factors(run.r_max), run.clipped_r, run.r),
        (run.raw_d, run.d, run.d_max, run.clipped_d, run.d),
    )
    for row, (raw, used, bound, clipped, shown) in enumerate(panels):
        axis = {"xaxis": "x", "yaxis": f"y{row + 1}" if row else "y"}
        _band(figure, bound, words["allowed"], axis)
        _others(figure, used, clipped, channel, words, axis)
        _pinned(figure, raw[:, channel], used[:, channel], clipped[:, channel], step, words, axis)
        top = _reach(raw[:, channel], used, bound)
        _panel(figure, row, top, words[("r", "d")[row]])
        _beside(figure, row, words["step"], float(shown[step - 1, channel]))
    _legend(figure, words, alone=run.r.shape[1] == 1)
    _axis(figure, len(run.r), step, words["steps"])
    figure.update_layout(height=460, margin={"l": 44, "r": 68, "t": 70, "b": 34})
    return style(figure)


def drawn(channels: int, channel: int) -> list[int]:
    """The channels that are drawn besides the pinned one.

    >>> drawn(4, 1), len(drawn(1000, 0))
    ([0, 2, 3], 63)
    """
    others = [k for k in range(channels) if k != channel]
    if len(others) <= DRAWN:
        return others
    return [others[round(k)] for k in np.linspace(0, len(others) - 1, DRAWN)]


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
    # One trace for all: the pen is lifted (NaN) between two channels.
    x = np.tile(np.append(at, at[-1]), len(chosen))
    y = np.concatenate([np.append(used[:, k], math.nan) for k in chosen])
    opacity = 1.0 if len(chosen) <= CROWD else 0.6
    _line(figure, x, y, words["others"], OTHERS, 1, opacity=opacity, **axis)
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
    step: int,
    words: Mapping[str, str],
    axis: Mapping[str, str],
) -> None:
    at = np.arange(1, len(used) + 1)
    if clipped.any():
        # Only where it differs, with a neighbour on both sides, so that the line leaves the drawn one and comes back.
        near = clipped | np.append(clipped[1:], False) | np.append(False, clipped[:-1])
        _line(figure, at, np.where(near, raw, np.nan), words["unclipped"], PINNED, 1.25, dash="dot", **axis)
    _line(figure, at, used, words["channel"], PINNED, 2, **axis)
    _marks(figure, at[clipped], used[clipped], words["clipped"], CLIPPED, 6, axis)
    color = CLIPPED if clipped[step - 1] else PINNED
    _marks(figure, [step], [used[step - 1]], words["step"], color, 11, axis)


def _reach(raw: FloatArray, used: FloatArray, bound: FloatArray) -> float:
    """How far from the middle a panel reaches: to all that is used, and to what was clipped up to twice the bound."""
    finite = np.abs(np.concatenate([used.reshape(-1), np.clip(raw, -2 * bound.max(), 2 * bound.max())]))
    finite = finite[np.isfinite(finite)]
    most = float(finite.max()) if finite.size else 0.0
    beyond = np.abs(raw[np.isfinite(raw)])
    if most < 0.05 and beyond.size:  # shut bounds: show what they hold back
        most = min(float(beyond.max()), 2.0)
    return 1.12 * max(most, 0.05)


def _panel(figure: Figure, row: int, top: float, title: str) -> None:
    look: dict[str, Any] = {"domain": PANELS[row], "range": (-top, top), "nticks": 6}
    if row == 0:
        ticks = next(ticks for factor, ticks in FACTORS if math.log2(factor) <= top)
        look |= {"tickvals": [math.log2(f) for f in ticks], "ticktext": [_factor(f) for f in ticks]}
    figure.update_layout(
        {
            f"yaxis{row + 1}" if row else "yaxis": {
                **look, "fixedrange": True, "zeroline": False, "ticks": "", "tickfont": {"size": 13},
            }
        }
    )  # fmt: skip
    figure.add_annotation(
        xref="paper", yref="paper", x=0, y=PANELS[row][1], xanchor="left", yanchor="bottom", yshift=2,
        showarrow=False, text=title, font={"size": 14},
    )  # fmt: skip


def _beside(figure: Figure, row: int, step: str, value: float) -> None:
    """The pinned channel's number at this step."""
    said = f"{value:.3f}".replace("-", "−")
    figure.add_annotation(
        xref="paper", yref="paper", x=1, y=sum(PANELS[row]) / 2, xshift=8, xanchor="left", yanchor="middle",
        align="left", showarrow=False, text=f"{step}<br><b>{said}</b>", font={"size": 13.5},
    )  # fmt: skip


def _legend(figure: Figure, words: Mapping[str, str], *, alone: bool) -> None:
    first = [(PINNED, "━", f"<b>{words['channel']}</b>"), (PINNED, "┅", words["unclipped"])]
    second = [
        (BEFORE, "━", words["others"]),
        (CLIPPED, "●", words["clipped"]),
        (BEFORE, "▒", words["allowed"]),
    ]
    lines = (first, second[1:] if alone else second)
    text = "<br>".join(
        "   ".join(f"<span style='color:{color}'>{mark}</span> {said}" for color, mark, said in line)
        for line in lines
    )
    figure.add_annotation(
        xref="paper", yref="paper", x=0, y=1, xshift=-40, xanchor="left", yanchor="bottom", yshift=26,
        align="left", showarrow=False, text=text, font={"size": 14},
    )  # fmt: skip


def _axis(figure: Figure, steps: int, step: int, title: str) -> None:
    line = {"color": BEFORE, "width": 1.25}
    figure.add_shape(type="line", x0=step, x1=step, y0=0, y1=1, yref="paper", line=line, layer="below")
    figure.update_xaxes(
        range=[0.5, steps + 0.5], fixedrange=True, showgrid=False, zeroline=False, ticks="", anchor="y2",
        tickfont={"size": 13},
    )  # fmt: skip
    figure.add_annotation(
        xref="paper", yref="paper", x=1, y=0, xshift=14, xanchor="left", yanchor="top", yshift=-6, showarrow=False,
        text=title, font={"size": 13.5},
    )  # fmt: skip


def _line(
    figure: Figure,
    x: Any,
    y: FloatArray,
    name: str,
    color: str,
    width: float,
    *,
    dash: str = "solid",
    **look: Any,
) -> None:
    line = {"color": color, "width": width, "dash": dash}
    figure.add_trace(Scatter(x=x, y=y, mode="lines", line=line, name=name, hoverinfo="skip", **look))


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
