"""Adding a method is adding one entry and its words: here is one, and every page knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

import normviz as nv
from normviz.catalogue import METHODS
from normviz.entries.pieces import EPS, WHOLE
from normviz.layers import Layer
from normviz.methods import Method, Paper
from normviz.spec import Part, Root, Spec, StatSet
from normviz.text import lookup
from normviz.ui.topics.table import topics_of
from tests.pages.app import errors, metrics, texts, visit

KEY, SHAPE = "row_batch_norm", (8, 12, 4, 4)
WORDS = {
    "en": {"name": "Row Batch Norm", "who": "one row of one channel, across the whole batch"},
    "zh": {"name": "行批归一化", "who": "整个批次里同一通道的同一行"},
}


def row_batch_norm(torch: Any, nn: Any) -> type:
    class RowBatchNorm(nn.Module):
        def __init__(self, eps=1e-5):
            super().__init__()
            self.eps = eps

        def forward(self, x):
            var, mean = torch.var_mean(x, (0, 3), correction=0, keepdim=True)
            return (x - mean) / (var + self.eps).sqrt()

    return RowBatchNorm


ENTRY = Method(
    KEY,
    "batch",
    Paper("A Paper", "A. Author", 2020, "https://example.org/paper"),
    rule=lambda eps: Spec((Part(StatSet.over(N=WHOLE, W=WHOLE)),), divisor=Root(eps), layouts=("NCHW",)),
    layer=lambda n, axes, eps: Layer("RowBatchNorm", {"eps": eps}, written=row_batch_norm),
    knobs=(EPS,),
    own_layer=False,
)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry in the catalogue, and its words as the two text files would have them."""
    monkeypatch.setitem(METHODS, KEY, ENTRY)
    known = lookup.words

    def words(language: str) -> Mapping[str, str]:
        return {**known(language), **{f"method.{KEY}.{k}": text for k, text in WORDS[language].items()}}

    monkeypatch.setattr(lookup, "words", words)


def test_the_library_knows_it() -> None:
    x = nv.Sample().tensor(SHAPE)
    y = nv.normalize(x, nv.METHODS[KEY].spec(eps=1e-3))
    expected = torch.nn.BatchNorm1d(12 * 4, eps=1e-3, affine=False)(
        torch.from_numpy(x).permute(0, 3, 1, 2).reshape(32, 48)  # rows and channels are channels of their own
    )
    assert np.abs(y - expected.reshape(8, 4, 12, 4).permute(0, 2, 3, 1).numpy()).max() < 1e-5
    assert "k_C=i_C,\\ k_H=i_H" in nv.latex(nv.METHODS[KEY].spec())
    names: dict[str, Any] = {}
    exec(compile(nv.snippet(KEY, SHAPE, eps=1e-3), "snippet", "exec"), names)
    assert np.abs(names["y"].numpy() - y).max() < 1e-5
    figure = nv.cube(SHAPE, KEY, cell=(0, 5, 1, 0))
    assert "Mesh3d" in str(type(figure.data[0]))


def shown(at: AppTest, lang: str) -> str:
    assert errors(at) == []
    text = texts(at)
    assert WORDS[lang]["name"] in text
    return text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_cube_page_knows_it(lang: str) -> None:
    at = visit("cube", method=KEY, lang=lang, colour="after")
    assert WORDS[lang]["who"] in at.title[0].value
    assert metrics(at) == [8 * 4, 12 * 4, 0]
    assert ":material/check_circle:" in shown(at, lang)
    assert "class RowBatchNorm(nn.Module):" in at.code[0].value
    assert "k_H=i_H" in at.latex[0].value


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_topic_of_the_forward_page_that_suits_it_knows_it(lang: str) -> None:
    topics = topics_of(ENTRY)
    assert {"pass", "devices", "conventions"} <= set(topics) and not {"renorm", "weights"} & set(topics)
    for topic in topics:
        at = visit("forward", method=KEY, lang=lang, topic=topic)
        assert WORDS[lang]["name"] in at.title[0].value, topic
        assert errors(at) == []
    at = visit("forward", method=KEY, lang=lang)
    assert ":material/check_circle:" in shown(at, lang)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_compare_page_knows_it(lang: str) -> None:
    at = visit("compare", methods=f"batch_norm.{KEY}.layer_norm", lang=lang)
    text = shown(at, lang)
    assert text.count(":material/check_circle:") >= 3
    assert "A. Author" in text
