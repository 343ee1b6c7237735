"""Sets, labels and counts: against masks written by hand, and against torch's modules."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from normviz.catalogue import METHODS
from normviz.spec import StatSet
from tests.strategies import EVERYWHERE, Case, cases, cells, examples, learned

#: Of every set the axes along which its cells share whatever the index; elsewhere the indices must be equal.
SHARED_AXES = {
    "batch_norm": "NHWL",
    "batch_renorm": "NHWL",
    "batch_norm_devices": "HWL",  # and along N within a device
    "sync_batch_norm": "NHWL",
    "adaptive_instance_norm": "HWL",
    "switchable_norm": ("HWL", "CHWL", "NHWL"),
    "weight_standardization": "IHW",
    "layer_norm": "CHW",
    "layer_norm_last": "C",
    "instance_norm": "HWL",
    "group_norm": "HWL",  # and along C within a group
    "local_response_norm": "",  # and along C within a window
    "positional_norm": "C",
    "l2_norm": "C",
}
SHARING = [(key, layout) for key, layout in EVERYWHERE if METHODS[key].spec().sets]


def shared_axes(case: Case, which: int) -> str:
    """The axes of one of its sets."""
    match case.method.key:
        case "rms_norm":
            return str(case.knobs["normalized_shape"])
        case "weight_norm":
            return {0: "IHW", 1: "OHW"}[case.knobs["dim"]]
        case key:
            axes = SHARED_AXES[key]
            return axes if isinstance(axes, str) else axes[which]


def by_hand(case: Case, cell: tuple[int, ...], which: int) -> npt.NDArray[np.bool_]:
    """S_cell, one comparison of indices at a time."""
    key, knobs = case.method.key, case.knobs
    shared = shared_axes(case, which)
    axes = case.spec.axes(case.shape)
    blocks = {"group_norm": ("C", "num_groups"), "batch_norm_devices": ("N", "devices")}
    inside = np.ones(case.shape, bool)
    for other in itertools.product(*map(range, case.shape)):
        for axis, n, i, k in zip(axes, case.shape, cell, other, strict=True):
            if key in blocks and axis == blocks[key][0]:
                length = n // knobs[blocks[key][1]]
                same = i // length == k // length
            elif key == "local_response_norm" and axis == "C":
                same = i - knobs["size"] // 2 <= k <= i + (knobs["size"] - 1) // 2
            else:
                same = axis in shared or i == k
            inside[other] &= same
    return inside


@pytest.mark.parametrize(("key", "layout"), SHARING)
@examples(10)
@given(data=st.data())
def test_a_set_is_what_the_table_says(key: str, layout: str, data: st.DataObject) -> None:
    case = data.draw(cases(key, layout))
    cell = data.draw(cells(case.shape))
    for which, shared in enumerate(case.spec.sets):
        expected = by_hand(case, cell, which)
        assert np.array_equal(shared.mask(case.shape, cell), expected)
        assert shared.size(case.shape, cell) == expected.sum()
        assert np.broadcast_to(shared.sizes(case.shape), case.shape)[cell] == expected.sum()
        intervals = zip(shared.intervals(case.shape), cell, strict=True)
        assert shared.box(case.shape, cell) == tuple(slice(lo[i], hi[i]) for (lo, hi), i in intervals)


def every_mask(shared: StatSet, shape: tuple[int, ...]) -> list[bytes]:
    return [shared.mask(shape, cell).tobytes() for cell in itertools.product(*map(range, shape))]


@pytest.mark.parametrize(("key", "layout"), SHARING)
@examples(8)
@given(data=st.data())
def test_labels_number_the_distinct_sets(key: str, layout: str, data: st.DataObject) -> None:
    case = data.draw(cases(key, layout))
    assume(math.prod(case.shape) <= 160)
    shared = data.draw(st.sampled_from(case.spec.sets))
    masks, labels = every_mask(shared, case.shape), shared.labels(case.shape)
    count = len(set(masks))
    assert shared.count(case.shape) == count
    assert case.spec.statistic_count(case.shape) == sum(s.count(case.shape) for s in case.spec.sets)
    assert labels.shape == case.shape and sorted(set(labels.flat)) == list(range(count))
    # Equal label exactly where the set is equal: as many pairs as labels and as sets.
    assert len(set(zip(masks, labels.flat, strict=True))) == count


@pytest.mark.parametrize(("key", "layout"), SHARING)
@examples(8)
@given(data=st.data())
def test_labels_are_a_partition_exactly_when_the_set_says_so(
    key: str, layout: str, data: st.DataObject
) -> None:
    case = data.draw(cases(key, layout))
    shared = data.draw(st.sampled_from(case.spec.sets))
    distinct = np.array([np.frombuffer(m, bool) for m in set(every_mask(shared, case.shape))])
    covered_once = bool((distinct.sum(axis=0) == 1).all())
    assert shared.is_partition(case.shape) == covered_once
    labels = shared.labels(case.shape)
    if covered_once:
        for cell in itertools.product(*map(range, case.shape)):
            assert np.array_equal(labels == labels[cell], shared.mask(case.shape, cell))


@pytest.mark.parametrize(("key", "layout"), EVERYWHERE)
@examples(10)
@given(data=st.data())
def test_counts_are_those_of_torch(key: str, layout: str, data: st.DataObject) -> None:
    case = data.draw(cases(key, layout))
    assert case.spec.parameter_count(case.shape) == learned(case.method, case.shape, **case.knobs)
    module = case.method.module(nn, case.shape, **case.knobs)
    if not case.spec.parts:
        assert case.spec.statistic_count(case.shape) == module.running_mean.numel()


def test_group_norm_between_layer_norm_and_instance_norm() -> None:
    shape = (3, 6, 2, 4)
    labels = {g: METHODS["group_norm"].spec(num_groups=g).sets[0].labels(shape) for g in (1, 6)}
    assert np.array_equal(labels[1], METHODS["layer_norm"].spec().sets[0].labels(shape))
    assert np.array_equal(labels[6], METHODS["instance_norm"].spec().sets[0].labels(shape))


def test_evaluating_shares_nothing() -> None:
    spec = METHODS["batch_norm_eval"].spec()
    assert spec.sets == () and spec.statistic_count((8, 12, 4, 4)) == 12


@pytest.mark.parametrize("cell", [(8, 0, 0, 0), (0, 0, 0, -1), (0, 0, 0), (0, 0, 0, 0, 0), (0, 0.5, 0, 0)])
def test_a_cell_outside_is_refused(cell: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=r"not in a tensor of shape \(8, 12, 4, 4\).*\(7, 11, 3, 3\)"
    ) as error:
        METHODS["batch_norm"].spec().sets[0].mask((8, 12, 4, 4), cell)
    assert str(tuple(cell)) in str(error.value)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4, 5, 6), ()])
def test_a_wrong_rank_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"{len(shape)} axes; .*\(N, L, C\).*Try reshaping") as error:
        METHODS["layer_norm"].spec().sets[0].labels(shape)
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("shape", [(8, 0, 4, 4), (8, -1, 4, 4), (8, 1.5, 4, 4)])
def test_an_empty_axis_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"whole length of 1 or more\. Try"):
        METHODS["layer_norm"].spec().sets[0].count(shape)


def test_specs_are_values() -> None:
    for entry in METHODS.values():
        assert entry.spec() == entry.spec() and hash(entry.spec()) == hash(entry.spec())
    assert METHODS["group_norm"].spec(num_groups=2) != METHODS["group_norm"].spec(num_groups=3)
