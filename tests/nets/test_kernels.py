"""Real kernels against torch's own layers, and what is promised of the trained one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from normviz.nets import kernels
from normviz.nets.filters import filter_bank
from normviz.nets.kernel_network import digits, initial_weight, network
from normviz.nets.kernels import KINDS, KernelError, accuracy, is_trained, kernel, trained
from normviz.nets.runtime import one_thread
from tests.strategies import examples, shapes

SMALL = (12, 8, 3, 3)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_kept", type(kernels._kept)())


@given(st.one_of(shapes("OI"), shapes("OIHW")), st.integers(0, 2**32 - 1))
@examples(30)
def test_a_new_layers_kernel_is_torchs_own(shape: tuple[int, ...], seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        out, into, *size = shape
        layer: torch.nn.Module
        layer = torch.nn.Conv2d(into, out, (size[0], size[1])) if size else torch.nn.Linear(into, out)
        expected = layer.get_parameter("weight").detach().numpy()
    found = kernel("initial", shape, seed)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


@pytest.mark.parametrize("which", ["initial", "trained"])
def test_a_kernel_repeats_by_seed_and_leaves_the_global_state(which: str) -> None:
    before = torch.random.get_rng_state(), str(np.random.get_state()), torch.get_num_threads()
    first = kernel(which, (6, 4, 3, 3), 5)
    kernels._kept.clear()
    torch.rand(3)  # the global state is somewhere else now
    again = kernel(which, (6, 4, 3, 3), 5)
    other = kernel(which, (6, 4, 3, 3), 6)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    torch.random.set_rng_state(before[0])
    kernel(which, (6, 4), 1)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert str(np.random.get_state()) == before[1]
    assert torch.get_num_threads() == before[2]


@pytest.mark.parametrize("shape", [SMALL, (12, 8)])
def test_the_trained_network_reads_held_out_digits(shape: tuple[int, ...]) -> None:
    found = trained(shape)
    assert found.weight.shape == shape and np.isfinite(found.weight).all()
    assert accuracy(shape) == found.accuracy > 0.7  # guessing reads a tenth
    # It is the initial kernel that has moved.
    assert np.abs(found.weight - kernel("initial", shape)).max() > 0.05


def test_the_accuracy_is_that_of_the_kernel_in_its_network() -> None:
    pictures, labels = digits()
    untrained = network((12, 8), 0)
    with torch.no_grad():
        guess = float((untrained.scores(pictures).argmax(1) == labels).double().mean())
    assert guess < 0.3 < accuracy((12, 8))


def test_a_returned_kernel_is_the_callers_own() -> None:
    first = kernel("trained", (6, 4))
    first[:] = 0
    assert kernel("trained", (6, 4)).any()
    with pytest.raises(ValueError, match="read-only"):
        trained((6, 4)).weight[0, 0] = 1


def test_training_shows_progress_is_kept_and_stops_where_progress_raises() -> None:
    seen: list[float] = []
    trained((4, 3), 2, seen.append)
    assert len(seen) > 20 and seen == sorted(seen) and seen[0] == 0 and seen[-1] < 1
    assert is_trained((4, 3), 2) and not is_trained((4, 3), 3)
    trained((4, 3), 2, lambda share: pytest.fail("it is there already"))

    class Left(Exception):
        pass

    def leave(share: float) -> None:
        if share > 0.3:
            raise Left

    with pytest.raises(Left):
        trained((4, 3), 3, leave)
    assert not is_trained((4, 3), 3)
    assert torch.is_grad_enabled()


def test_training_works_after_somebody_read_the_digits_in_inference_mode() -> None:
    digits.cache_clear()
    with torch.inference_mode():
        digits()
    trained((4, 3), 1)


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "KEPT", 2)
    for seed in range(3):
        trained((2, 2), seed)
    assert [is_trained((2, 2), seed) for seed in range(3)] == [False, True, True]


@pytest.mark.parametrize("side", [3, 5, 11])
def test_the_fixed_filters_are_the_banks_and_none_is_zero(side: int) -> None:
    found = kernel("filters", (64, 3, side, side))
    bank = filter_bank("fixed", 64).weight.numpy()
    middle = slice(5 - side // 2, 6 + side // 2)
    np.testing.assert_array_equal(found, bank[:, :, middle, middle].astype(np.float32))
    assert np.linalg.norm(found.reshape(64, -1), axis=1).min() > 0.01


@pytest.mark.parametrize(
    ("which", "shape", "code"),
    [
        ("zeros", SMALL, "kind"),
        ("initial", (2048, 2048), "large"),
        ("trained", (300, 4), "training"),
        ("trained", (64, 64, 5, 5), "training"),
        ("trained", (4, 4, 12, 3), "training"),
        ("filters", SMALL, "filters"),
        ("filters", (12, 3), "filters"),
        ("filters", (2, 3, 11, 11), "filters"),
        ("filters", (65, 3, 11, 11), "filters"),
        ("filters", (12, 3, 4, 4), "filters"),
        ("filters", (12, 3, 1, 1), "filters"),
        ("filters", (12, 3, 13, 13), "filters"),
        ("filters", (12, 3, 5, 3), "filters"),
    ],
)
def test_what_cannot_be_made_is_said_in_a_sentence(which: str, shape: tuple[int, ...], code: str) -> None:
    with pytest.raises(KernelError, match="Try ") as caught:
        kernel(which, shape)
    assert caught.value.code == code
    if code != "kind":
        assert " × ".join(map(str, shape)) in str(caught.value)


@pytest.mark.parametrize("which", KINDS)
@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 3), (2, 3, 3, 3, 3)])
def test_a_shape_that_is_no_kernels_is_refused(which: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="Try"):
        kernel(which, shape)


def test_one_thread_gives_the_number_of_threads_back() -> None:
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="stop"), one_thread():
        assert torch.get_num_threads() == 1
        raise RuntimeError("stop")
    assert torch.get_num_threads() == before


def test_the_network_starts_with_the_initial_kernel() -> None:
    weight = network(SMALL, 7).weights[1].numpy()
    np.testing.assert_array_equal(weight, kernel("initial", SMALL, 7))
    drawn = initial_weight(SMALL, torch.Generator().manual_seed(7)).numpy()
    np.testing.assert_array_equal(weight, drawn)
