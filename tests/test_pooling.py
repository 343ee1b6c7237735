"""The poolings against torch: values, winners, gradients, sizes, and what is refused; every Try is tried."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

import normviz as nv
from normviz.pooling import Pooling
from normviz.poolings import KERNEL, POOLINGS
from normviz.windows import sliding
from tests.strategies import examples, seeds
from tests.test_formula import balanced
from tests.tex import Reader

Array = npt.NDArray[np.float64]
Knobs = Mapping[str, Any]
EVERYWHERE = [(key, dims) for key in POOLINGS for dims in (1, 2, 3)]
#: torch's functions, written out here: not the layers that the table itself names.
BY_TORCH = {
    "max": "max_pool{}d",
    "average": "avg_pool{}d",
    "global_max": "adaptive_max_pool{}d",
    "global_average": "adaptive_avg_pool{}d",
    "adaptive_average": "adaptive_avg_pool{}d",
    "adaptive_max": "adaptive_max_pool{}d",
}


class Case(NamedTuple):
    """An input and the knobs for it."""

    x: Array
    dims: int
    knobs: dict[str, Any]


def torchs(key: str, case: Case, **more: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The input and torch's output (and winners, where these are asked for)."""
    x = torch.tensor(case.x, dtype=torch.float64, requires_grad=True)
    knobs = {"output_size": 1, **case.knobs} if key.startswith("global") else case.knobs
    return x, getattr(functional, BY_TORCH[key].format(case.dims))(x, **knobs, **more)


def cut(key: str, case: Case) -> bool:
    """Whether torch's AvgPool3d refuses what its siblings take: a kernel larger than the map before padding."""
    kernel = np.broadcast_to(case.knobs.get("kernel_size", 1), case.dims)
    return key == "average" and case.dims == 3 and bool((kernel > case.x.shape[-3:]).any())


def filled(shape: tuple[int, ...], kind: str, seed: int) -> Array:
    """Values of a kind: generic, full of ties, all negative, with NaN, with infinities."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 2, shape).astype(float) if kind == "ties" else rng.normal(size=shape) * 3
    if kind == "negative":
        return -np.abs(x) - 1
    if kind == "nan":
        x[rng.random(shape) < 0.2] = np.nan
    if kind == "infinite":
        x[rng.random(shape) < 0.2] = np.inf
        x[rng.random(shape) < 0.3] = -np.inf
    return x


def each(draw: st.DrawFn, numbers: st.SearchStrategy[int], dims: int) -> int | tuple[int, ...]:
    """One number, or one for each axis."""
    return draw(numbers | st.tuples(*[numbers] * dims))


@st.composite
def cases(draw: st.DrawFn, key: str, dims: int, fits: bool = True, kinds: str = "") -> Case:
    """Random shapes and knobs; those that ``fits`` have at most half the kernel as padding."""
    lengths = draw(st.tuples(*[st.integers(1, 7 if dims < 3 else 5)] * dims))
    known = {knob.name: knob for knob in POOLINGS[key].knobs}
    knobs: dict[str, Any] = {}
    if "output_size" in known:
        knobs["output_size"] = each(draw, st.integers(1, 8), dims)
    if "kernel_size" in known:
        knobs["kernel_size"] = each(draw, st.integers(1, 5), dims)
        least = int(np.min(knobs["kernel_size"]))
        knobs["padding"] = each(draw, st.integers(0, least // 2 if fits else 3), dims)
        if draw(st.booleans()):
            knobs["stride"] = each(draw, st.integers(1, 4), dims)
        if "dilation" in known:
            knobs["dilation"] = each(draw, st.integers(1, 3), dims)
        knobs |= {name: draw(st.sampled_from(k.options)) for name, k in known.items() if k.options}
    lead = (*draw(st.sampled_from([(), (2,)])), draw(st.integers(1, 2)))  # (C, …) or (N, C, …)
    kind = draw(st.sampled_from(kinds.split() or ["generic", "ties", "negative", "nan", "infinite"]))
    return Case(filled((*lead, *lengths), kind, draw(seeds)), dims, knobs)


def attempt(what: Callable[[], Any]) -> tuple[Any, str]:
    """What comes of it, or the error's words."""
    try:
        return what(), ""
    except (ValueError, RuntimeError) as refused:
        return None, str(refused)


def ran(code: str, x: Array) -> torch.Tensor:
    """The y that some shown lines make of x."""
    names: dict[str, Any] = {"nn": nn, "x": torch.from_numpy(x)}
    exec(code, names)
    y: torch.Tensor = names["y"]
    return y


