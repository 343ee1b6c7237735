"""Feature maps against correlations that are not torch's, and the banks' promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from normviz.nets.filters import BANKS, describe, feature_maps, filter_bank
from normviz.nets.photographs import crops, photograph

BATCH = crops(photograph("china"), 2, 48)


def channel(name: str, batch: NDArray[np.float32] = BATCH) -> NDArray[np.float64]:
    """One named map (N, H, W) at the images' own size, in float64 (read back as float32)."""
    names = describe("fixed", 64)
    maps = feature_maps(batch, channels=64, size=batch.shape[1:3], dtype=torch.float64)
    return maps[:, names.index(name)].astype(np.float64)


def luma(batch: NDArray[np.float32]) -> NDArray[np.float64]:
    scaled = 2 * batch.astype(np.float64) - 1
    return 0.299 * scaled[..., 0] + 0.587 * scaled[..., 1] + 0.114 * scaled[..., 2]


def test_classical_filters_are_scipys() -> None:
    grey = luma(BATCH)
    for sample in range(len(BATCH)):
        # scipy's kernels are not scaled: |weights| of a Sobel, and of the Laplacian, sum to 8.
        sobel_x = ndimage.sobel(grey[sample], axis=1, mode="nearest") / 8
        sobel_y = ndimage.sobel(grey[sample], axis=0, mode="nearest") / 8
        laplacian = ndimage.laplace(grey[sample], mode="nearest") / 8
        np.testing.assert_allclose(channel("luma")[sample], grey[sample], atol=1e-6)
        np.testing.assert_allclose(channel("sobel_x")[sample], sobel_x, atol=1e-6)
        np.testing.assert_allclose(channel("sobel_y")[sample], sobel_y, atol=1e-6)
        np.testing.assert_allclose(channel("laplacian")[sample], laplacian, atol=1e-6)
        # 11 taps hold 2.5 sigma of the blur with sigma = 2, and so does scipy with truncate = 2.5.
        blurred = ndimage.gaussian_filter(grey[sample], 2, mode="nearest", truncate=2.5)
        np.testing.assert_allclose(channel("gaussian_s2")[sample], blurred, atol=1e-6)


@pytest.mark.parametrize("bank", BANKS)
def test_every_map_is_the_correlation_of_its_weight(bank: str) -> None:
    weight = filter_bank(bank, 64, seed=3).weight.numpy()
    scaled = 2 * BATCH.astype(np.float64) - 1
    maps = feature_maps(BATCH, bank=bank, channels=64, seed=3, size=(48, 48), dtype=torch.float64)
    for index in range(0, 64, 7):
        planes = zip(scaled[1].transpose(2, 0, 1), weight[index], strict=True)
        expected = sum(ndimage.correlate(plane, kernel, mode="nearest") for plane, kernel in planes)
        np.testing.assert_allclose(maps[1, index], expected, atol=2e-6)


def test_maps_are_averaged_over_blocks() -> None:
    full = channel("sobel_x").reshape(2, 12, 4, 6, 8).mean(axis=(2, 4))
    pooled = feature_maps(BATCH, channels=3, size=(12, 6), dtype=torch.float64)
    np.testing.assert_allclose(pooled[:, 1], full, atol=1e-6)


def grating(degrees: float, wavelength: float) -> NDArray[np.float32]:
    y, x = np.mgrid[:64, :64].astype(np.float64)
    angle = np.deg2rad(degrees)
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / wavelength)
    grey: NDArray[np.float32] = np.repeat((0.5 + 0.5 * wave)[None, ..., None], 3, axis=-1).astype(np.float32)
    return grey


@pytest.mark.parametrize("wavelength", [4, 8])
@pytest.mark.parametrize("degrees", [0, 45, 90, 135])
def test_a_gabor_answers_to_its_own_grating_most(degrees: int, wavelength: int) -> None:
    picture = grating(degrees, wavelength)
    energy = {}
    for angle in (0, 45, 90, 135):
        maps = [channel(f"gabor_{angle}_w{wavelength}_{phase}", picture) for phase in ("even", "odd")]
        energy[angle] = sum(plane[0, 12:52, 12:52].std() for plane in maps)
    assert max(energy, key=lambda angle: energy[angle]) == degrees
    assert energy[degrees] > 3 * energy[(degrees + 90) % 180]


