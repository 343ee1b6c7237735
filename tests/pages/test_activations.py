"""The page of activations, without a browser: its numbers, links, languages, and an entry nobody has heard of."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from normviz.activations import ACTIVATIONS
from normviz.catalogue import METHODS
from normviz.samples import Sample
from normviz.text.lookup import say
from normviz.ui.activations.choice import MOST, START
from tests.pages.activation_view import charts, column, open_view, printed, table
from tests.pages.app import CJK, LANGUAGES, errors, fine, link, texts, visit, widget


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("key", ACTIVATIONS)
def test_every_entry_in_both_languages(key: str, lang: str) -> None:
    at = open_view(lang=lang, act=key)
    text = texts(at)
    assert errors(at) == []
    assert say(lang, f"activation.{key}.name") in at.title[0].value
    assert say(lang, f"activation.{key}.what") in text
    assert bool(CJK.search(text)) == (lang == "zh")
    assert ":material/check_circle:" in text
    entry = ACTIVATIONS[key]
    assert str(entry.paper.year) in text and entry.paper.url in text
    assert any(entry.latex[:12] in block.value for block in at.latex)
    assert not re.findall(r"\{[a-z_]+\}", re.sub(r"\$[^$]*\$", "", text))
    offered = say(lang, "act_page.learn_add", name=say(lang, "activation.prelu.name"))
    assert (offered in [button.label for button in at.button]) == (not entry.learned)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("order", ["before", "after", "none"])
@pytest.mark.parametrize("kind", ["photo", "random"])
def test_several_in_every_order(lang: str, order: str, kind: str) -> None:
    at = open_view(lang=lang, order=order, input=kind, act="relu.sigmoid.selu")
    assert errors(at) == [] and not re.findall(r"\{[a-z_]+\}", re.sub(r"\$[^$]*\$", "", texts(at)))
    # Curves, rows, and both arrangements of the orders and of the chain; a photograph's maps as pictures too.
    assert charts(at) == 6 + (kind == "photo")
    assert len(table(at).columns) == 4


def test_the_numbers_are_those_of_torch() -> None:
    """Everything in the table again, here, by torch alone."""
    x = torch.from_numpy(Sample().tensor((4, 8, 8, 8))).requires_grad_()
    z = torch.nn.BatchNorm2d(8)(x)
    y = torch.nn.functional.hardtanh(torch.tanh(z), -10, 10)
    (slope,) = torch.autograd.grad(y.sum(), z, retain_graph=True)
    noise = torch.tensor(np.random.default_rng(0).standard_normal(y.shape), dtype=torch.float32)
    (back,) = torch.autograd.grad(y, x, noise)
    at = open_view(lang="en", input="random", act="relu.tanh")
    found = column(at, "Tanh")
    flat = int((1 - torch.tanh(z) ** 2 < 0.05).sum())
    values = [float(cell.replace("−", "-")) for cell in (found[2], found[3], found[8], found[9])]
    expected = [y.mean(), y.std(correction=0), slope.mean(), back.norm() / noise.norm()]
    assert values == pytest.approx([float(value.detach()) for value in expected], abs=6e-4)
    assert found[7] == f"{100 * flat / y.numel():.0f}%"
    zeros = int((z <= 0).sum())
    assert column(at, "ReLU")[4:7] == [f"{100 * zeros / y.numel():.0f}%", "0%", column(at, "ReLU")[4]]
    assert f"{float(slope.mean()):.3f}" in at.title[0].value
    assert f"**{100 * zeros / y.numel():.0f}%** of what goes on from ReLU is exactly 0" in texts(at)


def test_a_normalization_after_it_leaves_no_zeros() -> None:
    x = torch.from_numpy(Sample().tensor((4, 8, 8, 8)))
    y = torch.nn.BatchNorm2d(8)(torch.relu(x)).detach()
    at = open_view(lang="en", input="random", act="relu", order="after")
    found = column(at, "ReLU")
    assert found[4] == "0%" and found[5] == f"{100 * float((y < 0).float().mean()):.0f}%"
    assert "of what goes on, **0%** is" in texts(at)
    # The three orders say the same whichever of them is chosen.
    said = [line for line in texts(at).splitlines() if "neither dead nor saturated" in line]
    assert len(said) == 3
    other = open_view(lang="en", input="random", act="relu", order="none")
    assert [line for line in texts(other).splitlines() if "neither dead nor saturated" in line] == said


@pytest.mark.parametrize("method", METHODS)
def test_every_method_stands_before_it_or_the_page_says_why_not(method: str) -> None:
    at = open_view(lang="en", method=method, act="relu", chain_norm="before")
    # On a row (N, C) a method may have a single value for its statistic: torch says so itself.
    refused = [sentence for sentence in errors(at) if "torch refuses" in sentence]
    assert errors(at) == refused and len(refused) == (method == "instance_norm")
    name, entry = say("en", f"method.{method}.name"), METHODS[method]
    weighs = "NCHW" not in entry.layouts
    assert (say("en", "act_page.weighs", name=name) in texts(at)) == weighs
    assert (f"With {name} before the activation" in texts(at)) == (not weighs)
    assert (say("en", "act_page.chain_misfit", norm=name) in texts(at)) == (
        not weighs and "NC" not in entry.layouts
    )
    assert charts(at) == (5 if weighs else 7) - 2 * len(refused)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("disturb", ["nan", "inf", "constant"])
@pytest.mark.parametrize("order", ["before", "after", "none"])
def test_what_is_put_in_by_hand_is_survived_and_counted(lang: str, disturb: str, order: str) -> None:
    at = open_view(lang=lang, act="relu.prelu", disturb=disturb, order=order)
    (box,) = [info.value for info in at.info]
    if disturb == "nan":
        # One cell alone; through Batch Norm its whole channel of 4 x 8 x 8.
        into, final = ("256" if order == "before" else "1"), ("1" if order == "none" else "256")
        assert f"**{into}**" in box and f"**{final}**" in box
    assert errors(at) == []


def test_choices_are_in_the_link_and_come_back() -> None:
    at = open_view(lang="en")
    assert "act" not in link(at)
    fine(widget(at, "act/en").set_value(["elu", "leaky_relu"]).run())
    fine(widget(at, "elu.alpha/en").set_value("2").run())
    fine(widget(at, "order/en").set_value("after").run())
    fine(widget(at, "one/en").set_value("leaky_relu").run())
    fine(widget(at, "weights/en").set_value("xavier").run())
    said = link(at)
    assert said["act"] == "elu.leaky_relu" and said["elu.alpha"] == "2" and said["order"] == "after"
    assert said["one"] == "leaky_relu" and said["weights"] == "xavier"
    again = visit("activations", said | {"lang": "zh"})
    assert widget(again, "act/zh").value == ["elu", "leaky_relu"]
    assert widget(again, "elu.alpha/zh").value == "2"
    assert column(again, "ELU")[0] == r"$(-2,\ \infty)$"
    assert column(again, "ELU") == column(at, "ELU")
    assert link(again).items() >= {k: v for k, v in said.items() if k != "lang"}.items()


@pytest.mark.parametrize("value", ["", "no_such", ".", "relu,gelu", "RELU"])
def test_a_broken_link_is_the_default(value: str) -> None:
    at = open_view(lang="en", act=value, order="both", one="no_such", layers="900", weights="big")
    assert widget(at, "act/en").value == list(START) and errors(at) == []
    assert widget(at, "layers/en").value == 20


def test_a_link_names_more_than_can_be_told_apart() -> None:
    keys = list(ACTIVATIONS)
    assert widget(open_view(lang="en", act=".".join(keys)), "act/en").value == keys[:MOST]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_none_at_all_or_too_many_is_taken_back(lang: str) -> None:
    at = open_view(lang=lang, act="relu.gelu")
    for chosen in ([], list(ACTIVATIONS)[: MOST + 1]):
        widget(at, f"act/{lang}").set_value(chosen)
        fine(at.run())
        assert widget(at, f"act/{lang}").value == ["relu", "gelu"]
        assert len(errors(at)) == 1 and bool(CJK.search(errors(at)[0])) == (lang == "zh")
        fine(at.run())
        assert errors(at) == []


@pytest.mark.parametrize("text", ["abc", "nan", "1e9"])
def test_a_knob_that_cannot_be_read_leaves_the_last_one(text: str) -> None:
    at = open_view(lang="en", act="elu", **{"elu.alpha": "2"})
    before = column(at, "ELU")
    fine(widget(at, "elu.alpha/en").set_value(text).run())
    assert len(errors(at)) == 1 and text in errors(at)[0]
    assert column(at, "ELU") == before and link(at)["elu.alpha"] == "2"


def test_what_torch_refuses_is_one_sentence() -> None:
    at = open_view(lang="en", act="prelu", **{"prelu.num_parameters": "5"})
    assert any("prelu" in sentence and "5" in sentence for sentence in errors(at))
    assert not at.table


@pytest.mark.parametrize("lang", LANGUAGES)
def test_equal_slopes_are_no_extremes(lang: str) -> None:
    at = open_view(lang=lang, act="relu.elu", input="random", **{"elu.alpha": "0"})
    assert say(lang, "act_page.title_alike", slope=column(at, "ReLU")[8]) == at.title[0].value


def test_a_chain_is_shown_whatever_the_number_of_learned_slopes() -> None:
    """All slopes start alike: one for each of the input's channels says no more than one for all."""
    one, many = (
        open_view(lang="en", act="prelu", input="random", **more)
        for more in ({}, {"prelu.num_parameters": "8"})
    )
    found = [[line for line in texts(at).splitlines() if line.startswith("- **")] for at in (one, many)]
    assert errors(many) == [] and found[0] == found[1] and len(found[0]) == 1


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_the_formula_is_that_of_the_knob(approximate: str) -> None:
    at = open_view(lang="en", act="gelu", **{"gelu.approximate": approximate})
    assert ("tanh" in at.latex[0].value) == (approximate == "tanh")


