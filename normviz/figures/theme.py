"""The colours and the type of every figure.

Figures shown inside a page take text and grid colours from the page (``theme="streamlit"``), so that one
figure serves light and dark; the data's colours here have a contrast of at least 3:1 on both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from plotly.graph_objects import Figure

FONT = (
    "'Source Sans', 'PingFang SC', 'Hiragino Sans GB', 'Microsoft YaHei', "
    "'Noto Sans CJK SC', 'Noto Sans SC', sans-serif"
)

#: How a page shows a chart: no mode bar.
CONFIG = {"displayModeBar": False}

BEFORE, BEFORE_FILL = "#8792A0", "rgba(135,146,160,.30)"
AFTER, AFTER_FILL = "#0F8F6A", "rgba(15,143,106,.36)"
BASELINE = "rgba(135,146,160,.45)"

#: Okabe and Ito's colours for what is neither set nor cell; orange, sky blue and purple are darkened until they have
#: 3:1 on white as well.
VERMILLION, GREEN, PURPLE, SKY, ORANGE, BLUE = CATEGORIES = (
    "#D55E00",
    "#009E73",
    "#C86FA0",
    "#3C94CF",
    "#B87F00",
    "#0072B2",
)

#: An axis that nobody moves; one with large numbers; and one that only holds rows.
AXIS: dict[str, Any] = {"fixedrange": True, "zeroline": False, "ticks": ""}
NUMBERS: dict[str, Any] = {**AXIS, "showgrid": True, "tickfont": {"size": 14}}
ROWS: dict[str, Any] = {**AXIS, "showgrid": False, "showticklabels": False}

#: The cube's colours, each as front, side, top.
COLD = ("#E3E8EE", "#D3DAE2", "#F1F4F7")
SET = ("#0072B2", "#005E94", "#2E93CC")
CELL = ("#FFB020", "#FFB020", "#FFB020")
SET_LINE, CELL_LINE, GRID_LINE, BOX_LINE = "#003A5C", "#14191F", "#AEB8C4", "#5E6B7A"
TEXT, PAPER, MISSING = "#14191F", "#FFFFFF", "#B3261E"
#: Values from the smallest through 0 to the largest.
DIVERGING = ("#5B2A86", "#F6F5F3", "#0F6B55")


def mix(first: str, second: str, share: float) -> str:
    """The colour ``share`` of the way from the first to the second, both as #RRGGBB.

    >>> mix("#000000", "#FFFFFF", 0.5)
    '#808080'
    """
    pairs = [(int(first[k : k + 2], 16), int(second[k : k + 2], 16)) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(a + share * (b - a)):02X}" for a, b in pairs)


def clear(color: str, share: float = 0.34) -> str:
    """The colour, mostly see-through, for an area.

    >>> clear("#0F8F6A", 0.5)
    'rgba(15,143,106,0.5)'
    """
    red, green, blue = (int(color[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:g})"


def dye(color: str, text: str) -> str:
    """Text in a colour of its own, whatever the page's."""
    return f"<span style='color:{color}'>{text}</span>"


def marked(*entries: tuple[str, str, str]) -> str:
    """One line of a legend: for each entry its mark in its colour, and its name.

    >>> marked(("#000000", "■", "before"))
    "<span style='color:#000000'>■</span> before"
    """
    return "   ".join(f"{dye(color, mark)} {name}" for color, mark, name in entries)


def legend(figure: Figure, *lines: str, size: float = 14, xshift: float = 0, yshift: float = 4) -> None:
    """Lines of a legend above the plot, from its left edge."""
    figure.add_annotation(
        xref="paper",
        yref="paper",
        x=0,
        y=1,
        xanchor="left",
        yanchor="bottom",
        xshift=xshift,
        yshift=yshift,
        align="left",
        showarrow=False,
        text="<br>".join(lines),
        font={"size": size},
    )


def letters(texts: Sequence[str]) -> int:
    """How wide the widest of these texts is, in Latin letters; tags have no width.

    >>> letters(["<i>n</i> 12", "批次"])
    4
    """
    plain = (re.sub("<[^<>]*>", "", text) for text in texts)
    return max(sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text) for text in plain)


def style(figure: Figure) -> Figure:
    """The same figure with our type on a transparent ground, and nothing that moves by accident."""
    figure.update_layout(
        font={"family": FONT, "size": 14},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        dragmode=False,
        hovermode=False,
    )
    return figure
