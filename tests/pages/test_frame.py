"""The pickers that all pages share: shape, layout, method, knobs and language, and what they withstand."""

from __future__ import annotations

import pytest

import normviz as nv
from normviz.layouts import default_cell
from tests.pages.app import (
    CJK,
    LANGUAGES,
    PAGES,
    compared,
    errors,
    fine,
    link,
    metrics,
    seen,
    texts,
    visit,
    widget,
)

BUDGET = "2,097,152"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_shape_over_the_budget_is_refused_and_the_last_one_stays(page: str, lang: str) -> None:
    at = visit(page, lang=lang, shape="8x12x8x8")
    before = [s for s in seen(at) if s[0] in ("title", "metric", "latex", "plotly_chart", "bidi_component")]
    widget(at, f"NCHW.H/{lang}").set_value(4096)
    fine(widget(at, f"NCHW.W/{lang}").set_value(4096).run())
    (sentence,) = errors(at)
    assert BUDGET in sentence and "8 × 12 × 4096 × 4096" in sentence and f"{8 * 12 * 4096**2:,}" in sentence
    assert bool(CJK.search(sentence)) == (lang == "zh")
    after = [s for s in seen(at) if s[0] in ("title", "metric", "latex", "plotly_chart", "bidi_component")]
    assert after == before
    assert link(at)["shape"] == "8x12x8x8"
    # And there is a way back.
    widget(at, f"NCHW.H/{lang}").set_value(6)
    fine(widget(at, f"NCHW.W/{lang}").set_value(5).run())
    assert errors(at) == []
    assert link(at)["shape"] == "8x12x6x5"


def test_two_million_cells_are_within_the_budget() -> None:
    at = visit(shape="32x64x32x32", method="group_norm")
    assert errors(at) == []
    assert metrics(at) == [16 * 32 * 32, 32 * 4, 128]
    assert not compared(at) and "262,144" in texts(at)  # what is not compared is said
    at = visit("forward", shape="32x64x32x33", method="group_norm")
    assert errors(at) == [] and "shape" not in link(at)  # a link beyond the budget is the default


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("channels", [16, 10, 7, 1])
def test_groups_that_no_longer_divide_fall_back(page: str, channels: int) -> None:
    at = visit(page, method="group_norm", num_groups="3")
    assert widget(at, "group_norm.num_groups/en").value == 3
    fine(widget(at, "NCHW.C/en").set_value(channels).run())
    assert errors(at) == []
    groups = widget(at, "group_norm.num_groups/en").value
    assert channels % groups == 0
    # Said once, with what was asked for and what is used instead.
    told = [toast.value for toast in at.toast]
    assert (
        told == []
        if groups == 3
        else f"num_groups = 3 does not divide C any more: shown with {groups}" in told[0]
    )
    assert at.title[0].value and compared(at)
    if page == "cube":
        size = nv.METHODS["group_norm"].spec(num_groups=groups).sets[0]
        assert metrics(at)[0] == size.size((8, channels, 4, 4), (0, 0, 0, 0))
    # The link and the page say the same.
    again = visit(page, link(at))
    assert widget(again, "group_norm.num_groups/en").value == groups


@pytest.mark.parametrize("wrong", ["nan", "-1", "2", "abc", "1e999", "0x10"])
def test_a_knob_that_cannot_be_read_is_said_and_the_last_value_stays(wrong: str) -> None:
    at = visit(eps="0.01")
    fine(widget(at, "batch_norm.eps/en").set_value(wrong).run())
    assert len(errors(at)) == 1
    assert link(at)["eps"] == "0.01" and compared(at)
    fine(widget(at, "batch_norm.eps/en").set_value("0.5").run())
    assert errors(at) == [] and link(at)["eps"] == "0.5"


def test_a_layout_change_starts_from_that_layouts_shape_and_keeps_method_and_knobs() -> None:
    at = visit(method="group_norm", num_groups="2", cell="7x11x3x3")
    fine(widget(at, "layout/en").set_value("NLC").run())
    assert link(at) == {"method": "group_norm", "num_groups": "2", "shape": "4x10x16"}
    assert default_cell((4, 10, 16)) != (7, 11, 3, 3)
    fine(widget(at, "layout/en").set_value("NC").run())
    assert link(at)["shape"] == "12x24"
    fine(widget(at, "layout/en").set_value("NCHW").run())
    assert link(at) == {"method": "group_norm", "num_groups": "2"}


def test_activations_and_weights_each_keep_their_shape() -> None:
    at = visit(shape="4x6")
    fine(widget(at, "method/en").set_value("weight_norm").run())
    assert "12 × 8 × 3 × 3" in texts(at) and errors(at) == [] and "shape" not in link(at)
    fine(widget(at, "OIHW.I/en").set_value(5).run())
    assert link(at)["shape"] == "12x5x3x3"
    fine(widget(at, "method/en").set_value("switchable_norm").run())  # has no (N, C)
    assert "8 × 12 × 4 × 4" in texts(at) and errors(at) == []
    fine(widget(at, "method/en").set_value("layer_norm").run())
    assert link(at)["shape"] == "4x6"
    fine(widget(at, "method/en").set_value("weight_standardization").run())
    assert link(at)["shape"] == "12x5x3x3"


@pytest.mark.parametrize(
    ("method", "layout", "words"),
    [
        ("batch_norm", "OIHW", ("Batch Norm", "kernel of a convolution (O, I, H, W)", "(N, C, H, W)")),
        ("weight_norm", "NCHW", ("Weight Norm", "feature maps (N, C, H, W)", "(O, I, H, W)")),
        ("switchable_norm", "NC", ("Switchable Norm", "fully connected (N, C)", "(N, L, C)")),
    ],
)
@pytest.mark.parametrize("page", PAGES)
def test_a_layout_that_the_method_does_not_have(
    page: str, method: str, layout: str, words: tuple[str, ...]
) -> None:
    at = visit(page, method=method)
    before = link(at)
    fine(widget(at, "layout/en").set_value(layout).run())
    (sentence,) = errors(at)
    assert all(word in sentence for word in words)
    assert link(at) == before
    assert widget(at, "layout/en").value != layout
    fine(at.run())
    assert errors(at) == []
    (sentence,) = errors(visit(page, method=method, layout=layout))  # and in a link
    assert all(word in sentence for word in words)


@pytest.mark.parametrize("page", PAGES)
def test_switching_the_language_keeps_everything_else(page: str) -> None:
    chosen = {"method": "group_norm", "num_groups": "2", "shape": "4x10x16", "seed": "7", "cell": "1x2x3"}
    at = visit(page, chosen)
    before = {s[1].removesuffix("/en"): s[2] for s in seen(at) if s[1] and s[1].endswith("/en")}
    fine(widget(at, "lang/en").set_value("zh").run())
    after = {s[1].removesuffix("/zh"): s[2] for s in seen(at) if s[1] and s[1].endswith("/zh")}
    assert after.pop("lang") == "zh" and before.pop("lang") == "en"
    assert after == before
    assert link(at) == chosen | {"lang": "zh"}
    fine(widget(at, "lang/zh").set_value("en").run())
    assert link(at) == chosen


def test_choices_go_with_the_visitor_from_page_to_page() -> None:
    at = visit(method="group_norm", shape="4x8x6x6", seed="5", colour="all")
    fine(at.switch_page("forward.py").run())
    assert "Group Norm" in at.title[0].value and "4 × 8 × 6 × 6" in texts(at) and "seed 5" in texts(at)
    fine(at.switch_page("cube.py").run())
    assert widget(at, "colour/en").value == "all"
