"""Files that are no traces, or no longer: whatever is in them, only TraceError ever comes of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normviz import trace_file
from normviz.trace_file import MAX_BYTES, UPLOAD_BYTES, TraceError, load_trace, read, written
from tests.strategies import examples
from tests.trace_samples import differences, refused, small, survives

SMALL = written(small())
#: Something of every kind that JSON has, and what it should not have.
ODD: list[Any] = [None, True, -1, 0, 1, 2, 3.5, 1e300, 2**53 + 1, 2**70, "", "inf", "x" * 5000, "\ud800", "\x00", [],
                  [1], [[]], [None], {}, {"a": 1}, {"float": "inf"}, {"float": 3}, ["NaN"] * 70]  # fmt: skip


def test_no_beginning_of_a_file_is_a_file() -> None:
    end = len(SMALL) - 1
    for length in (*range(300), *range(300, end, 41), *range(end - 60, end)):
        assert survives(SMALL[:length]) is None
        assert survives(SMALL.encode()[:length]) is None


@examples(400)
@given(data=st.data())
def test_a_changed_character_is_noticed_or_changes_nothing(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SMALL) - 1))
    new = data.draw(st.sampled_from([*'{}[],:"\\0123456789.-+eEnul NaIfty\n', "\x00", "é", "\ud800"]))
    kind = data.draw(st.sampled_from(["replace", "insert", "delete", "double"]))
    match kind:
        case "replace":
            text = SMALL[:at] + new + SMALL[at + 1 :]
        case "insert":
            text = SMALL[:at] + new + SMALL[at:]
        case "delete":
            text = SMALL[:at] + SMALL[at + 1 :]
        case _:
            end = data.draw(st.integers(at, min(len(SMALL), at + 200)))
            text = SMALL[:end] + SMALL[at:]
    if (found := survives(text)) is not None:
        assert list(differences(read(SMALL), found)) == []


@examples(150)
@given(data=st.binary(max_size=200) | st.text(max_size=200))
def test_what_is_no_json_is_refused(data: bytes | str) -> None:
    assert survives(data) is None


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a JSON document."""
    yield path
    for key, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(inner, (*path, key))


def with_value(path: tuple[Any, ...], value: Any) -> str:
    document = copy.deepcopy(json.loads(SMALL))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(document)


PLACES = [path for path in places(json.loads(SMALL)) if path]


@examples(300)
@given(path=st.sampled_from(PLACES), value=st.sampled_from(ODD))
def test_a_wrong_value_anywhere_is_refused(path: tuple[Any, ...], value: Any) -> None:
    document = json.loads(SMALL)
    inner = document
    for key in path:
        inner = inner[key]
    found = survives(with_value(path, value))
    assert found is None or list(differences(read(SMALL), found)) == [], f"{inner!r} became {value!r}"


@pytest.mark.parametrize("path", [path for path in PLACES if isinstance(path[-1], str)], ids=str)
def test_a_field_that_is_missing_or_comes_twice_is_refused(path: tuple[Any, ...]) -> None:
    document = json.loads(SMALL)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    value = inner.pop(path[-1])
    refused(json.dumps(document))
    twice = json.dumps(value)
    inner["TWICE"] = 0
    error = refused(
        json.dumps(document).replace(
            '"TWICE": 0', f"{json.dumps(path[-1])}: {twice}, {json.dumps(path[-1])}: {twice}"
        )
    )
    assert error.code in ("damaged", "not_a_trace")


def test_a_field_that_comes_twice_among_very_many_is_refused_at_once() -> None:
    fields = ",".join(f'"k{n}":0' for n in range(200_000))
    assert refused(f'{{{fields},"k199999":0}}').code == "not_a_trace"


def relabelled(**changes: Any) -> str:
    """The sample with changes to its first layer and a checksum that fits them: only the checks are left to see it."""
    document = json.loads(SMALL)
    document["trace"]["layers"][0] |= changes
    document["sha256"] = trace_file._digest(document["trace"])
    return json.dumps(document)


