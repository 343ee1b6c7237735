"""English and Chinese say the same: equal keys and placeholders, nothing empty, nothing untranslated."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

TEXT = Path(__file__).parents[1] / "normviz" / "text"
CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
# Not prose: formulas, code, placeholders, addresses, Streamlit's icons.
APART = re.compile(r"\$[^$]*\$|`[^`]*`|\{[^{}]*\}|https?://\S+|:[\w/]+:")
# Three words in small letters make a phrase; titles and names ("Batch Norm") may stay as they are.
PROSE = re.compile(r"(?:\b[a-z]{2,}\b.*?){3}", re.DOTALL)


def read(language: str) -> dict[str, str]:
    """All words of a language; a key that two of its files have is an error."""
    found: dict[str, str] = {}
    for path in sorted((TEXT / language).glob("*.toml")):
        here = dict(flat(tomllib.loads(path.read_text("utf-8"))))
        assert not found.keys() & here.keys(), f"{path.name} says again: {found.keys() & here.keys()}"
        found |= here
    return found


def flat(table: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The strings of a TOML table by their dotted keys; lists by their indices."""
    if isinstance(table, str):
        yield prefix, table
    elif isinstance(table, dict | list):
        for key, value in table.items() if isinstance(table, dict) else enumerate(table):
            yield from flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        raise TypeError(f"{prefix} is {table!r}: a text file holds strings only")


def placeholders(text: str) -> set[str]:
    """The names that `str.format` would fill in: "{count:,} of {shape[0]}" -> {"count", "shape"}."""
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in Formatter().parse(text) if name is not None}


def differences(english: dict[str, str], chinese: dict[str, str]) -> Iterator[str]:
    """What stands between the two, one line each."""
    for key in sorted(english.keys() ^ chinese.keys()):
        yield f"{key}: only in {'en' if key in english else 'zh'}"
    for key in sorted(english.keys() & chinese.keys()):
        en, zh = english[key], chinese[key]
        if not en.strip() or not zh.strip():
            yield f"{key}: empty"
        try:
            if placeholders(en) != placeholders(zh):
                yield f"{key}: placeholders {sorted(placeholders(en))} and {sorted(placeholders(zh))}"
        except ValueError as broken:
            yield f"{key}: {broken}"
        if PROSE.search(APART.sub(" ", en)) and not CJK.search(zh):
            yield f"{key}: not translated: {zh!r}"
        if CJK.search(en) and en != zh:
            yield f"{key}: Chinese in en: {en!r}"


def unbold(text: str) -> Iterator[str]:
    """The bold signs that Markdown leaves as asterisks: CommonMark 0.31, 6.2, left- and right-flanking.

    A sentence may be followed by another one without a space, so the end of a text is taken for a letter. Of what is
    filled in, a letter as well is expected: numbers with a sign need a space around the bold part.
    """
    shown = re.sub(r"`[^`]*`", "x", re.sub(r"\{[^{}]*\}", "x", text))
    for count, sign in enumerate(re.finditer(r"\*\*", shown)):
        before, after = shown[: sign.start()][-1:] or " ", shown[sign.end() :][:1] or "x"
        inner, outer = (before, after) if count % 2 else (after, before)
        if inner.isspace() or (_punctuation(inner) and not (outer.isspace() or _punctuation(outer))):
            yield f"{before}**{after}"


def _punctuation(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "PS"


def test_both_languages_have_the_same_files() -> None:
    english, chinese = ({path.name for path in (TEXT / lang).iterdir()} for lang in ("en", "zh"))
    assert english == chinese


def test_both_languages_say_the_same() -> None:
    english = read("en")
    assert english, "there are no words"
    assert list(differences(english, read("zh"))) == []


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ({"a": "one"}, {}),
        ({}, {"a": "one"}),
        ({"a": ""}, {"a": "一"}),
        ({"a": "one"}, {"a": "  "}),
        ({"a": "{n} cells"}, {"a": "{m} 个单元"}),
        ({"a": "{n} cells"}, {"a": "单元"}),
        ({"a": "{n cells"}, {"a": "{n} 个单元"}),
        ({"a": "which cells share a mean"}, {"a": "which cells share a mean"}),
        ({"a": "which cells share `x` and {n}"}, {"a": "`x` {n}"}),
        ({"a": "单元"}, {"a": "一"}),
    ],
)
def test_a_difference_is_found(english: dict[str, str], chinese: dict[str, str]) -> None:
    assert list(differences(english, chinese))


def test_names_formulas_and_numbers_need_no_translation() -> None:
    same = {"name": "Batch Norm", "tex": r"$\mu_i = 1$", "code": "`import torch.nn as nn`", "zh": "中文"}
    nested = {"cube": {"lead": "**{n:,}** cells share"}, "list": ["one", "two"]}
    assert list(differences(same, same)) == []
    assert dict(flat(nested)) == {"cube.lead": "**{n:,}** cells share", "list.0": "one", "list.1": "two"}
    assert placeholders("{n:,} of {shape[0]} {{x}}") == {"n", "shape"}


@pytest.mark.parametrize("text", ["**随机权重。**", "**甲。**乙", "甲**（乙）**", "甲**“乙”** 丙", "**一 **"])
def test_a_bold_sign_that_stays_an_asterisk_is_found(text: str) -> None:
    assert list(unbold(text))


def test_every_bold_part_is_bold() -> None:
    assert list(unbold("**甲**。乙 **{n} %** 丙，**（丁）**。**戊**")) == []
    assert {key: found for key, text in read("zh").items() if (found := list(unbold(text)))} == {}
