"""The comparison table: what is derived against a table written by hand and against autograd; words; links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from normviz.catalogue import METHODS
from normviz.comparison import (
    CLAIMS,
    STATED,
    batch,
    depends_on_batch,
    learned,
    learned_kind,
    mixing,
    mode,
    other_samples,
    reach,
    statistics,
)
from normviz.comparison_links import DERIVED, View, views
from normviz.comparison_links import STATED as SHOWN
from normviz.layouts import axes_of
from normviz.methods import Method
from normviz.text.lookup import LANGUAGES, words
from tests.pages.app import errors, link, visit
from tests.strategies import values

ROOT = Path(__file__).parents[1]
NCHW = [key for key, entry in METHODS.items() if "NCHW" in entry.layouts]

# By hand, for (8, 12, 4, 4): axes shared whole, in groups and in windows; statistics; learned; another sample matters.
BY_HAND = {
    "batch_norm": ("NHW", "", "", 12, 24, True),
    "layer_norm": ("CHW", "", "", 8, 2 * 12 * 4 * 4, False),
    "instance_norm": ("HW", "", "", 8 * 12, 0, False),
    "group_norm": ("HW", "C", "", 8 * 4, 24, False),
    "local_response_norm": ("", "", "C", 8 * 12 * 4 * 4, 0, False),
}


@pytest.mark.parametrize("key", BY_HAND)
def test_what_is_derived_is_what_a_teacher_would_write(key: str) -> None:
    whole, groups, window, sets, parameters, other = BY_HAND[key]
    entry, spec, shape = METHODS[key], METHODS[key].spec(), (8, 12, 4, 4)
    (shared,) = spec.sets
    axes = reach(shared, shape)
    found = {kind: "".join(a.name for a in axes if a.kind == kind) for kind in ("whole", "groups", "window")}
    assert found == {"whole": whole, "groups": groups, "window": window}
    assert statistics(entry, spec, shape).total == sets
    each = learned(spec, shape).total
    assert {"both": 2 * each, "none": 0}[learned_kind(spec)] == parameters
    assert depends_on_batch(spec, shape) is other
    assert batch(spec, shape) == ("yes" if other else "no")


def test_a_group_for_every_channel_is_no_group_and_one_group_is_whole() -> None:
    kinds = [
        {a.name: a.kind for a in reach(METHODS["group_norm"].spec(num_groups=g).sets[0], (8, 12, 4, 4))}["C"]
        for g in (1, 3, 12)
    ]
    assert kinds == ["whole", "groups", "own"]


@pytest.mark.parametrize(
    ("key", "knobs", "count"),
    [
        ("batch_norm", {}, "C=12"),
        ("batch_norm_eval", {}, "C=12"),
        ("group_norm", {"num_groups": 3}, "N=8·G=3"),
        ("group_norm", {"num_groups": 12}, "N=8·C=12"),
        ("batch_norm_devices", {"devices": 4}, "K=4·C=12"),
        ("positional_norm", {}, "N=8·H=4·W=5"),
        ("switchable_norm", {}, "N=8·C=12+N=8+C=12"),
        ("weight_norm", {}, "O=8"),
    ],
)
def test_a_count_is_said_in_the_symbols_it_is_made_of(key: str, knobs: dict[str, int], count: str) -> None:
    entry = METHODS[key]
    found = statistics(entry, entry.spec(**knobs), (8, 12, 4, 5))
    assert "+".join("·".join(f"{f.symbol}={f.value}" for f in term) for term in found.terms) == count
    assert found.total == sum(int(np.prod([f.value for f in term])) for term in found.terms)


@pytest.mark.parametrize("key", METHODS)
def test_the_factors_multiply_to_the_number_of_statistics(key: str) -> None:
    entry, spec, shape = METHODS[key], METHODS[key].spec(), (4, 8, 3, 5)
    found = statistics(entry, spec, shape)
    products = [int(np.prod([f.value for f in term])) for term in found.terms]
    assert sum(products) == found.total == spec.statistic_count(shape)


@pytest.mark.parametrize("key", NCHW)
def test_what_is_learned_is_what_torch_learns(key: str) -> None:
    entry, spec, shape = METHODS[key], METHODS[key].spec(), (4, 8, 3, 5)
    module = entry.module(nn, shape)
    counted = sum(p.numel() for p in module.parameters() if p.requires_grad)
    times = {"both": 2, "weight": 1}.get(learned_kind(spec), 0)
    assert times * learned(spec, shape).total + mixing(spec, shape) == counted


def test_weight_norm_learns_the_lengths_that_torchs_learns() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 4, (3, 5)))
    length = dict(layer.named_parameters())["parametrizations.weight.original0"]
    spec = METHODS["weight_norm"].spec()
    assert learned_kind(spec) == "direction"
    assert learned(spec, (4, 8, 3, 5)).total == length.numel()
    assert learned_kind(METHODS["weight_standardization"].spec()) == "none"


def gradient(entry: Method, shape: tuple[int, ...], sample: int, **knobs: int) -> set[int]:
    """The samples on which torch's output for one of them depends."""
    layer = entry.torch_layer(shape, **knobs)
    module = layer.build(nn).double()
    x = torch.tensor(values(shape, 1), requires_grad=True)
    more = (torch.tensor(values(shape, 2)),) if layer.second else ()
    (module(x, *more)[sample] * torch.tensor(values(shape[1:], 3))).sum().backward()
    assert x.grad is not None
    return set(x.grad.flatten(1).abs().amax(1).nonzero().flatten().tolist())


