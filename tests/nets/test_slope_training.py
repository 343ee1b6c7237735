"""Slopes that are learned: against the same network as nn modules, trained by a loop written here."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from normviz.activations import ACTIVATIONS
from normviz.nets.kernel_network import digits, initial_weight
from normviz.nets.slope_training import LAYERS, train_slopes, trainable


@pytest.fixture(scope="module")
def last() -> Any:
    *_, found = train_slopes(steps=80, every=20)
    return found


def test_it_is_torchs_own_training() -> None:
    """Three convolutions with nn.PReLU, Adam, batches of 64 drawn by the seed."""
    generator = torch.Generator().manual_seed(2)
    shapes = [(16, 1, 3, 3), (32, 16, 3, 3), (32, 32, 3, 3), (10, 32)]
    start = [initial_weight(shape, generator) for shape in shapes]
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.PReLU(init=0.4),
        nn.Conv2d(16, 32, 3, padding=1), nn.PReLU(init=0.4),
        nn.Conv2d(32, 32, 3, padding=1), nn.PReLU(init=0.4),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    layers: list[Any] = [net[0], net[2], net[4], net[8]]
    for layer, weight in zip(layers, start, strict=True):
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.bias.zero_()
    pictures, labels = digits()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    picks = torch.Generator().manual_seed(2)
    slopes, losses = [], []
    for step in range(5):
        if step:
            batch = torch.randint(1200, (64,), generator=picks)
            optimizer.zero_grad()
            F.cross_entropy(net(pictures[batch]), labels[batch]).backward()
            optimizer.step()
        slopes.append([each.weight.item() for each in net if isinstance(each, nn.PReLU)])
        losses.append(F.cross_entropy(net(pictures[:256]), labels[:256]).item())
    right = float((net(pictures[1200:]).argmax(1) == labels[1200:]).double().mean())
    *_, seen = train_slopes(seed=2, init=0.4, steps=4, every=3, rate=0.02)
    assert np.allclose(seen.slopes, slopes, atol=1e-4) and np.allclose(seen.loss, losses, atol=1e-4)
    assert seen.accuracy[-1] == pytest.approx(right, abs=0.01)


def test_the_slopes_move_and_differ_and_the_network_learns(last: Any) -> None:
    assert (last.slopes[0] == 0.25).all() and last.slopes.shape == (81, LAYERS)
    assert np.abs(last.slopes[-1] - 0.25).max() > 0.05
    assert np.ptp(last.slopes[-1]) > 0.03
    assert last.loss[-1] < 0.5 * last.loss[0] and last.accuracy[0] < 0.3 and last.accuracy[-1] > 0.7


def test_it_is_shown_as_it_goes(last: Any) -> None:
    seen = list(train_slopes(steps=5, every=2))
    assert [len(run.loss) for run in seen] == [1, 3, 5, 6]
    for run in seen:
        assert run.slopes.shape == (len(run.loss), LAYERS) and run.accuracy.shape == run.loss.shape
        # What was shown stays, and the accuracy is there exactly where it was shown.
        assert np.array_equal(run.slopes, seen[-1].slopes[: len(run.loss)])
        assert np.isfinite(run.accuracy[-1]) and np.isfinite(run.loss).all()
    assert np.flatnonzero(np.isfinite(seen[-1].accuracy)).tolist() == [0, 2, 4, 5]
    assert np.allclose(seen[-1].slopes, last.slopes[:6])  # how often it is shown changes nothing


def test_every_channel_may_have_its_own() -> None:
    *_, run = train_slopes(steps=3, every=3, per_channel=True)
    assert [len(slopes) for slopes in run.channels] == [16, 32, 32]
    assert np.allclose(run.slopes[-1], [slopes.mean() for slopes in run.channels])
    assert all(np.ptp(slopes) > 0 for slopes in run.channels)
    *_, one = train_slopes(steps=3, every=3)
    assert [len(slopes) for slopes in one.channels] == [1, 1, 1]
    assert np.array_equal(one.slopes[-1], np.concatenate(one.channels))


@pytest.mark.parametrize("init", [0.0, 1.0, -0.5])
def test_the_slopes_start_where_they_are_told(init: float) -> None:
    first = next(train_slopes(init=init))
    assert (first.slopes == init).all()


def test_the_seed_decides() -> None:
    one, two, other = (list(train_slopes(seed=s, steps=2))[-1] for s in (0, 0, 1))
    assert np.array_equal(one.slopes, two.slopes) and np.array_equal(one.loss, two.loss)
    assert not np.array_equal(one.loss, other.loss)


def test_nothing_outside_is_changed_not_even_between_two_steps() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    pictures = digits()[0].clone()
    with torch.no_grad():
        run = train_slopes(steps=4, every=1)
        for _ in islice(run, 3):
            assert not torch.is_grad_enabled() and torch.get_num_threads() == threads
        run.close()
        assert not torch.is_grad_enabled()
    assert list(run) == []
    with torch.inference_mode():
        assert len(list(train_slopes(steps=1))) == 2
    assert torch.equal(state, torch.get_rng_state()) and torch.get_num_threads() == threads
    assert torch.equal(pictures, digits()[0]) and digits()[0].grad is None


def test_two_runs_at_once_do_not_meet() -> None:
    alone = list(train_slopes(steps=3, every=1))
    together = list(zip(train_slopes(steps=3, every=1), train_slopes(seed=5, steps=3, every=1), strict=True))
    assert np.array_equal(together[-1][0].slopes, alone[-1].slopes)


def test_what_learns_nothing_is_refused_before_training() -> None:
    assert set(trainable()) == {key for key, entry in ACTIVATIONS.items() if entry.learned}
    with pytest.raises(ValueError, match=r"relu has nothing to learn: those that do are prelu\."):
        train_slopes("relu")
    for wrong in ({"steps": 0}, {"every": 0}, {"rate": 0.0}, {"rate": float("nan")}, {"init": 1e9}):
        with pytest.raises(ValueError, match="Try"):
            train_slopes(**wrong)
