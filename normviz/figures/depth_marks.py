"""What stands above and behind lines over a network's depth: the marks of findings, and its stages as bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plotly.graph_objects import Figure, Scatter

from normviz.figures.depth_panel import KEPT
from normviz.figures.layer_rows import escaped
from normviz.figures.stage_names import stage_names
from normviz.figures.theme import BEFORE, MISSING, ORANGE, clear
from normviz.findings import NOTABLE, SERIOUS, Finding
from normviz.stages import Stage
from normviz.traces import Trace

Words = Mapping[str, str]

#: The colour of a finding's mark.
SEVERITIES: Mapping[str, str] = {SERIOUS: MISSING, NOTABLE: ORANGE}
#: Pixels: the size of a stage's name, and how high a line of them is.
NAME, LANE = 11, 14


def mark_findings(
    figure: Figure, found: Sequence[Finding], trace: Trace, axis: str, words: Words, titles: Mapping[str, str]
) -> None:
    """A mark at each layer where something is found, in the lane above the panels; a large one where it begins."""
    said: dict[int, list[str]] = {}
    worst: dict[int, str] = {}
    for each in found:
        for number in each.layers:
            said.setdefault(number, []).append(titles.get(each.code, each.code))
            if worst.get(number) != SERIOUS:
                worst[number] = each.severity
    at = sorted(said)
    names = {n: escaped(trace.layers[n].name if n >= 0 else words["input"]) for n in at}
    first = {each.layer for each in found}
    marker = {
        "symbol": "diamond",
        "size": [11 if n in first else 6 for n in at],
        "color": [SEVERITIES[worst[n]] for n in at],
        "opacity": 1,
    }
    figure.add_trace(
        Scatter(x=at, y=[0.5] * len(at), mode="markers", marker=marker, customdata=at, cliponaxis=False, yaxis=axis,
                hovertext=["<br>".join([f"<b>{names[n]}</b>", *dict.fromkeys(said[n])]) for n in at],
                hovertemplate="%{hovertext}<extra></extra>", **KEPT)
    )  # fmt: skip


def stage_bands(figure: Figure, parts: Sequence[Stage], layers: int) -> int:
    """Every other stage shaded, and above them their names; returns the pixels that these are high."""
    shapes = [
        {"type": "rect", "xref": "x", "yref": "paper", "x0": part.first - 0.5, "x1": part.last + 0.5, "y0": 0, "y1": 1,
         "layer": "below", "line": {"width": 0}, "fillcolor": clear(BEFORE, 0.10)}
        for part in parts[1::2]
    ]  # fmt: skip
    figure.update_layout(shapes=shapes)
    names = stage_names(parts, layers)
    for name in names:
        figure.add_annotation(
            x=name.middle, xref="x", xshift=name.shift, y=1, yref="paper", yanchor="bottom",
            yshift=1 + LANE * name.lane, showarrow=False, text=escaped(name.text), font={"size": NAME},
        )  # fmt: skip
    return LANE * (1 + max((name.lane for name in names), default=-1))
