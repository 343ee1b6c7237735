"""The frameworks' conventions on the forward page: every method and aspect, both languages, links and bad input."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

import normviz as nv
from normviz.convention_table import aspects
from normviz.text.lookup import say
from tests.pages.app import CJK, LANGUAGES, data, errors, fine, link, texts, visit, widget

EVERY = [(key, aspect) for key, method in nv.METHODS.items() for aspect in (*aspects(method), "scaling")]
#: In Chinese only the methods that have sentences of their own here.
PECULIAR = (
    "batch_renorm",
    "layer_norm",
    "local_response_norm",
    "l2_norm",
    "weight_norm",
    "weight_standardization",
)
SEEN = [("en", *pair) for pair in EVERY] + [("zh", *pair) for pair in EVERY if pair[0] in PECULIAR]


def open_topic(lang: str = "en", **more: str) -> AppTest:
    return visit("forward", {"topic": "conventions", "lang": lang, **more})


def checks(at: AppTest) -> tuple[int, int]:
    """How many conversions hold, and how many do not."""
    lines = [text.value for text in at.markdown]
    return sum("check_circle" in line for line in lines), sum(
        "red[:material/report" in line for line in lines
    )


def table(at: AppTest) -> list[list[str]]:
    """The first table's cells, row by row."""
    return [[str(v) for v in row] for row in at.table[0].value.to_numpy().tolist()]


@pytest.mark.parametrize(("lang", "method", "aspect"), SEEN)
def test_every_method_and_aspect(lang: str, method: str, aspect: str) -> None:
    at = open_topic(lang, method=method, aspect=aspect)
    assert errors(at) == []
    assert bool(CJK.search(at.title[0].value)) == bool(CJK.search(texts(at))) == (lang == "zh")
    assert len(at.get("plotly_chart")) == 1 and len(at.table) >= 1
    right, wrong = checks(at)
    assert wrong == 0
    assert (right > 0) == (aspect != "scaling")
    assert not re.search(r"\bnan\b", texts(at), re.IGNORECASE)


def test_the_first_aspect_is_shown_and_the_link_keeps_the_choices() -> None:
    at = open_topic()
    assert "aspect" not in link(at) and "batches" in texts(at)
    fine(widget(at, "seen/en").set_value(60).run())
    fine(widget(at, "buffer/en").set_value("mean").run())
    assert link(at) == {"topic": "conventions", "seen": "60", "buffer": "mean"}
    fine(widget(at, "aspect/en").set_value("eps").run())
    assert link(at) == {"topic": "conventions", "aspect": "eps"}
    again = open_topic(aspect="nonsense", seen="1000")
    assert errors(again) == [] and "aspect" not in link(again)


def test_running_averages_are_those_of_torch_and_of_keras_rule() -> None:
    x = data("8x12x4x4")
    at = open_topic(cell="0x3x1x1", seen="2")
    rng = np.random.default_rng(0)
    layer, keras = torch.nn.BatchNorm2d(12), 1.0
    for _ in range(2):
        batch = x[rng.integers(8, size=8)]
        layer(torch.from_numpy(batch))
        keras = 0.99 * keras + 0.01 * float(batch[:, 3].var())
    assert layer.running_var is not None
    rows = {re.findall(r"\[(\w+)", row[0])[0]: row for row in table(at)}
    assert rows["PyTorch"][4] == f"{float(layer.running_var[3]):.3f}"
    assert rows["Keras"][4] == rows["Flax"][4] == f"{keras:.3f}"
    assert f"**{float(layer.running_var[3]):.3f}**" in texts(at)


def test_a_smaller_input_makes_eps_matter() -> None:
    def largest(shrink: str) -> float:
        at = open_topic(aspect="eps", method="instance_norm", shrink=shrink)
        said = at.table[0].value.to_numpy()[1, -1].replace("\u00a0", "").replace("−", "-")
        raised = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
        mantissa, _, power = said.partition("×10")
        return float(mantissa) * 10.0 ** int(power.translate(raised) or 0)

    assert largest("1.0") < largest("0.1") < largest("0.01")


def test_the_papers_local_response_norm_is_given_as_torchs_arguments() -> None:
    at = open_topic(method="local_response_norm", own="each")
    assert "`LocalResponseNorm(5, alpha=0.0005, beta=0.75, k=2)`" in texts(at)
    assert "`LocalResponseNorm(11, alpha=11, beta=0.5, k=1)`" in texts(at)
    even = open_topic(method="local_response_norm", size="4")
    assert "even window of 4" in texts(even) and checks(even) == (2, 0)


def test_layer_norms_parameters_by_axes() -> None:
    rows = table(open_topic(method="layer_norm"))
    assert [row[3] for row in rows] == ["384", "24", "24", "24", "8"]
    assert [row[2].replace("\u00a0", " ") for row in rows] == ["C, H, W", "C, H, W", "C", "C", "W"]


