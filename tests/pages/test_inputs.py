"""What goes through the forward page besides the random tensor: photographs, uploads and kernels."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from normviz.text.lookup import say
from tests.pages.app import (
    CJK,
    LANGUAGES,
    SHAPES,
    compared,
    errors,
    fine,
    link,
    seen,
    texts,
    uploader,
    visit,
)


def encoded(kind: str, mode: str = "RGB", seed: int = 0, **options: Any) -> bytes:
    """A picture with edges, as a file."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    file = BytesIO()
    small.resize((160, 120), Image.Resampling.NEAREST).convert(mode).save(file, kind, **options)
    return file.getvalue()


JPEG = encoded("JPEG")
BROKEN: dict[str, tuple[str, bytes]] = {
    "truncated.jpg": ("truncated.jpg", JPEG[: len(JPEG) // 2]),
    "text.jpg": ("text.jpg", b"Dear reader, this is not a picture.\n" * 9),
    "empty.png": ("empty.png", b""),
    "markdown": ("[a](http://x)`*b*`<script>.png", b"no"),
    "page.png": ("page.png", b"<html><script>alert(1)</script></html>"),
}


def upload(at: AppTest, *files: tuple[str, bytes]) -> AppTest:
    uploader(at).set_value([(name, content, "image/jpeg") for name, content in files])
    return fine(at.run())


def picture(at: AppTest) -> str:
    return str(at.get("plotly_chart")[0].proto.spec)


@pytest.mark.parametrize("source", ["photo", "upload"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", ["batch_norm", "rms_norm"])
def test_a_photograph_on_every_layout(source: str, shape: str, method: str) -> None:
    at = visit("forward", method=method, shape=shape, input=source, photo="flower", bank="seeded", seed="3")
    assert errors(at) == []
    assert compared(at)
    assert "seed 3" in texts(at) and "flower" in texts(at).lower()


def test_a_shape_that_filters_cannot_fill_is_said_and_the_random_tensor_shown() -> None:
    at = visit("forward", shape="2x128x4x4", input="photo")
    (sentence,) = errors(at)
    assert "2 × 128 × 4 × 4" in sentence and "64" in sentence
    assert "random" in texts(at)
    assert compared(at)


@pytest.mark.parametrize(
    "make",
    [
        lambda: encoded("JPEG"),
        lambda: encoded("JPEG", "CMYK"),
        lambda: encoded("PNG", "RGBA"),
        lambda: encoded("PNG", "P"),
        lambda: encoded("WEBP"),
        lambda: encoded("GIF", "P"),
        lambda: encoded("BMP"),
    ],
    ids=["jpeg", "cmyk", "rgba", "palette", "webp", "gif", "bmp"],
)
def test_an_uploaded_picture_becomes_the_input(make: Callable[[], bytes]) -> None:
    at = visit("forward", input="upload", method="group_norm")
    photograph = picture(at)
    upload(at, ("mine.jpg", make()))
    assert errors(at) == [] and compared(at)
    assert picture(at) != photograph
    assert say("en", "input.upload_done", count=1) in texts(at)
    # The widget has let go of the file's bytes.
    assert not uploader(at).value


@pytest.mark.parametrize(
    ("lang", "broken"), list(zip(itertools.cycle(LANGUAGES), BROKEN.values(), strict=False)), ids=BROKEN
)
def test_what_is_no_picture_is_one_sentence_and_the_result_stays(
    lang: str, broken: tuple[str, bytes]
) -> None:
    at = visit("forward", lang=lang, input="upload", method="group_norm")
    photograph = picture(at)
    upload(at, broken)
    (sentence,) = errors(at)
    assert bool(CJK.search(sentence)) == (lang == "zh")
    assert sentence.startswith("`") and sentence.count("`") == 2 and "object at 0x" not in sentence
    assert picture(at) == photograph and compared(at)
    # The same after a good one: that stays.
    upload(at, ("good.png", encoded("PNG", seed=1)))
    assert errors(at) == []
    good = picture(at)
    assert good != photograph
    upload(at, broken)
    assert len(errors(at)) == 1
    assert picture(at) == good
    fine(at.run())
    assert picture(at) == good


def test_several_pictures_a_broken_one_among_them_and_removing_them() -> None:
    at = visit("forward", input="upload", shape="4x8x8x8")
    photograph = picture(at)
    files = [(f"{k}.png", encoded("PNG", seed=k)) for k in range(3)]
    upload(at, *files, BROKEN["text.jpg"])
    assert len(errors(at)) == 1
    assert "uploaded images (3)" in texts(at)
    three = picture(at)
    assert three != photograph
    (remove,) = [b for b in at.button if b.label == say("en", "input.upload_remove")]
    fine(remove.click().run())
    assert errors(at) == [] and picture(at) == photograph


def test_more_pictures_than_are_used_is_said() -> None:
    at = visit("forward", input="upload", shape="4x8x8x8")
    upload(at, *[(f"{k}.png", encoded("PNG", seed=k)) for k in range(18)])
    (sentence,) = [note.value for note in at.info]
    assert "18" in sentence and "16" in sentence
    # Nothing is wrong with any of them, and those left out are not in use.
    assert errors(at) == [] and say("en", "input.upload_others") not in texts(at)


def test_one_picture_twice_is_said() -> None:
    at = visit("forward", input="upload", shape="4x8x8x8")
    upload(at, ("a.jpg", JPEG), ("b.jpg", JPEG), ("c.png", encoded("PNG", seed=1)))
    assert [note.value for note in at.info] == [say("en", "input.upload_twice", count=1)]
    assert "uploaded images (2)" in texts(at)


def test_uploads_stay_in_the_session_and_out_of_the_link() -> None:
    at = visit("forward", input="upload", shape="4x8x8x8")
    upload(at, ("mine.jpg", JPEG))
    mine = picture(at)
    assert link(at) == {"input": "upload", "shape": "4x8x8x8"}
    fine(at.switch_page("cube.py").run())
    fine(at.switch_page("forward.py").run())
    assert picture(at) == mine
    assert picture(visit("forward", link(at))) != mine


@pytest.mark.parametrize("kind", ["initial", "trained", "filters"])
def test_the_forward_page_takes_every_kernel(kind: str) -> None:
    at = visit("forward", method="weight_standardization", kernel=kind, shape="12x3x5x5")
    assert errors(at) == [] and compared(at)
    again = visit("forward", link(at))
    assert seen(again) == seen(at)


def test_a_kernel_that_cannot_be_made_is_said() -> None:
    at = visit("forward", method="weight_norm", kernel="filters", shape="12x8x3x3")
    (sentence,) = errors(at)
    assert "12" in sentence and "Try" in sentence