def close(ours: Array, theirs: Array) -> bool:
    assert ours.shape == theirs.shape and ours.dtype == np.float64
    with np.errstate(invalid="ignore"):
        near = np.abs(ours - theirs) <= 1e-12
    return bool((near | (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))).all())


def test_the_poolings_in_their_order() -> None:
    words = "max average global_max global_average adaptive_average adaptive_max"
    assert list(POOLINGS) == words.split() == list(BY_TORCH) and nv.POOLINGS is POOLINGS
    assert all(key == entry.key and entry.parameter_count() == 0 for key, entry in POOLINGS.items())
    with pytest.raises(ValueError, match=r"There is no pooling 'mean': the poolings are max, .*adaptive_max"):
        POOLINGS["mean"]


@pytest.mark.parametrize("key", POOLINGS)
def test_an_entry_is_whole(key: str) -> None:
    entry = POOLINGS[key]
    assert balanced(entry.latex) and balanced(entry.size_latex)
    taken = inspect.signature(getattr(nn, f"{entry.layer}2d")).parameters
    for knob in entry.knobs:
        assert taken[knob.name].default in (knob.default, inspect.Parameter.empty)
        assert knob.check(knob.default) == knob.default
    assert entry.largest == ("max" in key)


@pytest.mark.parametrize(("key", "dims"), EVERYWHERE)
@examples(40)
@given(data=st.data())
def test_values_sizes_and_gradients_are_torchs(key: str, dims: int, data: st.DataObject) -> None:
    entry, case = POOLINGS[key], data.draw(cases(key, dims))
    if cut(key, case):
        return
    y, ours = attempt(lambda: entry(case.x, dims=dims, **case.knobs))
    found, theirs = attempt(lambda: torchs(key, case))
    assert bool(ours) == bool(theirs), (ours, theirs)
    if not found:
        return
    x, expected = found
    assert close(y, expected.detach().numpy())
    assert entry.output_size(case.x.shape[-dims:], **case.knobs) == expected.shape[-dims:]
    winners = entry.winners(case.x, dims=dims, **case.knobs)
    if winners is not None and (winners < 0).any():
        assert np.isneginf(
            y[winners < 0]
        ).all()  # a dilated window of padding alone: torch has no gradient for it
        return
    (gradient,) = torch.autograd.grad(expected, x, torch.ones_like(expected))
    assert close(entry.derivative(case.x, dims=dims, **case.knobs), gradient.numpy())


@pytest.mark.parametrize(("key", "dims"), [pair for pair in EVERYWHERE if POOLINGS[pair[0]].largest])
@examples(40)
@given(data=st.data())
def test_winners_are_torchs(key: str, dims: int, data: st.DataObject) -> None:
    case = data.draw(cases(key, dims))
    found, _ = attempt(lambda: torchs(key, case, return_indices=True))
    if not found:
        return
    winners = POOLINGS[key].winners(case.x, dims=dims, **case.knobs)
    assert winners is not None
    some = winners >= 0
    assert np.array_equal(winners[some], found[1][1].numpy()[some])


def test_the_rank_is_told_by_the_shape_the_knobs_or_dims() -> None:
    shapes = {(5,): 1, (2, 5): 1, (2, 3, 5): 1, (2, 3, 4, 5): 2, (2, 3, 4, 5, 6): 3}
    for shape, rank in shapes.items():
        lead = shape[: len(shape) - rank]
        assert POOLINGS["global_average"](np.ones(shape)).shape == (*lead, *[1] * rank)
    x = np.arange(2 * 4 * 6.0).reshape(2, 4, 6)
    both = POOLINGS["max"](x, dims=2)
    assert both.shape == (2, 2, 3) and np.array_equal(both, POOLINGS["max"](x, kernel_size=(2, 2)))
    assert np.array_equal(both, POOLINGS["max"](x[None])[0]) and POOLINGS["max"](x).shape == (2, 4, 3)
    assert np.array_equal(POOLINGS["max"](x[0], dims=2), both[0])
    assert np.array_equal(both, POOLINGS["max"](x.astype(np.int16), kernel_size=[np.int64(2), 2]))


