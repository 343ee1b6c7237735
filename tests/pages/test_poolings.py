"""The pooling view without a browser: every pooling in both languages, its link, what does not fit, a new one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from normviz.pooling import MESSAGES, Pooling
from normviz.poolings import POOLINGS
from normviz.samples import Sample
from normviz.text import lookup
from normviz.text.lookup import say
from normviz.ui.poolings.shown import share
from tests.pages.app import CJK, LANGUAGES, errors, fine, link, texts, visit, widget
from tests.pages.test_fold_lone import english

SHAPE = (2, 4, 12, 10)
RANDOM = {"input": "random", "shape": "2x4x12x10", "channel": "2"}


def pooling(**choices: str) -> AppTest:
    return visit("activations", {"part": "pooling", **choices})


def sent(at: AppTest) -> tuple[dict[str, Any], np.ndarray]:
    """What the component was told: the header, and all values of both maps."""
    (component,) = at.get("bidi_component")
    raw: bytes = component.proto.bytes
    length = int.from_bytes(raw[:4], "little")
    header = json.loads(raw[4 : 4 + length])
    sizes = [int(np.prod(header["sizes"][side])) for side in ("in", "out")]
    start = len(raw) - 4 * (sum(sizes) + (sizes[1] if header["winners"] else 0))
    return header, np.frombuffer(raw, "<f4", sum(sizes), start)


def oracle(entry: Pooling, knobs: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, float]:
    """The random map of RANDOM, torch's output, and the share of inputs with a gradient, by autograd."""
    x = torch.tensor(Sample().tensor(SHAPE)[0, 2], requires_grad=True)
    y = entry.module(torch.nn, 2, **knobs)(x[None])[0]
    y.sum().backward()
    assert x.grad is not None
    return x.detach().numpy(), y.detach().numpy(), float((x.grad != 0).float().mean())


