"""Whatever bytes arrive: an image within its bounds, or one `ImageError` in our own words, nothing else."""

from __future__ import annotations

import pickle
import re
import string
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from normviz.nets.images import MAX_BYTES, MESSAGES, ImageError, load_image

SIDE = 64


def encode(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def samples() -> dict[str, bytes]:
    noise = np.random.default_rng(3).integers(0, 256, (9, 13, 4), dtype=np.uint8)
    rgba, rgb = Image.fromarray(noise), Image.fromarray(noise[..., :3])
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    frames: dict[str, Any] = {"save_all": True, "append_images": [rgb.rotate(180)], "duration": 40}
    return {
        "jpeg": encode(rgb, "JPEG", exif=exif),
        "jpeg progressive": encode(rgb, "JPEG", progressive=True),
        "jpeg cmyk": encode(rgb.convert("CMYK"), "JPEG"),
        "png": encode(rgba, "PNG"),
        "png palette": encode(rgb.convert("P"), "PNG", transparency=3, exif=exif),
        "png 16": encode(Image.fromarray(noise[..., 0].astype(np.uint16) * 257), "PNG"),
        "png animated": encode(rgb, "PNG", **frames),
        "gif": encode(rgb, "GIF"),
        "gif animated": encode(rgb, "GIF", transparency=2, **frames),
        "webp": encode(rgb, "WEBP"),
        "webp lossless": encode(rgba, "WEBP", lossless=True, exif=exif[6:]),
        "webp animated": encode(rgb, "WEBP", lossless=True, **frames),
        "bmp": encode(rgb, "BMP"),
        "bmp palette": encode(rgb.convert("P"), "BMP"),
    }


SAMPLES = samples()
HEADS = [b"", b"BM", b"RIFF\0\0\0\0WEBPVP8X"]
HEADS += [data[:size] for data in SAMPLES.values() for size in (4, 16, 40)]


def load(data: bytes) -> NDArray[np.float32] | None:
    """The picture, checked against everything that is promised of it, or None after a checked ImageError."""
    try:
        picture = load_image(data, side=SIDE)
    except ImageError as error:
        check(error)
        return None
    assert picture.dtype == np.float32 and picture.ndim == 3 and picture.shape[2] == 3
    assert min(picture.shape[:2]) >= 1 and max(picture.shape[:2]) <= SIDE
    assert picture.min() >= 0 and picture.max() <= 1 and np.isfinite(picture).all()
    return picture


def check(error: ImageError) -> None:
    """A readable sentence of ours: complete, without Pillow's words, addresses or what the file said."""
    fields = {field for _, field, _, _ in string.Formatter().parse(MESSAGES[error.code]) if field}
    assert fields == set(error.details)
    text = str(error)
    assert text == MESSAGES[error.code].format(**error.details)
    assert re.fullmatch(r"[A-Z][\w %=;:,.()-]+\.", text) and "0x" not in text
    assert error.__cause__ is None and (error.__suppress_context__ or error.__context__ is None)


def refused(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as caught:
        load_image(data)
    check(caught.value)
    return caught.value


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_themselves_are_read(name: str) -> None:
    assert load(SAMPLES[name]) is not None


@pytest.mark.parametrize("name", SAMPLES)
def test_cut_anywhere_it_is_the_whole_picture_or_an_error(name: str) -> None:
    data = SAMPLES[name]
    whole = load(data)
    assert whole is not None
    codes = set()
    for length in range(len(data)):
        picture = load(data[:length])
        if picture is None:
            code = refused(data[:length]).code
            # A GIF cut just behind a byte that looks like its end mark cannot be told from a damaged one.
            codes.add("truncated" if data[:length].endswith(b";") else code)
        else:
            np.testing.assert_array_equal(picture, whole, err_msg=f"{name} cut at {length}")
    assert codes <= {"empty", "not_an_image", "truncated"}, name
    assert "truncated" in codes


@settings(max_examples=400, deadline=None)
@given(
    data=st.sampled_from(sorted(SAMPLES.values())),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), max_size=4
    ),
    cut=st.floats(0.5, 1),
)
def test_damaged_files(data: bytes, changes: list[tuple[float, bytes]], cut: float) -> None:
    broken = bytearray(data)
    for place, patch in changes:
        start = int(place * len(broken))
        broken[start : start + len(patch)] = patch
    load(bytes(broken[: round(cut * len(broken))]))