def test_numbers_that_contradict_each_other_are_refused_where_they_stand() -> None:
    assert survives(relabelled()) is not None
    first = json.loads(SMALL)["trace"]["layers"][0]
    histogram = first["histogram"]
    counts = histogram["counts"]
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("shape[0]", {"shape": [2**60]}),
        ("shape", {"shape": [2**30, 2**30]}),
        ("shape[0]", {"shape": [-1, 3, 4, 4]}),
        ("channel_axis", {"channel_axis": 4}),
        ("channel_mean", {"channel_axis": 0}),
        ("channel_count", {"channel_count": 33}),
        ("channel_count[2]", {"channel_count": [32, 32, 33]}),
        ("histogram.counts", {"channel_count": [32, 32, 31]}),
        ("channel_mean[1]", {"channel_mean": [0.0, "inf", 0.0]}),
        ("channel_mean", {"channel_mean": [0.0, None, 0.0]}),
        ("channel_var", {"channel_var": [1.0, -1e-9, 1.0]}),
        ("min", {"min": 1e9}),
        ("min", {"min": None}),
        ("histogram.exponent", {"max": 1e9}),
        ("zeros", {"zeros": max(counts) + 96}),
        ("histogram.counts", {"histogram": histogram | {"counts": [*counts[:-1], counts[-1] + 1]}}),
        ("histogram.counts", {"histogram": histogram | {"counts": [0, *counts]}}),
        ("histogram.first", {"histogram": histogram | {"first": histogram["first"] + 1}}),
        ("histogram.exponent", {"histogram": histogram | {"exponent": histogram["exponent"] - 1}}),
        ("histogram.counts[0]", {"histogram": histogram | {"counts": [-1, *counts[1:]]}}),
        ("histogram.counts", {"histogram": histogram | {"counts": [1] * 96}}),
        ("inputs[0]", {"inputs": [0]}),
        ("inputs[0]", {"inputs": [-2]}),
        ("saturated", {"saturated": 97}),
        ("gradient_square", {"gradient_square": -1.0}),
        ("running", {"running": [[0.0, 0.0, 0.0]]}),
        ("running[1]", {"running": [[0.0, 0.0, 0.0], [1.0]]}),
        ("parameters", {"parameters": -1}),
        ("parameters", {"parameters": 2**60}),
        ("knobs.a", {"knobs": {"a": {"b": 1}}}),
        ("name", {"name": "x" * 501}),
        ("op", {"op": "a\nb"}),
        ("method", {"method": 3}),
    ]  # fmt: skip
    for where, change in wrong:
        error = refused(relabelled(**change))
        assert error.code == "damaged", change
        assert error.details["where"] == f"trace.layers[0].{where}", (change, error.details)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_json"),
        ("trace", "not_json"),
        (b"\x80\x04\x95.", "not_json"),
        (b"PK\x03\x04", "not_json"),
        ("\ufeff{}", "not_json"),
        ("[]", "not_a_trace"),
        ("null", "not_a_trace"),
        ("3", "not_a_trace"),
        ('{"format": "other"}', "not_a_trace"),
        ('{"format": "normviz-trace", "format": "normviz-trace", "version": 1}', "not_a_trace"),
        ("[" * 100_000, "not_a_trace"),
        ('{"a":' * 100_000, "not_a_trace"),
        ("[" * 100_000 + "]" * 100_000, "not_a_trace"),
        ("[[[[[[[[[]]]]]]]]]", "not_a_trace"),
        ("[" + "[]," * 400_000 + "0]", "not_a_trace"),
        ("[" + "0," * 8_000_001 + "0]", "not_a_trace"),
        ('{"format": "normviz-trace"}', "damaged"),
        ('{"format": "normviz-trace", "version": "1"}', "damaged"),
        ('{"format": "normviz-trace", "version": true}', "damaged"),
        ('{"format": "normviz-trace", "version": 1}', "damaged"),
        ('{"format": "normviz-trace", "version": NaN}', "damaged"),
        ('{"format": "normviz-trace", "version": 2}', "other_version"),
        ('{"format": "normviz-trace", "version": 0, "trace": {}}', "other_version"),
        (SMALL.replace('"seed": 7', '"seed": 8'), "edited"),
        (SMALL.replace('"parameters": 30', '"parameters": 31'), "edited"),
        (SMALL.replace('"parameters": 30', '"parameters": 1e400'), "damaged"),
        (SMALL.replace('"parameters": 30', '"parameters": 3' + "0" * 100_000), "damaged"),
        (SMALL.replace('"seed": 7', '"seed": 0.' + "7" * 1_000_000), "edited"),
        (SMALL.replace('"seed": 7', '"seed": -Infinity'), "damaged"),
        (SMALL.replace('"seed": 7', '"seed": 1e400'), "damaged"),
    ],
)  # fmt: skip
def test_the_reason_is_the_right_one(text: str | bytes, code: str) -> None:
    assert refused(text).code == code


def test_brackets_within_strings_are_no_depth() -> None:
    trace = replace(small(), model="[{" * 200)
    assert read(written(trace)).model == "[{" * 200
    # A file of nothing but quotes and backslashes is passed through once.
    assert refused('"' + '\\"' * 2_000_000).code == "not_json"


def test_declared_counts_ask_for_no_memory() -> None:
    for shape in ([1, 2**52], [2**26, 2**27], [1] * 17, [10**18] * 16):
        refused(relabelled(shape=shape, channel_count=1))


def test_size_is_checked_before_anything_is_read(tmp_path: Path) -> None:
    error = refused(b" " * (UPLOAD_BYTES + 1), limit=UPLOAD_BYTES)
    assert error.code == "too_large" and error.details == {"megabytes": 10.1, "limit_megabytes": 10}
    path = tmp_path / "huge.json"
    with open(path, "wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(TraceError, match=r"64\.1 MB"):
        load_trace(path)
    with pytest.raises(FileNotFoundError):
        load_trace(tmp_path / "missing.json")
