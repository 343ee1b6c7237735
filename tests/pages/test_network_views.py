"""The views of a whole network: what they offer, that a layer is opened and stays in the link, and both languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

SCRIPT = Path(__file__).parent / "network_views.py"


def show(view: str, lang: str = "en", **link: str) -> AppTest:
    at = AppTest.from_file(str(SCRIPT), default_timeout=60)
    at.session_state["test/lang"], at.session_state["test/view"] = lang, view
    for key, value in link.items():
        at.query_params[key] = value
    return run(at)


def run(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception, [e.value for e in at.exception]
    return at


def open_now(at: AppTest) -> str:
    return str(at.text[-1].value)


def numbers(at: AppTest) -> list[int]:
    """The layers of the first chart's points."""
    data = json.loads(at.get("plotly_chart")[0].proto.spec)["data"]
    kept: Any = data[-1]["customdata"]
    return list(kept) if isinstance(kept, list) else []


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("view", ["ridge", "depth", "two"])
def test_every_view_is_drawn_in_both_languages(view: str, lang: str) -> None:
    at = show(view, lang)
    charts = at.get("plotly_chart")
    assert len(charts) == (2 if view == "two" else 1)
    assert all(chart.proto.alt for chart in charts)
    assert open_now(at) == "none" and not at.query_params


def test_layers_are_chosen_by_kind_and_by_stage() -> None:
    at = show("ridge")
    assert numbers(at) == [k for k in range(15) if k % 3]
    assert numbers(show("ridge", kinds="conv")) == [0, 3, 6, 9, 12]
    assert numbers(show("ridge", kinds="all", stage="block1")) == [3, 4, 5]
    nothing = show("ridge", kinds="nonsense", stage="nowhere", axis="bent", heights="?")
    assert numbers(nothing) == numbers(at) and not nothing.query_params


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_of_many_layers_the_first_are_drawn_and_the_page_says_so(
    lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("normviz.ui.network.rows.MOST", 4)
    at = show("ridge", lang)
    assert numbers(at) == [1, 2, 4, 5]
    assert any("4" in caption.value and "10" in caption.value for caption in at.caption)
    menu = at.selectbox[-1]
    assert len(menu.options) == 10, "every layer can be opened"
    assert numbers(show("ridge", lang, stage="block3")) == [10, 11]
    two = show("two", lang)
    assert len(json.loads(two.get("plotly_chart")[1].proto.spec)["data"][-1]["customdata"]) == 4
    monkeypatch.setattr("normviz.ui.network.rows.MOST", 10)
    assert len(show("ridge", lang).caption) == len(at.caption) - 1


def test_a_layer_is_opened_by_menu_and_buttons_and_is_in_the_link() -> None:
    at = show("ridge")
    menu = at.selectbox[-1]
    assert menu.value is None
    menu.select(4)
    run(at)
    assert open_now(at) == "block1.norm" and "block1.norm" in at.query_params["layer"]
    after = at.button[1]
    after.click()
    run(at)
    assert open_now(at) == "block1.act" and at.selectbox[-1].value == 5
    at.button[1].click()
    run(at)
    assert open_now(at) == "block2.norm", "convolutions are not on show"
    at.button[0].click()
    run(at)
    assert open_now(at) == "block1.act"
    assert open_now(show("ridge", layer="block3.act")) == "block3.act"
    assert open_now(show("ridge", layer="no such layer")) == "none"


def test_opening_a_layer_draws_the_same_chart() -> None:
    at = show("ridge")
    first = at.get("plotly_chart")[0].proto.spec
    at.selectbox[-1].select(4)
    run(at)
    assert at.get("plotly_chart")[0].proto.spec == first


def test_the_gradient_is_explained_where_there_is_none() -> None:
    said = "backward pass"
    assert any(said in caption.value for caption in show("depth").caption)
    at = AppTest.from_file(str(SCRIPT), default_timeout=60)
    at.session_state["test/lang"], at.session_state["test/view"] = "en", "depth"
    at.session_state["test/gradient"] = True
    assert not any(said in caption.value for caption in run(at).caption)


def test_what_is_found_is_told_and_opens_its_layer() -> None:
    at = show("lost")
    said = " ".join(m.value for m in at.markdown)
    assert "**Why:**" in said and "**What usually helps:**" in said
    links = [b for b in at.button if b.key and b.key.startswith("finding/")]
    assert links
    links[0].click()
    run(at)
    assert open_now(at) != "none"
    assert at.session_state["chosen/network.view"] == "layer"


def test_names_from_anybodys_file_are_no_markup_where_something_is_found() -> None:
    links = [b for b in show("lost_odd").button if b.key and b.key.startswith("finding/")]
    assert links and all(b.label.startswith("`![i](http://odd/x) **b**") for b in links)
    assert all("`![i](http://odd/x) **b**" in b.help for b in links)


def test_the_table_of_two_runs_starts_with_the_largest_change() -> None:
    at = show("two")
    frame = at.dataframe[0].value
    assert (np.diff(frame["difference"]) <= 0).all() and len(frame) == 15
    assert {"std, first", "std, second"} <= set(frame.columns)
    assert "First: `A · Batch Norm`. Second: `A · Group Norm`." in [caption.value for caption in at.caption]


def test_the_table_of_two_runs_writes_large_numbers_short_and_empty_ones_not_at_all() -> None:
    at = show("two_large")
    element = at.dataframe[0]
    frame, looks = element.value, json.loads(element.proto.columns)
    assert list(frame["std, first"]) == ["", "7.326e+29", "1"]
    assert frame["std, second"].dtype == float
    assert looks["std, first"]["type_config"]["type"] == "text"
    assert looks["std, second"]["type_config"] == {"type": "number", "format": "%.4g"}
    assert element.proto.placeholder == ""


def test_every_row_of_the_layer_below_has_its_way_on() -> None:
    at = show("below", layer="block1.norm")
    (after,) = [each for each in at.button if each.key == "below/after"]
    after.click()
    run(at)
    assert open_now(at) == "block1.act"
    (after,) = [each for each in at.button if each.key == "below/after"]
    after.click()
    run(at)
    assert open_now(at) == "block2.norm", "convolutions are not on show"