@pytest.mark.parametrize("key", NCHW)
def test_autograd_sees_another_sample_exactly_when_the_table_says_so(key: str) -> None:
    shape = (2, 12, 4, 4)
    seen = gradient(METHODS[key], shape, 0)
    assert 0 in seen
    assert (1 in seen) == depends_on_batch(METHODS[key].spec(), shape)


@pytest.mark.parametrize(("devices", "others"), [(1, {1, 2, 3}), (2, {1}), (4, set())])
def test_a_device_sees_its_own_samples_alone(devices: int, others: set[int]) -> None:
    entry, shape = METHODS["batch_norm_devices"], (4, 3, 4, 4)
    assert gradient(entry, shape, 0, devices=devices) == {0} | others
    assert other_samples(entry.spec(devices=devices), shape) == len(others)
    assert batch(entry.spec(devices=devices), shape) == ("yes" if others else "alone")


def test_a_batch_of_one_depends_on_no_other_sample() -> None:
    assert batch(METHODS["batch_norm"].spec(), (1, 12, 4, 4)) == "alone"


def test_modes_and_batch_of_the_rest() -> None:
    kinds = {key: (mode(m, m.spec()), batch(m.spec(), (8, 12, 4, 4))) for key, m in METHODS.items()}
    assert kinds["batch_renorm"] == ("buffers", "buffers")
    assert kinds["sync_batch_norm"] == ("buffers", "yes")
    assert kinds["batch_norm_frozen"] == kinds["batch_norm_eval"] == ("always", "running")
    assert kinds["switchable_norm"] == ("batch", "yes")
    assert kinds["rms_norm"] == ("same", "no")
    assert kinds["weight_norm"] == kinds["weight_standardization"] == ("same", "weights")


# Words


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("key", METHODS)
def test_every_method_has_every_word(lang: str, key: str) -> None:
    said, entry = words(lang), METHODS[key]
    for claim in STATED:
        text = said[f"comparison.method.{key}.{claim}"]
        assert text.strip() and text == text.strip() and not text.endswith((".", "。")), text
        assert lang != "en" or len(text.split()) <= 18, text
        assert not re.search(r"[*_\[\]`$<>|]", text), text  # they are Markdown, and mean to be plain
    spec, shape = entry.spec(), (8, 12, 4, 4)
    kinds = (f"statistics.{spec.outcome}", f"learned.{learned_kind(spec)}", f"batch.{batch(spec, shape)}")
    assert all(f"comparison.{kind}" in said for kind in (*kinds, f"modes.{mode(entry, spec)}"))
    assert all(f"axis.{a}" in said for a in axes_of(shape, spec.layouts))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_claim_and_view_has_a_name_and_no_word_is_for_nothing(lang: str) -> None:
    said = {key.removeprefix("comparison.") for key in words(lang) if key.startswith("comparison.")}
    assert {k.removeprefix("claim.") for k in said if k.startswith("claim.")} == set(CLAIMS)
    labels = {view.label for view in every_view() if view.label}
    assert {k.removeprefix("view.") for k in said if k.startswith("view.")} == labels
    assert {k.split(".")[1] for k in said if k.startswith("method.")} <= set(METHODS)


# Links


def every_view() -> set[View]:
    return {seen.view for seen in DERIVED} | set(SHOWN.values())


def first_with(view: View) -> Method:
    """A method that has this view; a view that none has is dead."""
    return next(m for m in METHODS.values() for claim in CLAIMS if view in views(m, claim))


def test_every_claim_with_a_view_is_a_claim_of_a_method() -> None:
    assert {seen.claim for seen in DERIVED} <= set(CLAIMS) - set(STATED)
    assert all(key in METHODS and claim in STATED for key, claim in SHOWN)


@pytest.mark.parametrize("key", METHODS)
def test_a_view_is_on_a_page_and_topic_that_the_method_has(key: str) -> None:
    from normviz.ui.topics.table import topics_of

    for claim in CLAIMS:
        for view in views(METHODS[key], claim):
            assert (ROOT / "pages" / f"{view.page}.py").exists()
            assert not view.topic or view.page == "forward"
            assert not view.topic or view.topic in topics_of(METHODS[key]), f"{claim}: no topic {view.topic}"


@pytest.mark.parametrize("key", METHODS)
def test_every_derived_claim_but_what_nothing_shows_has_a_view(key: str) -> None:
    derived = {
        claim for claim in CLAIMS if claim not in (*STATED, "paper") and not views(METHODS[key], claim)
    }
    spec = METHODS[key].spec()
    unseen = {"learned"} if learned_kind(spec) in ("none", "frozen", "second") else set()
    assert derived <= unseen | ({"modes", "batch"} if "N" not in spec.axes((2, 2, 2, 2)) else set())