def test_colour_opponents_ignore_grey_and_know_their_colours() -> None:
    squares = np.array([[0.5] * 3, [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]], np.float32)
    batch = np.broadcast_to(squares[:, None, None], (5, 16, 16, 3))
    red_green = channel("red_green", batch).mean(axis=(1, 2))
    blue_yellow = channel("blue_yellow", batch).mean(axis=(1, 2))
    np.testing.assert_allclose(red_green, [0, 1, -1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(blue_yellow, [0, -0.5, -0.5, 1, -1], atol=1e-6)


def test_the_fixed_bank_keeps_its_promises() -> None:
    names, weight = describe("fixed", 64), filter_bank("fixed", 64).weight
    assert len(set(names)) == 64
    assert names[:4] == ("luma", "sobel_x", "sobel_y", "laplacian")
    np.testing.assert_allclose(weight.abs().sum(dim=(1, 2, 3)), 1, atol=1e-12)
    flat = torch.nn.functional.normalize(weight.flatten(1))
    assert float((flat @ flat.T).abs().fill_diagonal_(0).max()) < 0.98  # no filter is another one again
    blurs = {"luma", "gaussian_s1", "gaussian_s2", "red", "green", "blue"}
    for name, total in zip(names, weight.sum(dim=(1, 2, 3)), strict=True):
        assert abs(float(total) - (name in blurs)) < 1e-12, name


def test_the_seeded_bank_is_a_resnets_first_layer_before_training() -> None:
    weight = filter_bank("seeded", 64, seed=5).weight
    assert tuple(weight.shape) == (64, 3, 7, 7)
    assert float(weight.std()) == pytest.approx((2 / (49 * 64)) ** 0.5, rel=0.03)
    torch.testing.assert_close(weight, filter_bank("seeded", 64, seed=5).weight, rtol=0, atol=0)
    assert not torch.equal(weight, filter_bank("seeded", 64, seed=6).weight)


def test_drawing_a_bank_leaves_torchs_own_generator_alone() -> None:
    before = torch.random.get_rng_state()
    feature_maps(BATCH, bank="seeded", seed=1, size=(4, 4))
    assert torch.equal(before, torch.random.get_rng_state())


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 3),
    image=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    fraction=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    channels=st.integers(3, 64),
    bank=st.sampled_from(BANKS),
)
def test_shape_range_and_determinism(
    n: int, image: tuple[int, int], fraction: tuple[float, float], channels: int, bank: str
) -> None:
    size = 1 + round(fraction[0] * (image[0] - 1)), 1 + round(fraction[1] * (image[1] - 1))
    batch = np.random.default_rng(n).random((n, *image, 3), dtype=np.float32)
    maps = feature_maps(batch, bank=bank, channels=channels, seed=2, size=size)
    assert maps.shape == (n, channels, *size) and maps.dtype == np.float32 and np.isfinite(maps).all()
    assert len(describe(bank, channels)) == channels
    np.testing.assert_array_equal(maps, feature_maps(batch, bank=bank, channels=channels, seed=2, size=size))
    if bank == "fixed":
        assert np.abs(maps).max() <= 1 + 1e-5
        fewer = feature_maps(batch, channels=3, size=size)
        np.testing.assert_allclose(maps[:, :3], fewer, atol=1e-6)


def test_precisions_agree_as_far_as_they_can() -> None:
    exact = feature_maps(BATCH, size=(8, 8), dtype=torch.float64)
    np.testing.assert_allclose(feature_maps(BATCH, size=(8, 8)), exact, atol=1e-5)
    np.testing.assert_allclose(feature_maps(BATCH, size=(8, 8), dtype=torch.bfloat16), exact, atol=0.03)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bank": "gabor"}, "'gabor'.*fixed, seeded"),
        ({"channels": 2}, "2 channels: 3 to 64"),
        ({"channels": 65}, "65 channels"),
        ({"size": (49, 4)}, "size \\(49, 4\\)"),
        ({"size": (0, 4)}, "size \\(0, 4\\)"),
        ({"dtype": torch.int32}, "torch.int32"),
    ],
)
def test_wrong_requests_say_what_is_required(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        feature_maps(BATCH, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch", [np.zeros((4, 4, 3), np.float32), np.zeros((1, 4, 4, 3), np.uint8)])
def test_wrong_batches_are_refused(batch: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="floats"):
        feature_maps(batch)
