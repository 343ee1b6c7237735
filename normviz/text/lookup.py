"""Words by language and key, with numbers put in. A language is a folder of text files, one for each room of the app.

>>> say("en", "lead.standard", size="128", sets="12")
'**128 cells** share a mean and a variance; this tensor has **12** of each.'
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

#: The languages there are, by key, each in its own words.
LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}

#: What stands between two sentences.
BETWEEN: Mapping[str, str] = {"en": " ", "zh": ""}


@lru_cache(maxsize=len(LANGUAGES))
def words(language: str) -> Mapping[str, str]:
    """All words of a language by dotted key."""
    if language not in LANGUAGES:
        raise ValueError(f"There are no words in {language!r}: the languages are {', '.join(LANGUAGES)}.")
    found: dict[str, str] = {}
    for file in files("normviz.text").joinpath(language).iterdir():
        if file.name.endswith(".toml"):
            found |= dict(_flat(tomllib.loads(file.read_text(encoding="utf-8"))))
    return found


def say(language: str, key: str, **numbers: Any) -> str:
    """The words of that key, with ``{name}`` replaced by what is given."""
    text = words(language)[key]
    return text.format(**numbers) if numbers else text


def prose(language: str, sentences: Sequence[str]) -> str:
    """Sentences one after another; Chinese has no space between them.

    >>> prose("en", ["One.", "Two."]), prose("zh", ["一。", "二。"])
    ('One. Two.', '一。二。')
    """
    return BETWEEN[language].join(sentences)


def section(language: str, name: str) -> dict[str, str]:
    """All words below a section, by their key within it."""
    start = f"{name}."
    return {key.removeprefix(start): text for key, text in words(language).items() if key.startswith(start)}


def language_of(locale: str | None) -> str:
    """The language there is for a browser's locale.

    >>> language_of("zh-Hans-CN"), language_of("fr"), language_of(None)
    ('zh', 'en', 'en')
    """
    short = (locale or "").lower().partition("-")[0]
    return short if short in LANGUAGES else next(iter(LANGUAGES))


def _flat(table: Mapping[str, Any], start: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{start}{key}"
        found += _flat(value, f"{name}.") if isinstance(value, dict) else [(name, value)]
    return found
