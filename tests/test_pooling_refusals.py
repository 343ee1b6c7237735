"""What a pooling refuses: exactly what torch refuses, in a sentence whose Try works."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from normviz.activations import ACTIVATIONS
from normviz.pooling import MESSAGES, PoolingError
from normviz.poolings import POOLINGS
from tests.strategies import examples
from tests.test_pooling import EVERYWHERE, Knobs, attempt, cases, close, cut, torchs


@pytest.mark.parametrize(("key", "dims"), [pair for pair in EVERYWHERE if POOLINGS[pair[0]].knobs])
@examples(50)
@given(data=st.data())
def test_what_torch_refuses_is_refused_and_every_try_works(key: str, dims: int, data: st.DataObject) -> None:
    entry, case = POOLINGS[key], data.draw(cases(key, dims, fits=False, kinds="generic"))
    _, ours = attempt(lambda: entry(case.x, dims=dims, **case.knobs))
    _, theirs = attempt(lambda: torchs(key, case))
    if not cut(key, case):
        assert bool(ours) == bool(theirs), (ours, theirs)
    if ours:
        assert re.match(r"(padding|kernel_size) = \d.* along [LDHW]\b", ours) and ours.count(". ") == 1
        tried = case._replace(knobs={**case.knobs, **suggestion(ours)})
        assert tried.knobs != case.knobs
        y = entry(tried.x, dims=dims, **tried.knobs)
        if not cut(key, tried):
            assert close(y, torchs(key, tried)[1].detach().numpy())


def suggestion(words: str) -> dict[str, Any]:
    """The knobs after Try."""
    found = re.findall(r"(\w+) = (\d+|\([\d, ]+\))", words.partition(" Try ")[2])
    return {name: tuple(map(int, re.findall(r"\d+", v))) if "(" in v else int(v) for name, v in found}


@pytest.mark.parametrize(
    ("lengths", "knobs", "words", "instead"),
    [
        (
            (8,),
            {"kernel_size": 3, "padding": 2},
            "padding = 2 is more than half of kernel_size = 3 along L",
            1,
        ),
        (
            (4, 9),
            {"kernel_size": 5},
            "kernel_size = 5 is larger than the map along H, which is 4 long with its padding: the output",
            4,
        ),
        (
            (4,),
            {"kernel_size": 7, "padding": 1},
            "kernel_size = 7 is larger than the map along L, which is 6 long with its padding: the output",
            6,
        ),
        (
            (5,),
            {"kernel_size": 3, "dilation": 3},
            "kernel_size = 3, which reaches over 7 cells with dilation = 3, is",
            2,
        ),
        # What fits the first axis must fit the second too, each axis for itself where each has its own.
        ((4, 2, 3), {"kernel_size": 5}, "kernel_size = 5 is larger than the map along D, which is 4 long", 2),
        (
            (4, 9, 2),
            {"kernel_size": (5, 5, 5)},
            "kernel_size = 5 is larger than the map along D, which is 4 long",
            (4, 5, 2),
        ),
        # A smaller kernel may leave room for less padding.
        (
            (1,),
            {"kernel_size": 4, "padding": 2, "dilation": 5},
            "kernel_size = 4, which reaches over 16 cells with",
            1,
        ),
    ],
)
def test_what_does_not_fit_is_said_with_its_numbers(
    lengths: tuple[int, ...], knobs: Knobs, words: str, instead: int | tuple[int, ...]
) -> None:
    with pytest.raises(PoolingError) as refused:
        POOLINGS["max"].windows(lengths, **knobs)
    error, said = refused.value, str(refused.value)
    assert error.fitting == suggestion(said) and MESSAGES[error.code].format(**error.details) == said
    assert str(pickle.loads(pickle.dumps(error))) == said  # as it is kept in a cache
    assert said.startswith(words) and next(iter(suggestion(said).values())) == instead
    assert min(POOLINGS["max"].output_size(lengths, **{**knobs, **suggestion(said)})) > 0


@pytest.mark.parametrize(
    ("shape", "dims", "knobs"),
    [
        *(((), None, {}), ((5,), 3, {}), ((4, 4), 0, {}), ((4, 4), 4, {}), ((2, 2, 2, 2, 4, 4), None, {})),
        *(((4, 4), None, {"kernel_size": (2, 2, 2)}), ((0, 4), None, {})),
    ],
)
def test_arrays_that_do_not_fit_are_refused(shape: tuple[int, ...], dims: int | None, knobs: Knobs) -> None:
    with pytest.raises(ValueError, match=rf"An array of shape {re.escape(str(shape))}.*Try ") as refused:
        POOLINGS["max"](np.zeros(shape), dims=dims, **knobs)
    tried = str(refused.value).partition("Try ")[2]
    if found := re.search(r"\((\d.*)\)", tried):
        shape = tuple(int(n) for n in re.findall(r"\d+", found[1]))
    if found := re.search(r"dims=(\d)", tried):
        dims = int(found[1])
    knobs = {} if "one number for every knob" in tried else knobs
    knobs = {"kernel_size": 1, **knobs}  # so small a map has no room for the default
    assert POOLINGS["max"](np.zeros(shape), dims=dims, **knobs).size


@pytest.mark.parametrize(
    ("key", "knobs", "words"),
    [
        ("global_max", {"kernel_size": 2}, r"global_max has no knob 'kernel_size': its knobs are none"),
        (
            "average",
            {"dilation": 2},
            r"average has no knob 'dilation': its knobs are kernel_size, stride, padding,",
        ),
        (
            "max",
            {"kernel_size": 0},
            r"kernel_size = 0 is not allowed: it must be a whole number from 1 .* Try 2\.",
        ),
        ("max", {"kernel_size": 2.0}, r"kernel_size = 2\.0 is not allowed.*whole number"),
        ("max", {"kernel_size": "3"}, r"kernel_size = '3' is not allowed"),
        ("max", {"kernel_size": ()}, r"kernel_size = \(\) is not allowed: one number is needed.*Try 2\."),
        ("max", {"kernel_size": (2, 0)}, r"kernel_size = 0 is not allowed"),
        ("max", {"padding": (0,) * 4}, r"padding = \(0, 0, 0, 0\) is not allowed: one number.*Try 0\."),
        ("max", {"padding": -1}, r"padding = -1 is not allowed.*from 0"),
        ("max", {"stride": 0}, r"stride = 0 is not allowed.*from 1.*Try 1\."),
        ("max", {"stride": (2, None)}, r"stride = None is not allowed.*Try 1\."),
        (
            "max",
            {"ceil_mode": (True, False)},
            r"ceil_mode = \(True, False\) is not known: it is one of \(False, True\)",
        ),
        ("average", {"count_include_pad": "no"}, r"count_include_pad = 'no' is not known"),
        ("adaptive_max", {"output_size": None}, r"output_size = None is not allowed.*Try 2\."),
        ("max", {"kernel_size": (2, 2), "stride": (1, 1, 1)}, r"Knobs for \[2, 3\] axes at once"),
        ("max", {"kernel_size": (2, 2, 2)}, r"Knobs for 3 axes on 2 pooled axes: give one number"),
    ],
)
def test_wrong_knobs_are_refused(key: str, knobs: Knobs, words: str) -> None:
    entry = POOLINGS[key]
    for refused in (
        lambda: entry(np.zeros((1, 1, 4, 4)), dims=2, **knobs),
        lambda: entry.derivative(np.zeros((1, 1, 4, 4)), dims=2, **knobs),
        lambda: entry.output_size((4, 4), **knobs),
        lambda: entry.module(nn, dims=2, **knobs),
    ):
        with pytest.raises(ValueError, match=words):
            refused()


def test_other_mistakes_are_refused() -> None:
    for lengths in ((), (0, 4), (4, 4, 4, 4)):
        with pytest.raises(ValueError, match=rf"Maps of {re.escape(str(lengths))} cannot.*Try \(4, 4\)\."):
            POOLINGS["adaptive_average"].windows(lengths)
    with pytest.raises(ValueError, match=r"dims = 4: torch pools along 1, 2 or 3 axes\. Try dims=2\."):
        POOLINGS["max"].module(nn, dims=4)


def test_a_module_that_fits_no_map_is_refused() -> None:
    with pytest.raises(
        PoolingError, match=r"padding = 2 is more than half of kernel_size = 3 .* Try padding = 1"
    ):
        POOLINGS["max"].module(nn, 2, kernel_size=3, padding=2)
    assert POOLINGS["max"].module(nn, 1, kernel_size=3, dilation=4000).dilation == 4000


@pytest.mark.parametrize("x", ["hello", None, [[1, 2], [3]], [1 + 2j]])
def test_what_holds_no_numbers_is_refused_in_words(x: Any) -> None:
    with pytest.raises(ValueError, match=r"^x (holds|has rows) .* Try "):
        POOLINGS["max"](x)
    with pytest.raises(ValueError, match=r"^x (holds|has rows) .* Try "):
        ACTIVATIONS["relu"](x)
