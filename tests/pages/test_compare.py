"""The compare page without a browser: two to six methods on every layout, in both languages, and what links can say."""

from __future__ import annotations

import json
import re
import struct
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import normviz as nv
from normviz.layouts import layout_of
from normviz.text.lookup import say
from tests.pages.app import CJK, LANGUAGES, SHAPES, data, errors, fine, link, texts, visit, widget

FIGURE_2 = ("batch_norm", "layer_norm", "instance_norm", "group_norm")
WEIGHTS = ("weight_norm", "weight_standardization")
STATEMENTS = 5


def sent(at: AppTest) -> tuple[list[dict[str, Any]], bytes]:
    """What the cube component was told of each picture, and the values that came with it."""
    (component,) = at.get("bidi_component")
    if not component.proto.bytes:
        return list(json.loads(component.proto.json)["cubes"]), b""
    raw: bytes = component.proto.bytes
    end = 4 + struct.unpack("<I", raw[:4])[0]
    return list(json.loads(raw[4:end])["cubes"]), raw[end:]


def cubes(at: AppTest) -> list[dict[str, Any]]:
    return sent(at)[0]


def shown(at: AppTest) -> tuple[str, ...]:
    return tuple(cube["key"] for cube in cubes(at))


def fitting(shape: str) -> list[str]:
    """The methods of activations that take this layout."""
    layout = layout_of(SHAPES[shape])
    return [key for key, method in nv.METHODS.items() if layout in method.layouts]


def marks(at: AppTest, mark: str) -> list[str]:
    return [m.value for m in at.markdown if f":material/{mark}:" in m.value and "**" in m.value]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", range(2, 7))
def test_two_to_six_methods(lang: str, shape: str, count: int) -> None:
    options = fitting(shape)
    keys = tuple(options[(count + 3 * k) % len(options)] for k in range(count))
    keys = tuple(dict.fromkeys(keys))
    assert len(keys) == count
    at = visit("compare", lang=lang, shape=shape, methods=".".join(keys))
    assert errors(at) == []
    assert shown(at) == keys
    told = cubes(at)
    for key, cube in zip(keys, told, strict=True):
        spec = nv.METHODS[key].spec(**knobs(key, shape))
        assert say(lang, f"method.{key}.name") in cube["title"]
        assert f"{spec.statistic_count(SHAPES[shape]):,}" in cube["note"]
    assert len({cube["swatch"] for cube in told}) == count
    assert say(lang, f"compare_page.count_{count}") in at.title[0].value
    chart = at.get("plotly_chart")[0].proto.spec
    for cube in told:  # one colour beside the name and in the chart
        assert cube["swatch"] in chart and json.dumps(cube["title"])[1:-1] in chart
    agreed = [text for text in marks(at, "check_circle") if "`" in text]
    assert len(agreed) + len(at.warning) == count
    assert bool(CJK.search(texts(at))) == (lang == "zh")
    assert link(at).get("methods", ".".join(FIGURE_2)) == ".".join(keys)


def knobs(key: str, shape: str) -> dict[str, Any]:
    """The defaults that suit the shape, as the page should take them."""
    lengths = dict(zip(layout_of(SHAPES[shape]), SHAPES[shape], strict=True))
    return {k.name: k.suited(k.default, lengths) for k in nv.METHODS[key].knobs}


def test_the_first_visit_shows_the_group_norm_papers_figure() -> None:
    at = visit("compare")
    assert shown(at) == FIGURE_2
    assert "methods" not in link(at)
    assert [cube["note"] for cube in cubes(at)] == ["12 sets", "8 sets", "96 sets", "32 sets"]
    assert len(marks(at, "check_circle")) == len(FIGURE_2) + STATEMENTS
    assert not marks(at, "cancel") and not marks(at, "help") and not at.warning


HOSTILE = [
    ("", FIGURE_2),
    ("batch_norm", FIGURE_2),
    ("batch_norm.batch_norm.batch_norm", FIGURE_2),
    ("...", FIGURE_2),
    ("<script>.'; DROP.%00", FIGURE_2),
    ("weight_norm.weight_standardization", FIGURE_2),
    ("batch_norm.weight_norm", FIGURE_2),
    ("BATCH_NORM.LAYER_NORM", FIGURE_2),
    ("l2_norm.nonsense.batch_norm.l2_norm", ("l2_norm", "batch_norm")),
    (".".join(nv.METHODS), tuple(nv.METHODS)[:6]),
    ("layer_norm.batch_norm." * 5000, ("layer_norm", "batch_norm")),
]


@pytest.mark.parametrize(("said", "expected"), HOSTILE, ids=[str(k) for k in range(len(HOSTILE))])
def test_what_a_link_may_say(said: str, expected: tuple[str, ...]) -> None:
    at = visit("compare", methods=said)
    assert shown(at) == expected
    assert errors(at) == []
    written = link(at).get("methods")
    assert written == (None if expected == FIGURE_2 else ".".join(expected))


