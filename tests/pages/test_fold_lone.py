"""The topics of folding and of a batch of one, in both languages on every layout, without a browser."""

from __future__ import annotations

import json
import re

import pytest
from streamlit.testing.v1 import AppTest

import normviz as nv
from normviz.extents import Own
from normviz.layouts import axes_of
from normviz.text.lookup import say
from normviz.ui.topics.table import topics_of
from tests.pages.app import CJK, LANGUAGES, SHAPES, errors, fine, link, texts, visit, widget

#: Three words in small letters; code, formulas and what torch says stay as they are.
PROSE = re.compile(r"(?:\b[a-z]{3,}\b\s+){3}")
APART = re.compile(r"`[^`]*`|\$[^$]*\$|:[\w/]+:|“[^”]*”")


def english(at: AppTest) -> list[str]:
    return [text for text in texts(at).split("\n") if PROSE.search(APART.sub(" ", text))]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_folding_in_both_languages_on_every_layout(lang: str, shape: str) -> None:
    at = visit("forward", topic="fold", lang=lang, shape=shape, dtype="float64")
    assert errors(at) == [] and not at.warning
    assert any(":material/check_circle:" in m.value and "10⁻" in m.value for m in at.markdown)
    assert len(at.get("plotly_chart")) == 4  # the first in two arrangements
    assert bool(CJK.search(at.title[0].value)) == (lang == "zh")
    assert lang == "en" or english(at) == []
    channels = dict(zip(axes_of(SHAPES[shape]), SHAPES[shape], strict=True))["C"]
    assert f"**{channels}**" in texts(at)
    assert len(at.dataframe[0].value) == channels
    assert len(at.latex) == 1 and r"\frac{\gamma}" in at.latex[0].value


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("case", ["maps", "vectors"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_batch_of_one_in_both_languages_on_every_layout(lang: str, case: str, shape: str) -> None:
    at = visit("forward", topic="lone", lang=lang, shape=shape, lone_case=case)
    vectors = case == "vectors" or shape.count("x") == 1
    assert errors(at) == []
    assert bool(at.warning) == vectors
    if vectors:
        assert "“Expected more than 1 value per channel when training" in at.warning[0].value
        assert say(lang, "lone.hides") in texts(at)
    else:
        assert any(":material/check_circle:" in m.value and "InstanceNorm" in m.value for m in at.markdown)
    assert len(at.get("plotly_chart")) == (2 if vectors else 4)  # the maps in two arrangements
    assert bool(CJK.search(at.title[0].value)) == (lang == "zh")
    assert lang == "en" or english(at) == []
    sizes = at.dataframe[0].value
    assert list(sizes["N"]) == [1, 2, 4, 8, 16, 32]
    assert list(sizes.iloc[0, 1:3]) == [0, 0]
    others = at.dataframe[1].value
    assert {say(lang, f"method.{m}.name") for m in ("batch_norm", "instance_norm", "group_norm")} <= set(
        others.iloc[:, 0]
    )


def test_the_topics_are_there_where_the_spec_says() -> None:
    """By hand: what reads only running averages of channels folds; what has a standard set across N is erased."""
    folds, lonely = (
        {key for key, m in nv.METHODS.items() if topic in topics_of(m)} for topic in ("fold", "lone")
    )
    assert {"batch_norm", "batch_norm_eval"} <= folds and {"batch_norm"} <= lonely
    assert not (folds | lonely) & {"layer_norm", "instance_norm", "group_norm", "rms_norm", "l2_norm"}
    for key in lonely:
        assert nv.METHODS[key].spec().sets[0].extent("N") != Own()


@pytest.mark.parametrize("method", [key for key, m in nv.METHODS.items() if "fold" in topics_of(m)])
def test_every_method_that_folds(method: str) -> None:
    at = visit("forward", topic="fold", method=method)
    assert link(at)["topic"] == "fold" and errors(at) == []
    assert say("en", f"method.{method}.name") in at.title[0].value


def test_measuring_is_asked_for_and_said_with_its_machine() -> None:
    at = visit("forward", topic="fold")
    assert say("en", "fold.honest") not in texts(at)
    (button,) = [b for b in at.button if b.label == say("en", "fold.measure")]
    fine(button.click().run())
    assert say("en", "fold.honest") in texts(at)
    (sentence,) = [m.value for m in at.markdown if m.value.startswith("Two layers **")]
    apart, together, ratio = (float(v) for v in re.findall(r"\*\*([\d.e+-]+)(?: ms)?\*\*", sentence))
    assert ratio == pytest.approx(apart / together, rel=0.02)
    assert any(b.label == say("en", "fold.again") for b in at.button)
    # Another layer has not been measured.
    fine(widget(at, "fold_kernel/en").set_value(1).run())
    assert say("en", "fold.honest") not in texts(at)


CHOSEN = [
    ("fold", "fold_affine", "start", {}),
    ("fold", "fold_kernel", 5, {}),
    ("fold", "input", "photo", {"shape": "4x8x6x6"}),
    ("lone", "lone_case", "vectors", {}),
    ("lone", "input", "photo", {"shape": "4x8x6x6"}),
]


@pytest.mark.parametrize(("topic", "key", "value", "start"), CHOSEN)
def test_every_choice_is_in_the_link_and_changes_the_picture(
    topic: str, key: str, value: object, start: dict[str, str]
) -> None:
    at = visit("forward", start, topic=topic)
    before = at.get("plotly_chart")[0].proto.spec
    fine(widget(at, f"{key}/en").set_value(value).run())
    assert link(at) == start | {"topic": topic, key: str(value)}
    after = at.get("plotly_chart")[0].proto.spec
    assert after != before and errors(at) == []
    again = visit("forward", link(at))
    assert again.get("plotly_chart")[0].proto.spec == after
    json.loads(after)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("topic", "shape"), [("fold", "1x6"), ("fold", "1x6x1x1"), ("lone", "1x6"), ("lone", "8x6x1x1")]
)
def test_what_torch_refuses_is_quoted_and_the_rest_is_shown(lang: str, topic: str, shape: str) -> None:
    at = visit("forward", topic=topic, shape=shape, lang=lang)
    assert errors(at) == [] and len(at.warning) == 1
    assert "“Expected more than 1 value per channel" in at.warning[0].value
    assert at.get("plotly_chart")
    assert lang == "en" or english(at) == []


@pytest.mark.parametrize("disturb", ["nan", "inf", "constant"])
@pytest.mark.parametrize("topic", ["fold", "lone"])
def test_values_put_in_by_hand_break_nothing(topic: str, disturb: str) -> None:
    at = visit("forward", topic=topic, disturb=disturb, shape="3x4x3x3")
    assert errors(at) == []
    assert (say("en", "fold.undisturbed") in texts(at)) == (topic == "fold")


@pytest.mark.parametrize("method", ["batch_norm", "batch_norm_frozen", "batch_renorm"])
def test_what_is_trained_beside_the_line_is_called_batch_norm(method: str) -> None:
    """Frozen, it computes the same in training, and Batch Renorm nearly so: the misses are not theirs."""
    at = visit("forward", topic="fold", method=method)
    assert "**Batch Norm in training**" in texts(at) and "**Evaluating**" in texts(at)
