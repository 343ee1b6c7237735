"""The numbers of one step of a Batch Renorm run."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from normviz.formula import number
from normviz.records import Tensor
from normviz.renorm import Corrected
from normviz.ui import cached
from normviz.ui.cached import Source
from normviz.ui.choices import Choices
from normviz.ui.numbers import amount, plain


def numbers(c: Choices, run: Corrected, step: int) -> None:
    """r and d of the pinned channel, and how far training is from evaluation, beside Batch Norm's."""
    row, channel = step - 1, c.channel
    for name in ("r", "d"):
        clipped = getattr(run, f"clipped_{name}")[row, channel]
        said = {"value": plain(float(getattr(run, name)[row, channel]) + 0.0)}  # no minus before nothing
        label = c.say("renorm.now", name=name, channel=channel)
        st.metric(label, c.say("renorm.clipped", **said) if clipped else said["value"], width="content")
    batch_norm = c.say("method.batch_norm.name")
    for gap, name in ((run.gap, c.name), (run.plain_gap, batch_norm)):
        label, told = c.say("renorm.gap_now", name=name), c.say("renorm.gap_help", channel=channel)
        st.metric(label, amount(float(gap[row, channel])), help=told, width="content")


def show_step(c: Choices, run: Corrected, step: int, pool: Source, images: Sequence[Tensor]) -> None:
    """What training and evaluation give at this step, and the numbers of the pinned cell."""
    st.subheader(c.say("renorm.at_step", step=step), anchor=False)
    row = step - 1
    inside = ~run.clipped[row]
    lines = (
        ("renorm.inside", run.gap[row, inside]),
        ("renorm.outside", run.gap[row, ~inside]),
        ("method.batch_norm.name", run.plain_gap[row]),
    )
    table = [[c.say(f"renorm.{key}") for key in ("output", "channels", "difference")], ["---"] * 3]
    for key, gaps in lines:
        if gaps.size:
            table.append([c.say(key, name=c.name), str(gaps.size), f"**{amount(float(gaps.max()))}**"])
    with st.container(key="nv-renorm-table"):
        st.markdown("\n".join(f"| {' | '.join(line)} |" for line in table))
    channel = c.channel
    sample = int(run.picked[row, c.cell[0]])
    x = float(cached.tensor(pool, images)[(sample, *c.cell[1:])])
    _cards(c, run, row, channel, x)


def _cards(c: Choices, run: Corrected, row: int, channel: int, x: float) -> None:
    """r, d, y in training and y in evaluation of one cell, the formula above its numbers."""
    names = ("mean", "std", "running_mean", "running_std", "raw_r", "raw_d", "r", "d")
    mean, std, old_mean, old_std, raw_r, raw_d, r, d = (float(getattr(run, n)[row, channel]) for n in names)
    r_max, d_max = float(run.r_max[row]), float(run.d_max[row])
    hat = (x - mean) / std
    cards = {
        "r": (
            r"r=\Bigl[\frac{\sigma_B}{\sigma}\Bigr]_{1/r_{\max}}^{r_{\max}}",
            rf"\frac{{{number(std)}}}{{{number(old_std)}}}={number(raw_r)}",
            _clipped("r", raw_r, r, 1 / r_max, r_max),
        ),
        "d": (
            r"d=\Bigl[\frac{\mu_B-\mu}{\sigma}\Bigr]_{-d_{\max}}^{d_{\max}}",
            rf"\frac{{{number(mean)}-{_bracket(old_mean)}}}{{{number(old_std)}}}={number(raw_d)}",
            _clipped("d", raw_d, d, -d_max, d_max),
        ),
        "training": (
            r"y=\frac{x-\mu_B}{\sigma_B}\,r+d",
            rf"\frac{{{number(x)}-{_bracket(mean)}}}{{{number(std)}}}={number(hat)}",
            rf"{_bracket(hat)}\cdot {number(r)}+{_bracket(d)}",
            rf"y={number(hat * r + d)}",
        ),
        "evaluation": (
            r"y=\frac{x-\mu}{\sigma}",
            rf"\frac{{{number(x)}-{_bracket(old_mean)}}}{{{number(old_std)}}}",
            rf"y={number((x - old_mean) / old_std)}",
        ),
    }
    st.markdown(c.say("renorm.cell", cell=f"({', '.join(map(str, c.cell))})", channel=channel))
    # Two rows of two: training stands beside evaluation, and the longest line fits.
    for pair in (("r", "d"), ("training", "evaluation")):
        for column, key in zip(st.columns(2, gap="small"), pair, strict=True):
            with column.container(border=True, height="stretch", key=f"nv-step-renorm-{key}"):
                st.markdown(f"**{c.say(f'renorm.card_{key}')}**")
                aligned = r" \\[6pt] ".join(f"&{line}" for line in cards[key])
                st.latex(rf"\begin{{aligned}}{aligned}\end{{aligned}}", width="content")


def _clipped(name: str, raw: float, used: float, low: float, high: float) -> str:
    """The number that is used, and the bounds it was held to where it was."""
    if low <= raw <= high:
        return rf"{name}={number(used)}"
    return rf"[{number(low)},\,{number(high)}]:\; {name}={number(used)}"


def _bracket(value: float) -> str:
    return f"({number(value)})" if value < 0 else number(value)