GEOMETRIES: dict[str, dict[str, Any]] = {
    "max": {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True},
    "average": {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    "adaptive_average": {"output_size": 5},
    "adaptive_max": {"output_size": 7},
}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("key", POOLINGS)
@pytest.mark.parametrize("plain", [True, False])
def test_every_pooling_in_both_languages(key: str, lang: str, plain: bool) -> None:
    entry, knobs = POOLINGS[key], {} if plain else GEOMETRIES.get(key, {})
    at = pooling(pool=key, lang=lang, **RANDOM, **{name: str(v) for name, v in knobs.items()})
    x, y, reached = oracle(entry, {**_needed(entry), **knobs})
    header, values = sent(at)
    assert header["sizes"] == {"in": list(x.shape), "out": list(y.shape)}
    assert np.abs(values - np.concatenate([x.ravel(), y.ravel()])).max() < 1e-5
    assert header["winners"] == entry.largest
    assert errors(at) == [] and not at.warning
    heading = at.title[0].value
    assert say(lang, f"pooling.{key}.name") in heading and bool(CJK.search(heading)) == (lang == "zh")
    assert f"{x.size:,}" in heading and f"{y.size:,}" in heading
    assert f"**{share(reached)}**" in texts(at)
    assert any(":material/check_circle:" in m.value and entry.layer in m.value for m in at.markdown)
    assert [metric.value for metric in at.metric][:3] == [f"{x.size} → {y.size}", share(y.size / x.size), "0"]
    assert len(at.latex) == 3 and len(at.get("plotly_chart")) == 4  # the channels in two arrangements
    assert lang == "en" or english(at) == []
    assert say(lang, "pooling_page.shift_picture") in texts(at)


def _needed(entry: Pooling) -> dict[str, Any]:
    return {knob.name: knob.default for knob in entry.knobs if knob.default is not None}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("key", POOLINGS)
def test_a_photograph_moves(key: str, lang: str) -> None:
    at = pooling(pool=key, lang=lang, channel="1", shape="2x6x16x16")
    assert errors(at) == [] and (lang == "en" or english(at) == [])
    assert len(at.get("plotly_chart")) == 5 and "1904.11486" in texts(at)
    moved = at.metric[3:]
    assert moved[0].label == say(lang, "pooling_page.unpooled")
    assert moved[1].label == say(lang, f"pooling.{key}.name")
    labels = {say(lang, f"pooling.{name}.name") for name in ("max", "average", key)}
    assert {metric.label for metric in moved[1:]} == labels
    shifted = [metric.value for metric in moved]
    assert all(re.fullmatch(r"[\d.]+%", value) for value in shifted)
    fine(widget(at, f"pool.shift/{lang}").set_value(0).run())
    assert {metric.value for metric in at.metric[3:]} == {"0%"}
    assert link(at)["shift"] == "0"


CHOSEN: list[tuple[str, Any, dict[str, str], str]] = [
    ("pool", "adaptive_max", {}, "pool"),
    ("pool.kernel_size", 3, {}, "kernel_size"),
    ("pool.stride", 1, {}, "stride"),
    ("pool.padding", 1, {}, "padding"),
    ("pool.dilation", 2, {}, "dilation"),
    ("pool.ceil_mode", True, {"kernel_size": "3"}, "ceil_mode"),
    ("pool.count_include_pad", False, {"pool": "average", "padding": "1"}, "count_include_pad"),
    ("pool.output_size", 3, {"pool": "adaptive_average"}, "output_size"),
    ("pool.channel", 3, {}, "channel"),
    ("maps.input", "random", {}, "input"),
    ("photo", "flower", {}, "photo"),
    ("bank", "seeded", {}, "bank"),
]


@pytest.mark.parametrize(("key", "value", "start", "name"), CHOSEN)
def test_every_choice_is_in_the_link_and_changes_the_picture(
    key: str, value: Any, start: dict[str, str], name: str
) -> None:
    begun = {"shape": "2x4x16x16", **start}
    at = pooling(**begun)
    _, before = sent(at)
    fine(widget(at, f"{key}/en").set_value(value).run())
    assert link(at) == {**begun, "part": "pooling", name: str(value)}
    header, after = sent(at)
    assert errors(at) == [] and not np.array_equal(before, after)
    again = visit("activations", link(at))
    assert sent(again)[0] == header and np.array_equal(sent(again)[1], after)


def test_a_stride_left_open_is_the_kernel_s() -> None:
    at = pooling(**RANDOM, kernel_size="3", stride="1")
    assert sent(at)[0]["sizes"]["out"] == [10, 8]
    fine(widget(at, "pool.stride/en").set_value(None).run())
    assert sent(at)[0]["sizes"]["out"] == [4, 3] and "stride" not in link(at)


def test_the_poolings_share_their_knobs() -> None:
    at = pooling(**RANDOM, kernel_size="4")
    fine(widget(at, "pool/en").set_value("average").run())
    assert sent(at)[0]["sizes"]["out"] == [3, 2] and link(at)["kernel_size"] == "4"
    fine(widget(at, "pool/en").set_value("global_max").run())
    assert "kernel_size" not in link(at)


def test_a_side_is_a_click_away_and_any_other_a_shape() -> None:
    at = pooling()
    fine(widget(at, "pool.side/en").set_value(8).run())
    assert link(at)["shape"] == "8x12x8x8" and sent(at)[0]["sizes"]["in"] == [8, 8]
    other = pooling(shape="2x4x9x11")
    assert widget(other, "pool.side/en").value is None and sent(other)[0]["sizes"]["in"] == [9, 11]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("knobs", "code", "fitting"),
    [
        ({"kernel_size": "11"}, "large", "kernel_size = 10"),
        ({"kernel_size": "4", "dilation": "4"}, "reach", "kernel_size = 3"),
        ({"kernel_size": "3", "padding": "2"}, "padding", "padding = 1"),
        ({"kernel_size": "1000", "padding": "1000"}, "padding", "padding = 500"),
    ],
)
def test_what_does_not_fit_is_one_sentence_with_a_neighbour_that_does(
    knobs: dict[str, str], code: str, fitting: str, lang: str
) -> None:
    at = pooling(lang=lang, **RANDOM, **knobs)
    (sentence,) = errors(at)
    assert fitting in sentence and bool(CJK.search(sentence)) == (lang == "zh")
    start = say(lang, f"pooling_error.{code}").partition("{")[0]
    assert sentence.startswith(start) and "{" not in sentence
    # The picture is that of the neighbour, the link still what was asked for.
    shown = sent(at)
    assert knobs.items() <= link(at).items()
    (button,) = [each for each in at.button if each.key == "nv-pooling-use"]
    assert button.label == say(lang, "pooling_error.use", fitting=fitting)
    fine(button.click().run())
    assert errors(at) == [] and np.array_equal(sent(at)[1], shown[1])
    name, _, value = fitting.partition(" = ")
    assert link(at)[name] == value


def test_the_library_and_the_page_refuse_in_the_same_words() -> None:
    assert {code: say("en", f"pooling_error.{code}") for code in MESSAGES} == MESSAGES


