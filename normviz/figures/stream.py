"""A stream of mini-batches: how one channel's buffers evolve, and how all channels do in units of the population.

Blue is the batch's own statistic, as blue is the set everywhere; the buffers are vermillion, the biased variance pink,
the population grey and dashed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from plotly.graph_objects import Figure, Scatter

from normviz.figures.steps import (
    OTHERS,
    PANELS,
    drawn,
    key,
    line,
    lines,
    panel,
    panel_axis,
    steps_axis,
)
from normviz.figures.theme import BEFORE, SET, VERMILLION, marked, style
from normviz.reference import FloatArray
from normviz.stream import Course, Plan

#: Okabe and Ito's vermillion and reddish purple: at least 3:1 on both themes.
BATCH, RUNNING, BIASED, POPULATION = SET[0], VERMILLION, "#CC79A7", BEFORE
#: Pixels, and the ratio of the largest variance to the smallest from which its axis is one of powers.
HEIGHT, POWERS = 424, 30.0
Words = Mapping[str, str]


def course_figure(
    course: Course, plan: Plan, *, channel: int, words: Words, frozen: int | None = None
) -> Figure:
    """The mean (above) and the variance (below) of one channel over all steps: every batch's own as dots, the running
    buffer as a line, the population's dashed; the variance with what a biased buffer would hold as well.

    ``frozen`` is the step after which the buffers no longer change; the course they would have taken is dotted. The
    variance is on a logarithmic axis where its largest is more than 30 times its smallest. ``words`` has ``batch``,
    ``running``, ``biased``, ``population``, ``mean``, ``var`` (both may hold ``{channel}``), ``steps`` and ``frozen``.

    >>> import normviz as nv
    >>> from normviz.nets.stream import course
    >>> plan = Plan(steps=9)
    >>> seen = course(nv.Sample().tensor((32, 3, 4, 4)), plan)
    >>> english = dict(batch="batch", running="buffer", biased="biased", population="population", mean="mean",
    ...                var="variance", steps="steps", frozen="frozen")
    >>> course_figure(seen, plan, channel=2, words=english).layout.xaxis.range
    (-0.5, 9.5)
    """
    means, variances = course.target(plan)
    panels = (
        (course.batch_mean, {"running": course.running_mean}, means),
        (course.batch_var, {"running": course.running_var, "biased": course.biased_var}, variances),
    )
    figure = Figure()
    steps = np.arange(plan.steps + 1)
    last = plan.steps if frozen is None else min(frozen, plan.steps)
    for row, (batch, buffers, target) in enumerate(panels):
        axis = panel_axis(row)
        line(figure, steps, target[:, channel], words["population"], POPULATION, 2, dash="dash", **axis)
        _dots(figure, steps[1:], batch[:, channel], words["batch"], axis)
        for name, color, width in (("biased", BIASED, 1.5), ("running", RUNNING, 2.5)):
            if name not in buffers:
                continue
            values = buffers[name][:, channel]
            if last < plan.steps and name == "running":
                line(figure, steps[last:], values[last:], words[name], color, 1.25, dash="dot", **axis)
            line(figure, steps, _held(values, last), words[name], color, width, **axis)
        everything = [batch[:, channel], target[:, channel], *(v[:, channel] for v in buffers.values())]
        title = words[("mean", "var")[row]].format(channel=channel)
        panel(figure, row, f"<b>{title}</b>", nticks=5, **_reach(everything, factor=bool(row)))
    averages = ((RUNNING, "━", f"<b>{words['running']}</b>"), (BIASED, "━", words["biased"]))
    points, dashes = (BATCH, "●", words["batch"]), (POPULATION, "╍╍", words["population"])
    key(figure, marked(points, averages[0]), marked(dashes, averages[1]))
    steps_axis(figure, 0, plan.steps, words["steps"], height=HEIGHT)
    if last < plan.steps:
        _freeze(figure, last, plan.steps, words["frozen"])
    return style(figure)


def channels_figure(
    course: Course, plan: Plan, *, channel: int, words: Words, frozen: int | None = None
) -> Figure:
    """Every channel's buffers over the steps, in units of the population: (mean - population) / sigma above, and below
    the variance as a multiple of the population's (on a scale of powers); the target is dashed.

    At most 63 channels are drawn beside the pinned one (:func:`normviz.figures.steps.drawn`). ``words`` has ``offset``,
    ``ratio``, ``pinned`` (it may hold ``{channel}``), ``others``, ``steps``, ``population`` and ``frozen``. What
    is constant in the population has no unit and is left out.
    """
    means, variances = course.target(plan)
    last = plan.steps if frozen is None else min(frozen, plan.steps)
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = (_held(course.running_mean, last) - means) / np.sqrt(variances)
        ratio = np.log2(_held(course.running_var, last) / variances)
    figure = Figure()
    steps = np.arange(plan.steps + 1)
    pinned = words["pinned"].format(channel=channel)
    others = drawn(course.mean.size, channel)
    for row, values in enumerate((offset, ratio)):
        axis = panel_axis(row)
        values = np.where(np.isfinite(values), values, np.nan)
        if others:
            lines(figure, steps, values[:, others], words["others"], OTHERS, **axis)
        line(figure, steps, np.zeros(steps.size), words["population"], POPULATION, 2, dash="dash", **axis)
        line(figure, steps, values[:, channel], pinned, RUNNING, 2.5, **axis)
        shown = values[:, [*others, channel]]
        known = shown[np.isfinite(shown)]
        look = _both_sides(known) if row else {"range": _around(known), "nticks": 5}
        panel(figure, row, f"<b>{words[('offset', 'ratio')[row]]}</b>", **look)
    entries = [(RUNNING, "━", f"<b>{pinned}</b>")]
    if others:
        entries.append((POPULATION, "━", words["others"]))
    key(figure, marked(*entries, (POPULATION, "╍╍", words["population"])))
    steps_axis(figure, 0, plan.steps, words["steps"], height=HEIGHT)
    if last < plan.steps:
        _freeze(figure, last, plan.steps, words["frozen"])
    return style(figure)


def _held(values: FloatArray, last: int) -> FloatArray:
    """The values up to a step, and that step's from then on."""
    return values[np.minimum(np.arange(len(values)), last)]