def test_boxes_are_ticked_and_locked() -> None:
    at = visit("compare")
    box = {key: f"methods/{key}/en" for key in fitting("8x12x4x4")}
    assert {b.key for b in at.checkbox if b.key and b.key.startswith("methods/")} == set(box.values())
    fine(widget(at, box["l2_norm"]).check().run())
    assert shown(at) == (*FIGURE_2, "l2_norm") and link(at)["methods"].endswith(".l2_norm")
    # Faster than the lock: the seventh does not come in.
    widget(at, box["rms_norm"]).check()
    fine(widget(at, box["positional_norm"]).check().run())
    assert shown(at) == (*FIGURE_2, "l2_norm", "rms_norm")
    assert not widget(at, box["positional_norm"]).value
    assert {b.key for b in at.checkbox if b.disabled} == set(box.values()) - {box[key] for key in shown(at)}
    for key in FIGURE_2:
        widget(at, box[key]).uncheck()
    fine(at.run())
    assert shown(at) == ("l2_norm", "rms_norm")
    assert {b.key for b in at.checkbox if b.disabled} == {box["l2_norm"], box["rms_norm"]}
    # The last two are not let go, however fast.
    fine(widget(at, box["group_norm"]).check().run())
    for key in shown(at):
        widget(at, box[key]).uncheck()
    fine(at.run())
    assert shown(at) == ("l2_norm", "rms_norm", "group_norm")
    fine(widget(at, box["group_norm"]).uncheck().run())
    # The other language starts from the same choice.
    fine(widget(at, "lang/en").set_value("zh").run())
    assert shown(at) == ("l2_norm", "rms_norm")
    assert widget(at, "methods/l2_norm/zh").value


def test_the_picked_methods_knobs_are_its_own() -> None:
    at = visit("compare", method="group_norm", num_groups="3")
    assert cubes(at)[3]["title"] == "Group Norm · G = 3" and cubes(at)[3]["note"] == "24 sets"
    assert "The bar above sets Group Norm;" in texts(at)
    fine(widget(at, "method/en").set_value("rms_norm").run())
    assert cubes(at)[3]["title"] == "Group Norm · G = 4"
    assert "which is not among these" in texts(at)
    # Five channels have no four groups: the nearest that divides.
    at = visit("compare", shape="4x5x3x3")
    assert cubes(at)[3]["title"] == "Group Norm · G = 5"


def values(at: AppTest) -> list[int | None]:
    """Which of the blocks of values each picture shows."""
    return [cube["values"] for cube in cubes(at)]


def test_values_travel_once_where_they_are_the_same() -> None:
    at = visit("compare", colour="before")
    assert values(at) == [0, 0, 0, 0]
    assert sent(at)[1] == data("8x12x4x4").tobytes()
    at = visit("compare", colour="after")
    assert values(at) == [0, 1, 2, 3]
    blocks = np.frombuffer(sent(at)[1], "<f4").reshape(-1, *SHAPES["8x12x4x4"])
    for key, block in zip(FIGURE_2, blocks, strict=True):
        expected = nv.normalize(data("8x12x4x4"), nv.METHODS[key].spec(**knobs(key, "8x12x4x4")))
        assert np.abs(block - expected).max() < 1e-5, key
    at = visit("compare", colour="all")
    assert values(at) == [None] * 4 and not sent(at)[1]


def test_too_many_values_are_not_sent_and_the_page_says_so() -> None:
    three = {"methods": "layer_norm.rms_norm.l2_norm", "shape": "32x64x16x16"}
    at = visit("compare", three, colour="after")
    (note,) = at.info
    assert f"{3 * 32 * 64 * 256:,}" in note.value and f"{2**20:,}" in note.value
    assert values(at) == [None] * 3
    at = visit("compare", three, colour="before")
    assert values(at) == [0, 0, 0] and not at.info


def test_a_1_by_1_map_is_refused_by_torch_and_said() -> None:
    at = visit("compare", shape="8x12x1x1")
    assert len(at.warning) == 1 and "InstanceNorm2d" in at.warning[0].value
    assert len(marks(at, "help")) == 2
    assert "torch's `BatchNorm2d` refuses this input" in texts(at)
    assert not marks(at, "cancel")


def test_what_does_not_hold_on_sequences_is_red() -> None:
    at = visit("compare", shape="4x10x16")
    crossed = marks(at, "cancel")
    assert len(crossed) == 2 and all("40" in text and "160" in text for text in crossed)
    assert len([m for m in marks(at, "check_circle") if "`" not in m]) == STATEMENTS - 2


@pytest.mark.parametrize("disturb", ["nan", "inf", "constant"])
@pytest.mark.parametrize("colour", ["all", "after"])
def test_what_is_put_in_by_hand(disturb: str, colour: str) -> None:
    at = visit("compare", disturb=disturb, colour=colour, dtype="float64")
    assert errors(at) == []
    assert not re.search(r"\bNaN\*\*", texts(at))  # no number on the page is a NaN
    assert not marks(at, "cancel")


@pytest.mark.parametrize("kind", ["photo", "upload"])
def test_pictures_are_compared_as_well(kind: str) -> None:
    at = visit("compare", input=kind, shape="4x8x16x16", colour="before")
    assert errors(at) == []
    assert "feature maps of" in texts(at)
    assert shown(at) == FIGURE_2


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("colour", ["set", "all", "before", "after"])
def test_kernels_have_their_own_methods(lang: str, colour: str) -> None:
    at = visit("compare", lang=lang, method="weight_norm", colour=colour)
    assert shown(at) == WEIGHTS
    assert errors(at) == [] and not marks(at, "cancel")
    assert say(lang, "compare_page.relations_weights") in texts(at)
    # And back: what was chosen for activations is as it was.
    fine(widget(at, f"method/{lang}").set_value("batch_norm").run())
    assert shown(at) == FIGURE_2