def test_a_link_that_makes_no_sense_is_the_default() -> None:
    at = pooling(
        pool="median", kernel_size="0", stride="-1", padding="x", dilation="99999", ceil_mode="1", channel="77",
        out="a", shift="99", **{"in": "1x2x3"},
    )  # fmt: skip
    assert errors(at) == [] and link(at) == {"part": "pooling"}
    assert sent(at)[0]["sizes"] == {"in": [32, 32], "out": [16, 16]}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_pinned_cell_is_in_the_link_and_worked_out(lang: str) -> None:
    at = pooling(lang=lang, **RANDOM, out="3x4")
    assert sent(at)[0]["pinned"] == {"side": "out", "cell": [3, 4]}
    assert say(lang, "pooling_page.value", cell="(3, 4)") in texts(at)
    assert "y_{3,4}" in at.latex[2].value
    into = pooling(lang=lang, **RANDOM, **{"in": "7x9"})
    assert sent(into)[0]["pinned"] == {"side": "in", "cell": [7, 9]}
    assert say(lang, "pooling_page.value", cell="(3, 4)") in texts(into)
    unread = pooling(lang=lang, **RANDOM, stride="3", **{"in": "2x0"})
    assert say(lang, "pooling_page.unread", cell="(2, 0)") in texts(unread) and errors(unread) == []
    gone = pooling(lang=lang, **RANDOM, out="6x0")
    assert sent(gone)[0]["pinned"] is None and "out" not in link(gone)


@pytest.mark.parametrize("disturb", ["nan", "inf", "constant"])
@pytest.mark.parametrize("key", ["max", "average"])
def test_what_is_put_in_by_hand_lies_in_the_map_that_is_shown(key: str, disturb: str) -> None:
    at = pooling(pool=key, disturb=disturb, **RANDOM)
    assert errors(at) == []
    _, values = sent(at)
    broken = int((~np.isfinite(values)).sum())
    assert broken == (0 if disturb == "constant" else 2)  # the cell and the one output that reads it


@pytest.mark.parametrize("key", ["global_max", "global_average"])
def test_where_nothing_finite_is_left_nothing_is_compared(key: str) -> None:
    at = pooling(pool=key, disturb="nan", **RANDOM)
    assert errors(at) == [] and ":material/check_circle:" not in texts(at)


@pytest.mark.parametrize("counted", [True, False])
def test_padding_in_the_mean_is_said_where_it_counts(counted: bool) -> None:
    knobs = {"kernel_size": "3", "stride": "2", "padding": "1", "count_include_pad": str(counted)}
    assert (say("en", "pooling_page.padded") in texts(pooling(pool="average", **RANDOM, **knobs))) == counted
    assert say("en", "pooling_page.padded") not in texts(pooling(pool="average", **RANDOM))


@pytest.mark.parametrize(
    "choices",
    [
        {"input": "random", "shape": "1x3x600x520", "kernel_size": "64"},
        {"shape": "1x3x200x200"},
        {"input": "random", "shape": "1x1x1x1", "kernel_size": "1"},
        {"shape": "2x4x1x1", "kernel_size": "1"},
        {"pool": "adaptive_max", "output_size": "300", "shape": "1x3x9x9"},
        {"kernel_size": "3", "padding": "1", "stride": "2", "dtype": "float64", "method": "weight_norm"},
    ],
)
def test_large_small_and_odd_maps(choices: dict[str, str]) -> None:
    at = pooling(**choices)
    assert errors(at) == []
    assert ("first 512 cells" in texts(at)) == ("600" in choices.get("shape", ""))


def test_the_code_runs_and_gives_the_same_size() -> None:
    at = pooling(pool="max", shape="2x4x12x10", **{name: str(v) for name, v in GEOMETRIES["max"].items()})
    names: dict[str, Any] = {}
    exec(at.code[0].value, names)
    assert list(names["y"].shape[2:]) == sent(at)[0]["sizes"]["out"]
    # Of the picture that is shown, not of another input: the share is the one above it.
    assert share(float((names["x"].grad != 0).double().mean())) in texts(at)


def test_a_photograph_that_cannot_be_convolved_is_said() -> None:
    at = pooling(shape="2x1x8x8")
    (sentence,) = errors(at)
    assert "2 × 1 × 8 × 8" in sentence


NEW = replace(POOLINGS["max"], key="first_max", knobs=POOLINGS["max"].knobs[:3])
WORDS = {"en": {"name": "First max", "who": "what wins"}, "zh": {"name": "首个最大值", "who": "胜者"}}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_pooling_is_added_by_its_entry_and_its_words(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(POOLINGS, NEW.key, NEW)
    known = lookup.words

    def words(language: str) -> Mapping[str, str]:
        return {
            **known(language),
            **{f"pooling.{NEW.key}.{k}": text for k, text in WORDS[language].items()},
        }

    monkeypatch.setattr(lookup, "words", words)
    at = pooling(pool=NEW.key, lang=lang, kernel_size="3", shape="2x4x16x16")
    assert errors(at) == [] and WORDS[lang]["name"] in at.title[0].value
    assert WORDS[lang]["name"] in {metric.label for metric in at.metric}
    assert link(at)["pool"] == NEW.key
