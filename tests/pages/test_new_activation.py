"""Adding an activation is adding one entry and its words: here is one, and the page knows it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from normviz.activation import Activation
from normviz.activations import ACTIVATIONS
from normviz.methods import Knob, Paper
from normviz.text import lookup
from tests.pages.activation_view import column, open_view, printed
from tests.pages.app import LANGUAGES, errors, texts

KEY = "hard_tanh"
WORDS = {
    "en": {"name": "Hardtanh", "what": "cut off on both sides.", "min_val": "lower end"},
    "zh": {"name": "硬双曲正切", "what": "两边截断。", "min_val": "下端"},
}
ENTRY = Activation(
    KEY,
    Paper("A Paper", "A. Author", 2020, "https://example.org/paper"),
    "Hardtanh",
    rule=lambda x, min_val: np.clip(x, min_val, 1.0),
    slope=lambda x, min_val: ((x > min_val) & (x < 1.0)).astype(np.float64),
    latex=r"f(x) = \min(\max(x,\ m),\ 1)",
    derivative_latex=r"f'(x) = 1",
    kinks=lambda min_val: (min_val, 1.0),
    knobs=(Knob("min_val", -1.0, "m", low=-10.0, high=0.0),),
)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more entry in the table, and its words as the two text files would have them."""
    monkeypatch.setitem(ACTIVATIONS, KEY, ENTRY)
    known = lookup.words

    def words(language: str) -> Mapping[str, str]:
        return {**known(language), **{f"activation.{KEY}.{k}": text for k, text in WORDS[language].items()}}

    monkeypatch.setattr(lookup, "words", words)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("lang", LANGUAGES)
def test_adding_an_activation_is_adding_its_entry_and_its_words(lang: str) -> None:
    at = open_view(lang=lang, act=f"{KEY}.relu", one=KEY, **{f"{KEY}.min_val": "-0.5"})
    assert errors(at) == []
    assert column(at, WORDS[lang]["name"])[0] == r"$[-0.5,\ 1]$"
    text = texts(at)
    assert WORDS[lang]["what"] in text and "A. Author" in text and "`Hardtanh`" in text
    assert any(ENTRY.latex in block.value for block in at.latex)
    assert "nn.Hardtanh(min_val=-0.5)" in at.code[0].value
    assert printed(at.code[0].value)["slope"] == pytest.approx(
        float(column(at, WORDS[lang]["name"])[8]), abs=6e-4
    )
