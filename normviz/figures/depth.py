"""A network's statistics over its depth: mean, spread, zeros, dead channels and gradient, layer after layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from plotly.graph_objects import Figure

from normviz.figures.depth_axis import DepthAxis, depth_axis
from normviz.figures.depth_marks import SEVERITIES, mark_findings, stage_bands
from normviz.figures.depth_panel import TITLE, frame, frame_panel, hits, line, marks, y_name
from normviz.figures.entries import flowed
from normviz.figures.layer_rows import escaped
from normviz.figures.layers import ENGLISH as TOLD
from normviz.figures.layers import told
from normviz.figures.paper import on_paper
from normviz.figures.theme import BEFORE, CATEGORIES, ROWS
from normviz.finding_rules import judged
from normviz.findings import Finding, findings
from normviz.reference import FloatArray
from normviz.stages import Stage, stages
from normviz.traces import Trace, check_trace

Words = Mapping[str, str]

#: What stands in a notebook; a page gives its own.
ENGLISH: Words = {
    **TOLD,
    "mean_panel": "mean",
    "std_panel": "standard deviation",
    "zeros_panel": "share of zeros",
    "dead_panel": "share of dead channels (0 everywhere)",
    "gradient_panel": "gradient norm ‖∂L/∂y‖",
    "weighted": "convolution, linear",
    "norm": "normalization",
    "activation": "activation",
    "rest": "other",
    "zero": "exactly 0",
    "serious": "serious",
    "notable": "notable",
    "input": "the input",
    "layer": "layer, in the order of execution",
    "stage": "stage",
}
#: Which kinds of layers share a line; every other is a dot.
SERIES: Mapping[str, tuple[str, ...]] = {
    "weighted": ("conv", "linear", "attention", "recurrent", "embedding"),
    "norm": ("norm",),
    "activation": ("activation",),
}
#: Pixels: a panel, and the lane of findings.
PANEL, LANE = 104, 26
#: Of more layers than this, a hover says less: every panel holds all of them, which are megabytes.
FULL = 2000


@dataclass(frozen=True)
class Panel:
    """One quantity: its key, its value at every layer, the axis, and which layers have one that is drawn."""

    key: str
    values: FloatArray
    axis: DepthAxis
    drawn: npt.NDArray[np.bool_]


def depth(trace: Trace, *, words: Words = ENGLISH) -> Figure:
    """Mean, standard deviation, zeros, dead channels and gradient over depth, as a figure for notebooks and files.

    One panel each below one another on one axis of layers, in the order of execution, with the network's stages as
    bands and a mark above each layer where :func:`normviz.findings.findings` finds something. A channel is dead where
    it is 0 everywhere, which is not asked of fewer than 16 values. The gradient of a layer with the values y is

        sqrt(sum (dL/dy)²)

    for the output L that the backward pass started from; without such a pass it has no panel. The axes of spread and
    gradient are of powers of ten, that of the mean is asinh, where the values differ by orders of magnitude.

    Raises TypeError for what is no trace, ValueError where it has no layer.

    >>> import numpy as np
    >>> from normviz.traces import LayerTrace, Trace
    >>> x = np.random.default_rng(0).normal(size=(4, 3, 5, 5))
    >>> relu = LayerTrace.of("relu", "relu", np.maximum(x, 0), inputs=(-1,))
    >>> figure = depth(Trace((relu,), LayerTrace.of("input", "input", x)))
    >>> [note.text for note in figure.layout.annotations][:3]
    ['<b>mean</b>', '<b>standard deviation</b>', '<b>share of zeros</b>']
    """
    check_trace(trace)
    return on_paper(lines(trace, findings(trace), stages(trace), words=words, titles={}))


def lines(
    trace: Trace,
    found: Sequence[Finding],
    parts: Sequence[Stage],
    *,
    words: Words,
    titles: Mapping[str, str],
) -> Figure:
    """What :func:`depth` draws, for a page: ``titles`` names findings by their code.

    ``words`` has the keys of ``ENGLISH``. Every panel's last trace holds a point a layer, which is what a mouse hits;
    its ``customdata`` is the layer's number, as is that of the marks of findings.
    """
    if not trace.layers:
        raise ValueError("The trace has no layer to draw: trace a network whose forward computes something.")
    panels = _panels(trace)
    above = LANE if found else 0
    tops = [above + k * (PANEL + TITLE) + TITLE for k in range(len(panels))]
    inner = tops[-1] + PANEL
    members = _members(trace)
    hover = [told(layer, words, brief=len(trace.layers) > FULL) for layer in trace.layers]
    for part in parts if len(parts) > 1 else ():
        for n in part.numbers:
            hover[n] += f"<br>{words['stage']}  {escaped(part.label)}"
    figure = Figure()
    seen = np.zeros(2, bool)
    for k, (panel, top) in enumerate(zip(panels, tops, strict=True)):
        for colour, name in zip((*CATEGORIES[: len(SERIES)], BEFORE), members, strict=True):
            at = members[name]
            if (at := at[panel.drawn[at]]).size:
                line(figure, at, panel.values[at], panel.axis, colour, k, dots=name == "rest")
        # What is not drawn has no mark either, neither that of 0 nor that of NaN.
        seen |= marks(figure, np.where(panel.drawn, panel.values, 1.0), panel.axis, BEFORE, k)
        hits(figure, panel.values, panel.axis, range(len(hover)), hover, k)
        frame_panel(figure, panel.axis, k, (top, PANEL, inner), words[f"{panel.key}_panel"])
    if found:
        mark_findings(figure, found, trace, y_name(len(panels)), words, titles)
        lane = {**ROWS, "range": [0, 1], "domain": [1 - LANE / inner, 1], "anchor": "x"}
        figure.update_layout({y_name(len(panels), "yaxis"): lane})
    named = stage_bands(figure, parts, len(trace.layers))
    key = [(CATEGORIES[n], "━", words[name]) for n, name in enumerate(SERIES) if members[name].size]
    key += [(BEFORE, "●", words["rest"])] * bool(members["rest"].size)
    key += [(BEFORE, "▼", words["zero"])] * bool(seen[0]) + [(BEFORE, "✖", words["nonfinite"])] * bool(
        seen[1]
    )
    key += [
        (SEVERITIES[severity], "◆", words[severity])
        for severity in SEVERITIES
        if any(each.severity == severity for each in found)
    ]
    return frame(figure, len(trace.layers), inner, len(panels) - 1, words["layer"], flowed(key), named)


def _panels(trace: Trace) -> list[Panel]:
    layers = trace.layers
    every = np.ones(len(layers), bool)
    panels = [
        _panel("mean", [layer.mean for layer in layers], every, signed=True),
        _panel("std", [layer.std for layer in layers], every),
        _panel("zeros", [layer.zeros_share for layer in layers], every, share=True),
    ]
    alive = np.array([judged(layer) for layer in layers])
    dead = [layer.dead_channels / max(1, layer.channels) for layer in layers]
    panels.append(_panel("dead", dead, alive, share=True))
    gradients = [layer.gradient for layer in layers]
    there = np.array([each is not None for each in gradients])
    if there.any():
        panels.append(_panel("gradient", [each or 0.0 for each in gradients], there))
    return panels


def _panel(
    key: str,
    values: Sequence[float],
    drawn: npt.NDArray[np.bool_],
    *,
    signed: bool = False,
    share: bool = False,
) -> Panel:
    """The panel of these values; what is not drawn stands at 0 for the mouse."""
    held = np.where(drawn, np.array(values, np.float64), 0.0)
    return Panel(key, held, depth_axis(held[drawn], signed=signed, share=share), drawn)


def _members(trace: Trace) -> dict[str, npt.NDArray[np.intp]]:
    """The numbers of the layers of each line, and of the rest."""
    kinds = [layer.kind for layer in trace.layers]
    found = {name: np.flatnonzero([k in of for k in kinds]) for name, of in SERIES.items()}
    named = {k for of in SERIES.values() for k in of}
    return {**found, "rest": np.flatnonzero([k not in named for k in kinds])}