def test_an_outlier_squeezes_min_max() -> None:
    calm, far = open_topic(aspect="scaling"), open_topic(aspect="scaling", outlier="30")
    assert "%" not in calm.markdown[0].value
    (share,) = re.findall(r"\*\*([\d.]+) %\*\*", texts(far))
    x = data("8x12x4x4")[:, 5].astype(np.float64).reshape(-1)
    others = np.delete(x, 4)  # the cell (0, 5, 1, 0)
    reach = others.max() - others.min()
    expected = reach / (others.mean() + 30 * others.std() - others.min())
    assert float(share) == pytest.approx(100 * expected, abs=0.06)
    whole = open_topic(aspect="scaling", outlier="30", values="all")
    assert "**1,535**" in texts(whole)


@pytest.mark.parametrize("shape", ["4x10x16", "12x24", "1x6x1x1", "1x1x1x1"])
@pytest.mark.parametrize("method", ["batch_norm", "layer_norm", "local_response_norm", "l2_norm", "rms_norm"])
def test_other_layouts_and_tiny_tensors(method: str, shape: str) -> None:
    for aspect in (*aspects(nv.METHODS[method]), "scaling"):
        at = open_topic(method=method, shape=shape, aspect=aspect)
        alone = method == "batch_norm" and aspect == "running" and shape.startswith("1x")
        assert len(errors(at)) == alone
        assert not alone or "1 value" in errors(at)[0]


@pytest.mark.parametrize("disturb", ["nan", "inf", "constant"])
@pytest.mark.parametrize("method", ["batch_norm", "batch_norm_eval", "layer_norm", "local_response_norm"])
def test_what_is_put_in_by_hand_breaks_nothing(method: str, disturb: str) -> None:
    for aspect in (*aspects(nv.METHODS[method]), "scaling"):
        assert errors(open_topic(method=method, aspect=aspect, disturb=disturb)) == []


def test_the_lead_says_what_is_true_of_these_readings() -> None:
    """Each by hand: a NaN in every kept average, one axis to normalize over, deviations divided by n - 1."""
    for lang in LANGUAGES:
        broken = texts(open_topic(lang, aspect="running", disturb="nan"))
        assert say(lang, "conventions.lead_untold") in broken and say(lang, "conventions.untold") in broken
        assert "**NaN**" not in broken
        vectors = texts(open_topic(lang, method="layer_norm", aspect="axes", shape="12x24"))
        assert say(lang, "conventions.lead_axes_alike", most="48") in vectors
        square = texts(open_topic(lang, method="layer_norm", aspect="axes", shape="8x4x4x4"))
        assert say(lang, "conventions.lead_axes_alike", most="8") not in square
        kernel = texts(open_topic(lang, method="weight_standardization", aspect="eps"))
        end = say(lang, "conventions.lead_eps_unbiased", low="", high="|", effect="\n")
        end = end.split("**")[4].split("\n")[0]
        assert end in kernel and say(lang, "conventions.untold") not in kernel


def test_what_must_be_given_has_no_default() -> None:
    rows = {
        row[0].split("]")[0].strip("["): row[1]
        for row in table(open_topic(method="local_response_norm", own="each"))
    }
    assert rows["PyTorch"] == "`alpha=0.0001, beta=0.75, k=1`" and "size" not in rows["ONNX"]
    assert rows["TensorFlow"].startswith("`depth_radius=5") and rows["The paper"].startswith("`n=5")


def test_frameworks_without_the_method_show_their_closest_layer() -> None:
    said = [
        say("en", "conventions.note_closest") in texts(open_topic(method=m, aspect="running"))
        for m in ("batch_norm", "batch_renorm")
    ]
    assert said == [False, True]


def test_a_photograph_and_float64() -> None:
    at = open_topic(input="photo", aspect="scaling", dtype="float64")
    assert errors(at) == [] and "float64" in texts(at)
    for method, aspect in (("batch_norm", "running"), ("layer_norm", "axes"), ("weight_norm", "start")):
        assert checks(open_topic(method=method, aspect=aspect, dtype="float64"))[1] == 0


def test_a_lead_counts_what_is_equal_once() -> None:
    for lang in LANGUAGES:
        clause = say(lang, "conventions.effect.same", most="32")
        assert clause in texts(open_topic(lang, method="layer_norm", aspect="axes", shape="4x10x16"))
        assert clause not in texts(open_topic(lang, method="layer_norm", aspect="axes"))
        for method, aspect in (("batch_norm", "eps"), ("l2_norm", "eps"), ("layer_norm", "axes")):
            at = open_topic(lang, method=method, aspect=aspect, disturb="constant")
            assert "**0**" not in texts(at), (method, lang)


def test_a_frozen_layer_has_no_running_averages_to_follow() -> None:
    at = open_topic(method="batch_norm_frozen", aspect="running")
    assert errors(at) == [] and "aspect" not in link(at)
    assert "running variance" not in texts(at)
