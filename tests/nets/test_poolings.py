"""torch's pooling of one map: against loops over windows, and shifts against pictures that are really moved."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn import functional as F

from normviz.nets.filters import MAX_CHANNELS, feature_maps, filter_bank
from normviz.nets.photographs import crops, photograph
from normviz.nets.poolings import RIM, ROOM, pixel_map, pool_map, shifts
from normviz.poolings import POOLINGS
from normviz.records import Summary
from tests.strategies import examples, seeds

Array = npt.NDArray[np.float64]
MAP = np.random.default_rng(0).standard_normal((7, 9))
PICTURE = crops(photograph("china"), 1, 32 + ROOM)[0]


@st.composite
def sliding(draw: st.DrawFn) -> dict[str, Any]:
    kernel = draw(st.integers(1, 4))
    return {
        "kernel_size": kernel,
        "stride": draw(st.integers(1, 4)),
        "padding": draw(st.integers(0, kernel // 2)),
        "ceil_mode": draw(st.booleans()),
    }


@examples(60)
@given(knobs=sliding(), dilation=st.integers(1, 3), shape=st.tuples(*[st.integers(1, 8)] * 2), seed=seeds)
def test_the_largest_of_every_window(
    knobs: dict[str, Any], dilation: int, shape: tuple[int, int], seed: int
) -> None:
    """Windows, winners and gradients from a loop of Python's that knows only torch's output size."""
    x = np.random.default_rng(seed).permutation(shape[0] * shape[1]).reshape(shape).astype(float)  # no ties
    knobs = knobs | {"dilation": dilation}
    assume(all(n + 2 * knobs["padding"] > dilation * (knobs["kernel_size"] - 1) for n in shape))
    seen = pool_map(x, "max", knobs)
    size = F.max_pool2d(torch.from_numpy(x)[None, None], **knobs).shape[-2:]
    assert seen.y.shape == tuple(size) and seen.winner is not None
    won = np.zeros(shape)
    for i, j in itertools.product(range(size[0]), range(size[1])):
        members = [
            (h, w)
            for h, w in itertools.product(reach(i, knobs), reach(j, knobs))
            if 0 <= h < shape[0] and 0 <= w < shape[1]
        ]
        if not members:
            assert seen.winner[i, j] == -1 and seen.y[i, j] == -np.inf
            continue
        best = max(members, key=lambda place: x[place])
        won[best] += 1
        assert seen.y[i, j] == x[best] and np.unravel_index(seen.winner[i, j], shape) == best
    assert np.array_equal(seen.gradient, won)
    assert seen.difference64 == 0 or np.isneginf(seen.y).all()


@examples(60)
@given(knobs=sliding(), counted=st.booleans(), shape=st.tuples(*[st.integers(1, 8)] * 2), seed=seeds)
def test_means_and_what_they_hand_back(
    knobs: dict[str, Any], counted: bool, shape: tuple[int, int], seed: int
) -> None:
    x = np.random.default_rng(seed).standard_normal(shape)
    knobs = knobs | {"count_include_pad": counted}
    assume(all(n + 2 * knobs["padding"] >= knobs["kernel_size"] for n in shape))
    seen = pool_map(x, "average", knobs, dtype="float64")
    assert np.allclose(seen.y, F.avg_pool2d(torch.from_numpy(x)[None, None], **knobs)[0, 0].numpy())
    assert seen.winner is None and seen.difference64 < 1e-12
    # A mean is linear: what a cell gets back is what raising it by 1 adds to the outputs' sum.
    for place in itertools.product(*map(range, shape)):
        raised = x.copy()
        raised[place] += 1
        y = F.avg_pool2d(torch.from_numpy(raised)[None, None], **knobs).sum()
        assert seen.gradient[place] == pytest.approx(float(y) - seen.y.sum(), abs=1e-9)


@pytest.mark.parametrize("key", POOLINGS)
def test_every_pooling(key: str) -> None:
    entry = POOLINGS[key]
    seen = pool_map(MAP, key)
    assert seen.layer == type(entry.module(torch.nn, 2)).__name__ and seen.device == "cpu"
    assert (seen.rows, seen.columns) == entry.windows(MAP.shape)
    assert seen.y.shape == (seen.rows.count, seen.columns.count)
    assert np.array_equal(seen.x, MAP.astype(np.float32)) and seen.difference64 < 1e-14
    assert seen.before == Summary.of(seen.x) and seen.after == Summary.of(seen.y)
    assert (seen.winner is not None) == entry.largest
    assert np.allclose(seen.gradient.sum(), seen.y.size, rtol=1e-5)
    if seen.winner is not None:
        assert np.array_equal(seen.x.reshape(-1)[seen.winner], seen.y)
        assert np.array_equal(np.bincount(seen.winner.reshape(-1), minlength=63), seen.gradient.reshape(-1))
    for counts, values in ((seen.before_counts, seen.x), (seen.after_counts, seen.y)):
        assert np.array_equal(counts, np.histogram(values, seen.edges)[0]) and counts.size == 80


def test_adaptive_windows_have_their_own_sizes() -> None:
    x = torch.from_numpy(MAP)[None, None]
    seen = pool_map(MAP, "adaptive_average", {"output_size": (3, 4)}, dtype="float64")
    assert np.allclose(seen.y, F.adaptive_avg_pool2d(x, (3, 4))[0, 0].numpy())
    most, where = F.adaptive_max_pool2d(x, (3, 4), return_indices=True)
    seen = pool_map(MAP, "adaptive_max", {"output_size": (3, 4)}, dtype="float64")
    assert np.array_equal(seen.y, most[0, 0].numpy())
    assert seen.winner is not None and np.array_equal(seen.winner, where[0, 0].numpy())


def test_of_equals_torch_takes_one_and_says_which() -> None:
    seen = pool_map(np.zeros((4, 4)), "max", {"kernel_size": 2})
    assert seen.winner is not None and seen.winner.tolist() == [[0, 2], [8, 10]]
    assert seen.gradient.sum() == 4 and (seen.gradient.reshape(-1)[seen.winner] == 1).all()


def test_a_window_in_the_padding_alone_has_no_winner() -> None:
    """torch's index there, of a map two rows high, would be a cell of the next row."""
    seen = pool_map(np.ones((2, 1)), "max", {"kernel_size": 2, "padding": 1, "stride": 1, "dilation": 2})
    assert seen.winner is not None and (seen.winner == -1).all() and np.isneginf(seen.y).all()
    assert not seen.gradient.any() and seen.after.nonfinite == seen.y.size


