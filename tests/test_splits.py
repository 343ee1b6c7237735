"""Who gets which samples, held against torch; each device's statistics, held against numpy slices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DistributedSampler

import normviz as nv
from normviz.device_steps import Gap, LayerStep
from normviz.extents import Groups, Own, Whole, Window
from normviz.reference import moments
from normviz.spec import Part, Spec, StatSet
from normviz.splits import WAYS, DeviceStatistics, across_batch, by_set, communicated, over_batch, shares
from tests.strategies import examples, seeds, values

CHANNELS = StatSet.over(N=Whole(), H=Whole(), W=Whole(), L=Whole())
SETS = {
    "channels": CHANNELS,
    "positions": StatSet.over(N=Whole()),
    "groups": StatSet.over(N=Whole(), C=Groups(2), H=Whole(), W=Whole(), L=Whole()),
    "rows": StatSet.over(N=Whole(), W=Whole()),
    "everything": StatSet.over(N=Whole(), C=Whole(), H=Whole(), W=Whole(), L=Whole()),
}
SHAPES = ((6, 4), (5, 3, 4), (6, 4, 2, 3))


@examples(60)
@given(st.integers(1, 40), st.integers(1, 12))
def test_chunk_is_torchs(n: int, devices: int) -> None:
    wanted = [tuple(part.tolist()) for part in torch.arange(n).chunk(devices)]
    found = shares(n, devices)
    assert list(found[: len(wanted)]) == wanted
    assert found[len(wanted) :] == ((),) * (devices - len(wanted))


@examples(60)
@given(st.integers(1, 40), st.integers(1, 12), st.booleans())
def test_pad_and_drop_are_the_samplers(n: int, devices: int, drop: bool) -> None:
    dataset: torch.utils.data.Dataset[int] = torch.utils.data.TensorDataset(torch.arange(n))  # type: ignore[assignment]
    wanted: list[tuple[int, ...]] = [
        tuple(DistributedSampler(dataset, devices, rank, shuffle=False, drop_last=drop))
        for rank in range(devices)
    ]
    # Where nobody gets a sample, torch's sampler has nothing to deal in turn and goes wrong.
    if n >= devices or not drop:
        assert list(shares(n, devices, "drop" if drop else "pad")) == wanted
    else:
        assert shares(n, devices, "drop") == ((),) * devices


@pytest.mark.parametrize("way", WAYS)
def test_equal_shares_leave_nobody_out(way: str) -> None:
    dealt = shares(12, 4, way)
    assert [len(share) for share in dealt] == [3] * 4
    assert sorted(itertools.chain(*dealt)) == list(range(12))


@pytest.mark.parametrize(("n", "devices", "way"), [(0, 2, "chunk"), (4, 0, "chunk"), (4, 2, "scatter")])
def test_what_cannot_be_dealt_is_said(n: int, devices: int, way: str) -> None:
    with pytest.raises(ValueError, match=r"Try|one of"):
        shares(n, devices, way)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SETS)
def test_by_set_gathers_the_cells_of_each_label(name: str, shape: tuple[int, ...]) -> None:
    shared = SETS[name]
    x = np.arange(float(np.prod(shape))).reshape(shape)
    parted = by_set(x, shared)
    labels = shared.labels(shape)
    assert parted.shape[:2] == (shape[0], shared.count(shape))
    for sample, number in itertools.product(range(shape[0]), range(parted.shape[1])):
        inside = x[sample][labels[sample] == number]
        assert sorted(parted[sample, number]) == sorted(inside)


def test_sets_that_overlap_are_no_channels() -> None:
    with pytest.raises(ValueError, match="overlap"):
        by_set(np.zeros((4, 6)), StatSet.over(N=Whole(), C=Window(3)))


def test_only_what_reaches_across_the_batch_has_devices() -> None:
    crossing = {key for key, method in nv.METHODS.items() if across_batch(method.spec())}
    by_hand = {
        key
        for key, method in nv.METHODS.items()
        for reach in method.spec().sets
        for shape in [(8, 4, 2, 2)[: len(reach.layouts[0])]]
        if reach.layouts[0].startswith("N") and reach.mask(shape, (0,) * len(shape))[1:].any()
    }
    assert crossing == by_hand and "batch_norm" in crossing and "group_norm" not in crossing
    halves = StatSet.over(N=Groups(2), H=Whole())
    assert over_batch(halves).extent("N") == Whole() and over_batch(halves).extent("H") == Whole()
    assert across_batch(Spec((Part(StatSet.over(C=Own())), Part(halves)))) == halves


@st.composite
def splits(draw: st.DrawFn) -> tuple[np.ndarray, StatSet, tuple[tuple[int, ...], ...]]:
    shape = draw(st.sampled_from(SHAPES))
    n = draw(st.integers(1, 9))
    dealt = shares(n, draw(st.integers(1, 5)), draw(st.sampled_from(WAYS)))
    x = values((n, *shape[1:]), draw(seeds))
    return x, draw(st.sampled_from([SETS["channels"], SETS["positions"], SETS["rows"]])), dealt


@examples(60)
@given(splits())
def test_statistics_are_those_of_the_slices(
    split: tuple[np.ndarray, StatSet, tuple[tuple[int, ...], ...]],
) -> None:
    x, shared, dealt = split
    found = DeviceStatistics.of(x, shared, dealt)
    spec = Spec((Part(shared),))

    def by_hand(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first = np.unique(shared.labels(part.shape), return_index=True)[1]
        both = moments(part, spec)
        mean, second = (np.broadcast_to(m, part.shape).reshape(-1)[first] for m in (both.mean, both.second))
        return mean, second

    for k, share in enumerate(dealt):
        if not share:
            assert np.isnan(found.mean[k]).all() and np.isnan(found.var[k]).all() and found.values[k] == 0
            continue
        mean, var = by_hand(x[list(share)])
        np.testing.assert_allclose(found.mean[k], mean, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.var[k], var, rtol=1e-10, atol=1e-12)
        assert found.values[k] == shared.size(x[list(share)].shape, (0,) * x.ndim)
    everybody = [k for share in dealt for k in share]
    if not everybody:
        return
    mean, var = by_hand(x[everybody])
    np.testing.assert_allclose(found.joined_mean, mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.joined_var, var, rtol=1e-10, atol=1e-12)
    # The merging formula: variances averaged, and what lies between the devices.
    weights = found.values / found.values.sum()
    here = found.values > 0
    within = (weights[here, None] * found.var[here]).sum(0)
    between = (weights[here, None] * (found.mean[here] - mean) ** 2).sum(0)
    np.testing.assert_allclose(within + between, var, rtol=1e-9, atol=1e-12)
    if (var > 1e-9).all():
        assert found.between == pytest.approx(float((between / var).mean()), abs=1e-9)


def test_numpy_slices_of_channels() -> None:
    x = nv.Sample(seed=2).tensor((8, 5, 3, 2)).astype(np.float64)
    found = DeviceStatistics.of(x, CHANNELS, shares(8, 4))
    for k in range(4):
        part = x[2 * k : 2 * k + 2]
        np.testing.assert_allclose(found.mean[k], part.mean((0, 2, 3)))
        np.testing.assert_allclose(found.var[k], part.var((0, 2, 3)))
        np.testing.assert_allclose(
            found.shift[k], (part.mean((0, 2, 3)) - x.mean((0, 2, 3))) / x.std((0, 2, 3)), atol=1e-12
        )
        np.testing.assert_allclose(found.ratio[k], part.std((0, 2, 3)) / x.std((0, 2, 3)))
    assert found.mean_scatter == pytest.approx(float(np.sqrt((found.shift**2).mean())))
    assert found.std_scatter == pytest.approx(float(np.sqrt(((found.ratio - 1) ** 2).mean())))
    assert found.values.tolist() == [12] * 4 and found.sets == 5
    assert [found.box(s) for s in (0, 4)] == [((0, 8), (c, c + 1), (0, 3), (0, 2)) for c in (0, 4)]
    assert [found.holder(n) for n in range(8)] == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("devices", [2, 3])
def test_the_scatter_of_shuffled_values_is_that_of_every_shuffle(devices: int) -> None:
    x = np.array([0.3, -1.0, 2.0, 0.5, 4.0, -0.2])[:, None]
    dealt = shares(6, devices)
    found = DeviceStatistics.of(x, CHANNELS, dealt)
    every = [
        DeviceStatistics.of(x[list(order)], CHANNELS, dealt).mean_scatter ** 2
        for order in itertools.permutations(range(6))
    ]
    assert found.shuffled_scatter == pytest.approx(float(np.sqrt(np.mean(every))))


def test_a_nan_stays_on_its_device_and_poisons_what_is_joined() -> None:
    x = values((6, 3, 2, 2), 1)
    x[0, 1] = np.nan
    found = DeviceStatistics.of(x, CHANNELS, shares(6, 3))
    assert np.isnan(found.mean).sum() == 1 and np.isnan(found.mean[0, 1])
    assert np.isnan(found.joined_mean).tolist() == [False, True, False]
    assert np.isfinite([found.mean_scatter, found.std_scatter, found.between]).all()


def test_uneven_shares_weigh_gradients_unevenly() -> None:
    assert DeviceStatistics.of(np.ones((8, 1)), CHANNELS, shares(8, 3)).imbalance == 1.5
    assert DeviceStatistics.of(np.ones((8, 1)), CHANNELS, shares(8, 4)).imbalance == 1
    assert DeviceStatistics.of(np.ones((2, 1)), CHANNELS, shares(2, 3, "drop")).imbalance == 1


def test_what_is_sent_is_counted() -> None:
    assert communicated(1) == (3, 2)
    assert communicated(64) == (129, 128)


def step(seed: int, n: int = 2) -> LayerStep:
    rng = np.random.default_rng(seed)
    return LayerStep(*(rng.normal(size=(n, 3, 4)) for _ in range(2)), *(rng.normal(size=3) for _ in range(4)))


def test_steps_join_sample_by_sample_and_add_their_parameters_gradients() -> None:
    one, other = step(0), step(1, 1)
    joined = LayerStep.joined([one, other])
    np.testing.assert_array_equal(joined.y, np.concatenate([one.y, other.y]))
    np.testing.assert_array_equal(joined.grad_weight, one.grad_weight + other.grad_weight)
    np.testing.assert_array_equal(joined.running_mean, one.running_mean)
    same = Gap.between(joined, joined)
    assert same == Gap(0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("field", "where"),
    [
        ("y", "forward"),
        ("grad_x", "gradient_x"),
        ("grad_weight", "gradient_parameters"),
        ("grad_bias", "gradient_parameters"),
        ("running_mean", "buffers"),
        ("running_var", "buffers"),
    ],
)
def test_a_gap_is_found_where_it_is(field: str, where: str) -> None:
    moved = vars(step(0)) | {field: vars(step(0))[field].copy()}
    moved[field].flat[1] += 0.5
    gap = Gap.between(LayerStep(**moved), step(0))
    found = {name: getattr(gap, name) for name in ("forward", "gradient_x", "gradient_parameters", "buffers")}
    assert found.pop(where) == pytest.approx(0.5)
    assert set(found.values()) == {0.0} and 0 < gap.relative <= 0.5
    moved[field].flat[1] = np.nan
    assert Gap.between(LayerStep(**moved), step(0)).disagreements == 1