# Worked out by hand. 9 8 7 … so that every mean tells how many it was over.
BY_HAND: list[tuple[str, list[float], dict[str, Any], list[float]]] = [
    # Windows 0 1 | 2 3 | 4 _: the last hangs over the end, where there is no padding to count.
    ("average", [2, 4, 6, 8, 3], {"kernel_size": 2, "ceil_mode": True}, [3, 7, 3]),
    ("max", [2, 4, 6, 8, 3], {"kernel_size": 2, "ceil_mode": True}, [4, 8, 3]),
    # _ 0 | 2 3 and no third: it would start at 5, in the padding behind.
    ("average", [2, 4, 6, 8, 3], {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True}, [1, 7]),
    ("max", [2, 4, 6, 8, 3], {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True}, [2, 8]),
    # _ _ 0 1 | 1 2 3 4 | 4 _ _ and beyond: three count of the last four, or only what is there.
    (
        "average",
        [2, 4, 6, 8, 3],
        {"kernel_size": 4, "stride": 3, "padding": 2, "ceil_mode": True},
        [1.5, 5.25, 1],
    ),
    (
        "average",
        [2, 4, 6, 8, 3],
        {"kernel_size": 4, "stride": 3, "padding": 2, "ceil_mode": True, "count_include_pad": False},
        [3, 5.25, 3],
    ),
    # Below zero the padding shows: 0 for a mean, minus infinity for the largest.
    ("average", [-4, -2], {"kernel_size": 2, "stride": 1, "padding": 1}, [-2, -3, -1]),
    ("max", [-4, -2], {"kernel_size": 2, "stride": 1, "padding": 1}, [-4, -2, -2]),
    ("max", [5.0], {"kernel_size": 2, "padding": 1, "dilation": 2}, [-np.inf]),
    ("max", [1, 9, 2, 8, 3], {"kernel_size": 3, "stride": 1, "dilation": 2}, [3]),
    # A NaN reaches the windows that hold it, and no others.
    ("average", [1, np.nan, 2, 4], {"kernel_size": 2}, [np.nan, 3]),
    ("max", [1, np.nan, 2, 4], {"kernel_size": 2}, [np.nan, 4]),
    ("average", [np.inf, -np.inf, 2, np.inf], {"kernel_size": 2}, [np.nan, np.inf]),
    # A kernel longer than the map, by less than a stride.
    ("average", [2, 4], {"kernel_size": 3, "ceil_mode": True}, [3]),
    ("adaptive_average", [1, 2, 3, 4, 5], {"output_size": 3}, [1.5, 3, 4.5]),
    ("adaptive_max", [1, 2], {"output_size": 3}, [1, 2, 2]),
    ("global_average", [1, 2, 6], {}, [3]),
]


@pytest.mark.parametrize(("key", "x", "knobs", "expected"), BY_HAND)
def test_by_hand(key: str, x: list[float], knobs: Knobs, expected: list[float]) -> None:
    values = np.array([x], float)
    assert np.array_equal(POOLINGS[key](values, **knobs), [expected], equal_nan=True)
    # Along two axes of which the other is left as it is, and by torch.
    if "kernel_size" in knobs:
        flat = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}
        tall: Knobs = {
            k: (flat[k], v) if k in flat else v for k, v in {"stride": knobs["kernel_size"], **knobs}.items()
        }
        assert np.array_equal(POOLINGS[key](values, **tall), [expected], equal_nan=True)
    _, y = torchs(key, Case(values, 1, dict(knobs)))
    assert np.array_equal(y.detach().numpy(), [expected], equal_nan=True)


@pytest.mark.parametrize("key", POOLINGS)
@examples(30)
@given(data=st.data())
def test_the_formulas_shown_are_what_is_computed(key: str, data: st.DataObject) -> None:
    entry, case = POOLINGS[key], data.draw(cases(key, 1, kinds="generic"))
    (n,) = case.x.shape[-1:]
    knobs: dict[str, Any] = {k: int(np.max(v)) for k, v in case.knobs.items()} | {
        knob.name: knob.options[0] for knob in entry.knobs if knob.options
    }
    found, refused = attempt(lambda: entry.windows((n,), **knobs))
    if refused:
        return
    (windows,) = found
    complete = {"stride": None, **entry.complete(knobs)}
    complete["stride"] = complete["stride"] or complete.get("kernel_size")
    names = {knob.symbol: complete[knob.name] for knob in entry.knobs if knob.symbol} | {"n": n}
    assert Reader(entry.size_latex, names).all() == windows.count
    first, last = entry.window_latex.split(r"\dots")
    for o in range(windows.count):
        ends = [Reader(end, {**names, "o": o}).all() for end in (first, last)]
        assert ends == windows.all_of(o)[[0, -1]].tolist()


