"""The topic of weights: what it says, and what it withstands, without a browser."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from normviz.catalogue import METHODS
from normviz.figures.values import number
from normviz.nets.kernels import accuracy, kernel
from normviz.text.lookup import say
from tests.pages.app import CJK, LANGUAGES, errors, fine, link, texts, visit, widget

#: Found by what they do, not by their names.
RULES = tuple(key for key, entry in METHODS.items() if entry.layouts == METHODS["weight_norm"].layouts)
SHAPES = ("12x8x3x3", "12x24")


def weights(method: str = "weight_norm", **more: str) -> AppTest:
    return visit("forward", {"method": method, "topic": "weights", **more})


def panel_lines(at: AppTest, lang: str = "en") -> list[str]:
    """The line above each rule's arrows."""
    word = {"en": "cosine", "zh": "余弦"}[lang]
    return [m.value.replace("\u00a0", " ") for m in at.markdown if word in m.value and "→" in m.value]


def three_decimals(value: np.floating[Any]) -> str:
    return f"{value:.3f}"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", RULES)
def test_both_rules_in_every_language_and_layout(method: str, shape: str, lang: str) -> None:
    at = weights(method, lang=lang, shape=shape)
    assert errors(at) == [] and not at.warning
    assert bool(CJK.search(texts(at))) == (lang == "zh")
    assert len(panel_lines(at, lang)) == 2
    assert any(":material/check_circle:" in m.value for m in at.markdown)
    assert len(at.latex) == 3


def test_other_methods_have_no_such_topic() -> None:
    at = visit("forward", method="group_norm", topic="weights")
    assert not panel_lines(at)


def test_the_numbers_are_the_kernels() -> None:
    at = weights(factor="1.5", cell="4x0x0x0")
    v = kernel("initial", (12, 8, 3, 3))[4]
    length = np.linalg.norm(v)
    norm, standard = panel_lines(at)
    for said in (three_decimals(length), three_decimals(1.5 * length), "1.500", "**1.000**"):
        assert said in norm
    w = (v - v.mean()) / np.sqrt(v.var() + 1e-5)
    cosine = (v * w).sum() / length / np.linalg.norm(w)
    for said in (three_decimals(np.linalg.norm(w)), three_decimals(cosine)):
        assert said in standard
    assert "0.0°" in texts(at)


def test_moving_g_moves_the_length_alone_and_the_link_holds_it() -> None:
    at = weights()
    fine(widget(at, "factor/en").set_value(0.5).run())
    norm = panel_lines(at)[0]
    assert "× 0.500" in norm and "cosine **1.000**" in norm
    assert link(at)["factor"] == "0.5"
    fine(widget(at, "start/en").set_value("flax").run())
    assert "**0.500**" in panel_lines(at)[0]
    assert link(at)["start"] == "flax"


def test_choosing_an_output_pins_its_cell() -> None:
    at = weights(cell="4x2x1x1")
    (which,) = [box for box in at.number_input if (box.key or "").startswith("place.O/")]
    fine(which.set_value(7).run())
    assert link(at)["cell"] == "7x2x1x1"
    length = np.linalg.norm(kernel("initial", (12, 8, 3, 3))[7])
    assert three_decimals(length) in panel_lines(at)[0]


def test_the_length_of_an_input() -> None:
    at = weights(dim="1", cell="0x3x0x0")
    length = np.linalg.norm(kernel("initial", (12, 8, 3, 3))[:, 3])
    assert three_decimals(length) in panel_lines(at)[0]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_kernel_of_length_0_is_shown_as_what_it_is(lang: str) -> None:
    at = weights(lang=lang, by_hand="zero", cell="2x0x0x0")
    (warning,) = at.warning
    assert "**72**" in warning.value and "0.000" in warning.value
    assert "NaN" in panel_lines(at, lang)[0]
    assert errors(at) == []


def test_one_weight_an_output_is_standardized_to_0() -> None:
    at = weights("weight_standardization", shape="4x1x1x1")
    (note,) = at.info
    assert "**0.000**" in note.value
    assert "more than 1 value per channel" in texts(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_trained_kernel_says_how_well_its_network_reads(lang: str) -> None:
    at = weights(lang=lang, kernel="trained", shape="12x8")
    assert f"{100 * accuracy((12, 8)):.1f}\u00a0%" in texts(at)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("kind", "shape"), [("filters", "12x8x3x3"), ("trained", "300x4")])
def test_a_kernel_that_cannot_be_made_is_one_sentence(lang: str, kind: str, shape: str) -> None:
    at = weights(lang=lang, kernel=kind, shape=shape)
    (error,) = errors(at)
    assert shape.replace("x", " × ") in error
    assert bool(CJK.search(error)) == (lang == "zh")


def test_fixed_filters() -> None:
    assert errors(weights(kernel="filters", shape="12x3x11x11")) == []


def test_a_kernel_too_large_for_the_network_still_shows_its_arrows() -> None:
    at = weights(shape="300x30x3x3")
    assert len(panel_lines(at)) == 2 and errors(at) == []
    assert any("65,536" in box.value for box in at.info)


@pytest.mark.parametrize("disturb", ["nan", "inf", "constant"])
def test_what_is_put_in_by_hand_breaks_nothing(disturb: str) -> None:
    at = weights(disturb=disturb, cell="3x2x1x1")
    assert errors(at) == []


@pytest.mark.parametrize(
    "bad", [{"factor": "-3"}, {"factor": "x"}, {"start": "keras"}, {"reach": "?"}, {"dim": "7"}]
)
def test_a_bad_link_falls_back(bad: dict[str, str]) -> None:
    at = weights(**bad)
    assert errors(at) == []
    assert re.search("× 1.000", panel_lines(at)[0])


def test_a_kernel_of_zeros_has_no_ratio_of_spreads() -> None:
    start = say("en", "weights_page.where_scale", output=0, ratio="|", standardized="").split("|")[0]
    assert start in texts(weights(cell="0x0x0x0"))
    assert start not in texts(weights(cell="0x0x0x0", by_hand="zero"))


@pytest.mark.parametrize("dim", ["0", "1"])
def test_nothing_is_compared_where_w_is_nan(dim: str) -> None:
    at = weights(by_hand="zero", cell="0x0x0x0", dim=dim)
    count = 72 if dim == "0" else 108
    assert f"The other weights of w are NaN: **{count}** of 864" in texts(at)
    for key in ("why_identity", "where_alone"):
        assert say("en", f"weights_page.{key}").split("{")[0] not in texts(at)
    key = "where_alone_partly" if dim == "0" else "where_alone_none"
    assert say("en", f"weights_page.{key}").split("{")[0] in texts(at)


def test_the_line_of_lengths_is_that_of_the_others() -> None:
    at = weights(by_hand="zero", cell="0x0x0x0")
    figure = next(
        json.loads(chart.proto.spec)
        for chart in at.get("plotly_chart")
        if '"barmode":"group"' in chart.proto.spec
    )
    v = kernel("initial", (12, 8, 3, 3))[1:].reshape(11, -1)
    w = (v - v.mean(1, keepdims=True)) / np.sqrt(v.var(1, keepdims=True) + 1e-5)
    # No line at 0: that of the others lies beyond the axis, as the legend says.
    assert "shapes" not in figure["layout"]
    length = number(float(np.median(np.linalg.norm(w, axis=1))))
    said = f"{length} ↑, output 0: 0"
    assert any(said in a["text"] for a in figure["layout"]["annotations"])
