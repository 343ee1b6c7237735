"""The colours and the type of every figure.

Figures shown inside a page take text and grid colours from the page (``theme="streamlit"``), so that one
figure serves light and dark; the data's colours here have a contrast of at least 3:1 on both.
"""

from __future__ import annotations

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
