"""The network page: what it shows at first, what every control changes, and what is in its link."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from normviz.activations import ACTIVATIONS
from normviz.catalogue import METHODS
from normviz.nets.own_weights import read_header
from normviz.nets.published import PUBLISHED
from normviz.nets.weights import trained_file
from normviz.network_runs import Plan, Run
from normviz.networks import NETWORKS
from normviz.text.lookup import say
from normviz.traces import LayerTrace, Trace
from normviz.ui import cached_network
from normviz.ui.choices import Choices
from normviz.ui.network import run as run_view
from normviz.ui.network.answer import around_norms
from normviz.ui.network.page import VIEWS
from normviz.ui.network.trained import how_good, otherwise_trained
from tests.pages.app import CJK, LANGUAGES, errors, fine, link, texts, widget
from tests.pages.network_view import charts, layers, open_page


def spec(at: Any) -> str:
    return str(charts(at)[0].proto.spec)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_first_view_needs_nothing_from_anybody(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "normviz.nets.download.download", lambda *_, **__: pytest.fail("something is downloaded")
    )
    at = open_page(lang=lang)
    assert errors(at) == [] and len(at.warning) == 0
    assert len(charts(at)) == 1 and layers(at) > 10
    assert bool(CJK.search(at.title[0].value)) == (lang == "zh")
    assert bool(CJK.search(texts(at))) == (lang == "zh")
    assert link(at) in ({}, {"lang": lang})
    # The frame asks for no method and no shape here, only for its settings.
    keys = {element.key for element in at.selectbox}
    assert not {key for key in keys if str(key).startswith("method")}
    assert widget(at, f"seed/{lang}").value == 0


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_in_every_language(view: str, lang: str) -> None:
    at = open_page(lang=lang, view=view)
    assert errors(at) == []
    assert bool(CJK.search(texts(at))) == (lang == "zh")
    assert charts(at) or view == "table"
    assert link(at).get("view", VIEWS[0]) == view


@pytest.mark.parametrize("key", ACTIVATIONS)
def test_every_activation_can_stand_in_the_trained_network(key: str) -> None:
    at = open_page(activation=key)
    assert errors(at) == [] and charts(at)


def test_the_title_is_made_of_the_trace() -> None:
    at = open_page()
    (run,) = [run for run in cached_network.runs()._held.values() if run.plan.network == "small_cnn"][-1:]
    before, after = around_norms(run.trace)
    assert len(before) == len(after) >= 2
    for value in (min(before), max(before), min(after), max(after)):
        assert f"{value:.3g}" in at.title[0].value
    assert f"{run.trace.parameters:,}" in texts(at)
    norms = [layer for layer in run.trace.layers if layer.method]
    assert after == pytest.approx([layer.std for layer in norms])


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("norm", "norm.small_cnn/en", "group_norm"),
        ("norm", "norm.small_cnn/en", "none"),
        ("weights", "weights.small_cnn/en", "random"),
        ("activation", "activation.small_cnn/en", "tanh"),
        ("mode", "network.mode/en", "train"),
        ("input", "network.input/en", "photo"),
        ("count", "count/en", 5),
        ("target", "target/en", "top"),
    ],
)
def test_every_control_changes_the_trace_and_the_link(name: str, key: str, value: Any) -> None:
    at = open_page(view="table")
    before = at.dataframe[0].value
    fine(widget(at, key).set_value(value).run())
    assert errors(at) == []
    assert link(at) == {"view": "table", name: str(value)}
    after = at.dataframe[0].value
    assert before.shape != after.shape or not before.equals(after)
    # And the link shows the same.
    again = open_page(**link(at))
    assert again.dataframe[0].value.equals(after)


@pytest.mark.parametrize("network", ["mlp", "resnet18", "patch_transformer_pre"])
def test_another_network(network: str) -> None:
    at = open_page(view="table")
    fine(widget(at, "network/en").set_value(network).run())
    assert errors(at) == []
    assert link(at) == {"view": "table", "network": network}
    assert str(NETWORKS[network].side) in at.dataframe[0].value.iloc[0].to_string() or layers(at) > 5
    if NETWORKS[network].labels != "digits":
        assert any("random" in box.value.lower() for box in at.warning)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("more", "name", "side"),
    [({"activation": "sigmoid"}, "sigmoid", 32), ({"side": "64"}, "relu", 64), ({"seed": "1"}, "", 0)],
)
def test_it_is_said_where_trained_weights_run_otherwise_than_in_their_training(
    more: dict[str, str], name: str, side: int, lang: str
) -> None:
    at = open_page(lang=lang, **more)
    trained = {"trained": say(lang, "activation.relu.name"), "trained_side": 32}
    here = {"activation": say(lang, f"activation.{name or 'relu'}.name"), "side": side}
    said = say(lang, "network_page.otherwise_trained", **trained, **here)
    # Below the picture, and where the classes are.
    assert sum(said in text.value for text in (*at.caption, *at.markdown)) == (2 if name else 0)
    assert all(side == 0 or str(number) in said for number in (32, side))
    random = open_page(lang=lang, weights="random", **more)
    assert said not in texts(random)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("norm", ["batch_norm", "group_norm"])
def test_how_good_trained_weights_are_is_said_where_they_run_as_trained(norm: str, lang: str) -> None:
    about = read_header(trained_file("small_cnn", norm)).metadata
    correct, tested = int(about["correct"]), int(about["tested"])
    numbers = {"correct": correct, "tested": tested, "share": f"{100 * correct / tested:.1f} %"}
    said = say(lang, "network_page.trained_right", **numbers)
    assert about["correct"] in said and about["tested"] in said
    at = open_page(lang=lang, norm=norm)
    assert sum(said in caption.value for caption in at.caption) == 1
    for other in ({"activation": "sigmoid"}, {"side": "64"}, {"mode": "train"}, {"weights": "random"}):
        assert said not in texts(open_page(lang=lang, norm=norm, **other)), other


@pytest.mark.parametrize("lang", LANGUAGES)
def test_how_good_published_weights_are_is_said_where_they_run_as_published(lang: str) -> None:
    c = Choices(lang, METHODS["batch_norm"], {}, (8, 12, 4, 4), (0, 0, 0, 0), 0, "cpu", "float32", "none")
    plan = Plan("resnet18", "published")
    share = f"{100 * PUBLISHED['resnet18'].accuracy:.1f} %"
    assert how_good(c, plan) == [say(lang, "network_page.published_right", share=share)]
    assert otherwise_trained(c, plan) == []
    for other in (replace(plan, activation="gelu"), replace(plan, side=128)):
        assert how_good(c, other) == [] != otherwise_trained(c, other)
    for other in (replace(plan, mode="train"), replace(plan, weights="own"), replace(plan, weights="random")):
        assert how_good(c, other) == [] == otherwise_trained(c, other)


def test_a_network_is_shown_with_its_paper() -> None:
    paper = NETWORKS["resnet18"].paper
    assert paper is not None and NETWORKS["small_cnn"].paper is None
    assert paper.url in texts(open_page(network="resnet18"))
    assert "arxiv" not in texts(open_page())


def test_random_weights_are_called_random() -> None:
    at = open_page(weights="random")
    assert [box.value for box in at.warning] == [say("en", "network_page.top_random")]
    assert not open_page().warning


@pytest.mark.parametrize(
    ("choices", "notes"),
    [
        ({}, "confident"),
        ({"weights": "random"}, ""),
        ({"mode": "train"}, "train_batch train_choose"),
        ({"mode": "train", "norm": "group_norm"}, ""),
        (
            {"mode": "train", "network": "alexnet", "norm": "group_norm", "input": "photo"},
            "train_dropout train_choose",
        ),
    ],
)
def test_what_is_said_of_the_probabilities_is_true_of_this_run(choices: dict[str, str], notes: str) -> None:
    said = texts(open_page(**choices))
    for note in ("confident", "train_batch", "train_dropout", "train_choose"):
        assert (say("en", f"network_page.top_{note}") in said) == (note in notes.split()), note


@pytest.mark.parametrize(("weights", "own"), [("trained", True), ("random", False)])
def test_two_norms_with_trained_weights_differ_in_these_too(weights: str, own: bool) -> None:
    at = open_page(view="two", weights=weights)
    assert (say("en", "network_page.with_own_weights") in texts(at)) == own


@pytest.mark.parametrize("side", [64, 96])
def test_a_side_and_its_init(side: int) -> None:
    at = open_page(network="resnet18", view="table", side=str(side), init="he")
    assert errors(at) == []
    assert link(at) == {"network": "resnet18", "view": "table", "side": str(side), "init": "he"}
    assert f"x{side // 2}x{side // 2}" in str(at.dataframe[0].value.iloc[0].tolist())


def test_a_backward_pass_from_a_class() -> None:
    at = open_page(view="table")
    fine(widget(at, "target/en").set_value("class").run())
    fine(widget(at, "class.small_cnn/en").set_value(7).run())
    assert link(at) == {"view": "table", "target": "class", "class": "7"}
    gradient = at.dataframe[0].value["gradient"].to_numpy(float)
    assert np.isfinite(gradient).any() and gradient.max() > 0


@pytest.mark.parametrize(
    "bad",
    [
        {"network": "no_such"},
        {"norm": "no_such"},
        {"norm": "weight_norm"},
        {"weights": "stolen"},
        {"mode": "dreaming"},
        {"input": "telepathy"},
        {"count": "0"},
        {"count": "1000000"},
        {"count": "NaN"},
        {"view": "nowhere"},
        {"target": "9"},
        {"side": "99999"},
        {"activation": "<script>"},
        {"init": ""},
        {"layer": "no.such.layer"},
    ],
)
def test_a_bad_link_falls_back(bad: dict[str, str]) -> None:
    at = open_page(**bad)
    assert errors(at) == []
    (key,) = bad
    assert key == "layer" or key not in link(at)
    assert charts(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_too_large_is_said_and_the_earlier_run_stays(
    lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = open_page(lang=lang)
    shown = spec(at)
    monkeypatch.setattr("normviz.nets.network_limits.MAX_IMAGES", 6)
    fine(widget(at, f"count/{lang}").set_value(7).run())
    (sentence,) = errors(at)
    assert bool(CJK.search(sentence)) == (lang == "zh") and "7" in sentence
    assert spec(at) == shown
    assert any(say(lang, "network_page.earlier").split("{")[0] in text.value for text in at.markdown)


def test_both_runs_of_a_comparison_may_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_view, "PATIENCE", -1.0)
    seed = {"seed": "4242"}  # of no other test: both are computed here
    at = open_page(view="two", **seed, **{"with": "norm"})
    assert errors(at) == [] and charts(at)


def test_a_run_that_was_stopped_is_not_begun_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_page()
    shown = spec(at)
    begun = []

    def stopped(asked: Any, *_: Any) -> Any:
        begun.append(asked)
        at.session_state["network/stopped"] = asked

    monkeypatch.setattr(cached_network, "run", lambda *given: stopped(*given))
    fine(widget(at, "count/en").set_value(9).run())
    fine(at.run())
    assert len(begun) == 1 and spec(at) == shown
    monkeypatch.undo()
    (again,) = [each for each in at.button if str(each.key).startswith("nv-network-again")]
    fine(again.click().run())
    assert spec(at) != shown and errors(at) == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_first_run_that_was_stopped_is_said_to_be(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[Any] = []
    monkeypatch.setattr(cached_network, "known", lambda asked: stopped.append(asked))
    monkeypatch.setattr(cached_network, "run", lambda *_: None)
    at = open_page(lang=lang)
    assert at.title[0].value == say(lang, "network_page.title_none")
    at.session_state["network/stopped"] = stopped[-1]
    fine(at.run())
    assert at.title[0].value == say(lang, "network_page.title_stopped")


@pytest.mark.parametrize("what", ["norm", "mode", "image", "weights"])
def test_a_second_run(what: str) -> None:
    at = open_page(view="two", **{"with": what})
    assert errors(at) == []
    assert charts(at)
    assert link(at).get("with", "norm") == what


def test_published_weights_are_fetched_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from normviz.nets.weights_errors import WeightsError

    asked = []

    def offline(published: Any, **_: Any) -> Path:
        asked.append(published.file)
        where = {"file": published.file, "address": published.url, "folder": str(tmp_path)}
        raise WeightsError("unreachable", where | {"reason": "no network"})

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("normviz.nets.published.fetch", offline)
    at = open_page(network="resnet18", weights="published", side="64")
    assert asked == [] and errors(at) == []
    (info,) = [box.value for box in at.info]
    assert "44.7 MB" in info and "download.pytorch.org" in info and str(tmp_path) in info
    assert charts(at)  # of random weights, meanwhile
    fine(widget(at, "nv-network-fetch").click().run())
    (sentence,) = errors(at)
    assert "resnet18-f37072fd.pth" in sentence and str(tmp_path) in sentence and asked
    assert charts(at)


def test_only_so_much_is_kept_of_weights() -> None:
    held: cached_network.Latest[bytes] = cached_network.Latest(10, len)
    for key, size in (("a", 4), ("b", 6), ("c", 1)):
        held.put(key, bytes(size))
    assert held.get("a") is None and held.get("b") == bytes(6)
    held.put("large", bytes(20))  # whatever it weighs: somebody has just given it
    assert held.get("large") and held.get("b") is held.get("c") is None


def test_only_so_many_runs_are_kept() -> None:
    held: cached_network.Latest[Run] = cached_network.Latest(most=2)
    asked = [cached_network.Asked(Plan("mlp", seed=seed), "x") for seed in range(3)]
    made = [Run(each.plan, Trace((), LayerTrace.of("", "", [[0.0]]))) for each in asked]
    for each, run in zip(asked, made, strict=True):
        held.put(each, run)
        held.get(asked[0])  # used all the time, and so kept
    assert [held.get(each) for each in asked] == [made[0], None, made[2]]
