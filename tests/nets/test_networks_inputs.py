"""What goes into a network: against Pillow and by hand; and the digits that are held out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from normviz.nets.kernel_network import digits
from normviz.nets.networks import HELD_OUT, digit_data, draw_digits, labels, prepare
from normviz.nets.photographs import photograph
from normviz.networks import NETWORKS
from tests.strategies import examples


def picture(height: int, width: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


def test_an_image_is_cut_resized_and_scaled_as_pillow_does_it() -> None:
    image = photograph("china")  # 427 x 640
    prepared = prepare([image], "resnet50").numpy()[0]
    assert prepared.shape == (3, 224, 224) and prepared.dtype == np.float32
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    left = (640 - 427) // 2
    for channel in range(3):
        square = Image.fromarray(image[:, left : left + 427, channel])
        expected = np.clip(np.asarray(square.resize((224, 224), Image.Resampling.LANCZOS)), 0, 1)
        np.testing.assert_allclose(prepared[channel], (expected - mean[channel]) / std[channel], atol=1e-5)


@given(st.integers(0, 99), st.sampled_from(["small_cnn", "mlp", "resnet18", "patch_transformer_pre"]))
@examples(20)
def test_an_image_of_the_right_size_is_only_scaled(seed: int, key: str) -> None:
    row = NETWORKS[key]
    image = picture(row.side, row.side, seed)
    found = prepare([image], key)[0]
    assert found.shape == (row.channels, row.side, row.side)
    for y, x in np.random.default_rng(seed).integers(0, row.side, (5, 2)):
        r, g, b = (float(value) for value in image[y, x])
        colours = (r, g, b) if row.channels == 3 else (0.299 * r + 0.587 * g + 0.114 * b,)
        for channel, value in enumerate(colours):
            expected = (value - row.mean[channel]) / row.std[channel]
            assert float(found[channel, y, x]) == pytest.approx(expected, abs=1e-5)


def test_grey_is_pillows_grey() -> None:
    image = np.round(picture(8, 8) * 255) / np.float32(255)
    grey = np.asarray(Image.fromarray(np.round(image * 255).astype(np.uint8)).convert("L")) / 255
    row = NETWORKS["mlp"]
    found = prepare([image.astype(np.float32)], "mlp").numpy()[0, 0] * row.std[0] + row.mean[0]
    np.testing.assert_allclose(found, grey, atol=1 / 255)


def test_bright_stays_bright() -> None:
    black, white = (np.full((40, 40, 3), value, np.float32) for value in (0, 1))
    dark, bright = prepare([black, white], "small_cnn").mean((1, 2, 3))
    assert dark < 0 < bright


def test_images_of_any_sizes_are_one_batch_and_not_changed() -> None:
    images = [picture(*size) for size in ((10, 30), (300, 20), (64, 64))]
    before = [image.copy() for image in images]
    for image in images:
        image.setflags(write=False)
    batch = prepare(images, "patch_transformer_post", side=32)
    assert batch.shape == (3, 3, 32, 32) and batch.is_contiguous() and batch.isfinite().all()
    for image, old, alone in zip(images, before, batch, strict=True):
        assert torch.equal(prepare([image], "patch_transformer_post", 32)[0], alone)
        np.testing.assert_array_equal(image, old)


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="no image"):
        prepare([], "resnet18")
    with pytest.raises(ValueError, match=r"image of shape \(4, 4\)"):
        prepare([np.zeros((4, 4), np.float32)], "resnet18")
    with pytest.raises(ValueError, match="resnet18 takes no input of 8 x 8"):
        prepare([picture(8, 8)], "resnet18", 8)
    with pytest.raises(ValueError, match="There is no network 'lenet'"):
        prepare([picture(8, 8)], "lenet")


def test_the_digits_are_split_without_overlap_and_whole() -> None:
    (train, train_classes), (held, held_classes) = digit_data("train"), digit_data("held_out")
    pictures, classes = digits()
    assert (len(train), len(held)) == (1797 - HELD_OUT, HELD_OUT) == (1437, 360)
    np.testing.assert_array_equal(np.stack([*train, *held])[..., 0], (pictures[:, 0].numpy() + 1) / 2)
    np.testing.assert_array_equal(np.concatenate([train_classes, held_classes]), classes.numpy())
    assert set(held_classes.tolist()) == set(range(10))
    every = np.stack([*train, *held])
    assert every.dtype == np.float32 and every.min() == 0 and every.max() == 1
    assert np.array_equal(every[..., 0], every[..., 1]) and np.array_equal(every[..., 0], every[..., 2])


def test_the_digits_scaling_is_that_of_the_part_to_learn_from() -> None:
    images, _ = digit_data("train")
    values = np.stack(images).astype(np.float64)
    for key in ("small_cnn", "mlp"):
        assert NETWORKS[key].mean == (round(values.mean(), 4),)
        assert NETWORKS[key].std == (round(values.std(), 4),)


def test_what_is_shown_is_held_out_and_the_seeds() -> None:
    held, classes = digit_data("held_out")
    known = {image.tobytes(): digit for image, digit in zip(held, classes, strict=True)}
    shown, truth = draw_digits(20, seed=3)
    assert len({image.tobytes() for image in shown}) == 20
    assert [known[image.tobytes()] for image in shown] == truth.tolist()
    assert all(np.array_equal(a, b) for a, b in zip(shown, draw_digits(20, seed=3)[0], strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(shown, draw_digits(20, seed=4)[0], strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(shown, draw_digits(5, seed=3)[0], strict=False))
    shown[0][:] = 0.5  # nobody else's digits change
    assert {image.tobytes() for image in draw_digits(20, seed=3)[0]} <= known.keys()


@pytest.mark.parametrize("count", [0, -1, HELD_OUT + 1])
def test_more_digits_than_there_are_is_refused(count: int) -> None:
    with pytest.raises(
        ValueError, match=rf"^{count} digits are not to be had: 1 to 360 are held out\. Try 8\.$"
    ):
        draw_digits(count)


def test_classes_have_names_where_they_are_known() -> None:
    assert labels("small_cnn") == labels("mlp") == tuple("0123456789")
    assert labels("patch_transformer_pre") is None
    named = labels("resnet18")
    assert named is not None and len(named) == NETWORKS["resnet18"].classes == len(set(named))
    # Known places of the published order, by hand.
    assert [named[k] for k in (0, 207, 281, 999)] == ["tench", "golden retriever", "tabby", "toilet tissue"]
