"""What charts over steps have in common: two panels above one another on one axis of steps, with fixed margins.

None of them shows which step is looked at: the page lays a mark over the chart, whose place follows from the margins
and the axis, so a chart is drawn once for all steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure, Scatter

from normviz.figures.theme import AXIS, legend
from normviz.reference import FloatArray

#: Pixels around the panels; the same for every chart, so that one mark fits all.
MARGIN: Mapping[str, int] = {"l": 52, "r": 14, "t": 70, "b": 44}
#: Where the two panels lie, as shares of the height.
PANELS = ((0.57, 1.0), (0.0, 0.43))
#: How far the axis goes on before the first step and after the last one.
ROOM = 0.5
#: Thin lines that are told apart by nothing: the channels beside the pinned one, at most so many.
OTHERS, DRAWN = "rgba(135,146,160,.55)", 63


def along(step: float, first: int, last: int) -> float:
    """Where on the axis a step lies, as a share of its length.

    >>> along(0, 0, 9), along(4.5, 0, 9)
    (0.05, 0.5)
    """
    return (step - first + ROOM) / (last - first + 2 * ROOM)


def drawn(channels: int, channel: int) -> list[int]:
    """The channels that are drawn besides the pinned one.

    >>> drawn(4, 1), len(drawn(1000, 0))
    ([0, 2, 3], 63)
    """
    others = [k for k in range(channels) if k != channel]
    if len(others) <= DRAWN:
        return others
    return [others[round(k)] for k in np.linspace(0, len(others) - 1, DRAWN)]


def panel(figure: Figure, row: int, title: str, **look: Any) -> None:
    """The vertical axis of a panel, 0 above and 1 below, and its title."""
    axis = AXIS | {"domain": PANELS[row], "automargin": False, "tickfont": {"size": 13}}
    figure.update_layout({f"yaxis{row + 1}" if row else "yaxis": axis | look})
    figure.add_annotation(
        xref="paper", yref="paper", x=0, y=PANELS[row][1], xanchor="left", yanchor="bottom", yshift=2,
        showarrow=False, text=title, font={"size": 14},
    )  # fmt: skip


def panel_axis(row: int) -> dict[str, str]:
    """The axes that a trace of a panel names."""
    return {"xaxis": "x", "yaxis": f"y{row + 1}" if row else "y"}


def steps_axis(figure: Figure, first: int, last: int, title: str, *, height: int) -> None:
    """The axis of steps, the margins, and the height in pixels."""
    figure.update_xaxes(
        **AXIS,
        range=[first - ROOM, last + ROOM],
        showgrid=False,
        anchor="y2",
        tick0=0,
        dtick=10 * math.ceil(last / 60),
        automargin=False,
        tickfont={"size": 13},
    )
    figure.add_annotation(
        xref="paper", yref="paper", x=1, y=0, xanchor="right", yanchor="top", yshift=-22, showarrow=False,
        text=title, font={"size": 13.5},
    )  # fmt: skip
    figure.update_layout(height=height, margin=dict(MARGIN))


def key(figure: Figure, *rows: str) -> None:
    """What the colours mean, in lines above the panels."""
    legend(figure, *rows, xshift=8 - MARGIN["l"], yshift=26)


def line(
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
    """One line of a panel."""
    style = {"color": color, "width": width, "dash": dash}
    figure.add_trace(Scatter(x=x, y=y, mode="lines", line=style, name=name, hoverinfo="skip", **look))


def lines(
    figure: Figure, x: npt.NDArray[Any], values: FloatArray, name: str, color: str, **look: Any
) -> None:
    """Many thin lines as one trace, the columns of ``values``: the pen is lifted (NaN) between two of them."""
    count = values.shape[1]
    y = np.concatenate([values, np.full((1, count), np.nan)]).T.reshape(-1)
    line(figure, np.tile(np.append(x, x[-1]), count), y, name, color, 1, **look)