@pytest.mark.parametrize("view", sorted(every_view(), key=repr), ids=lambda v: v.label or v.topic or v.page)
def test_a_link_is_understood_by_the_page_it_opens(view: View) -> None:
    """What a page does not know, or has as its default, it drops from the address."""
    method = first_with(view).key
    said = {"method": method, **({"topic": view.topic} if view.topic else {}), **dict(view.choices)}
    at = visit(view.page, said)
    assert errors(at) == []
    first = next(iter(METHODS))
    assert link(at) == {key: value for key, value in said.items() if (key, value) != ("method", first)}


def table_page(
    lang: str, key: str, shape: tuple[int, ...], keys: tuple[str, ...], knobs: dict[str, int]
) -> None:
    """A page with the table alone."""
    import streamlit as st

    from normviz.catalogue import METHODS
    from normviz.ui.choices import Choices
    from normviz.ui.compare_table import show_table

    st.title("compare")
    entry = METHODS[key]
    cell = (0,) * len(shape)
    c = Choices(lang, entry, entry.complete(knobs), shape, cell, 0, "cpu", "float32", "none")
    show_table(c, keys)


def table(
    lang: str = "en",
    key: str = "batch_norm",
    shape: tuple[int, ...] = (8, 12, 4, 4),
    groups: int = 0,
    said: Mapping[str, str] | None = None,
) -> AppTest:
    """The table of all methods for that tensor, where the address says this."""
    keys = tuple(
        k for k, m in METHODS.items() if axes_of(shape, METHODS[key].layouts) in map(tuple, m.layouts)
    )
    knobs = {"num_groups": groups} if groups else {}
    given = {"lang": lang, "key": key, "shape": shape, "keys": keys, "knobs": knobs}
    at = AppTest.from_function(table_page, default_timeout=60, kwargs=given)
    for name, value in (said or {}).items():
        at.query_params[name] = value
    at.run()
    assert not at.exception, at.exception[0].value
    return at


def addresses(at: AppTest, column: str) -> list[dict[str, str]]:
    """The links of a column, as the page and what they say."""
    text = "\n".join(at.table[0].value[column])
    found = [urlsplit(url) for url in re.findall(r"\]\((\./[^)]*)\)", text)]
    return [{"page": url.path, **dict(parse_qsl(url.query))} for url in found]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ("batch_norm", (8, 12, 4, 4)),
        ("layer_norm", (4, 10, 16)),
        ("l2_norm", (12, 24)),
        ("weight_norm", (12, 8, 3, 3)),
    ],
)
def test_every_cell_of_the_table_is_filled(lang: str, key: str, shape: tuple[int, ...]) -> None:
    found = table(lang, key, shape).table[0].value
    assert found.shape == (len(CLAIMS), sum(len(shape) in map(len, m.layouts) for m in METHODS.values()
                                            if ("OI" in m.layouts) == (key == "weight_norm")))  # fmt: skip
    for text in found.to_numpy().flat:
        assert text.strip() and "{" not in text and not text.startswith("–")


def test_links_take_along_what_is_chosen_and_knobs_that_differ() -> None:
    chosen = {"shape": "4x6x5x5", "cell": "1x2x3x4", "seed": "7", "lang": "zh", "mean": "2.0"}
    at = table("zh", "group_norm", (4, 6, 5, 5), groups=2, said={**chosen, "colour": "all"})
    column = next(name for name in at.table[0].value.columns if name.endswith("G = 2"))
    found = addresses(at, column)
    frame = {k: v for k, v in chosen.items() if k != "mean"}
    assert found[0] == {"page": "./cube", "method": "group_norm", "num_groups": "2", **frame}
    assert found[1] == {"page": "./forward", "method": "group_norm", "num_groups": "2", **chosen}
    assert all(entry["method"] == "group_norm" for entry in found)
    (one,) = [entry for entry in found if entry.get("num_groups") == "1"]
    assert one["shape"] == "4x6x5x5"


def test_a_view_with_a_shape_of_its_own_leaves_the_cell_behind() -> None:
    at = table(shape=(8, 12, 4, 4), said={"cell": "7x11x3x3", "seed": "3"})
    (one,) = [entry for entry in addresses(at, "Instance Norm") if entry.get("shape") == "8x12x1x1"]
    assert one == {
        "page": "./cube",
        "method": "instance_norm",
        "shape": "8x12x1x1",
        "seed": "3",
        "colour": "after",
    }


def test_the_same_cells_stand_as_cards() -> None:
    at = table()
    found = at.table[0].value
    cards = "\n".join(element.value for element in at.markdown)
    assert all(text in cards for text in found.to_numpy().flat)
    assert {element.value for element in at.subheader} >= set(found.columns)


def test_modes_lead_to_averages_only_where_training_moves_them() -> None:
    def topics(key: str) -> list[str]:
        return [view.topic or view.page for view in views(METHODS[key], "modes")]

    assert topics("batch_norm") == ["stream", "conventions"]
    assert topics("batch_renorm") == ["renorm", "conventions"]
    assert topics("batch_norm_frozen") == ["forward"]