def test_what_is_not_finite_is_carried() -> None:
    x = MAP.copy()
    x[2, 3], x[6, 8] = np.nan, np.inf
    most, mean = pool_map(x, "max"), pool_map(x, "average")
    assert np.isnan(most.y[1, 1]) and most.winner is not None and most.winner[1, 1] == 2 * 9 + 3
    assert np.isnan(mean.y[1, 1]) and np.isfinite(np.delete(mean.y.reshape(-1), 5)).all()
    assert (most.before.nonfinite, most.after.nonfinite) == (2, 1)
    assert most.difference64 == 0 and mean.difference64 < 1e-14


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_dtype(dtype: str) -> None:
    for key in POOLINGS:
        seen = pool_map(MAP, key, dtype=dtype)
        assert np.array_equal(seen.x, torch.from_numpy(MAP).to(getattr(torch, dtype)).double().numpy())
        assert np.abs(seen.y - POOLINGS[key](MAP, dims=2)).max() < 0.02


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"x": MAP[None]}, r"\(1, 7, 9\): one map"),
        ({"knobs": {"kernel_size": 8}}, "Try kernel_size = 7"),
        ({"knobs": {"kernel_size": 3, "padding": 2}}, "Try padding = 1"),
        ({"key": "average", "knobs": {"dilation": 2}}, "no knob"),
        ({"key": "median"}, "There is no pooling"),
        ({"x": np.zeros((0, 3))}, "."),
        ({"device": "tpu"}, "tpu"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(arguments: dict[str, Any], said: str) -> None:
    call: dict[str, Any] = {"x": MAP, "key": "max"} | arguments
    with pytest.raises(ValueError, match=said):
        pool_map(call.pop("x"), call.pop("key"), call.pop("knobs", None), **call)


def test_nothing_outside_is_changed() -> None:
    x, picture, state, threads = MAP.copy(), PICTURE.copy(), torch.get_rng_state(), torch.get_num_threads()
    knobs = {"kernel_size": 3}
    with torch.inference_mode():
        inside = pool_map(x, "max", knobs)
    assert np.array_equal(inside.gradient, pool_map(x, "max", knobs).gradient)
    shifts(picture, [("max", knobs)], side=16)
    assert np.array_equal(x, MAP) and np.array_equal(picture, PICTURE) and knobs == {"kernel_size": 3}
    assert torch.equal(state, torch.get_rng_state()) and threads == torch.get_num_threads()


@pytest.mark.parametrize("bank", ["fixed", "seeded"])
def test_a_map_has_a_cell_for_every_pixel(bank: str) -> None:
    picture = PICTURE[:20, :20]
    kernel = filter_bank(bank, 16, 3).weight[5:6].float()
    images = 2 * torch.from_numpy(picture.transpose(2, 0, 1).copy())[None] - 1
    inside = F.conv2d(images, kernel)[0, 0].numpy()
    rim = kernel.shape[-1] // 2
    seen = pixel_map(picture, bank=bank, channel=5, seed=3, side=20)
    assert seen.shape == (20, 20) and np.allclose(seen[rim:-rim, rim:-rim], inside, atol=1e-5)
    assert np.array_equal(
        pixel_map(PICTURE, bank=bank, channel=1, side=10),
        feature_maps(PICTURE[None], bank=bank, size=(10, 10))[0, 1],
    )
    for wrong, said in (({"channel": 16}, "16 of 16"), ({"side": 21}, "21")):
        with pytest.raises(ValueError, match=said):
            pixel_map(picture, **({"side": 20} | wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("channel", [None, 4])
def test_shifts_are_those_of_pictures_that_moved(channel: int | None) -> None:
    """Each moved picture is cut out of the larger one and convolved by itself, past no border of its own."""
    side, far = 24, 5
    picture = PICTURE[: side + 2 * RIM, : side + 2 * RIM + far]
    weight = filter_bank("fixed", 8).weight
    images = 2 * torch.from_numpy(picture.transpose(2, 0, 1).copy())[None].double() - 1

    def maps(k: int) -> torch.Tensor:
        moved = images[..., far - k : far - k + side + 2 * RIM]
        found = F.conv2d(moved, weight)
        return found if channel is None else found[:, channel : channel + 1]

    poolings: list[tuple[str, dict[str, Any]]] = [
        ("max", {"kernel_size": 3, "stride": 2}),
        ("global_average", {}),
    ]
    pixels = (0, 1, 2, 5)
    seen = shifts(picture, poolings, side=side, pixels=pixels, channels=8, channel=channel, dtype="float64")
    assert maps(0).shape == (1, 8 if channel is None else 1, side, side)
    assert (seen.pixels, seen.keys) == (pixels, ("max", "global_average"))
    for column, k in enumerate(pixels):
        assert seen.unpooled[column] == pytest.approx(change(maps(0), maps(k)), abs=1e-5)
        for row, pool in enumerate((lambda x: F.max_pool2d(x, 3, 2), lambda x: x.mean((2, 3)))):
            assert seen.pooled[row, column] == pytest.approx(change(pool(maps(0)), pool(maps(k))), abs=1e-5)
    assert seen.unpooled[0] == 0 and not seen.pooled[:, 0].any()


def test_content_moves_to_the_right() -> None:
    """A bright column on mid grey, which the luma map shows as 1 on 0, moves through maps four cells wide."""
    wide = np.full((4 + 2 * RIM, 4 + 2 * RIM + 2, 3), 0.5, np.float32)
    wide[:, RIM + 2 + 3] = 1.0
    seen = shifts(wide, [("global_average", {})], side=4, pixels=(0, 1, 2), channels=3, channel=0)
    # From the last column it leaves at the first step: all that there was is gone, also from the mean.
    assert np.allclose(seen.unpooled, [0, 1, 1]) and np.allclose(seen.pooled, [[0, 1, 1]])
    wide[:, RIM + 2 + 3], wide[:, RIM + 2 + 1] = 0.5, 1.0
    seen = shifts(
        wide,
        [("global_average", {}), ("max", {"kernel_size": 2})],
        side=4,
        pixels=(0, 1, 2),
        channels=3,
        channel=0,
    )
    # From the second column to the third and the fourth: the mean stays, the map does not.
    assert np.allclose(seen.unpooled, [0, 2**0.5, 2**0.5]) and np.allclose(seen.pooled[0], 0)
    assert np.allclose(seen.pooled[1], [0, 2**0.5, 2**0.5])
    wide[:, RIM + 2 + 1], wide[:, RIM + 2] = 0.5, 1.0
    seen = shifts(wide, [("max", {"kernel_size": 2})], side=4, pixels=(0, 1, 2), channels=3, channel=0)
    # From the first to the second, within one window of max: nothing changes; to the third: all does.
    assert np.allclose(seen.pooled, [[0, 0, 2**0.5]])


@pytest.mark.parametrize("photo", ["china", "flower"])
def test_larger_windows_change_less(photo: str) -> None:
    picture = crops(photograph(photo), 1, 64 + ROOM)[0]
    sizes = (1, 2, 4, 8)
    seen = shifts(picture, [("average", {"kernel_size": k}) for k in sizes])
    assert seen.pixels == tuple(range(9)) and seen.pooled.shape == (4, 9)
    assert np.allclose(seen.pooled[0], seen.unpooled)
    assert (np.diff(seen.pooled[:, 1]) < 0).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"side": 33, "pixels": (0, 8)}, r"H of 43 and W of 51"),
        ({"picture": PICTURE[..., :2]}, "3"),
        ({"picture": PICTURE[0]}, "shape"),
        ({"pixels": ()}, "shifts of 0 or more"),
        ({"pixels": (-1, 0)}, "shifts of 0 or more"),
        ({"poolings": [("max", {"kernel_size": 40})]}, "Try kernel_size = 32"),
        ({"poolings": [("mean", {})]}, "There is no pooling"),
        ({"channel": 16}, "16 of 16"),
        ({"channels": MAX_CHANNELS + 1}, "channels"),
    ],
)
def test_shifts_that_do_not_fit_are_refused(arguments: dict[str, Any], said: str) -> None:
    call: dict[str, Any] = {"picture": PICTURE, "poolings": [("max", {})], "side": 32} | arguments
    with pytest.raises(ValueError, match=said):
        shifts(call.pop("picture"), call.pop("poolings"), **call)


def test_a_map_that_is_zero_has_no_change_to_speak_of() -> None:
    grey = np.full((32 + ROOM, 32 + ROOM, 3), 0.5, np.float32)
    seen = shifts(grey, [("max", {})], side=32, channel=0)
    assert np.isnan(seen.unpooled).all() and np.isnan(seen.pooled).all()


def reach(output: int, knobs: dict[str, Any]) -> list[int]:
    start = output * knobs["stride"] - knobs["padding"]
    return [start + knobs["dilation"] * step for step in range(knobs["kernel_size"])]


def change(before: torch.Tensor, after: torch.Tensor) -> float:
    return float((after - before).norm() / before.norm())