def test_what_is_lost_is_no_share_of_the_rest() -> None:
    at = open_view(lang="en", act="relu", disturb="nan", method="layer_norm", shape="1x8x8x8", input="random")
    assert say("en", "act_page.said_lost") in texts(at) and "**NaN**" not in texts(at)


def test_the_chain_says_how_far_the_gradient_comes() -> None:
    at = open_view(lang="en", act="sigmoid.relu", layers="30", dtype="float64", input="random")
    lines = [line for line in texts(at).splitlines() if line.startswith("- **")]
    assert len(lines) == 2 and "vanishes" in lines[0] and "10⁻" in lines[0]
    assert "stays" in lines[1]


@pytest.mark.parametrize("order", ["before", "after", "none"])
@pytest.mark.parametrize(
    "more",
    [
        {"act": "relu", "input": "random"},
        {"act": "prelu", "input": "photo", "prelu.init": "0.1"},
        {
            "act": "gelu",
            "input": "photo",
            "dtype": "float64",
            "method": "group_norm",
            "gelu.approximate": "tanh",
        },
        {"act": "tanh", "input": "random", "method": "batch_norm_eval"},
        {"act": "elu", "input": "photo", "method": "adaptive_instance_norm"},
    ],
    ids=lambda more: more["act"],
)
def test_the_snippet_makes_the_same_numbers(more: dict[str, str], order: str) -> None:
    at = open_view(lang="en", order=order, **more)
    found = printed(at.code[0].value)
    name = say("en", f"activation.{more['act']}.name")
    shown = column(at, name)
    assert found["mean"] == pytest.approx(float(shown[2].replace("−", "-")), abs=6e-4)
    assert found["slope"] == pytest.approx(float(shown[8].replace("−", "-")), abs=6e-4)
    assert 100 * found["zeros"] == pytest.approx(float(shown[4].strip("<>%")), abs=1)
