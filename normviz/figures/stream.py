"""A stream of mini-batches: how one channel's buffers evolve, and where all channels stand.

Blue is the batch's own statistic, as blue is the set everywhere; the buffers are orange, the biased variance pink, the
population grey and dashed, the pinned channel amber.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from plotly.graph_objects import Figure, Scatter

from normviz.figures.theme import BEFORE, CELL, SET, style
from normviz.reference import FloatArray
from normviz.stream import Course, Plan

#: Okabe and Ito's vermillion and reddish purple: at least 3:1 on both themes.
BATCH, RUNNING, BIASED, POPULATION = SET[0], "#D55E00", "#CC79A7", BEFORE
#: Where the two panels lie, as shares of the height.
PANELS = ((0.57, 1.0), (0.0, 0.43))
FAINT = 0.28
Words = Mapping[str, str]


def course_figure(
    course: Course, plan: Plan, *, channel: int, step: int, words: Words, frozen: int | None = None
) -> Figure:
    """The mean (above) and the variance (below) of one channel over the steps: every batch's own as dots, the running
    buffer as a line, the population's dashed; the variance with what a biased buffer would hold as well.

    What lies after ``step`` is faint. ``frozen`` is the step after which the buffers no longer change; the course they
    would have taken is dotted. ``words`` has ``batch``, ``running``, ``biased``, ``population``, ``step``, ``mean``,
    ``var``, ``steps`` and ``frozen``.

    >>> import normviz as nv
    >>> from normviz.nets.stream import course
    >>> plan = Plan(steps=9)
    >>> seen = course(nv.Sample().tensor((32, 3, 4, 4)), plan)
    >>> english = dict(batch="batch", running="buffer", biased="biased", population="population", step="step {step}",
    ...                mean="mean", var="variance", steps="steps", frozen="frozen")
    >>> course_figure(seen, plan, channel=2, step=5, words=english).layout.xaxis.range
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
        axis = {"xaxis": "x", "yaxis": f"y{row + 1}" if row else "y"}
        held = {name: _held(values[:, channel], last) for name, values in buffers.items()}
        _line(figure, steps, target[:, channel], words["population"], POPULATION, 2, dash="dash", **axis)
        _dots(figure, steps[1:], batch[:, channel], step, words["batch"], axis)
        for name, color, width in (("biased", BIASED, 1.5), ("running", RUNNING, 2.5)):
            if name not in held:
                continue
            if last < plan.steps and name == "running":
                free = buffers[name][last:, channel]
                _line(figure, steps[last:], free, words[name], color, 1.25, dash="dot", **axis)
            then = held[name]
            _line(figure, steps[: step + 1], then[: step + 1], words[name], color, width, **axis)
            _line(figure, steps[step:], then[step:], words[name], color, width, opacity=FAINT, **axis)
        now = held["running"][step]
        figure.add_trace(
            Scatter(x=[step], y=[now], mode="markers", marker={"color": RUNNING, "size": 9}, name=words["running"],
                    hoverinfo="skip", **axis)
        )  # fmt: skip
        everything = [batch[:, channel], target[:, channel], *(v[:, channel] for v in buffers.values())]
        _panel(figure, row, _reach(everything), words[("mean", "var")[row]])
        said = [(BATCH, batch[step - 1, channel] if step else math.nan), (RUNNING, now)]
        said += [(BIASED, held["biased"][step])] if row else []
        _beside(figure, row, [*said, (POPULATION, target[step, channel])])
    _legend(figure, words)
    _steps_axis(figure, plan.steps, step, words, frozen=last if last < plan.steps else None)
    figure.update_layout(height=420, margin={"l": 52, "r": 92, "t": 70, "b": 40})
    return style(figure)


def channels_figure(
    course: Course, plan: Plan, *, channel: int, step: int, words: Words, frozen: int | None = None
) -> Figure:
    """Where every channel's buffers stand at a step, in units of the population: (mean - population) / sigma above, and
    below the variance as a multiple of the population's (on a scale of powers); the target is dashed.

    The axes are those of all steps, so that they stand still while the stream plays. ``words`` has ``offset``,
    ``ratio`` and ``channel``. Channels that are constant in the population have no unit and are left out.
    """
    means, variances = course.target(plan)
    last = plan.steps if frozen is None else frozen
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = (_held(course.running_mean, last) - means) / np.sqrt(variances)
        ratio = np.log2(_held(course.running_var, last) / variances)
    figure = Figure()
    channels = np.arange(course.mean.size)
    size = 8 if channels.size <= 24 else 5
    for row, values in enumerate((offset, ratio)):
        axis = {"xaxis": "x", "yaxis": f"y{row + 1}" if row else "y"}
        values = np.where(np.isfinite(values), values, np.nan)
        _line(figure, channels[[0, -1]] + [-0.6, 0.6], np.zeros(2), "", POPULATION, 2, dash="dash", **axis)
        now = values[step]
        stems = np.stack([np.zeros_like(now), now, np.full_like(now, np.nan)], 1).reshape(-1)
        _line(figure, np.repeat(channels, 3), stems, "", RUNNING, 1.25, opacity=0.6, **axis)
        for chosen, color, wide in ((channels, RUNNING, size), (channels[[channel]], CELL[0], size + 3)):
            edge = {"color": RUNNING, "width": 2}
            figure.add_trace(
                Scatter(x=chosen, y=now[chosen], mode="markers", hoverinfo="skip", name=words["channel"],
                        marker={"color": color, "size": wide, "line": edge}, **axis)
            )  # fmt: skip
        known = values[np.isfinite(values)]
        far = max(0.5, float(np.abs(known).max()) if known.size else 0.5) * 1.15
        _panel(figure, row, (-far, far), words[("offset", "ratio")[row]])
        if row:
            powers = np.arange(-math.floor(far), math.floor(far) + 1)
            powers = powers[powers % max(1, math.ceil(far / 3)) == 0]
            said = [f"×{2**p}" if p >= 0 else f"×1/{2**-p}" for p in powers.tolist()]
            figure.update_layout(yaxis2={"tickvals": powers, "ticktext": said})
    figure.update_xaxes(
        range=[-0.6, channels.size - 0.4], fixedrange=True, showgrid=False, zeroline=False, ticks="",
        tickformat="d", nticks=min(13, channels.size + 1), anchor="y2", tickfont={"size": 13},
    )  # fmt: skip
    below = {"xref": "paper", "yref": "paper", "y": 0, "yanchor": "top", "yshift": -20, "showarrow": False}
    figure.add_annotation(**below, x=1, xanchor="right", text=words["channel"], font={"size": 13.5})
    figure.update_layout(height=420, margin={"l": 52, "r": 8, "t": 70, "b": 40})
    return style(figure)