@examples(40)
@given(data=st.data())
def test_the_counts_are_what_torch_divides_by(data: st.DataObject) -> None:
    key, dims = data.draw(st.sampled_from(EVERYWHERE))
    entry, case = POOLINGS[key], data.draw(cases(key, dims, kinds="generic"))
    lengths = case.x.shape[-dims:]
    counts, refused = attempt(lambda: entry.counts(lengths, **case.knobs))
    if entry.largest or refused or cut(key, case):
        assert refused or entry.largest == (counts is None)
        return
    ones = Case(np.ones((1, 1, *lengths)), dims, case.knobs)
    mean = torchs(key, ones)[1].detach().numpy()[0, 0]  # how much of each window is not padding
    held = [
        [windows.of(o).size for o in range(windows.count)] for windows in entry.windows(lengths, **case.knobs)
    ]
    assert np.abs(mean * counts - functools.reduce(np.multiply.outer, map(np.asarray, held))).max() < 1e-12
    assert (counts == counts.round()).all()


def test_a_mean_of_ones_is_one_whatever_the_count() -> None:
    for k in (1, 3, 7, 49):  # 49 times 1 / 49 is not 1
        ones = np.ones((1, 1, k, k))
        assert POOLINGS["average"](ones, kernel_size=k).tolist() == [[[[1.0]]]]
        assert POOLINGS["average"].counts((k, k), kernel_size=k) == k * k


def test_winners_and_gradients_by_hand() -> None:
    entry = POOLINGS["max"]

    def winners(x: Any, **knobs: Any) -> Any:
        found = entry.winners(np.array(x, float), **knobs)
        assert found is not None
        return found.tolist()

    assert winners([[3, 3, 1, 3]], kernel_size=4) == [[0]]  # the first of equals
    assert winners([[1, np.nan, np.nan, 9]], kernel_size=4) == [[2]]  # and the last NaN
    assert winners([[-np.inf] * 2], kernel_size=2) == [[0]]
    assert winners([[5]], kernel_size=2, padding=1, dilation=2) == [[-1]]
    assert winners([[1, 7], [7, 7]], kernel_size=2, dims=2) == [[1]]  # row by row
    assert POOLINGS["average"].winners([[1.0, 2.0]]) is None
    x = np.array([[1.0, 5.0, 2.0, 5.0]])
    assert entry.derivative(x, kernel_size=3, stride=1).tolist() == [[0, 2, 0, 0]]
    assert entry.derivative([[5.0]], kernel_size=2, padding=1, dilation=2).tolist() == [[0.0]]
    assert POOLINGS["average"].derivative(x, kernel_size=3, stride=1).round(9).tolist() == [
        [0.333333333, 0.666666667, 0.666666667, 0.333333333]
    ]


@pytest.mark.parametrize(("key", "dims"), EVERYWHERE)
@examples(10)
@given(data=st.data())
def test_the_module_is_torchs_and_does_the_same(key: str, dims: int, data: st.DataObject) -> None:
    entry, case = POOLINGS[key], data.draw(cases(key, dims, kinds="generic"))
    module = entry.module(nn, dims, **case.knobs)
    assert type(module) is getattr(nn, f"{entry.layer}{dims}d")
    for name, value in case.knobs.items():
        assert getattr(module, name) in (value, (value,))  # AvgPool1d keeps tuples
    found, _ = attempt(lambda: ran(entry.torch_layer(dims, **case.knobs).code(), case.x))
    if found is not None:
        y = entry(case.x, dims=dims, **case.knobs)
        assert close(y, found.numpy()) and close(y, module(torch.from_numpy(case.x)).numpy())


def test_a_new_pooling_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    halves = Pooling(
        "halves",
        False,
        "AvgPool",
        lambda length, axis, knobs: sliding(
            length, kernel_size=knobs["kernel_size"], stride=knobs["kernel_size"]
        ),
        r"y_o = \frac{1}{2} \sum_k x_k",
        r"\frac{n}{2}",
        (KERNEL,),
    )
    monkeypatch.setitem(POOLINGS, "halves", halves)
    x = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert close(nv.POOLINGS["halves"](x.numpy()), functional.avg_pool2d(x, 2).numpy())
    assert str(nv.POOLINGS["halves"].module(nn)) == str(nn.AvgPool2d(kernel_size=2))
    assert nv.POOLINGS["halves"].derivative(x.numpy()).tolist() == np.full(x.shape, 0.25).tolist()