@settings(max_examples=300, deadline=None)
@given(
    data=st.sampled_from(sorted(SAMPLES.values())),
    place=st.integers(0, 60),
    patch=st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\1", b"\xff\xff"]),
)
def test_extreme_numbers_in_headers(data: bytes, place: int, patch: bytes) -> None:
    load(data[:place] + patch + data[place + len(patch) :])


@settings(max_examples=200, deadline=None)
@given(head=st.sampled_from(HEADS), tail=st.binary(max_size=300))
@example(b"", b"")
@example(b"\x89PNG\r\n\x1a\n", b"")
def test_random_bytes(head: bytes, tail: bytes) -> None:
    load(head + tail)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\xef\xbb\xbf  <SVG onload='alert(1)'>", "SVG"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "HTML"),
        (b"<html><img src=x>", "HTML"),
        (b'<?xml version="1.0"?><a/>', "XML"),
        (b"%PDF-1.7\n%", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "EPS"),
        (encode(Image.new("RGB", (4, 4)), "TIFF"), "TIFF"),
        (encode(Image.new("RGB", (16, 16)), "ICO"), "ICO"),
        (encode(Image.new("RGB", (16, 16)), "AVIF"), "AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "MP4"),
        (encode(Image.new("RGB", (16, 16)), "JPEG2000"), "JPEG 2000"),
        (b"8BPS\0\1", "PSD"),
        (b"PK\3\4", "ZIP"),
    ],
)
def test_other_formats_are_named_and_refused(data: bytes, name: str) -> None:
    error = refused(data)
    assert (error.code, error.details["format"]) == ("unsupported_format", name)


@pytest.mark.parametrize("data", [b"hello", b"BMX is a sport", b"GIF", b"\0" * 100, b"RIFF\0\0\0\0WAVEfmt "])
def test_anything_else_is_not_an_image(data: bytes) -> None:
    assert refused(data).code == "not_an_image"


def test_empty_and_too_large_files() -> None:
    assert refused(b"").code == "empty"
    error = refused(b"\xff\xd8\xff" + bytes(MAX_BYTES))
    assert error.code == "too_large" and error.details == {"megabytes": 10.1, "limit_megabytes": 10}


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999)))


def gif_header(width: int, height: int) -> bytes:
    screen, frame = struct.pack("<HH", width, height), struct.pack("<4H", 0, 0, width, height)
    return b"GIF89a" + screen + b"\0\0\0," + frame + b"\0\2\2\x44\1\0;"


def bmp_header(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54, 0, 0, 54) + info