def _dots(figure: Figure, x: Any, y: FloatArray, name: str, axis: Mapping[str, str]) -> None:
    marker = {"color": BATCH, "size": 5, "opacity": 0.9}
    figure.add_trace(Scatter(x=x, y=y, mode="markers", marker=marker, name=name, hoverinfo="skip", **axis))


def _reach(values: Sequence[FloatArray], *, factor: bool) -> dict[str, Any]:
    """An axis that holds all values; for factors a logarithmic one, where the first would hide the others."""
    low, high = (float(f([f(v) for v in values])) for f in (np.min, np.max))
    if factor and low > 0 and high / low > POWERS:
        room = 0.08 * math.log10(high / low)
        reach = (math.log10(low) - room, math.log10(high) + room)
        return {"type": "log", "range": reach, "dtick": math.ceil((reach[1] - reach[0]) / 5)}
    room = 0.08 * (high - low) or 0.5
    return {"range": (low - room, high + room)}


def _around(known: FloatArray) -> tuple[float, float]:
    """A range that holds all values and the target 0."""
    low, high = (float(f(known, initial=0.0)) for f in (np.min, np.max))
    room = max(0.08 * (high - low), 0.25)
    return low - room, high + room


def _both_sides(known: FloatArray) -> dict[str, Any]:
    """An axis of powers of two that holds all values and the target, and says the factors."""
    low, high = _around(known)
    powers = np.arange(math.ceil(low), math.floor(high) + 1)
    powers = powers[powers % max(1, math.ceil((high - low) / 5)) == 0]
    said = [f"×{2**p}" if p >= 0 else f"×1/{2**-p}" for p in powers.tolist()]
    return {"range": (low, high), "tickvals": powers, "ticktext": said}


def _freeze(figure: Figure, at: int, steps: int, text: str) -> None:
    """The step after which the buffers stay."""
    look = {"color": POPULATION, "width": 1.25, "dash": "dot"}
    figure.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, xref="x", yref="paper", line=look, layer="below")
    side = "left" if at < steps / 2 else "right"
    figure.add_annotation(
        x=at, xref="x", y=PANELS[1][1], yref="paper", xanchor=side, yanchor="top", showarrow=False, text=text,
        font={"size": 13}, xshift=4 if side == "left" else -4,
    )  # fmt: skip
