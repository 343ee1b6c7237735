"""Every layer's distribution below one another on one axis: before a normalization or activation, and after it."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

from plotly.graph_objects import Figure

from normviz.figures.entries import share
from normviz.figures.layer_rows import Look, Ridge, Row, stack, summary
from normviz.figures.paper import on_paper
from normviz.figures.ridge import moments
from normviz.figures.theme import AFTER, AFTER_FILL, BEFORE, BEFORE_FILL
from normviz.layer_kinds import KINDS
from normviz.traces import LayerTrace, Trace, check_trace

Words = Mapping[str, str]

#: What stands in a notebook; a page gives its own.
ENGLISH: Words = {
    "before": "before",
    "after": "after",
    "reads": "before",
    "mean_std": "μ ± σ",
    "value": "value",
    "value_log": "value, logarithmic beyond ±{linear}",
    "shape": "shape",
    "range": "min … max",
    "zeros": "zeros",
    "dead": "dead channels",
    "of": "{part} of {whole}",
    "nonfinite": "NaN or infinite",
    "gradient": "gradient norm",
    "lost": "no finite value",
}
#: Kinds of layers whose input is drawn as well.
CHANGING = ("norm", "activation")


def ridge(
    trace: Trace, *, kinds: Sequence[str] | None = None, log: bool | None = None, words: Words = ENGLISH
) -> Figure:
    """Every layer's distribution below one another, before (grey) and after (green), for notebooks and files.

    What is drawn in a row are densities: a bin of width w with c of a layer's M finite values is

        c / (M w)

    high, so on a plain axis the area of a histogram is the share of its values that lies there. The axis holds 99.85%
    of the rows' mean distribution. Rows, and on a logarithmic axis both distributions of a row, are scaled one by one
    (:func:`normviz.figures.layer_rows.stack` says how), so widths compare between rows, heights only within one.
    "Before" is what a normalization or activation reads.

    ``kinds``: the kinds of layers to draw (:data:`normviz.layer_kinds.KINDS`); by default normalizations and
    activations, or all layers where there is neither. ``log``: whether values x stand at asinh(x / a) instead of x,
    with a a power of ten, which keeps 0 and the sign and shows sizes that differ by orders of magnitude; by default
    where they do. Source of the form: C. O. Wilke, ggridges, 2017.

    Raises TypeError for what is no trace, ValueError for an unknown kind, or where no layer is of these kinds.

    >>> import numpy as np
    >>> from normviz.traces import LayerTrace, Trace
    >>> x = np.random.default_rng(0).normal(size=(4, 3, 5, 5))
    >>> relu = LayerTrace.of("relu", "relu", np.maximum(x, 0), inputs=(-1,))
    >>> figure = ridge(Trace((relu,), LayerTrace.of("input", "input", x)))
    >>> figure.data[0].name, figure.data[1].name
    ('before', 'after')
    """
    check_trace(trace)
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    for kind in kinds or ():
        if kind not in KINDS:
            raise ValueError(f"There is no kind {kind!r} of layer: the kinds are {', '.join(KINDS)}.")
    chosen = tuple(kinds) if kinds else CHANGING
    numbers = [k for k, layer in enumerate(trace.layers) if layer.kind in chosen]
    if not trace.layers:
        raise ValueError("The trace has no layer to draw: trace a network whose forward computes something.")
    if not numbers and not kinds:
        numbers = list(range(len(trace.layers)))
    if not numbers:
        there = ", ".join(sorted({layer.kind for layer in trace.layers}))
        raise ValueError(
            f"No layer of this trace is of kind {' or '.join(chosen)}: there are {there}. Name one of these."
        )
    return on_paper(layer_ridge(trace, [("", numbers)], words=words, log=log).figure)


def layer_ridge(
    trace: Trace,
    groups: Sequence[tuple[str, Sequence[int]]],
    *,
    words: Words,
    log: bool | None = None,
    joint: bool = False,
) -> Ridge:
    """What :func:`ridge` draws, for a page: layers by their numbers in groups, each with a heading (empty: none).

    ``words`` has the keys of ``ENGLISH``.
    """
    looks = Look(words["before"], BEFORE, BEFORE_FILL, 1), Look(words["after"], AFTER, AFTER_FILL, 1.75)
    rows = [(title, [_row(trace, number, words) for number in numbers]) for title, numbers in groups]
    return stack(rows, looks, words=words, log=log, joint=joint)


def _row(trace: Trace, number: int, words: Words) -> Row:
    layer = trace.layers[number]
    before = trace.source(layer) if layer.kind in CHANGING else None
    return Row(number, layer.name, before, layer, told(layer, words, before))


def told(layer: LayerTrace, words: Words, before: LayerTrace | None = None, *, brief: bool = False) -> str:
    """All numbers of a layer, line by line, for a hover; ``brief``: the first of them."""
    name, op = (html.escape(text, quote=False) for text in (layer.name, layer.op))
    lines = [f"<b>{name}</b>  {op}", f"{words['shape']}  {' × '.join(map(str, layer.shape)) or '1'}"]
    lines.append(f"{words['mean_std']}  <b>{moments(summary(layer))}</b>")
    if brief:
        return "<br>".join(lines)
    if before:
        lines.append(f"{words['reads']}  {moments(summary(before))}")
    if not layer.finite:
        return "<br>".join([*lines, words["lost"]])
    ends = " … ".join(f"{end:.3g}".replace("-", "−") for end in (layer.min, layer.max))
    lines.append(f"{words['range']}  {ends}")
    lines.append(f"{words['zeros']}  {share(layer.zeros, layer.finite)}")
    if layer.channel_axis is not None:
        dead = words["of"].format(part=f"{layer.dead_channels:,}", whole=f"{layer.channels:,}")
        lines.append(f"{words['dead']}  {dead}")
    if layer.nonfinite:
        lines.append(f"{words['nonfinite']}  {layer.nonfinite:,}")
    if layer.gradient is not None:
        lines.append(f"{words['gradient']}  {size(layer.gradient)}")
    return "<br>".join(lines)


def size(value: float) -> str:
    """A number of unknown size, with three digits.

    >>> size(0.0123456), size(1.5e-12), size(-2.0)
    ('0.0123', '1.5·10<sup>−12</sup>', '−2')
    """
    from normviz.figures.value_axis import read

    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞"
    return read(float(f"{value:.3g}"))