def _held(values: FloatArray, last: int) -> FloatArray:
    """The values up to a step, and that step's from then on."""
    return values[np.minimum(np.arange(len(values)), last)]


def _line(
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
    line = {"color": color, "width": width, "dash": dash}
    figure.add_trace(Scatter(x=x, y=y, mode="lines", line=line, name=name, hoverinfo="skip", **look))


def _dots(figure: Figure, x: Any, y: FloatArray, step: int, name: str, axis: Mapping[str, str]) -> None:
    shown = np.where(x <= step, 0.9, FAINT)
    marker = {"color": BATCH, "size": 5, "opacity": shown}
    figure.add_trace(Scatter(x=x, y=y, mode="markers", marker=marker, name=name, hoverinfo="skip", **axis))


def _reach(values: list[FloatArray]) -> tuple[float, float]:
    low, high = (float(f([f(v) for v in values])) for f in (np.min, np.max))
    room = 0.08 * (high - low) or 0.5
    return low - room, high + room


def _panel(figure: Figure, row: int, reach: tuple[float, float], title: str) -> None:
    figure.update_layout(
        {
            f"yaxis{row + 1}" if row else "yaxis": {
                "domain": PANELS[row], "range": reach, "fixedrange": True, "zeroline": False, "ticks": "",
                "nticks": 5, "tickfont": {"size": 13},
            }
        }
    )  # fmt: skip
    figure.add_annotation(
        xref="paper", yref="paper", x=0, y=PANELS[row][1], xanchor="left", yanchor="bottom", yshift=2,
        showarrow=False, text=f"<b>{title}</b>", font={"size": 14},
    )  # fmt: skip


def _beside(figure: Figure, row: int, said: list[tuple[str, float]]) -> None:
    """The numbers of this step, each with its colour."""
    figure.add_annotation(
        xref="paper", yref="paper", x=1, xshift=8, y=PANELS[row][1], xanchor="left", yanchor="top", align="left",
        showarrow=False, text="<br>".join(f"{dye(color, '■')} {_said(value)}" for color, value in said),
        font={"size": 13.5},
    )  # fmt: skip


def _legend(figure: Figure, words: Words) -> None:
    first = f"{dye(BATCH, '●')} {words['batch']}   {dye(RUNNING, '━')} <b>{words['running']}</b>"
    second = f"{dye(POPULATION, '╍╍')} {words['population']}   {dye(BIASED, '━')} {words['biased']}"
    figure.add_annotation(
        xref="paper", yref="paper", x=0, y=1, xshift=-44, xanchor="left", yanchor="bottom", yshift=26,
        align="left", showarrow=False, text=f"{first}<br>{second}", font={"size": 14},
    )  # fmt: skip


def _steps_axis(figure: Figure, steps: int, step: int, words: Words, *, frozen: int | None) -> None:
    for at, dash, text in (
        (step, "solid", words["step"].format(step=step)),
        (frozen, "dot", words["frozen"]),
    ):
        if at is None:
            continue
        line = {"color": POPULATION, "width": 1.25, "dash": dash}
        figure.add_shape(
            type="line", x0=at, x1=at, y0=0, y1=1, xref="x", yref="paper", line=line, layer="below"
        )
        side = "left" if at < steps / 2 else "right"
        figure.add_annotation(
            x=at, xref="x", y=0.5, yref="paper", xanchor=side, showarrow=False, text=text, font={"size": 13},
            yanchor="bottom" if dash == "solid" else "top", xshift=4 if side == "left" else -4,
        )  # fmt: skip
    figure.update_xaxes(
        range=[-0.5, steps + 0.5], fixedrange=True, showgrid=False, zeroline=False, ticks="", anchor="y2",
        tickfont={"size": 13},
    )  # fmt: skip
    figure.add_annotation(
        xref="paper", yref="paper", x=1, y=0, xshift=8, xanchor="left", yanchor="top", yshift=-4, showarrow=False,
        text=words["steps"], font={"size": 13.5},
    )  # fmt: skip


def dye(color: str, text: str) -> str:
    """Text in a colour of its own, whatever the page's."""
    return f"<span style='color:{color}'>{text}</span>"


def _said(value: float) -> str:
    """A number of three digits or decimals with a proper minus."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    form = ".3f" if size >= 0.1 or size < 1e-12 else ".3g" if size >= 0.001 else ".1e"
    return f"{value:{form if size < 100 else '.3g'}}".replace("-", "−")
