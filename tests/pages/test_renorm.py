"""The topic r and d of the forward page, without a browser."""

from __future__ import annotations

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import normviz as nv
from normviz.reference import corrections, moments
from normviz.renorm import STEPS, Opening
from normviz.stream import Plan
from normviz.text.lookup import say
from normviz.ui.topics.table import topics_of
from tests.pages.app import CJK, LANGUAGES, SHAPES, errors, fine, link, marked, texts, visit, widget

HERE = {"method": "batch_renorm", "topic": "renorm"}


def open_topic(**more: str) -> AppTest:
    return visit("forward", HERE | more)


def formulas(at: AppTest) -> str:
    return "\n".join(block.value for block in at.latex)


def test_the_topic_is_there_for_what_has_bounds() -> None:
    assert [key for key, method in nv.METHODS.items() if "renorm" in topics_of(method)] == ["batch_renorm"]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_layout_in_both_languages(lang: str, shape: str) -> None:
    at = open_topic(lang=lang, shape=shape)
    assert errors(at) == []
    assert say(lang, "method.batch_renorm.name") in at.title[0].value
    assert bool(CJK.search(texts(at))) == (lang == "zh")
    assert any(":material/check_circle:" in text.value and "10⁻" in text.value for text in at.markdown)
    assert len(at.get("plotly_chart")) == 1 and len(at.latex) >= 4


def test_the_numbers_are_those_of_the_papers_rule() -> None:
    """The whole run again, here, in float64 with a running mean and standard deviation."""
    step, eps = 14, 1e-5
    at = open_topic(lang="en", dtype="float64", renorm_step=str(step))
    pool = nv.Sample().tensor((256, 12, 4, 4)).astype(np.float64)
    mean, std = np.zeros(12), np.full(12, np.sqrt(1 + eps))
    for t, picked in enumerate(Plan(batch=8, steps=step).batches(256), 1):
        x = pool[picked]
        r_max, d_max = Opening().at(t)
        spec = nv.METHODS["batch_renorm"].spec(r_max=r_max, d_max=d_max)
        running = mean, std**2 - eps
        if t == step:
            break
        mean = mean + 0.1 * (x.mean((0, 2, 3)) - mean)
        std = std + 0.1 * (np.sqrt(x.var((0, 2, 3)) + eps) - std)
    y = nv.normalize(x, spec, running=running)
    evaluated = nv.normalize(x, nv.METHODS["batch_norm_eval"].spec(), running=running)
    wide = nv.METHODS["batch_renorm"].spec(r_max=1000.0, d_max=1000.0)
    r, d = (full[0, :, 0, 0] for full in corrections(moments(x, wide), wide, x.shape, running=running))
    inside = (1 / r_max <= r) & (r <= r_max) & (np.abs(d) <= d_max)
    assert 0 < inside.sum() < 12
    assert f"**{inside.sum()} of 12**" in texts(at)
    plain = np.abs(nv.normalize(x, nv.METHODS["batch_norm"].spec()) - evaluated).max()
    clipped = np.abs(y - evaluated).max((0, 2, 3))[~inside].max()
    assert f"**{plain:.3f}**" in texts(at) and f"**{clipped:.3f}**" in texts(at)
    # float64: what is within the bounds agrees to the last digits.
    lead = re.search(r"at most \*\*[\d.]+\s×\s10⁻(\S+)\*\*", texts(at))
    assert lead is not None and int(lead[1].translate(str.maketrans("¹²³⁴⁵⁶⁷⁸⁹⁰", "1234567890"))) >= 12
    cell = (0, 5, 1, 0)
    training, evaluation = formulas(at).split(r"\begin{aligned}")[-2:]
    for block, value in ((training, y[cell]), (evaluation, evaluated[cell])):
        assert f"{abs(value):.4f}"[:5] in block.partition("y=")[2]


def test_the_step_is_in_the_link_and_moves_the_numbers() -> None:
    at = open_topic(lang="en")
    assert "renorm_step" not in link(at)
    before = formulas(at)
    fine(widget(at, "renorm.step/en").set_value(60).run())
    assert link(at)["renorm_step"] == "60"
    assert "At step 60," in texts(at) and formulas(at) != before
    assert marked(at, "renorm") == (60, pytest.approx(59.5 / 100))
    again = open_topic(lang="zh", renorm_step="60")
    assert widget(again, "renorm.step/zh").value == 60


