"""Kernels as arrows, whose length and direction can be seen apart, and their lengths as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Bar, Figure, Scatter

from normviz.figures.theme import AFTER, AFTER_FILL, BASELINE, BEFORE, BEFORE_FILL, legend, marked, style
from normviz.figures.values import number
from normviz.reference import FloatArray
from normviz.weights import lengths, plane

#: The most pairs of bars; pixels of the plane, of the bars, and of a line of their legend.
BARS, PLANE, ROW, LINE = 24, 305, 210, 20
#: A third thing to compare with: Okabe and Ito's reddish purple.
OTHER = "#CC79A7"


def arrows(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    *,
    dim: int,
    place: int,
    reach: float,
    words: Mapping[str, str],
    height: int = PLANE,
) -> Figure:
    """Every kernel before (grey) and after (green) as an arrow from 0, drawn with its true length and its true angle
    to the constant kernel (:mod:`normviz.weights`); a dotted half circle through the end of the one at ``place``.

    ``before`` and ``after`` are (O, I, H, W) or (O, I), an arrow for each place along the axis ``dim``. The axes go
    from -reach to reach and from 0 to reach, in the unit of the weights. ``words`` has ``v``, ``w``, ``along`` and
    ``across``. An arrow that is not finite is left out.
    ``height`` is in pixels.

    >>> v = np.random.default_rng(0).standard_normal((4, 2, 3, 3))
    >>> english = dict(v="v", w="w", along="along", across="across")
    >>> len(arrows(v, 2 * v, dim=0, place=1, reach=20.0, words=english).data)
    7
    """
    ends = [np.stack(plane(kernel, dim), 1) for kernel in (before, after)]
    radius = float(np.hypot(*ends[1][place]))
    figure = Figure()
    if np.isfinite(radius):
        turn = np.linspace(0, np.pi, 121)
        figure.add_trace(_line(radius * np.cos(turn), radius * np.sin(turn), AFTER, 1.25, dash="dot"))
        figure.add_annotation(
            x=radius * np.cos(0.3), y=radius * np.sin(0.3), text=number(radius), showarrow=False,
            font={"size": 13}, xanchor="left", xshift=3,
        )  # fmt: skip
    for end, colour, width in zip(ends, (BEFORE, AFTER), (1.5, 1), strict=True):
        others = np.delete(end, place, 0)
        others = others[np.isfinite(others).all(1)]
        x, y = (_spokes(column) for column in others.T)
        figure.add_trace(_line(x, y, colour, width, opacity=0.55))
        figure.add_trace(
            Scatter(
                x=others[:, 0],
                y=others[:, 1],
                mode="markers",
                marker={"color": colour, "size": 4, "opacity": 0.75},
            )
        )
    for end, colour, width, name in zip(ends, (BEFORE, AFTER), (7, 2.5), ("v", "w"), strict=True):
        x, y = end[place]
        if np.isfinite([x, y]).all():
            figure.add_trace(_line([0, x], [0, y], colour, width))
            _head(figure, x, y, colour, 1.2 if name == "v" else 1.4, width)
    _legend(figure, words["v"], words["w"])
    common = {
        "fixedrange": True,
        "zeroline": True,
        "zerolinecolor": BASELINE,
        "zerolinewidth": 1,
        "ticks": "",
    }
    figure.update_xaxes(
        **common,
        range=[-reach, reach],
        title={"text": words["along"], "font": {"size": 13}},
        constrain="domain",
    )
    figure.update_yaxes(
        **common,
        range=[-0.04 * reach, reach],
        title={"text": words["across"], "font": {"size": 13}},
        scaleanchor="x",
        constrain="domain",
        constraintoward="top",
    )
    figure.update_layout(height=height, margin={"l": 50, "r": 8, "t": 30, "b": 44})
    return style(figure)


def bars(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    *,
    dim: int,
    place: int,
    reach: float,
    words: Mapping[str, str],
    axis: str,
    other: float | None = None,
) -> Figure:
    """The lengths before (grey) and after (green), a pair of bars for each place along the axis ``dim``.

    At most 24 pairs, with that of ``place`` among them, which is marked. ``other`` is a length to compare with, drawn
    as a dashed line where it is within ``reach``, and named in the legend. ``axis`` names the axis; ``words`` has
    ``v``, ``w``, ``length``, and ``other`` with a place for the length.
    """
    sizes = [lengths(kernel, dim) for kernel in (before, after)]
    first = window(place, len(sizes[0]), BARS)
    shown = range(first, min(first + BARS, len(sizes[0])))
    names = [f"<i>{axis}</i> {k}" if k != place else f"<b><i>{axis}</i> {k}</b>" for k in shown]
    figure = Figure()
    for size, colour, fill in zip(sizes, (BEFORE, AFTER), (BEFORE_FILL, AFTER_FILL), strict=True):
        figure.add_trace(
            Bar(
                x=names,
                y=[float(size[k]) for k in shown],
                marker={
                    "color": [colour if k == place else fill for k in shown],
                    "line": {"color": colour, "width": 1.25},
                },
                hovertemplate="%{x}: %{y:.4g}<extra></extra>",
            )
        )
    above = 0
    if other is not None and np.isfinite(other):
        inside = other <= reach
        if inside:
            figure.add_hline(y=other, line={"color": OTHER, "width": 1.25, "dash": "dash"})
        text = words["other"].format(length=number(other) + ("" if inside else " ↑"))
        # Above the plot, where it covers no bar, and on a line of its own, which fits a phone.
        legend(figure, marked((OTHER, "■", text)), size=13)
        above = LINE
    _legend(figure, words["v"], words["w"], above)
    figure.update_xaxes(fixedrange=True, showgrid=False, tickangle=0, ticks="", type="category")
    figure.update_yaxes(
        fixedrange=True, range=[0, reach], ticks="", title={"text": words["length"], "font": {"size": 13}}
    )
    figure.update_layout(
        height=ROW + above, margin={"l": 50, "r": 8, "t": 30 + above, "b": 26}, barmode="group", bargap=0.35
    )
    return style(figure).update_layout(hovermode="closest")


def window(place: int, count: int, most: int) -> int:
    """The first of up to ``most`` places shown, in blocks, so that ``place`` is among them."""
    return place // most * most if count > most else 0


def _line(
    x: Sequence[float] | FloatArray,
    y: Sequence[float] | FloatArray,
    colour: str,
    width: float,
    *,
    opacity: float = 1,
    dash: str = "solid",
) -> Scatter:
    return Scatter(
        x=x,
        y=y,
        mode="lines",
        opacity=opacity,
        line={"color": colour, "width": width, "dash": dash},
        hoverinfo="skip",
    )


def _spokes(ends: FloatArray) -> FloatArray:
    """From 0 to every end, with a gap after each."""
    return np.stack([np.zeros_like(ends), ends, np.full_like(ends, np.nan)], 1).reshape(-1)


def _head(figure: Figure, x: float, y: float, colour: str, size: float, width: float) -> None:
    """An arrow's head; its shaft is a line of its own, since Plotly's arrows start some pixels away."""
    figure.add_annotation(
        x=x, y=y, ax=0.9 * x, ay=0.9 * y, xref="x", yref="y", axref="x", ayref="y", text="", showarrow=True,
        arrowhead=2, arrowsize=size if width < 4 else 0.6, arrowwidth=width, arrowcolor=colour,
    )  # fmt: skip


def _legend(figure: Figure, before: str, after: str, above: float = 0) -> None:
    marks = marked((BEFORE, "■", before), (AFTER, "■", f"<b>{after}</b>"))
    legend(figure, marks, size=15, yshift=4 + above)
