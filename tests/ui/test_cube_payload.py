"""What Python sends to the cube and accepts from it."""

from __future__ import annotations

import json
import struct
from collections import Counter
from typing import Any

import numpy as np
import pytest

from normviz.layouts import Arrangement, front_cell
from normviz.ui.cube import (
    MODULES,
    WORDS,
    Buffers,
    Cube,
    WeightedSet,
    limit_of,
    payload,
    script,
)
from normviz.ui.cube_payload import packed, valid_cell, valid_look

FIGURE2 = Arrangement(x=("C",), y=("H", "W"), z=("N",), grid=())
WORD_TEXTS = {word: word for word in WORDS}


def own(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(n), np.arange(n) + 1


def whole(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(n, int), np.full(n, n)


def send(shape: tuple[int, ...] = (2, 3, 2, 2), cube: dict[str, Any] | None = None, **options: Any) -> Any:
    n, c, h, w = shape
    batch = WeightedSet((whole(n), own(c), whole(h), whole(w)))
    asked: dict[str, Any] = {"arrangement": FIGURE2, "colour": "set", "words": WORD_TEXTS, "key": "cube"}
    axes = tuple(zip("NCHW", shape, strict=True))
    return payload([Cube("one", **{"sets": (batch,), **(cube or {})})], axes=axes, **{**asked, **options})


def test_without_values_the_payload_does_not_grow_with_the_cells() -> None:
    small, large = (len(json.dumps(send(shape))) for shape in ((2, 4, 2, 2), (32, 1024, 8, 8)))
    assert large - small < 100


def test_values_follow_the_header_as_float32() -> None:
    values = np.random.default_rng(0).normal(size=(2, 3, 2, 2))
    data = send(cube={"values": values}, colour="before")
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    assert length % 4 == 0 and header["cubes"][0]["values"] == 0
    sent = np.frombuffer(data, "<f4", offset=4 + length).reshape(values.shape)
    assert np.array_equal(sent, values.astype("f4"))


@pytest.mark.parametrize("kind", [own, whole])
def test_packed_intervals_are_short(kind: Any) -> None:
    assert len(json.dumps(packed(*kind(4096)))) < 20


@pytest.mark.parametrize(
    ("cube", "options", "says"),
    [
        ({"values": np.zeros((2, 3, 4))}, {}, r"values of shape \(2, 3, 4\)"),
        ({"sets": (WeightedSet((own(2), own(3))),)}, {}, "2 intervals"),
        ({"sets": (WeightedSet((own(2), own(4), own(2), own(2))),)}, {}, "length 3"),
        ({"sets": (WeightedSet((own(2), (own(3)[1], own(3)[1] + 1), own(2), own(2))),)}, {}, "lo"),
        ({"measures": ("median",)}, {}, "median"),
        ({"pinned": (1.0,)}, {}, "1 pinned"),
        ({"buffers": Buffers(1, (0.0,) * 2, (1.0,) * 2)}, {}, "buffers of 2 and 2"),
        ({}, {"colour": "sets"}, "colour='sets'"),
        ({}, {"words": {}}, "no words"),
        ({}, {"arrangement": Arrangement(x=("C",), y=("H",), z=("N",), grid=())}, "exactly once"),
        ({}, {"shape": (64, 1024, 8, 8)}, "at most 2,097,152"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(cube: Any, options: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        send(cube=cube, **options)


@pytest.mark.parametrize(
    "cell",
    [None, "0,0", [0, 0], [0, 3], [-1, 0], [0.5, 0], [True, 0], [float("nan"), 0], [0, 0, 0], {"a": 1}],
)
def test_a_cell_from_the_browser_is_checked(cell: Any) -> None:
    axes = (("N", 2), ("C", 3))
    assert valid_cell(cell, axes) == ((0, 0) if cell == [0, 0] else None)
    assert valid_cell([1.0, 2], axes) == (1, 2)


@pytest.mark.parametrize("look", ["c80.50.100_sxz", ""])
def test_a_look_is_short_and_safe_in_an_address(look: str) -> None:
    assert valid_look(look) == look
    assert valid_look(look + " ") == valid_look("x" * 121) == valid_look(3) == valid_look("<b>\n") == ""


def test_the_end_of_the_colour_scale_is_round_and_never_broken() -> None:
    assert limit_of(np.linspace(-4.4, 4.4, 1000)) == 5
    assert limit_of(np.array([np.nan, np.inf])) == limit_of(np.zeros(4)) == limit_of(np.zeros(0)) == 1
    assert limit_of(np.full(9, 0.0213)) == pytest.approx(0.03)


def test_the_first_cell_is_inside_every_tensor() -> None:
    for shape in ((1, 1, 1, 1), (8, 12, 4, 4), (3, 5, 7, 11)):
        axes = tuple(zip("NCHW", shape, strict=True))
        cell = front_cell(axes, FIGURE2)
        assert valid_cell(list(cell), axes) == cell


def test_the_script_is_one_module_without_clashing_names() -> None:
    lines = script().splitlines()
    assert [line.split("(")[0] for line in lines if line.startswith("export")] == [
        "export default function mountCube"
    ]
    assert not any(line.startswith(("import ", "//")) for line in lines)
    assert len(MODULES) == len(set(MODULES))


def test_top_level_names_are_unique_over_the_modules() -> None:
    from normviz.ui.cube import ASSETS

    names: Counter[str] = Counter()
    for file in ASSETS.glob("*.js"):
        for line in file.read_text(encoding="utf-8").splitlines():
            words = line.removeprefix("export ").removeprefix("default ").split()
            if words and words[0] in ("const", "let", "function", "class") and not line.startswith(" "):
                names[words[1].split("(")[0]] += 1
    assert {file.stem for file in ASSETS.glob("*.js")} == set(MODULES)
    assert not [name for name, count in names.items() if count > 1]
