"""The opened layer without a browser: layers of every kind, what is computed when, and the numbers on the page."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import normviz as nv
from normviz import layer_check
from normviz.figures import passage
from normviz.readable import amount
from normviz.text.lookup import say
from normviz.traces import INPUT, LayerTrace, Trace
from normviz.ui.network import layer_maps
from normviz.ui.network.shown import Shown
from tests.pages.app import fine, texts, widget

SCRIPT = Path(__file__).with_name("layer_script.py")
Array = np.ndarray[Any, Any]
_keys = itertools.count()


class Pass:
    """A pass made up of arrays, one a layer, each reading the one before; it counts how often values are asked for."""

    def __init__(self, x: Array) -> None:
        self.arrays: dict[int, Array] = {INPUT: x}
        self.layers: list[LayerTrace] = []
        self.asked: list[int] = []

    def then(self, op: str, values: Array, axis: int | None = 1, **more: Any) -> Pass:
        number = len(self.layers)
        self.arrays[number] = values
        more = {"inputs": (number - 1,)} | more
        self.layers.append(LayerTrace.of(f"block.{op}{number}", op, values, channel_axis=axis, **more))
        return self

    def norm(self, method: str, **more: Any) -> Pass:
        x = self.arrays[len(self.layers) - 1]
        knobs = more.pop("knobs", {})
        axis = 2 if x.ndim == 3 else 1
        y = nv.normalize(x, nv.METHODS[method].spec(**knobs), running=more.get("running"))
        return self.then(method, y.astype(np.float32), axis, method=method, knobs=knobs, **more)

    def shown(self, *, opened: bool = False) -> Shown:
        def values(number: int) -> Array:
            self.asked.append(number)
            return self.arrays[number]

        trace = Trace(tuple(self.layers), LayerTrace.of("", "input", self.arrays[INPUT]), "made up")
        return Shown(trace, f"made-up-{next(_keys)}", "made up", None if opened else values)


def maps(*shape: int) -> Array:
    return nv.Sample().tensor(shape)


def opened(shown: Shown, number: int = 0, **link: str) -> AppTest:
    at = AppTest.from_file(str(SCRIPT), default_timeout=60)
    for key, value in link.items():
        at.query_params[key] = value
    at.session_state["shown"] = shown
    at.session_state["number"] = number
    return fine(at.run())


def cubes(at: AppTest) -> list[Any]:
    return list(at.get("bidi_component"))


KINDS: dict[str, Pass] = {
    "conv": Pass(maps(2, 3, 6, 6)).then("conv2d", maps(2, 64, 12, 12), parameters=1728, multiply_adds=10**6),
    "relu": Pass(maps(2, 5, 6, 6)).then("relu", np.maximum(maps(2, 5, 6, 6), 0), saturated=12),
    "pool": Pass(maps(2, 5, 6, 6)).then("adaptive_avg_pool2d", maps(2, 5, 1, 1)),
    "linear": Pass(maps(4, 30)).then("linear", maps(4, 10)),
    "wide": Pass(maps(4, 30)).then("linear", maps(2, 5000)),
    "add": Pass(maps(2, 5, 6, 6)).then("conv2d", maps(2, 5, 6, 6)).then("add", maps(2, 5, 6, 6), inputs=(0, INPUT)),
    "attention": Pass(maps(2, 8, 12)).then("scaled_dot_product_attention", maps(2, 3, 8, 4), 3),
    "softmax": Pass(maps(2, 10)).then("softmax", np.full((2, 10), 0.1, np.float32)),
    "tokens": Pass(maps(2, 8, 12)).then("gelu", maps(2, 8, 12), 2),
    "volume": Pass(maps(2, 3)).then("conv3d", np.ones((2, 3, 4, 4, 4), np.float32)),
    "number": Pass(maps(2, 3)).then("mean", np.array(0.5, np.float32), None),
    "broken": Pass(maps(2, 3, 4, 4)).then("log", np.full((2, 3, 4, 4), np.nan, np.float32)),
    "channels last": Pass(maps(2, 3, 4, 4)).then("linear", maps(2, 4, 5, 7), 3),
    "batch norm": Pass(maps(3, 16, 20, 20)).norm("batch_norm", running=(np.zeros(16), np.ones(16))),
    "evaluating": Pass(maps(3, 16, 20, 20)).norm("batch_norm_eval", running=(np.ones(16), np.full(16, 2.0))),
    "layer norm": Pass(maps(3, 8, 12)).norm("layer_norm_last"),
    "group norm": Pass(maps(3, 16, 5, 5)).norm("group_norm", knobs={"num_groups": 2}),
    "local response": Pass(maps(2, 16, 9, 9)).norm("local_response_norm"),
    "switchable": Pass(maps(3, 16, 5, 5)).norm("switchable_norm"),
    "renormalized": Pass(maps(3, 16, 5, 5)).norm("batch_renorm", running=(np.ones(16), np.full(16, 2.0))),
    "rms": Pass(maps(3, 8, 12)).norm("rms_norm", knobs={"normalized_shape": "C"}),
    "unknown norm": Pass(maps(2, 3, 4, 4)).then("odd_norm", maps(2, 3, 4, 4), method="odd_norm"),
}  # fmt: skip
NORMS = [name for name, made in KINDS.items() if made.layers[-1].method in nv.METHODS]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("opened_trace", [False, True])
def test_a_layer_of_every_kind_opens(kind: str, opened_trace: bool) -> None:
    made = KINDS[kind]
    at = opened(made.shown(opened=opened_trace), len(made.layers) - 1)
    assert not at.error
    assert len(at.get("plotly_chart")) >= 2
    assert len(cubes(at)) == (kind in NORMS)
    assert bool(at.info) == opened_trace


def test_a_name_from_anybodys_file_is_no_markup() -> None:
    made = Pass(maps(2, 3)).then("linear", maps(2, 3))
    object.__setattr__(made.layers[0], "name", "[x](http://odd) **b** `c` __d__ <i> $e$ :red[f]")
    at = opened(made.shown(opened=True))
    assert at.subheader[0].value == "`` [x](http://odd) **b** `c` __d__ <i> $e$ :red[f] ``"


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    ("kind", "note"),
    [("conv", "maps_note"), ("softmax", "rows_note"), ("tokens", "sheet_note"), ("attention", "heads_note")],
)
def test_the_notes_say_how_much_is_covered(kind: str, note: str, lang: str) -> None:
    made = KINDS[kind]
    at = opened(made.shown(), len(made.layers) - 1, lang=lang)
    # Each is said as the pictures have it, and not as the words happen to.
    for key, cover in ((note, layer_maps.COVER), ("passage_note", passage.COVER)):
        assert "{cover}" in say(lang, f"network_layer.{key}")
        assert f"{100 * cover:g} %" in texts(at)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_too_few_values_are_said_with_how_many_images_are_needed(lang: str) -> None:
    few = Pass(maps(layer_check.FEWEST - 1, 6)).norm("batch_norm", running=(np.zeros(6), np.ones(6)))
    said = say(lang, "layer_cube.check_few", fewest=layer_check.FEWEST)
    assert str(layer_check.FEWEST) in said
    assert said in [box.value for box in opened(few.shown(), lang=lang).caption]


def test_chinese_is_spoken_too() -> None:
    at = opened(KINDS["batch norm"].shown(), lang="zh")
    assert "特征图" in texts(at)
    assert "滑动平均" in texts(at)


def test_the_networks_input_opens() -> None:
    at = opened(KINDS["conv"].shown(), INPUT)
    assert "The network’s input" in texts(at)
    assert not at.error


def test_what_is_read_and_by_whom_is_a_way_there() -> None:
    shown = KINDS["add"].shown()
    at = opened(shown, 1)
    (button,) = [each for each in at.button if "block.conv2d0" in each.label]
    assert "input" in texts(at)
    fine(button.click().run())
    assert at.session_state["chosen/layer"] == "block.conv2d0"


def metric(at: AppTest, label: str) -> str:
    (found,) = [each.value for each in at.metric if each.label == label]
    return str(found)


def test_the_statistics_are_those_of_the_values() -> None:
    made = KINDS["relu"]
    x = made.arrays[0]
    at = opened(made.shown())
    assert metric(at, "mean") == f"{x.mean():.3f}"
    assert metric(at, "standard deviation") == f"{x.std():.3f}"
    assert metric(at, "largest") == f"{x.max():.3f}"
    assert metric(at, "zeros") == f"{(x == 0).mean():.1%}".replace("%", " %")
    assert metric(at, "below 0") == "0 %"
    assert metric(at, "saturated") == f"{12 / x.size:.1%}".replace("%", " %")


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_that_follows_the_reference_is_said_to(name: str) -> None:
    made = KINDS[name]
    at = opened(made.shown())
    compared = [text.value for text in at.markdown if ":material/check_circle:" in text.value]
    assert len(compared) == 1
    assert "10⁻" in compared[0]


@pytest.mark.parametrize("opened_trace", [False, True])
def test_only_where_there_are_values_is_an_output_called_real(opened_trace: bool) -> None:
    at = opened(KINDS["batch norm"].shown(opened=opened_trace))
    (heading,) = [each.value for each in at.subheader if "share statistics" in each.value]
    assert ("real output" in heading) != opened_trace


def test_a_norm_that_does_something_else_is_said_to_in_red() -> None:
    x = maps(3, 16, 5, 5)
    made = Pass(x).then("batch_norm", np.tanh(x), method="batch_norm")
    at = opened(made.shown())
    assert len(at.error) == 1
    assert "not what the reference computes" in at.error[0].value


def test_the_pinned_cells_numbers_are_those_of_the_whole_set() -> None:
    made = KINDS["batch norm"]
    x = made.arrays[INPUT].astype(np.float64)
    at = opened(made.shown(), lcell="2x3x1x4")
    assert "**(2, 3, 8, 11)**" in texts(at)
    assert f"goes in as **{x[2, 3, 8, 11]:.3f}**".replace("-", "−") in texts(at)
    assert f"μ = {x[:, 3].mean():.3f}, σ = {x[:, 3].std():.3f}".replace("-", "−") in texts(at)
    assert metric(at, "cells in a set") == "1,200"


def test_running_averages_are_measured_in_units_of_the_batch() -> None:
    made = KINDS["evaluating"]
    x = made.arrays[INPUT].astype(np.float64)
    off = np.abs(1 - x.mean((0, 2, 3))) / x.std((0, 2, 3))
    at = opened(made.shown())
    assert f"**{off.max():.3f}** in channel {off.argmax()}" in texts(at)
    assert f"**{np.median(off):.3f}** in the median" in texts(at)
    assert "was in evaluation" in texts(at)
    assert "was in training" in texts(opened(KINDS["batch norm"].shown()))
    assert "still 0 and 1" in texts(opened(KINDS["batch norm"].shown()))


def grid(at: AppTest) -> Any:
    """What the first chart shows: the maps."""
    return json.loads(at.get("plotly_chart")[0].proto.spec)


def names(at: AppTest) -> list[str]:
    found = [note["text"] for note in grid(at)["layout"]["annotations"]]
    return [re.sub("<[^>]*>", "", text) for text in found if text.startswith("<i>c")]


def test_maps_come_by_the_page_and_in_the_order_that_is_asked_for() -> None:
    made = KINDS["conv"]
    at = opened(made.shown())
    assert names(at) == [f"c {k}" for k in range(48)]
    assert names(opened(made.shown(), maps="2")) == [f"c {k}" for k in range(48, 64)]
    spread = np.argsort(-made.arrays[0].var((0, 2, 3), dtype=np.float64), kind="stable")
    assert names(opened(made.shown(), sort="variance")) == [f"c {k}" for k in spread[:48]]


def test_dead_channels_are_marked() -> None:
    x = maps(2, 4, 5, 5)
    x[:, 2] = 0
    assert names(opened(Pass(x).then("relu", x).shown())) == ["c 0", "c 1", "c 2 dead", "c 3"]


def test_a_channels_numbers_are_written_as_the_layers_are() -> None:
    made = KINDS["conv"]
    x = made.arrays[0][:, 1].astype(np.float64)
    said = f"channel 1: μ {amount(x.mean())}, σ {amount(x.std())}"
    assert said in json.dumps(grid(opened(made.shown())), ensure_ascii=False)


def test_turning_pages_and_images_computes_only_what_is_new() -> None:
    made = Pass(maps(3, 100, 12, 12)).norm("batch_norm")
    shown = made.shown()
    at = opened(shown)
    first = sorted(made.asked)
    assert set(first) == {INPUT, 0}
    fine(widget(at, "maps/en").set_value(2).run())
    fine(widget(at, "sort/en").set_value("variance").run())
    fine(widget(at, "paint/en").set_value("before").run())
    assert sorted(made.asked) == first
    fine(widget(at, "image/en").set_value(2).run())
    assert len(made.asked) == len(first) + 1


def test_of_a_large_output_only_the_images_there_are_can_be_chosen() -> None:
    whole = KINDS["conv"].shown()
    few = Shown(whole.trace, "few", "few", lambda number: KINDS["conv"].arrays[number][:1])
    at = opened(few, image="1")
    assert not [each for each in at.number_input if each.key == "image/en"]
    assert "Image 1:" in texts(at)


@pytest.mark.parametrize("bad", [{"image": "99"}, {"maps": "-1"}, {"sort": "x"}, {"paint": "no"}, {"lcell": "9x9"},
                                 {"lview": "?"}, {"llook": "<script>"}])  # fmt: skip
def test_a_bad_link_shows_the_layer_as_it_is(bad: dict[str, str]) -> None:
    at = opened(KINDS["batch norm"].shown(), 0, **bad)
    assert not at.error


@pytest.mark.parametrize("method", ["batch_norm", "batch_norm_eval", "layer_norm", "instance_norm"])
def test_a_norm_opens_where_there_are_values_of_fewer_images_than_are_drawn(method: str) -> None:
    made = Pass(maps(7, 16, 20, 20)).norm(method, running=(np.ones(16), np.full(16, 2.0)))
    shown = made.shown()
    at = opened(replace(shown, values=lambda number: made.arrays[number][:2]))
    (drawn,) = cubes(at)
    assert drawn is not None and "n 0–1" in texts(at)


def test_a_negative_variance_from_a_file_is_shown_as_it_is() -> None:
    x = maps(2, 3, 4, 4)
    with np.errstate(invalid="ignore"):
        y = x / np.sqrt(np.float32(-1.0))
    made = Pass(x).then("batch_norm", y, method="batch_norm_eval", running=(np.zeros(3), -np.ones(3)))
    at = opened(made.shown())
    assert "σ = NaN" in texts(at)
