"""What visitors bring to the network page: images, traces and weights, sound and hostile ones."""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from normviz.findings import findings
from normviz.nets.networks import build
from normviz.text.lookup import say
from normviz.trace_file import read, written
from normviz.traces import LayerTrace, Trace
from normviz.ui import cached_network
from tests.pages.app import CJK, LANGUAGES, errors, fine, link, texts, widget
from tests.pages.network_view import charts, give, layers, open_page, uploader
from tests.pages.test_inputs import BROKEN, JPEG, encoded


def a_trace(layers: int = 3) -> str:
    rng = np.random.default_rng(0)
    made = [
        LayerTrace.of(f"block.{k}", "relu", rng.normal(size=(2, 4, 3, 3)), inputs=(k - 1,))
        for k in range(layers)
    ]
    return written(Trace(tuple(made), LayerTrace.of("", "", rng.normal(size=(2, 4, 3, 3))), "MyNetwork"))


def weights_of(network: str, norm: str = "", prefix: str = "") -> bytes:
    state = build(network, norm=norm, seed=5).state_dict()
    return safetensors.torch.save({prefix + name: value.contiguous() for name, value in state.items()})


def test_an_uploaded_image_goes_through_the_network() -> None:
    at = open_page(input="upload", view="table")
    before = at.dataframe[0].value
    give(at, "uploads", "temple.jpg", JPEG, several=True)
    assert errors(at) == []
    assert not at.dataframe[0].value.equals(before)
    assert str(at.dataframe[0].value["shape"].iloc[0]).startswith("1x")
    assert link(at) == {"input": "upload", "view": "table"}
    # It stays with the visitor when the network changes, and for a second look.
    fine(widget(at, "network/en").set_value("mlp").run())
    assert str(at.dataframe[0].value["shape"].iloc[0]).startswith("1x")


def test_one_of_several_images_goes_through_alone_and_against_another() -> None:
    at = open_page(input="upload", view="table")
    file = "image/jpeg"
    uploader(at, "uploads").set_value([("a.jpg", JPEG, file), ("b.png", encoded("PNG"), "image/png")])
    fine(at.run())
    assert str(at.dataframe[0].value["shape"].iloc[0]).startswith("2x")
    fine(widget(at, "network.part/en").set_value(1).run())
    assert str(at.dataframe[0].value["shape"].iloc[0]).startswith("1x")
    fine(widget(at, "network.view/en").set_value("two").run())
    fine(widget(at, "network.with/en").set_value("image").run())
    assert widget(at, "network.with.part/en").value == 2
    assert errors(at) == [] and "image 2" in texts(at)


