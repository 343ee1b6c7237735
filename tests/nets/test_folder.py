"""A folder full of what folders hold: which files are images, in which batch each is, and what could not be read."""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from normviz.nets.folder import FolderError, Listing, is_image, listed, read
from normviz.nets.images import MAX_BYTES, load_image
from normviz.nets.networks import prepare


def picture(path: Path, seed: int) -> Path:
    """A small image of its own: as PNG, or as what the name ends with."""
    pixels = np.random.default_rng(seed).integers(0, 256, (9 + seed % 3, 11, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = ["b.png", "a b.JPG", "Z.webp", "deep/er/c.gif", "deep/é 图.bmp", "deep.png"]
    for seed, name in enumerate(random.Random(0).sample(names, len(names))):
        picture(tmp_path / name, seed)
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpeg").write_text("no image", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not asked", encoding="utf-8")
    return tmp_path


NAMES = (
    "Z.webp",
    "a b.JPG",
    "b.png",
    "cut.png",
    "deep.png",
    "deep/er/c.gif",
    "deep/é 图.bmp",
    "empty.jpg",
    "text.jpeg",
)
BAD = {"cut.png": "ends before", "empty.jpg": "is empty", "text.jpeg": "not an image"}


def names(listing: Listing) -> tuple[str, ...]:
    return tuple(name for name, _ in listing.files)


def test_images_are_found_by_their_names_and_sorted_by_their_bytes(folder: Path) -> None:
    listing = listed(folder)
    assert names(listing) == NAMES and listing.others == 1
    assert dict(listing.files)["b.png"] == (folder / "b.png").stat().st_size
    assert all(is_image(name) for name in NAMES) and not is_image("notes.txt")
    assert names(listed(folder, limit=2)) == NAMES[:2]
    assert names(listed(folder, recursive=False)) == tuple(name for name in NAMES if "/" not in name)
    assert [listing.names(k, 4) for k in range(listing.batches(4))] == [NAMES[:4], NAMES[4:8], NAMES[8:]]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there, and there are no such pipes")
def test_links_lead_to_files_and_never_round_in_circles(folder: Path) -> None:
    (folder / "deep" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "link.png").symlink_to(folder / "b.png")
    (folder / "nowhere.png").symlink_to(folder / "gone.png")
    os.mkfifo(folder / "pipe.png")
    listing = listed(folder)
    assert set(names(listing)) == {*NAMES, "link.png", "nowhere.png"}
    (batch,) = read(listing, [0], 99, network="small_cnn", side=32)
    assert dict(batch.bad)["nowhere.png"] == "The file cannot be read: No such file or directory."


def test_a_folder_without_images_and_no_folder_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FolderError, match=r"holds no image \(1 other files\)"):
        listed(tmp_path)
    with pytest.raises(FolderError, match="cannot be read: No such file or directory"):
        listed(tmp_path / "missing")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_holds_what_could_be_read_of_its_files(folder: Path, workers: int) -> None:
    listing = listed(folder)
    batches = list(read(listing, [2, 0, 1], 4, network="small_cnn", side=32, workers=workers))
    assert [batch.number for batch in batches] == [2, 0, 1]
    for batch in batches:
        files = listing.names(batch.number, 4)
        good = [name for name in files if name not in BAD]
        assert [name for name, _ in batch.bad] == [name for name in files if name in BAD]
        assert all(BAD[name] in why for name, why in batch.bad)
        if not good:
            assert batch.images is None
            continue
        images = [load_image((folder / name).read_bytes()) for name in good]
        np.testing.assert_array_equal(batch.images, prepare(images, "small_cnn", 32).numpy())


def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    with (folder / "large.png").open("wb") as file:
        file.truncate(200 * MAX_BYTES)  # a hole: it takes no room on the disk
    (batch,) = read(listed(folder), [0], 99, network="small_cnn", side=32)
    assert "2000.0 MB" in dict(batch.bad)["large.png"]


def test_a_reading_process_that_is_killed_is_one_sentence(tmp_path: Path) -> None:
    one = picture(tmp_path / "0.png", 0).read_bytes()
    for k in range(1, 80):
        (tmp_path / f"{k}.png").write_bytes(one)
    batches: Iterator[object] = read(listed(tmp_path), range(80), 1, network="small_cnn", side=32, workers=1)
    next(batches)
    (child,) = multiprocessing.active_children()
    child.kill()
    child.join()
    with pytest.raises(FolderError, match=r"exited unexpectedly.*--workers 0"):
        list(batches)
