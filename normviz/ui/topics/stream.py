"""Training and evaluating: mini-batches stream through a real layer, and evaluation reads what its buffers kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz.figures.stream import channels_figure, course_figure
from normviz.figures.stream_outputs import evaluation_figure
from normviz.records import Tensor
from normviz.spec import Root
from normviz.stream import CHANNELS, STEPS, Course, Evaluation, Plan
from normviz.text.lookup import section
from normviz.ui import cached_stream
from normviz.ui.cached import Source, device_name
from normviz.ui.cached_stream import NoRoom, Streaming, Test
from normviz.ui.choices import Choices
from normviz.ui.inputs import choose_input, choose_kind
from normviz.ui.numbers import plain, spoken
from normviz.ui.parts import chart, credit, head
from normviz.ui.population_notes import population_notes
from normviz.ui.step_mark import course as place
from normviz.ui.stream_controls import choose_course, choose_test
from normviz.ui.transport import Transport

TRANSPORT = Transport("stream", "step", 0, STEPS, start=20)


@dataclass(frozen=True)
class Shown:
    """All that is chosen about the stream, but the step."""

    c: Choices
    what: Streaming
    images: Sequence[Tensor]
    frozen: int | None
    shift: float
    scale: float

    @property
    def channel(self) -> int:
        """The pinned cell's."""
        return self.c.channel

    def test(self, step: int) -> Test:
        """What is evaluated at a step."""
        held = step if self.frozen is None else min(step, self.frozen)
        return Test(step, held, self.channel, self.shift, self.scale)


def show(c: Choices) -> None:
    """The stream: its course, step by step or playing, and evaluation with the averages of one step."""
    top, transport = st.empty(), st.container(key="nv-stream-steps")
    picture = st.container(key="nv-stream-picture")
    chosen, tested = st.container(key="nv-stream-course"), st.container(key="nv-stream-test")
    with st.container(key="nv-stream-input"):
        source, images = choose_input(c, choose_kind(c))
    batch = _batch(c)
    plan = Plan(batch, STEPS, eps=_eps(c), seed=c.seed)
    try:
        population = cached_stream.population(source, batch)
        if _lone(c, batch):  # torch itself says that it will not
            cached_stream.course(Streaming(population, plan, c.device, c.dtype), images)
    except ValueError as problem:
        _refuse(c, top, picture, batch, problem)
        return
    with chosen:
        momentum, frozen = choose_course(c)
    with tested:
        heading = st.container()
        drifting, shift, scale = choose_test(c)
        outcome = st.container()
    with top.container():
        _head(c, batch, momentum, frozen)
    with transport:
        step, plays = TRANSPORT.draw(c)
    plan = replace(plan, momentum=momentum)
    if drifting:
        plan = replace(plan, shift=shift, scale=scale)
    try:
        what = Streaming(population, plan, c.device, c.dtype)
        with picture, st.spinner(c.say("stream.loading", steps=STEPS)):
            course = cached_stream.course(what, images)
    except ValueError as problem:
        _refuse(c, top, picture, batch, problem)
        return
    shown = Shown(c, what, images, frozen, shift, scale)
    with picture:
        _charts(shown, course)
        TRANSPORT.follow(c, step, plays, lambda now: _numbers(shown, course, now))
        _about(shown, source, course)
    with heading:
        words = "stream.evaluation_playing" if plays else "stream.evaluation"
        st.subheader(c.say(words, held=shown.test(step).held, step=step), anchor=False)
    with outcome:
        _evaluated(shown, course, step)


def _head(c: Choices, batch: int, momentum: float | None, frozen: int | None) -> None:
    """What the averages do: they close in, or stand still from some step on."""
    samples = c.say("stream.sample" if batch == 1 else "stream.samples", batch=batch)
    numbers: dict[str, object] = {"steps": STEPS, "samples": samples, "held": frozen}
    if momentum is not None:
        numbers["percent"] = f"{100 * momentum:g}"
    state = "" if frozen is None else "_frozen" if frozen else "_start"
    rule = "_cumulative" if momentum is None and frozen != 0 else ""
    title = c.say(f"stream.title{state}", name=c.name, held=frozen)
    head(title, c.say(f"stream.lead{state}{rule}", **numbers))


def _lone(c: Choices, batch: int) -> bool:
    """Whether a batch has one value per channel."""
    return batch * math.prod(c.shape[1:]) == c.channels


def _refuse(
    c: Choices, top: DeltaGenerator, picture: DeltaGenerator, batch: int, problem: ValueError
) -> None:
    """Why there is no stream, below a title that promises none."""
    with top.container():
        head(c.say("stream.title_refused", name=c.name), "")
    if isinstance(problem, NoRoom):
        numbers = {"needed": 2 * batch, "channels": CHANNELS, "samples": problem.samples}
        picture.error(c.say("stream.too_large", shape=spoken(c.shape), **numbers), icon=":material/error:")
        return
    lone = _lone(c, batch)
    words = "stream.refused" if lone else "error.pass"
    picture.warning(c.say(words, refusal=problem, reason=problem), icon=":material/warning:")
    if lone:
        picture.markdown(c.say("stream.refused_why"))


