"""What Python sends to the pooling component and accepts from it."""

from __future__ import annotations

import json
import re
import struct
from collections import Counter
from typing import Any

import numpy as np
import pytest

from normviz.text.lookup import LANGUAGES, section
from normviz.ui import cube
from normviz.ui.pool import (
    ASSETS,
    MODULES,
    SHARED,
    WORDS,
    PoolPicture,
    PoolState,
    _state,
    pool_payload,
    script,
)
from normviz.windows import Windows, adaptive, sliding

WORD_TEXTS = {word: word for word in WORDS}
ROWS, COLUMNS = sliding(5, kernel_size=3, stride=2, padding=1), sliding(6, kernel_size=2, stride=2)
BEFORE = np.random.default_rng(0).normal(size=(5, 6))
WINNER = np.array([[0, 2, 4], [6, 8, 10], [24, 26, 28]])


def picture(**changed: Any) -> PoolPicture:
    given = {"before": BEFORE, "after": np.zeros((3, 3)), "rows": ROWS, "columns": COLUMNS, "winner": WINNER}
    return PoolPicture(**{**given, **changed})


def send(shown: PoolPicture | None = None, **options: Any) -> tuple[dict[str, Any], bytes]:
    data = pool_payload(shown or picture(), **{"words": WORD_TEXTS, "key": "pool", **options})
    (length,) = struct.unpack_from("<I", data)
    assert length % 4 == 0
    header: dict[str, Any] = json.loads(data[4 : 4 + length])
    return header, data[4 + length :]


def test_both_maps_and_the_winners_follow_the_header() -> None:
    header, numbers = send()
    assert np.array_equal(np.frombuffer(numbers, "<f4", 30).reshape(5, 6), BEFORE.astype("f4"))
    assert np.array_equal(np.frombuffer(numbers, "<f4", 9, 4 * 30), np.zeros(9, "f4"))
    assert np.array_equal(np.frombuffer(numbers, "<i4", offset=4 * 39).reshape(3, 3), WINNER)
    assert header["sizes"] == {"in": [5, 6], "out": [3, 3]}
    rows = header["windows"]["rows"]
    sent = {k: tuple(v) if isinstance(v, list) else v for k, v in rows.items()}
    assert sent == ROWS.__dict__
    header, numbers = send(picture(winner=None))
    assert not header["winners"] and len(numbers) == 4 * 39


def test_the_stamp_follows_the_numbers_and_one_scale_holds_both_maps() -> None:
    small = send()[0]
    large = send(picture(after=np.full((3, 3), 40.0)))[0]
    assert small["stamp"] != large["stamp"] and send()[0]["stamp"] == small["stamp"]
    assert large["limit"] == 40


def test_what_is_not_finite_or_too_large_for_float32_travels() -> None:
    wild = BEFORE.copy()
    wild[0, :3] = np.nan, -np.inf, 1e300
    header, numbers = send(picture(before=wild))
    assert np.isfinite(header["limit"])
    assert [str(x) for x in np.frombuffer(numbers, "<f4", 3)] == ["nan", "-inf", "inf"]


@pytest.mark.parametrize(
    ("changed", "options", "says"),
    [
        ({"before": np.zeros(5)}, {}, r"before has the shape \(5,\)"),
        ({"after": np.zeros((0, 3))}, {}, r"after has the shape \(0, 3\)"),
        ({"before": np.broadcast_to(0.0, (2048, 2048))}, {}, "at most 1,048,576"),
        ({"after": np.zeros((3, 4)), "winner": None}, {}, "columns lead from 6 to 3 cells"),
        ({"rows": adaptive(6, 3)}, {}, "rows lead from 6 to 3 cells"),
        ({"rows": Windows(5, (0, 1, 2), (1, 0, 1))}, {}, "sizes from 0"),
        ({"rows": Windows(5, (0, 1, 2), (1, 1, 1), step=0)}, {}, "step 0"),
        ({"winner": WINNER[:2]}, {}, r"shape \(2, 3\)"),
        ({"winner": WINNER.astype(float)}, {}, "float64"),
        ({"winner": WINNER + 2}, {}, r"Output \(0, 0\) names the winner 2,"),
        ({"winner": WINNER * 1000}, {}, "does not read"),
        ({"winner": WINNER - 2}, {}, "does not read"),
        ({}, {"side": "left"}, "side='left'"),
        ({}, {"words": {}}, "no words"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changed: Any, options: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        send(picture(**changed), **options)


def test_an_output_without_a_winner_is_allowed() -> None:
    assert send(picture(winner=np.full((3, 3), -1)))[0]["winners"]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"side": "out", "cell": [2, 1]}, PoolState("out", (2, 1))),
        ({"side": "in", "cell": [4, 5.0]}, PoolState("in", (4, 5))),
        ({"side": "out", "cell": [3, 1]}, PoolState()),
        ({"side": "in", "cell": [0.5, 1]}, PoolState()),
        ({"side": "left", "cell": [0, 0]}, PoolState()),
        ({"side": ["in"], "cell": [0, 0]}, PoolState()),
        ({"side": "in"}, PoolState()),
        ("in", PoolState()),
        (None, PoolState()),
    ],
)
def test_what_a_browser_says_is_checked(said: Any, state: PoolState) -> None:
    link = PoolState("in", (1, 1))
    assert _state({"pinned": said}, picture(), link) == state
    assert _state({}, picture(), link) == _state(None, picture(), link) == link


def test_a_cell_from_a_link_is_checked() -> None:
    assert send(cell=(2, 2))[0]["pinned"] == {"side": "out", "cell": [2, 2]}
    assert send(cell=(4, 4), side="in")[0]["pinned"] == {"side": "in", "cell": [4, 4]}
    assert send(cell=(4, 4))[0]["pinned"] is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_are_those_of_the_component(language: str) -> None:
    words = section(language, "pool_view")
    assert words.keys() == WORDS.keys()
    for word, places in WORDS.items():
        assert set(re.findall(r"\{(\w+)\}", words[word])) == set(places), word


def test_the_script_is_one_module_that_has_all_it_needs() -> None:
    lines = script().splitlines()
    exports = [line.split("(")[0] for line in lines if line.startswith("export")]
    assert exports == ["export default function mountPool"]
    assert {file.stem for file in ASSETS.glob("*.js")} == set(MODULES)
    files = [*(cube.ASSETS / f"{name}.js" for name in SHARED), *(ASSETS / f"{name}.js" for name in MODULES)]
    names: Counter[str] = Counter()
    for k, file in enumerate(files):
        text = file.read_text(encoding="utf-8")
        for wanted in re.findall(r'from "([^"]+)";', text):
            assert (file.parent / wanted).resolve() in files[:k], f"{file.name} stands before {wanted}"
        names.update(
            re.findall(r"^(?:export )?(?:default )?(?:const|let|function|class) (\w+)", text, re.MULTILINE)
        )
    assert not [name for name, count in names.items() if count > 1]
