"""The look of a figure that stands alone, in a notebook or a file: our own text and grid on white paper."""

from __future__ import annotations

from plotly.graph_objects import Figure

from normviz.figures.theme import COLD, FONT, PAPER, TEXT


def on_paper(figure: Figure) -> Figure:
    """The same figure on white, with dark text and pale grid lines whatever the notebook's theme is.

    >>> on_paper(Figure()).layout.paper_bgcolor
    '#FFFFFF'
    """
    figure.update_layout(
        paper_bgcolor=PAPER,
        font={"color": TEXT},
        hoverlabel={"bgcolor": PAPER, "font": {"color": TEXT, "family": FONT}},
    )
    return figure.update_xaxes(gridcolor=COLD[0]).update_yaxes(gridcolor=COLD[0])