def test_the_chart_is_the_same_at_every_step() -> None:
    at = open_topic(lang="en", renorm_step="3")
    (before,) = (chart.proto.spec for chart in at.get("plotly_chart"))
    r, d, _, plain = (metric.value for metric in at.metric)
    assert (r, d) == ("1.000 (clipped)", "0.000 (clipped)") and float(plain) > 0.01
    fine(widget(at, "renorm.step/en").set_value(90).run())
    assert [chart.proto.spec for chart in at.get("plotly_chart")] == [before]
    later = [metric.value for metric in at.metric]
    assert later[:2] != [r, d] and "clipped" not in "".join(later)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_put_in_by_hand_is_left_out_and_the_page_says_so(lang: str) -> None:
    said = say(lang, "population.undisturbed")
    calm = open_topic(lang=lang)
    at = open_topic(lang=lang, disturb="nan")
    assert said in texts(at) and said not in texts(calm)
    assert say(lang, "caption.disturbed", what=say(lang, "disturb.nan")) not in texts(at)
    assert formulas(at) == formulas(calm)


def test_closed_bounds_clip_every_channel() -> None:
    at = open_topic(lang="en", renorm_step="1")
    assert "all **12** channels are clipped" in texts(at)
    assert say("en", "renorm.inside", name="Batch Renorm") not in texts(at)


def test_bounds_that_are_open_from_the_start() -> None:
    at = open_topic(lang="en", bounds="fixed", r_max="1000", d_max="1000", renorm_step="1")
    assert "**12 of 12**" in texts(at)
    assert say("en", "renorm.outside", name="Batch Renorm") not in texts(at)
    assert "the paper's" not in texts(at)


def test_the_schedule_is_in_the_link() -> None:
    at = open_topic(lang="en", r_open="0-0", d_open="2-3", renorm_step="3")
    assert widget(at, "r_open/en").value == (0, 0)
    fine(widget(at, "d_open/en").set_value((20, 30)).run())
    assert link(at)["d_open"] == "20-30" and link(at)["r_open"] == "0-0"


@pytest.mark.parametrize("value", ["5", "9-3", "x-y", "-1-4", "0-101", ""])
def test_a_broken_schedule_is_the_default(value: str) -> None:
    at = open_topic(lang="en", r_open=value, renorm_step="0", renorm_momentum="nan", bounds="open")
    assert widget(at, "r_open/en").value == Opening().r
    assert errors(at) == [] and "renorm_step" not in link(at)


def test_playing_starts_again_at_the_end_and_stops() -> None:
    at = open_topic(lang="en", renorm_step=str(STEPS))
    fine(widget(at, "renorm/play").click().run())
    assert link(at)["renorm_step"] == "1" and marked(at, "renorm")[0] == 1
    # While the numbers run on, the lead speaks of no step.
    assert say("en", "renorm.lead_none") in texts(at)
    fine(widget(at, "renorm/pause").click().run())
    assert widget(at, "renorm/play").label == say("en", "transport.play") and "At step 1," in texts(at)
    assert widget(at, "renorm.step/en").value == 1


def test_smaller_batches_have_more_to_correct() -> None:
    at = open_topic(lang="en")
    (table,) = [m.value for m in at.markdown if say("en", "renorm.batch") in m.value]
    sizes, _, r, d = (
        [cell.strip(" *") for cell in line.strip("|").split("|")[1:]] for line in table.splitlines()
    )
    assert sizes == ["1", "2", "4", "8", "16", "32", "64"]
    for values in (r, d):
        assert [float(v) for v in values] == sorted(map(float, values), reverse=True)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("shape", ["1x24", "64x16x16x16", "4x1024", "256x128x8x8"])
def test_what_cannot_be_streamed_is_said(lang: str, shape: str) -> None:
    at = open_topic(lang=lang, shape=shape)
    assert len(errors(at)) == 1
    assert len(at.get("plotly_chart")) == 0
    assert bool(CJK.search(errors(at)[0])) == (lang == "zh")


def test_a_batch_of_one_map_is_streamed() -> None:
    assert errors(open_topic(lang="en", shape="1x3x4x4")) == []


def test_a_photograph_is_streamed() -> None:
    at = open_topic(lang="en", input="photo", shape="4x6x8x8")
    assert errors(at) == [] and "danielbuechele" in texts(at)