def test_an_image_of_any_proportions_has_a_thumbnail() -> None:
    thin = BytesIO()
    Image.new("RGB", (4000, 3), "red").save(thin, "JPEG")
    at = open_page(input="upload", view="table")
    give(at, "uploads", "thin.jpg", thin.getvalue(), several=True)
    assert errors(at) == [] and str(at.dataframe[0].value["shape"].iloc[0]).startswith("1x")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_image_is_one_sentence(name: str) -> None:
    at = open_page(input="upload")
    give(at, "uploads", *BROKEN[name], several=True)
    (sentence,) = errors(at)
    assert "Traceback" not in sentence and "\n" not in sentence
    assert charts(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_opened_trace_is_shown_like_a_run(lang: str) -> None:
    at = open_page(lang=lang)
    give(at, "network/trace/first", "run.json", a_trace().encode())
    assert errors(at) == []
    assert layers(at) == 3 and "MyNetwork" in texts(at)
    assert link(at) == ({"network": "trace"} | ({"lang": lang} if "lang" in link(at) else {}))
    assert bool(CJK.search(at.title[0].value)) == (lang == "zh")
    for view in ("depth", "layer", "two", "table"):
        fine(widget(at, f"network.view/{lang}").set_value(view).run())
        assert errors(at) == [], view
    # And back to a network.
    fine(widget(at, f"network/{lang}").set_value("small_cnn").run())
    assert layers(at) > 3


#: What Markdown would make an image, bold, coloured, a formula, a link, code, an icon and a paragraph of.
MARKUP = (
    r"![i](http://localhost:9/track) **b** :red[x] $\frac12$ [c](https://example.org) `d` ``e`` :material/home:"
    "\n\n# h www.example.org"
)


@pytest.mark.parametrize("error", ["", MARKUP], ids=["whole", "ended"])
def test_nothing_in_a_trace_is_read_as_markdown(error: str) -> None:
    trace = read(a_trace(2))
    named = tuple(replace(layer, name=f"{k} {MARKUP}", op=MARKUP) for k, layer in enumerate(trace.layers))
    odd = replace(
        trace, model=MARKUP, layers=named, error=error, device=MARKUP, dtype=MARKUP, about={MARKUP: MARKUP}
    )
    at = open_page()
    give(at, "network/trace/first", "run.json", written(odd).encode())
    fine(widget(at, "network.view/en").set_value("two").run())
    # Of the second file, a layer has another name: what only one of the two has is listed.
    other = replace(odd, layers=(named[0], replace(named[1], name="another " + MARKUP)))
    give(at, "network/trace/second", "[two](http:x) **b**.json", written(other).encode())
    shown = [box.value for kind in (at.title, at.markdown, at.caption, at.info) for box in kind]
    told = [text for text in shown if "track" in text]
    assert len(told) >= 2 + bool(error)
    for text in told:
        # Code as CommonMark has it: up to as many backticks as it began with, and in one paragraph.
        outside = re.sub(r"(?<!`)(`+)(?!`)(?:(?!\n\n).)+?(?<!`)\1(?!`)", "", text, flags=re.DOTALL)
        assert not [
            sign for sign in ("track", "**b", ":red", "$", "](", "www", ":material/home") if sign in outside
        ]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_link_to_a_trace_asks_for_it(lang: str) -> None:
    at = open_page(lang=lang, network="trace")
    assert at.title[0].value == say(lang, "network_page.trace_title")
    assert any("nv.trace(" in block.value for block in at.code)
    assert errors(at) == [] and not charts(at)


def edited() -> bytes:
    data = json.loads(a_trace())
    data["trace"]["layers"][0]["zeros"] = 1
    return json.dumps(data).encode()


def of_another_version() -> bytes:
    return json.dumps(json.loads(a_trace()) | {"version": 999}).encode()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no",
        b"{}",
        a_trace().encode()[:-50],
        edited(),
        of_another_version(),
        b"[" * 100_000,
        pickle.dumps({}),
    ],
    ids=["empty", "text", "other", "truncated", "edited", "version", "deep", "pickle"],
)
def test_a_trace_that_is_not_sound_is_one_sentence(data: bytes, lang: str) -> None:
    at = open_page(lang=lang)
    give(at, "network/trace/first", "run.json", data)
    (sentence,) = errors(at)
    assert sentence.startswith("`run.json`") and "\n" not in sentence
    assert bool(CJK.search(sentence)) == (lang == "zh")
    assert layers(at) > 3 and "network" not in link(at)


def test_a_trace_that_ended_early_says_how_many_warnings_there_are() -> None:
    x = np.full((2, 4, 3, 3), np.nan)
    trace = Trace(
        (LayerTrace.of("a", "relu", x),), LayerTrace.of("", "", np.ones_like(x)), error="It failed."
    )
    at = open_page()
    give(at, "network/trace/first", "run.json", written(trace).encode())
    assert errors(at) == [] and "ended early" in at.title[0].value
    assert f"There are **{len(findings(trace))}** warnings" in texts(at)


def test_a_second_trace_is_compared_with_the_first() -> None:
    at = open_page()
    give(at, "network/trace/first", "one.json", a_trace(4).encode())
    fine(widget(at, "network.view/en").set_value("two").run())
    give(at, "network/trace/second", "two.json", a_trace(3).encode())
    assert errors(at) == [] and charts(at)


