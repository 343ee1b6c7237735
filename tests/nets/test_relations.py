"""The statements between methods against moments written out here, without any of the catalogue's layers or Specs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from normviz.nets import relations as room
from normviz.nets.relations import relations
from normviz.relations import Relation

EPS = 1e-5
KEYS = ("group_one_layer", "group_each_instance", "lone_batch_instance", "convolution_linear", "layer_affine")


def tried(x: np.ndarray, seed: int = 0) -> dict[str, Relation]:
    found = relations(x, seed=seed)
    assert tuple(one.key for one in found) == KEYS
    return {one.key: one for one in found}


def standardized(x: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor:
    """The formula, over these axes."""
    mean = x.mean(dims, keepdim=True)
    return (x - mean) / ((x - mean).square().mean(dims, keepdim=True) + EPS).sqrt()


def sample(shape: tuple[int, ...], seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(1.5, 2.0, shape)


sizes = st.tuples(*(st.integers(1, n) for n in (4, 5, 4, 4)))


@settings(max_examples=40, deadline=None)
@given(sizes, st.integers(0, 99))
def test_what_holds_on_feature_maps(shape: tuple[int, int, int, int], seed: int) -> None:
    n, c, h, w = shape
    found = tried(sample(shape, seed), seed)
    for key, one in found.items():
        assert one.same_sets, key
        assert one.holds is not False, key
        assert (one.holds is None) == bool(one.refusal), key
        assert one.holds is None or one.difference < 1e-9, key
    # torch refuses one value for a statistic in training.
    assert bool(found["lone_batch_instance"].refusal) == (h * w == 1)
    assert bool(found["group_each_instance"].refusal) == (h * w == 1)
    assert bool(found["convolution_linear"].refusal) == (n * h * w == 1)
    assert found["group_one_layer"].sets == (n, n)
    assert found["group_one_layer"].sizes == (c * h * w,) * 2
    assert found["group_each_instance"].sets == (n * c, n * c)
    assert found["lone_batch_instance"].sizes == (h * w, h * w)
    assert found["convolution_linear"].sizes == (n * h * w,) * 2
    assert dict(found["layer_affine"].numbers) == {"layer": 2 * c * h * w, "group": 2 * c}


def test_the_differences_are_those_of_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pair of outputs is the formula over the axes that the statement names."""
    x = sample((4, 6, 3, 3))
    given_x = torch.from_numpy(x)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    original = room._tried

    def watched(known: Relation, run: room.Callable[[], room.Pair]) -> Relation:  # type: ignore[name-defined]
        seen.append(run())
        return original(known, run)

    monkeypatch.setattr(room, "_tried", watched)
    tried(x)
    over_sample, over_channel = standardized(given_x, (1, 2, 3)), standardized(given_x, (2, 3))
    for one, other, expected in zip(
        *zip(*(seen[k] for k in (0, 1, 2, 4)), strict=True),
        (over_sample, over_channel, over_channel, over_sample),
        strict=True,
    ):
        torch.testing.assert_close(one, expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(other, expected, rtol=0, atol=1e-12)
    weight = torch.from_numpy(np.random.default_rng(0).standard_normal((6, 6))) / 6**0.5
    pixels = torch.stack([given_x[n, :, h, w] for n in range(4) for h in range(3) for w in range(3)])
    expected = standardized(pixels @ weight.T, (0,))
    for pair in seen[3]:
        torch.testing.assert_close(pair, expected, rtol=0, atol=1e-11)


def test_on_sequences_layer_norm_shares_a_token_and_group_norm_a_sample() -> None:
    x = sample((3, 5, 4))
    found = tried(x)
    given_x = torch.from_numpy(x)
    apart = (standardized(given_x, (1, 2)) - standardized(given_x, (2,))).abs().max().item()
    for key, sets in (("group_one_layer", (3, 15)), ("layer_affine", (15, 3))):
        assert found[key].holds is False and not found[key].same_sets
        assert found[key].sets == sets
        assert found[key].difference == pytest.approx(apart, rel=1e-9)
        assert math.isnan(found[key].left)
    assert all(found[key].holds for key in KEYS[1:4])


def test_fully_connected_activations_are_refused_where_one_value_is_left() -> None:
    found = tried(sample((6, 4)))
    assert found["group_one_layer"].holds and found["convolution_linear"].holds
    for key, layer in (("group_each_instance", "InstanceNorm1d"), ("lone_batch_instance", "BatchNorm1d")):
        assert found[key].holds is None and found[key].layer == layer
        assert "Expected more than 1" in found[key].refusal
        assert not found[key].refusal.endswith(".")
    affine = found["layer_affine"]
    assert affine.numbers["layer"] == affine.numbers["group"] == 8
    assert affine.left < 1e-9  # one element a channel: the same parameters


def test_no_weight_per_channel_replaces_one_per_element() -> None:
    x = sample((5, 3, 2, 4))
    one = tried(x, seed=7)["layer_affine"]
    z = standardized(torch.from_numpy(x), (1, 2, 3)).numpy()
    weight = 1 + room.UNEVEN * np.random.default_rng(7).standard_normal((3, 2, 4))
    y = z * weight
    left = 0.0
    for c in range(3):
        columns = np.stack([z[:, c].reshape(-1), np.ones(z[:, c].size)], axis=1)
        best, *_ = np.linalg.lstsq(columns, y[:, c].reshape(-1), rcond=None)
        left = max(left, np.abs(columns @ best - y[:, c].reshape(-1)).max())
    assert one.holds and one.left == pytest.approx(left, rel=1e-9) and left > 0.1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_no_difference(bad: float) -> None:
    x = sample((4, 3, 3, 3))
    x[1, 2, 0, 1] = bad
    found = tried(x)
    assert [found[key].holds for key in KEYS] == [True, True, True, None, True]
    assert math.isnan(
        found["convolution_linear"].difference
    )  # every channel of the convolution reads that pixel
    assert found["layer_affine"].left > 0.1


def test_constant_channels_and_large_values() -> None:
    x = sample((4, 3, 3, 3))
    x[:, 1] = 1e6
    x[:, 2] *= 1e-9
    assert all(one.holds for one in relations(x))


def test_a_wrong_statement_is_found() -> None:
    x = torch.from_numpy(sample((4, 6, 3, 3)))
    with torch.inference_mode():
        apart = room._two("wrong", x, ("group_norm", {"num_groups": 2}), ("layer_norm", {}))
        other_eps = room._two("wrong", x, ("group_norm", {"num_groups": 1, "eps": 0.1}), ("layer_norm", {}))
    assert apart.holds is False and not apart.same_sets and apart.difference > 0.1
    assert other_eps.same_sets and other_eps.holds is False


def test_nothing_outside_is_changed() -> None:
    x = sample((3, 4, 2, 2))
    before, state = x.copy(), torch.get_rng_state()
    torch.manual_seed(3)
    first = relations(x)
    assert relations(x) == first
    assert np.array_equal(x, before)
    torch.set_rng_state(state)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2, 2, 2), (0, 3)])
def test_other_shapes_are_refused_in_one_sentence(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="Try"):
        relations(np.zeros(shape))


def test_holding_is_told_from_the_record() -> None:
    same = {"sets": (4, 4), "sizes": (9, 9), "same_sets": True}
    assert Relation("k", **same, difference=1e-12).holds is True  # type: ignore[arg-type]
    assert Relation("k", **same, difference=1e-6).holds is False  # type: ignore[arg-type]
    assert Relation("k", **same, difference=1e-6, largest=1e5).holds is True  # type: ignore[arg-type]
    assert Relation("k", **same, difference=0.0, disagreements=1).holds is False  # type: ignore[arg-type]
    assert Relation("k", **same, refusal="no").holds is None  # type: ignore[arg-type]
    assert Relation("k", difference=0.0).holds is False