def _charts(shown: Shown, course: Course) -> None:
    """The whole course, of the pinned channel and of all; which step is looked at is marked by :mod:`step_mark`."""
    plan, channel, frozen = shown.what.plan, shown.channel, shown.frozen
    words = section(shown.c.lang, "stream_figure")
    with place(TRANSPORT.name):
        left, right = st.columns([7, 4], gap="medium")
        with left:
            chart(course_figure(course, plan, channel=channel, words=words, frozen=frozen), "stream-channel")
        with right:
            chart(
                channels_figure(course, plan, channel=channel, words=words, frozen=frozen), "stream-channels"
            )


def _numbers(shown: Shown, course: Course, step: int) -> None:
    """How far the buffers are off at a step, and training from evaluation."""
    c, plan, channel = shown.c, shown.what.plan, shown.channel
    test = shown.test(step)
    means, variances = course.target(plan)
    spread = math.sqrt(variances[step, channel])
    off = (course.running_mean[test.held, channel] - means[step, channel]) / spread if spread else math.nan
    ratio = course.running_var[test.held, channel] / variances[step, channel] if spread else math.nan
    gap = cached_stream.evaluation(shown.what, test, shown.images).gap
    st.metric(c.say("stream.mean_now"), c.say("stream.sigmas", value=plain(off)), width="content")
    st.metric(c.say("stream.var_now"), c.say("stream.times", value=plain(ratio)), width="content")
    told = c.say("stream.gap_help", channel=channel, most=plain(float(gap.max())))
    st.metric(c.say("stream.gap_now"), plain(float(gap[channel])), help=told, width="content")


def _about(shown: Shown, source: Source, course: Course) -> None:
    """What was computed, on what."""
    c, plan = shown.c, shown.what.plan
    numbers = {
        "samples": course.samples,
        "shape": spoken(c.shape[1:]),
        "kind": c.say(f"input.{source.photo or source.kind}"),
        "seed": c.seed,
        "batch": plan.batch,
        "layer": course.layer,
        "dtype": course.dtype,
        "device": device_name(course.device),
    }
    words = [c.say("stream.about", **numbers)]
    words += population_notes(c, course.samples, len(shown.images), course.mean.size)
    if plan.batch < c.shape[0]:
        words.append(c.say("stream.per_device", batch=plan.batch, whole=c.shape[0]))
    if not c.method.own_layer:
        words.append(c.say("stream.stand_in", name=c.name))
    st.caption(c.prose(words))
    credit(c, source)


def _evaluated(shown: Shown, course: Course, step: int) -> None:
    """The layer evaluating: matching and shifted data, what is stored, and all channels in a table."""
    c, channel, test = shown.c, shown.channel, shown.test(step)
    seen = cached_stream.evaluation(shown.what, test, shown.images)
    if test.held == 0:
        st.info(c.say("stream.start"), icon=":material/info:")
    if test.held < step:
        st.info(c.say("stream.moved_on", held=test.held), icon=":material/ac_unit:")
    words, plan = section(c.lang, "stream_figure"), shown.what.plan
    if (plan.shift, plan.scale) != (0, 1):
        words["matching"] = words["matching_drifting"]
    figure = evaluation_figure(seen, words=words)
    chart(figure, "stream-outputs")
    numbers = {
        "step": step,
        "channel": channel,
        "mean": plain(seen.matching.eval.mean),
        "std": plain(seen.matching.eval.std),
        "shift": f"{shown.shift:g}",
        "scale": f"{shown.scale:g}",
        "shifted_mean": plain(seen.shifted.eval.mean),
        "shifted_std": plain(seen.shifted.eval.std),
    }
    st.markdown(c.say("stream.outcome", **numbers))
    numbers = {
        "values": f"{course.values:,}",
        "factor": f"{course.values / (course.values - 1):.4f}",
        "step": test.held,
        "biased": f"{course.biased_var[test.held, channel]:.4g}",
        "stored": f"{course.running_var[test.held, channel]:.4g}",
    }
    st.markdown(c.say("stream.unbiased", **numbers))
    with st.expander(c.say("stream.table"), icon=":material/table:"):
        _table(shown, course, seen, test)


def _table(shown: Shown, course: Course, seen: Evaluation, test: Test) -> None:
    means, variances = course.target(shown.what.plan)
    nothing = np.full_like(course.mean, np.nan)
    columns = {
        "channel": np.arange(course.mean.size),
        "batch_mean": course.batch_mean[test.step - 1] if test.step else nothing,
        "running_mean": course.running_mean[test.held],
        "mean": means[test.step],
        "batch_var": course.batch_var[test.step - 1] if test.step else nothing,
        "running_var": course.running_var[test.held],
        "biased_var": course.biased_var[test.held],
        "var": variances[test.step],
        "matching_mean": seen.matching.mean,
        "matching_std": seen.matching.std,
        "shifted_mean": seen.shifted.mean,
        "shifted_std": seen.shifted.std,
    }
    names = section(shown.c.lang, "stream_table")
    decimals = st.column_config.NumberColumn(format="%.4f")
    looks = {names[k]: decimals for k in columns if k != "channel"}
    st.dataframe({names[k]: v.tolist() for k, v in columns.items()}, hide_index=True, column_config=looks)


def _batch(c: Choices) -> int:
    """How many samples of the batch the layer sees: on several devices each sees its own."""
    if not c.spec.sets:
        return c.shape[0]
    low, high = c.spec.sets[0].intervals(c.shape)[0]
    return int(high[c.cell[0]] - low[c.cell[0]])


def _eps(c: Choices) -> float:
    divisor = c.spec.divisor
    return divisor.eps if isinstance(divisor, Root) and divisor.eps else Plan().eps