@pytest.mark.parametrize(
    ("network", "norm", "prefix"), [("small_cnn", "group_norm", ""), ("mlp", "", "module.")]
)
def test_own_weights_are_recognized_and_used(network: str, norm: str, prefix: str) -> None:
    at = open_page()
    give(at, "network/weights", "mine.safetensors", weights_of(network, norm, prefix))
    assert errors(at) == []
    said = link(at)
    assert said["weights"] == "own" and said.get("network", "small_cnn") == network
    assert "mine.safetensors" in texts(at) and charts(at)
    # A link brings nobody's weights: it asks for them.
    again = open_page(**said)
    assert errors(again) == [] and charts(again)
    fine(widget(at, "nv-network-forget").click().run())
    assert "mine.safetensors" not in texts(at)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("normviz-was-here"),)  # type: ignore[return-value]


def test_weights_that_the_server_let_go_of_are_asked_for_again() -> None:
    at = open_page()
    give(at, "network/weights", "mine.safetensors", weights_of("mlp"))
    assert link(at)["weights"] == "own"
    held = cached_network.own_weights()._held
    held.clear()
    fine(at.run())
    assert errors(at) == [] and any("mine.safetensors" in note.value for note in at.info)
    assert charts(at)


def _saved(what: object, path: Path) -> bytes:
    torch.save(what, path)
    return path.read_bytes()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", ["pickle", "checkpoint", "empty", "truncated", "foreign", "nan"])
def test_weights_that_are_refused(kind: str, lang: str, tmp_path: Path) -> None:
    whole = weights_of("small_cnn")
    data = {
        "pickle": pickle.dumps(Evil()),
        "checkpoint": _saved({"a": torch.ones(2)}, tmp_path / "model.pt"),
        "empty": b"",
        "truncated": whole[: len(whole) // 2],
        "foreign": safetensors.torch.save({"quite.another": torch.ones(3)}),
        "nan": safetensors.torch.save({"weight": torch.full((3,), float("nan"))}),
    }[kind]
    at = open_page(lang=lang)
    give(at, "network/weights", "mine.safetensors", data)
    (sentence,) = errors(at)
    assert sentence.startswith("`mine.safetensors`") and "\n" not in sentence
    assert bool(CJK.search(sentence)) == (lang == "zh")
    assert "weights" not in link(at) and charts(at)
    assert not Path("normviz-was-here").exists()


def test_weights_of_another_architecture_are_listed_by_name() -> None:
    at = open_page()
    give(at, "network/weights", "mine.safetensors", weights_of("mlp"))
    fine(widget(at, "network/en").set_value("small_cnn").run())
    fine(widget(at, "weights.small_cnn/en").set_value("own").run())
    (sentence,) = errors(at)
    assert "mine.safetensors" in sentence
    names = {name for table in at.dataframe for name in table.value.iloc[:, 0].astype(str)}
    assert {name for name in build("mlp").state_dict() if "linear" in name} <= names
    assert "conv1.weight" in names
    assert charts(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_weights_that_nearly_fit_are_not_said_to_fit_best_what_is_chosen(lang: str) -> None:
    state = {name: value.contiguous() for name, value in build("small_cnn", seed=5).state_dict().items()}
    at = open_page(lang=lang)
    data = safetensors.torch.save(state | {"quite.another": torch.ones(3)})
    give(at, "network/weights", "mine.safetensors", data)
    network = say(lang, "network.small_cnn")
    numbers = {"extra": 1, "missing": 0, "shapes": 0}
    assert errors(at) == [
        say(lang, "network_page.own_nearly", name="`mine.safetensors`", network=network, **numbers)
    ]
    assert "quite.another" in {name for table in at.dataframe for name in table.value.iloc[:, 0].astype(str)}


@pytest.mark.parametrize(("network", "other"), [("small_cnn", "trained"), ("mlp", "random")])
def test_until_there_is_a_weights_file_it_is_said_whose_weights_are_shown(network: str, other: str) -> None:
    at = open_page(network=network, weights="own")
    said = say("en", "network_page.own_until", weights=say("en", f"network_page.weights_{other}"))
    assert said in [note.value for note in at.info]
    give(at, "network/weights", "mine.safetensors", weights_of(network))
    assert said not in [note.value for note in at.info]