def webp_header(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<II", 10, 2) + canvas


def jpeg_header(width: int, height: int) -> bytes:
    data = SAMPLES["jpeg"]
    start = data.index(b"\xff\xc0")
    return data[: start + 5] + struct.pack(">HH", height, width) + data[start + 9 :]


@pytest.mark.parametrize("header", [png_header, gif_header, bmp_header, webp_header, jpeg_header])
def test_declared_sizes_are_refused_before_they_are_allocated(header: Any) -> None:
    error = refused(header(60000, 50000))
    assert error.code == "too_many_pixels"
    assert error.details == {"width": 60000, "height": 50000, "megapixels": 3000.0, "limit_megapixels": 24}
    assert refused(header(6001, 4000)).details["megapixels"] == 24.1
    error = refused(header(12001, 2))
    assert error.code == "too_long" and error.details == {"width": 12001, "height": 2, "limit": 12000}


def test_a_gif_frame_far_outside_its_screen() -> None:
    data = bytearray(gif_header(10, 10))
    data[13:22] = b"," + struct.pack("<4H", 65535, 65535, 65535, 65535)
    assert refused(bytes(data)).code in ("too_many_pixels", "damaged")


def test_a_jpeg_of_many_passes() -> None:
    data = encode(Image.new("RGB", (2000, 2000), "teal"), "JPEG", progressive=True)
    starts = [found.start() for found in re.finditer(rb"\xff[\xc4\xda]", data)]
    last = data[starts[-2] : -2]  # the last scan with its Huffman table
    assert load(data[:-2] + last * 5 + b"\xff\xd9") is not None
    error = refused(data[:-2] + last * 2000 + b"\xff\xd9")
    assert error.code == "too_many_scans"
    assert error.details["scans"] == 2000 + data.count(b"\xff\xda")
    # What looks like scans but lies behind the end, as in a phone's moving picture, does not count.
    assert load(data + b"\xff\xda\0\2" * 50_000) is not None


def test_a_large_run_length_bmp_is_refused() -> None:
    data = bytearray(bmp_header(2001, 2000))
    data[28:34] = struct.pack("<HI", 8, 1)
    error = refused(bytes(data) + bytes(1024))
    assert error.code == "too_many_pixels" and error.details["limit_megapixels"] == 4


def test_many_text_chunks_and_deep_profiles_are_bounded() -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    data = png_header(4, 4)
    for body in (b"zTXt", b"key\0\0" + bomb), (b"iCCP", b"key\0\0" + bomb):
        load(data[:33] + chunk(*body) + data[33:])


def test_every_code_occurs() -> None:
    files = [
        b"",
        bytes(MAX_BYTES + 1),
        b"?",
        b"%PDF",
        SAMPLES["png"][:-30],
        SAMPLES["png"].replace(b"IHDR", b"IHDX"),
        png_header(60000, 60000),
        png_header(12001, 1),
        SAMPLES["jpeg progressive"][:-2] + b"\xff\xda\0\2" * 500 + b"\xff\xd9",
    ]
    assert [refused(file).code for file in files] == list(MESSAGES)


def test_an_error_survives_pickling() -> None:
    error = refused(b"%PDF")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.code, copy.details, str(copy)) == (error.code, error.details, str(error))


def test_threads_do_not_disturb_one_another() -> None:
    files = [*SAMPLES.values(), b"?", SAMPLES["png"][:80]] * 4
    alone = [load(file) for file in files]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(load, files))
    for one, other in zip(alone, together, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_array_equal(one, other)


MEMORY = """
import re, sys, zlib, struct
from PIL import Image, ImageFile, PngImagePlugin
watched = lambda: (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, PngImagePlugin.MAX_TEXT_MEMORY)
before = watched()
from normviz.nets.images import ImageError, load_image
chunk = lambda n, b: struct.pack(">I", len(b)) + n + b + struct.pack(">I", zlib.crc32(n + b))
line, pack = b"\\0" + bytes([9, 99, 199, 128]) * 6000, zlib.compressobj(9)
body = b"".join([pack.compress(line) for _ in range(4000)]) + pack.flush()
png = lambda w, h: b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 6, 0, 0, 0)) \
    + chunk(b"IDAT", body) + chunk(b"IEND", b"")
load_image(png(6000, 1))
peak = lambda: int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) // 1024
start = peak()
try:
    load_image(png(6000, 4001))
except ImageError as error:
    print(error.code, peak() - start)
image = load_image(png(6000, 4000))
assert before == watched()
print(image.shape, peak() - start, "torch" in sys.modules)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_the_largest_image_stays_within_its_memory() -> None:
    """24 megapixels of R, G, B, A are 92 MB decoded; their float copy of 366 MB is never made."""
    run = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    first, second = run.stdout.splitlines()
    code, refusal = first.split()
    assert code == "too_many_pixels" and int(refusal) < 10
    *shape, used, torch_loaded = second.split()
    assert shape == ["(341,", "512,", "3)"] and torch_loaded == "False"
    assert 80 < int(used) < 200
