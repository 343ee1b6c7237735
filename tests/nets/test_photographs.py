"""The shipped photographs, and batches of crops from one image or of several."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_sample_images

from normviz.nets.photographs import PHOTOGRAPHS, crops, photograph, stack


def test_photographs_are_scikit_learns_own() -> None:
    sample = load_sample_images()
    names = [str(name).replace("\\", "/").rsplit("/", 1)[-1] for name in sample.filenames]
    assert [photo.file for photo in PHOTOGRAPHS.values()] == names
    for key, pixels in zip(PHOTOGRAPHS, sample.images, strict=True):
        np.testing.assert_allclose(photograph(key), pixels / 255, atol=1e-6)


def test_every_photograph_is_credited() -> None:
    readme = load_sample_images().DESCR
    for key, photo in PHOTOGRAPHS.items():
        assert photo.key == key
        assert photo.url in readme and photo.licence_url in readme
        assert photo.author in photo.url and photo.author in photo.credit and photo.licence in photo.credit


def test_a_photograph_is_shared_and_cannot_be_changed() -> None:
    assert photograph("china") is photograph("china")
    with pytest.raises(ValueError, match="read-only"):
        photograph("china")[0, 0, 0] = 1


def test_unknown_photograph_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'moon'.*china, flower"):
        photograph("moon")


def test_neither_torch_nor_scikit_learn_is_imported() -> None:
    code = (
        "import sys; from normviz.nets import photographs as p; p.crops(p.photograph('china'), 4, 32);"
        "print([m for m in ('torch', 'sklearn', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    n=st.integers(1, 32),
    side=st.integers(1, 70),
)
def test_crops_have_their_shape_range_and_places(height: int, width: int, n: int, side: int) -> None:
    image = np.random.default_rng(height * 100 + width).random((height, width, 3), dtype=np.float32)
    batch = crops(image, n, side)
    assert batch.shape == (n, side, side, 3) and batch.dtype == np.float32
    assert batch.min() >= 0 and batch.max() <= 1
    np.testing.assert_array_equal(batch, crops(image, n, side))
    if side >= 2 * n and min(height, width) > 1:
        assert len({crop.tobytes() for crop in batch}) == n


def test_crops_read_from_top_left_to_bottom_right_and_reach_every_edge() -> None:
    y, x = np.meshgrid(np.linspace(0, 1, 427), np.linspace(0, 1, 640), indexing="ij")
    place = np.stack([y, x, 0 * x], axis=-1).astype(np.float32)
    batch = crops(place, 6, 64)
    rows, columns = batch[..., 0].mean(axis=(1, 2)), batch[..., 1].mean(axis=(1, 2))
    assert (np.diff(rows[:3]) == pytest.approx(0, abs=1e-3)) and rows[3] - rows[0] > 0.2
    np.testing.assert_allclose(np.diff(columns[:3]), np.diff(columns[:3]).mean(), atol=0.01)
    np.testing.assert_allclose(columns[:3], columns[3:], atol=1e-3)
    assert batch[..., :2].min() < 0.01 and batch[..., :2].max() > 0.99


def test_one_crop_is_the_centred_square() -> None:
    image = np.zeros((40, 100, 3), np.float32)
    image[:, 30:70] = 1  # exactly the centred square is white
    np.testing.assert_allclose(crops(image, 1, 20), 1, atol=1e-6)


def test_a_thin_strip_stays_small() -> None:
    assert crops(np.ones((1, 12000, 3), np.float32), 2, 300).shape == (2, 300, 300, 3)


def test_stack_takes_images_of_any_size() -> None:
    images = [np.full((h, w, 3), v, np.float32) for h, w, v in ((10, 30, 0.2), (64, 64, 0.5), (1, 1, 1.0))]
    batch = stack(images, 16)
    assert batch.shape == (3, 16, 16, 3)
    for sample, value in zip(batch, (0.2, 0.5, 1.0), strict=True):
        np.testing.assert_allclose(sample, value, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "n", "side", "words"),
    [
        ((4, 4, 3), 0, 8, "n=0"),
        ((4, 4, 3), 1, 0, "side=0"),
        ((4, 4), 1, 8, r"\(4, 4\)"),
        ((0, 4, 3), 1, 8, "0, 4"),
    ],
)
def test_wrong_requests_say_what_was_received(shape: tuple[int, ...], n: int, side: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        crops(np.zeros(shape, np.float32), n, side)


def test_an_empty_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="no image"):
        stack([], 8)
