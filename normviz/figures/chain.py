"""Down a chain of layers: how far the gradient comes, and how large the signal stays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from plotly.graph_objects import Figure, Scatter

from normviz.activity import Chain
from normviz.figures.entries import HOVERED, LINE, coloured, flowed
from normviz.figures.theme import AXIS, BASELINE, BEFORE, legend, style
from normviz.reference import FloatArray

#: Pixels: a panel, its title, and the same on a phone; the strip at its foot for what is exactly 0.
WIDE, NARROW, TITLE, FOOT = 300, 210, 28, 0.09
MARGIN = {"l": 56, "r": 14, "b": 44}
#: The gap between two panels side by side, as a share of the width, which also holds the numbers of the second axis.
BETWEEN = 0.1
#: Where the largest value is more than so many times the smallest, an axis is one of powers; how many powers it names.
POWERS, TICKS = 30.0, 6


def chain(
    chains: Sequence[Chain], names: Sequence[str], *, words: Mapping[str, str], narrow: bool = False
) -> Figure:
    """The gradient (its last layer's as 1) and the signal's standard deviation at every layer; a line for each chain.

    Powers of ten where a panel's largest value is more than 30 times its smallest. What is exactly 0, as a gradient
    that underflowed, has no place among them: it stands as a triangle at the panel's foot. What is NaN or infinite
    stands as a cross at its top. The panels lie side by side, ``narrow`` below one another. ``words`` has ``gradient``,
    ``std``, ``layer``, ``zero`` and ``nonfinite``. Raises ValueError where there is not one name a chain.

    >>> lost = Chain("sigmoid", np.array([1.0, 0.5, 0.5]), np.array([0.0, 1e-9, 1.0]))
    >>> english = dict(gradient="gradient", std="std", layer="layer", zero="exactly 0", nonfinite="NaN or infinite")
    >>> figure = chain([lost], ["Sigmoid"], words=english)
    >>> [trace.mode for trace in figure.data]
    ['lines', 'markers', 'lines']
    """
    colours = coloured(names, len(chains))
    figure = Figure()
    zeros = lost = False
    for row, key in enumerate(("gradient", "std")):
        values = [np.asarray(getattr(each, key), np.float64) for each in chains]
        look, powers = _axis(values)
        axis = {"xaxis": f"x{row + 1}" if row else "x", "yaxis": f"y{row + 1}" if row else "y"}
        for y, name, colour in zip(values, names, colours, strict=True):
            seen = np.where(np.isfinite(y) & ((y > 0) | (not powers)), y, np.nan)
            hover = f"<b>{name}</b>   %{{y:.3g}}<extra></extra>"
            line = {"color": colour, "width": 2.5}
            figure.add_trace(
                Scatter(
                    x=np.arange(y.size),
                    y=seen,
                    mode="lines",
                    line=line,
                    name=name,
                    hovertemplate=hover,
                    **axis,
                )
            )
            low, high = look["range"]
            foot, top = (low + part * (high - low) for part in (FOOT / 2, 1 - FOOT / 2))
            for marked, place, symbol, said in (
                ((y == 0) & powers, foot, "triangle-down", "0"),
                (~np.isfinite(y), top, "x", words["nonfinite"]),
            ):
                if marked.any():
                    _marks(figure, marked, 10**place if powers else place, symbol, said, name, colour, axis)
            zeros |= bool(((y == 0) & powers).any())
            lost |= not np.isfinite(y).all()
        figure.update_layout({f"yaxis{row + 1}" if row else "yaxis": look})
    entries = [(colour, "━", name) for colour, name in zip(colours, names, strict=True)]
    entries += [(BEFORE, "▼", words["zero"])] * zeros + [(BEFORE, "✖", words["nonfinite"])] * lost
    _frame(figure, max(each.std.size for each in chains) - 1, flowed(entries), words, narrow)
    return style(figure).update_layout(hovermode="x unified")


def _axis(values: Sequence[FloatArray]) -> tuple[dict[str, Any], bool]:
    """An axis that holds all values with room at its ends, and whether it is one of powers of ten."""
    known = np.concatenate([v[np.isfinite(v)] for v in values])
    some = known[known > 0]
    special = bool((known == 0).any()), not all(np.isfinite(v).all() for v in values)
    plain = {**AXIS, "automargin": False, "tickfont": {"size": 13}}
    if not some.size or (float(some.max()) <= POWERS * float(some.min()) and not special[0]):
        top = 1.1 * float(some.max()) if some.size else 1.0
        return {
            **plain,
            "range": [0, top / (1 - FOOT * special[1])],
            "nticks": TICKS,
            "tickformat": "~g",
        }, False
    low, high = math.log10(float(some.min())), math.log10(float(some.max()))
    room = max(0.04 * (high - low), 0.1)
    low, high = low - room, high + room
    size = (high - low) / (1 - FOOT * sum(special))
    span = [low - FOOT * size * special[0], high + FOOT * size * special[1]]
    step = max(1, math.ceil((high - low) / TICKS))
    powers = [p for p in range(math.ceil(low), math.floor(high) + 1) if p % step == 0]
    look = {"tickvals": [10.0**p for p in powers], "ticktext": [_power(p) for p in powers]}
    return {**plain, **look, "type": "log", "range": span}, True


def _power(exponent: int) -> str:
    r"""A power of ten as it is read.

    >>> _power(0), _power(-12)
    ('1', '10<sup>−12</sup>')
    """
    if exponent in (0, 1):
        return f"{10**exponent}"
    return f"10<sup>{exponent}</sup>".replace("-", "−")


def _marks(
    figure: Figure,
    where: Any,
    y: float,
    symbol: str,
    said: str,
    name: str,
    colour: str,
    axis: Mapping[str, str],
) -> None:
    at = np.flatnonzero(where)
    figure.add_trace(
        Scatter(
            x=at,
            y=np.full(at.size, y),
            mode="markers",
            marker={"symbol": symbol, "color": colour, "size": 8},
            name=name,
            hovertemplate=f"<b>{name}</b>   {said}<extra></extra>",
            **axis,
        )
    )


def _frame(figure: Figure, last: int, key: Sequence[str], words: Mapping[str, str], narrow: bool) -> None:
    """The panels' places, their titles and the axes of layers."""
    inner = 2 * NARROW + TITLE if narrow else WIDE
    half = (1 - BETWEEN) / 2
    places: list[tuple[tuple[float, float], tuple[float, float]]]
    places = [((0, 1), (1 - NARROW / inner, 1)), ((0, 1), (0, NARROW / inner))]
    if not narrow:
        places = [((0, half), (0, 1)), ((half + BETWEEN, 1), (0, 1))]
    for row, (x, y) in enumerate(places):
        number = str(row + 1) if row else ""
        figure.update_layout(
            {
                f"xaxis{number}": {
                    **AXIS,
                    **HOVERED,
                    "domain": x,
                    "anchor": f"y{number}",
                    "range": [-0.02 * last, 1.02 * last] if last else [-0.5, 0.5],
                    "showgrid": False,
                    "showline": True,
                    "linecolor": BASELINE,
                    "showticklabels": bool(row) or not narrow,
                    "tickfont": {"size": 13},
                    "nticks": 8,
                    "tickformat": "d",
                    "automargin": False,
                },
                f"yaxis{number}": {"domain": y, "anchor": f"x{number}"},
            }
        )
        figure.add_annotation(
            xref="paper", yref="paper", x=x[0], y=y[1], xanchor="left", yanchor="bottom", yshift=3, showarrow=False,
            xshift=8 - MARGIN["l"], text=f"<b>{words[('gradient', 'std')[row]]}</b>", font={"size": 14},
        )  # fmt: skip
        if row or not narrow:
            figure.add_annotation(
                xref="paper", yref="paper", x=x[1], y=0, xanchor="right", yanchor="top", yshift=-22, showarrow=False,
                text=words["layer"], font={"size": 13.5},
            )  # fmt: skip
    legend(figure, *key, xshift=8 - MARGIN["l"], yshift=TITLE)
    above = TITLE + LINE * len(key) + 6
    figure.update_layout(height=inner + above + MARGIN["b"], margin={**MARGIN, "t": above})
