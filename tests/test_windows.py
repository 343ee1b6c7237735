"""Which indices a window reads: held against loops, against torch's outputs and against autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn import functional

from normviz.windows import Windows, adaptive, sliding
from tests.strategies import examples

Knobs = dict[str, Any]


@st.composite
def slides(draw: st.DrawFn, dilated: bool = True) -> tuple[int, Knobs]:
    """A length, and a kernel that torch slides over it."""
    n, k = draw(st.integers(1, 14)), draw(st.integers(1, 6))
    knobs: Knobs = {
        "kernel_size": k,
        "stride": draw(st.integers(1, 6)),
        "padding": draw(st.integers(0, k // 2)),
        "ceil_mode": draw(st.booleans()),
    }
    if dilated:
        knobs["dilation"] = draw(st.integers(1, 3))
    assume(sliding(n, **knobs).count > 0)
    return n, knobs


def reads(windows: Windows) -> npt.NDArray[np.bool_]:
    """Output o reads index i: (outputs, indices), by ``of``."""
    return np.array([[i in windows.of(o) for i in range(windows.length)] for o in range(windows.count)], bool)


def slope(y: torch.Tensor, x: torch.Tensor) -> npt.NDArray[np.float64]:
    """dy_o / dx_i by autograd, (outputs, indices)."""
    rows = [torch.autograd.grad(each, x, retain_graph=True)[0] for each in y.reshape(-1)]
    return torch.stack(rows).reshape(y.numel(), -1).numpy()


@examples(150)
@given(slides())
def test_a_window_reads_what_its_definition_says(drawn: tuple[int, Knobs]) -> None:
    n, knobs = drawn
    windows = sliding(n, **knobs)
    for o in range(windows.count):
        places = [
            o * knobs["stride"] - knobs["padding"] + knobs["dilation"] * j
            for j in range(knobs["kernel_size"])
        ]
        assert windows.all_of(o).tolist() == places
        assert windows.of(o).tolist() == [i for i in places if 0 <= i < n]
    assert windows.padded == (knobs["padding"],) * 2 and windows.length == n


@examples(150)
@given(slides() | st.tuples(st.integers(1, 14), st.integers(1, 20)))
def test_the_outputs_reached_are_the_transpose_of_the_inputs_read(drawn: tuple[int, Any]) -> None:
    n, how = drawn
    windows = sliding(n, **how) if isinstance(how, dict) else adaptive(n, how)
    read = reads(windows)
    for i in range(n):
        assert windows.reach(i).tolist() == np.flatnonzero(read[:, i]).tolist()
    assert windows.overlap == bool((read.sum(axis=0) > 1).any())


@examples(100)
@given(slides(dilated=False))
def test_torchs_mean_depends_on_what_the_window_reads(drawn: tuple[int, Knobs]) -> None:
    n, knobs = drawn
    x = torch.zeros(1, 1, n, dtype=torch.float64, requires_grad=True)
    assert np.array_equal(slope(functional.avg_pool1d(x, **knobs), x) != 0, reads(sliding(n, **knobs)))


@examples(100)
@given(slides())
def test_torchs_maximum_sees_what_the_window_reads(drawn: tuple[int, Knobs]) -> None:
    # A lone 1 at index i: it comes out wherever it is read, dilated or not.
    n, knobs = drawn
    seen = functional.max_pool1d(torch.eye(n, dtype=torch.float64)[:, None], **knobs)
    assert np.array_equal(seen[:, 0].numpy().T == 1, reads(sliding(n, **knobs)))


@examples(100)
@given(st.integers(1, 14), st.integers(1, 20))
def test_adaptive_windows_are_torchs(n: int, count: int) -> None:
    windows = adaptive(n, count)
    x = torch.zeros(1, 1, n, dtype=torch.float64, requires_grad=True)
    share = slope(functional.adaptive_avg_pool1d(x, count), x)
    assert np.array_equal(share != 0, reads(windows))
    assert np.abs(share.max(axis=1) - 1 / np.asarray(windows.size)).max() < 1e-15
    assert reads(windows).any(axis=0).all() and windows.padded == (0, 0)


@pytest.mark.parametrize(
    ("n", "knobs", "floor", "ceil"),
    [
        # The last window hangs over the end, and stays.
        (6, {"kernel_size": 3, "stride": 2}, [[0, 1, 2], [2, 3, 4]], [[0, 1, 2], [2, 3, 4], [4, 5]]),
        # The one after it would start at 5, in the padding behind: left out.
        (5, {"kernel_size": 2, "stride": 3, "padding": 1}, [[0], [2, 3]], [[0], [2, 3]]),
        # It starts at 4, the last index, reads it and hangs over the padding too.
        (
            5,
            {"kernel_size": 4, "stride": 3, "padding": 2},
            [[0, 1], [1, 2, 3, 4]],
            [[0, 1], [1, 2, 3, 4], [4]],
        ),
        # A kernel longer than the map, by less than a stride: ceil_mode makes one window of it.
        (2, {"kernel_size": 3, "stride": 2}, [], [[0, 1]]),
        # Dilated around both ends: a window in the padding alone.
        (1, {"kernel_size": 2, "stride": 1, "padding": 1, "dilation": 2}, [[]], [[]]),
    ],
)
def test_ceil_mode_by_hand(n: int, knobs: Knobs, floor: list[list[int]], ceil: list[list[int]]) -> None:
    for ceil_mode, expected in ((False, floor), (True, ceil)):
        windows = sliding(n, **knobs, ceil_mode=ceil_mode)
        assert [windows.of(o).tolist() for o in range(windows.count)] == expected


def test_windows_apart_do_not_overlap() -> None:
    assert not sliding(6, kernel_size=2, stride=2).overlap and sliding(6, kernel_size=3, stride=2).overlap
    assert not sliding(6, kernel_size=2, stride=1, dilation=3).overlap  # 0 3, 1 4, 2 5: between each other
    assert sliding(6, kernel_size=2, stride=2, dilation=2).overlap  # 0 2, 2 4
    assert not adaptive(6, 3).overlap and adaptive(5, 3).overlap and adaptive(2, 5).overlap
