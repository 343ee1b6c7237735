"""A trace file's JSON, read within bounds: nothing is taken for granted before it has been checked.

The size, the depth and the number of values are bounded before anything is parsed. What JSON does not know (NaN,
Infinity), numbers beyond a float's or an int64's range and keys that come twice become values that fit nowhere, so the
field they stand in is named. Every refusal is a :class:`TraceError`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from normviz.coded_error import CodedError
from normviz.reference import FloatArray

#: What a page takes as an upload, and what is read from a path.
UPLOAD_BYTES: Final = 10 * 1024 * 1024
MAX_BYTES: Final = 64 * 1024 * 1024
#: A trace is seven deep, has about ten lists and objects and twenty keys a layer; a float takes about 20 characters.
DEPTH: Final = 8
CONTAINERS: Final = 300_000
KEYS: Final = 500_000
VALUES: Final = 8_000_000
#: Whole numbers up to here are exact as floats as well.
WHOLE: Final = 2**53

MESSAGES: Final[Mapping[str, str]] = {
    "too_large": "The file has {megabytes} MB; at most {limit_megabytes} MB of a trace are read here. Trace "
    "a part of the network on its own.",
    "not_json": "This is not JSON (line {line}, column {column}). Choose the whole file that "
    '`nv.trace(model, x).save("run.json")` wrote.',
    "not_a_trace": 'This JSON is not a trace. Choose the file that `nv.trace(model, x).save("run.json")` '
    "wrote.",
    "other_version": "The trace has version {version}, but version {readable} is read here. Trace the model "
    "again with this normviz, or open the file with the normviz that wrote it.",
    "damaged": "The trace is damaged: at `{where}` it has `{found}`, but `{needed}` is needed. "
    "Save or copy it again.",
    "edited": "The trace was changed after it was saved (its checksum starts with {found}, not with "
    "{needed}). Save it again.",
}
"""The English sentence of every `TraceError.code`; its placeholders are the keys of `TraceError.details`."""


class TraceError(CodedError):
    """Why a trace file is not read: a stable `code` (a key of `MESSAGES`) and `details` for its placeholders.

    >>> error = TraceError("other_version", {"version": 2, "readable": 1})
    >>> error.code, error.details["version"]
    ('other_version', 2)
    """

    messages = MESSAGES


@dataclass(frozen=True)
class Odd:
    """What stands in a file and is no value: it fits no field, which then says where it stands."""

    text: str


# Possessive, so that a file of nothing but quotes and backslashes is passed through once.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def parsed(data: str | bytes, limit: int = MAX_BYTES) -> Any:
    """The JSON value, or a TraceError. At most ``limit`` bytes are read."""
    check_size(len(data), limit)
    raw = b"" if isinstance(data, str) else bytes(data)
    try:
        text = data if isinstance(data, str) else raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        before = raw[: wrong.start]
        line = before.count(b"\n") + 1
        raise TraceError("not_json", {"line": line, "column": wrong.start - before.rfind(b"\n")}) from None
    _check_structure(text)
    try:
        return json.loads(
            text,
            parse_int=_integer,
            parse_constant=Odd,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as wrong:
        raise TraceError("not_json", {"line": wrong.lineno, "column": wrong.colno}) from None


def check_size(size: int, limit: int) -> None:
    """Raises TraceError where that many bytes are more than the limit."""
    if size > limit:
        received = math.ceil(size / 1024**2 * 10) / 10  # up, so that it never reads "10.0, but at most 10"
        raise TraceError("too_large", {"megabytes": received, "limit_megabytes": limit // 1024**2})


def _check_structure(text: str) -> None:
    if text.count("{") + text.count("[") > CONTAINERS or text.count(":") > KEYS or text.count(",") > VALUES:
        raise TraceError("not_a_trace")
    depth = 0
    # Without strings: what looks like a bracket in one is none.
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > DEPTH:
            raise TraceError("not_a_trace")


def _integer(digits: str) -> int | Odd:
    # Python takes quadratic time for long ones, and numpy none beyond int64.
    value = int(digits) if len(digits) <= 20 else 2**63
    return value if abs(value) < 2**63 else Odd(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Odd:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    # add() gives nothing: the first key that is there already is told.
    return Odd("2 × " + next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]


@dataclass(frozen=True)
class At:
    """A value of the file and where it stands; every method gives what it asks for or raises TraceError."""

    value: Any
    where: str = "$"

    def wrong(self, needed: str) -> TraceError:
        """What stands here is not what is needed."""
        return TraceError(
            "damaged", {"where": _code(self.where), "found": _found(self.value), "needed": needed}
        )

    def check(self, holds: bool, needed: str) -> None:
        """Raises where it does not hold."""
        if not holds:
            raise self.wrong(needed)

    def object(self, needed: Sequence[str], allowed: Sequence[str] = ()) -> dict[str, At]:
        """An object with these keys and no other."""
        if not isinstance(self.value, dict):
            raise self.wrong("{…}")
        for key in needed:
            if key not in self.value:
                raise TraceError("damaged", {"where": _code(self.where), "found": "—", "needed": key})
        for key in self.value:
            if key not in needed and key not in allowed:
                raise At(key, self.where).wrong(" | ".join([*needed, *allowed]))
        start = "" if self.where == "$" else f"{self.where}."
        return {key: At(value, f"{start}{key}") for key, value in self.value.items()}

    def pairs(self, most: int) -> Iterator[tuple[str, At]]:
        """An object of any keys."""
        if not isinstance(self.value, dict) or len(self.value) > most:
            raise self.wrong(f"{{…}}, len <= {most}")
        for key, value in self.value.items():
            yield At(key, self.where).text(100), At(value, f"{self.where}.{key}")

    def items(self, most: int, *, least: int = 0) -> Iterator[At]:
        """The elements of a list."""
        if not isinstance(self.value, list) or not least <= len(self.value) <= most:
            raise self.wrong(f"[…], {least} <= len <= {most}")
        for number, value in enumerate(self.value):
            yield At(value, f"{self.where}[{number}]")

    def integer(self, low: int, high: int = WHOLE) -> int:
        """A whole number within these bounds."""
        if type(self.value) is not int or not low <= self.value <= high:
            raise self.wrong(f"int, {low} <= … <= {high}")
        return self.value

    def text(self, most: int, *, lines: bool = False) -> str:
        """A string of characters that can be shown."""
        if (
            not isinstance(self.value, str)
            or len(self.value) > most
            or self.value != shown(self.value, lines)
        ):
            raise self.wrong(f"str, len <= {most}")
        return self.value

    def real(self, *, infinite: bool = False, nothing: bool = False) -> float:
        """A number; ``infinite``: or "inf" or "-inf", ``nothing``: or null, which is NaN."""
        value = self.value
        if type(value) in (int, float) and math.isfinite(value):
            return float(value)
        if infinite and isinstance(value, str) and value in ("inf", "-inf"):
            return float(value)
        if nothing and value is None:
            return math.nan
        raise self.wrong("float" + ' | "inf" | "-inf"' * infinite + " | null" * nothing)

    def reals(self, length: int, *, infinite: bool = False) -> FloatArray:
        """That many numbers, null for NaN."""
        if not isinstance(self.value, list) or len(self.value) != length:
            raise self.wrong(f"[…], len = {length}")
        if set(map(type, self.value)) <= {float, int, type(None)}:
            found = np.array(self.value, np.float64)
            if not np.isinf(found).any():
                return found
        return np.array([one.real(infinite=infinite, nothing=True) for one in self.items(length)], np.float64)


def shown(text: str, lines: bool = False) -> str:
    """The text with a replacement character for each that cannot be shown (control characters, lone surrogates)."""
    kept = "\n\t" if lines else ""
    return "".join(ch if ch.isprintable() or ch in kept else "\ufffd" for ch in text)


def _found(value: Any) -> str:
    """A value as a short piece of code."""
    match value:
        case Odd():
            return _code(value.text)
        case dict():
            return "{…}"
        case list():
            return f"[…], len = {len(value)}"
        case float() if not math.isfinite(value):
            return "1e999" if value > 0 else "-1e999"
        case str():
            return _code(json.dumps(value[:60], ensure_ascii=False))
    return _code(json.dumps(value))


def _code(text: str) -> str:
    short = shown(text[:60]).replace("`", "'")
    return short if len(text) <= 60 else f"{short}…"
