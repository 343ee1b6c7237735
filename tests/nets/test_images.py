"""Every format, mode and depth comes out right: expected are the samples that the test itself wrote."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from normviz.nets.images import load_image

Samples = NDArray[Any]
RNG = np.random.default_rng(7)
RED_BLUE = [[(255, 0, 0), (0, 0, 255)], [(0, 153, 0), (255, 255, 255)]]


def encode(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(samples: Samples, depth: int, colour_type: int, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG written by hand from samples (H, W) or (H, W, K), after the specification alone."""
    height, width = samples.shape[:2]
    rows = samples.reshape(height, -1)
    if depth == 16:
        packed = rows.astype(">u2").view(np.uint8)
    else:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(height, -1), axis=1)
    lines = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    body = b"".join(chunk(name, data) for name, data in extra)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + body
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def on_white(colour: Samples, alpha: Samples) -> Samples:
    return np.asarray(alpha[..., None] * colour + (1 - alpha[..., None]))


def grey(values: Samples) -> Samples:
    return np.stack([values] * 3, axis=-1)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("transparent", [False, True])
def test_grey_png_of_every_depth(depth: int, transparent: bool) -> None:
    top = 2**depth - 1
    samples = RNG.integers(0, top + 1, (5, 7))
    samples[2, 3] = top - 1  # the transparent value occurs, and is neither black nor white where it can be
    extra = [(b"tRNS", struct.pack(">H", top - 1))] if transparent else []
    expected = grey(samples / top)
    if transparent:
        expected = on_white(expected, (samples != top - 1).astype(float))
    np.testing.assert_allclose(load_image(png(samples, depth, 0, *extra)), expected, atol=1e-6)


def test_16_bit_grey_keeps_more_than_8_bits() -> None:
    samples = np.arange(256)[None] + 32768
    assert len(np.unique(load_image(png(samples, 16, 0)))) == 256


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("transparent", [False, True])
def test_rgb_png(depth: int, transparent: bool) -> None:
    samples = RNG.integers(0, 2**depth, (4, 6, 3))
    key = samples[1, 2]
    expected = samples / (2**depth - 1)
    if transparent:
        expected = on_white(expected, (samples != key).any(axis=-1).astype(float))
    extra = [(b"tRNS", struct.pack(">3H", *key))] if transparent else []
    # Of 16-bit colours Pillow keeps the upper 8 bits: half of one step of 255 off, and up to the rounding.
    tolerance = 1e-6 if depth == 8 else 1 / 255
    np.testing.assert_allclose(load_image(png(samples, depth, 2, *extra)), expected, atol=tolerance)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("transparent", ["no", "one", "levels"])
def test_palette_png(depth: int, transparent: str) -> None:
    palette = RNG.integers(0, 256, (2**depth, 3))
    samples = RNG.integers(0, 2**depth, (6, 9))
    alphas = np.full(2**depth, 255)
    if transparent != "no":
        alphas[:2] = (255, 0) if transparent == "one" else (40, 200)
    extra = [(b"PLTE", palette.astype(np.uint8).tobytes())]
    if transparent != "no":
        extra.append((b"tRNS", alphas[:2].astype(np.uint8).tobytes()))
    expected = on_white(palette[samples] / 255, alphas[samples] / 255)
    np.testing.assert_allclose(load_image(png(samples, depth, 3, *extra)), expected, atol=1e-6)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_png(depth: int, channels: int) -> None:
    samples = RNG.integers(0, 2**depth, (5, 4, channels))
    values = samples / (2**depth - 1)
    colour = values[..., :3] if channels == 4 else grey(values[..., 0])
    expected = on_white(colour, values[..., -1])
    tolerance = 1e-6 if depth == 8 else 2 / 255
    np.testing.assert_allclose(
        load_image(png(samples, depth, {2: 4, 4: 6}[channels])), expected, atol=tolerance
    )


@pytest.mark.parametrize(
    ("file_format", "options"),
    [("PNG", {}), ("BMP", {}), ("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {"optimize": True})],
)
def test_lossless_formats_keep_every_value(file_format: str, options: dict[str, Any]) -> None:
    colours = np.repeat(RNG.integers(0, 256, (20, 1, 3), dtype=np.uint8), 10, axis=1)
    image = Image.fromarray(colours)
    if file_format == "GIF":
        image = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
        colours = np.asarray(image.convert("RGB"))
    result = load_image(encode(image, file_format, **options))
    assert result.dtype == np.float32
    assert result.flags.c_contiguous and result.flags.writeable
    np.testing.assert_allclose(result, colours / 255, atol=1e-6)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_bmp_of_every_mode(mode: str) -> None:
    picture = np.array(RED_BLUE, np.uint8)
    if mode in ("1", "L"):
        picture = grey(np.array([[0, 255], [255, 0]], np.uint8))
    image = Image.fromarray(picture).convert(mode)
    np.testing.assert_allclose(load_image(encode(image, "BMP")), picture / 255, atol=1e-6)


def test_bmp_with_an_unused_fourth_byte_is_opaque() -> None:
    pixels = bytes([10, 20, 30, 0]) * 4  # B, G, R and an alpha that is 0 everywhere
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", 108, 2, 2, 1, 32, 3, 16, 0, 0, 0, 0) + masks + bytes(52)
    data = struct.pack("<2sIHHI", b"BM", 138, 0, 0, 122) + info + pixels
    np.testing.assert_allclose(load_image(data), np.full((2, 2, 3), [30, 20, 10]) / 255, atol=1e-6)


def test_run_length_bmp() -> None:
    palette = bytes([0, 0, 255, 0, 255, 0, 0, 0])  # red, blue, as B, G, R, 0
    runs = bytes([3, 1, 1, 0, 0, 0, 4, 0, 0, 1])  # the bottom row first: b b b r, then r r r r
    info = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, 1, len(runs), 0, 0, 2, 2)
    data = struct.pack("<2sIHHI", b"BM", 62 + len(runs), 0, 0, 62) + info + palette + runs
    red, blue = [1, 0, 0], [0, 0, 1]
    np.testing.assert_array_equal(load_image(data), [[red] * 4, [blue] * 3 + [red]])


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg(mode: str, progressive: bool) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 64)[None, :, None], (48, 64, 3)).astype(np.uint8)
    data = encode(Image.fromarray(ramp).convert(mode), "JPEG", quality=95, progressive=progressive)
    np.testing.assert_allclose(load_image(data), ramp / 255, atol=4 / 255)


def test_cmyk_jpeg_as_adobe_writes_it() -> None:
    inks = np.zeros((32, 32, 4), np.uint8)
    inks[:16] = [255, 0, 0, 0]  # cyan
    inks[16:] = [0, 128, 255, 64]
    data = encode(Image.fromarray(inks, "CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data  # its inks are stored inverted
    result = load_image(data)
    np.testing.assert_allclose(result[4, 4], [0, 1, 1], atol=0.03)
    paper = 1 - 64 / 255
    np.testing.assert_allclose(result[28, 28], [paper, paper * (1 - 128 / 255), 0], atol=0.03)


def test_lossy_webp_and_webp_alpha() -> None:
    solid = Image.new("RGB", (40, 30), (200, 100, 50))
    result = load_image(encode(solid, "WEBP", quality=90))
    np.testing.assert_allclose(result, np.full((30, 40, 3), [200, 100, 50]) / 255, atol=0.03)
    glass = Image.new("RGBA", (8, 8), (255, 0, 0, 51))
    result = load_image(encode(glass, "WEBP", lossless=True))
    np.testing.assert_allclose(result, np.full((8, 8, 3), [1, 0.8, 0.8]), atol=0.01)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation(file_format: str) -> None:
    frames = [Image.new("RGB", (9, 5), colour) for colour in ("red", "lime", "blue")]
    lossless = {"lossless": True} if file_format == "WEBP" else {}
    data = encode(frames[0], file_format, save_all=True, append_images=frames[1:], duration=50, **lossless)
    with Image.open(BytesIO(data)) as check:
        assert getattr(check, "n_frames", 1) == 3
    np.testing.assert_array_equal(load_image(data), np.full((5, 9, 3), [1, 0, 0]))


def test_gif_transparency_is_white() -> None:
    image = Image.new("P", (4, 2), 0)
    image.putpalette([9, 9, 9, 255, 0, 0])
    image.putpixel((1, 1), 1)
    result = load_image(encode(image, "GIF", transparency=0))
    expected = np.ones((2, 4, 3))
    expected[1, 1] = [1, 0, 0]
    np.testing.assert_array_equal(result, expected)


def test_phone_jpeg_with_a_second_picture_inside() -> None:
    first, second = Image.new("RGB", (16, 16), (255, 0, 0)), Image.new("RGB", (16, 16), (0, 0, 255))
    data = encode(first, "MPO", save_all=True, append_images=[second])
    np.testing.assert_allclose(load_image(data), np.full((16, 16, 3), [1, 0, 0]), atol=0.02)


# Where the stored row 0 and column 0 lie in the scene: EXIF 2.32, section 4.6.4, tag 274, word by word.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def as_stored(scene: Samples, orientation: int) -> Samples:
    """The array a camera stores: its row r and column c count from the two sides that the tag names."""
    height, width = scene.shape[:2]
    count: dict[str, Callable[[int, int], int]] = {
        "top": lambda y, x: y,
        "bottom": lambda y, x: height - 1 - y,
        "left": lambda y, x: x,
        "right": lambda y, x: width - 1 - x,
    }
    row, column = SIDES[orientation]
    stored = np.zeros((width, height, 3) if row in ("left", "right") else (height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            stored[count[row](y, x), count[column](y, x)] = scene[y, x]
    return stored


def exif(orientation: int, order: str, value_type: str = "H") -> bytes:
    """A TIFF directory of two entries, orientation second."""
    tiff = b"II*\0" if order == "<" else b"MM\0*"
    first = struct.pack(order + "HHI4s", 0x0100, 4, 1, b"\0\0\0\1")
    second = struct.pack(order + "HHI", 0x0112, {"H": 3, "I": 4}[value_type], 1)
    value = struct.pack(order + value_type, orientation).ljust(4, b"\0")
    return tiff + struct.pack(order + "IH", 8, 2) + first + second + value + bytes(4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_exif_orientations(orientation: int, order: str, file_format: str) -> None:
    scene = np.kron(RNG.integers(0, 256, (2, 3, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    stored = Image.fromarray(as_stored(scene, orientation))
    prefix = b"Exif\0\0" if file_format != "WEBP" else b""
    kept: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "JPEG": {"subsampling": 0, "quality": 95}}
    options = kept.get(file_format, {})
    data = encode(stored, file_format, exif=prefix + exif(orientation, order), **options)
    tolerance = 4 / 255 if file_format == "JPEG" else 1e-6
    np.testing.assert_allclose(load_image(data), scene / 255, atol=tolerance)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_impossible_orientation_is_ignored(orientation: int) -> None:
    picture = np.array(RED_BLUE, np.uint8)
    data = encode(Image.fromarray(picture), "PNG", exif=b"Exif\0\0" + exif(orientation, "<"))
    np.testing.assert_allclose(load_image(data), picture / 255, atol=1e-6)
    as_long = encode(Image.fromarray(as_stored(picture, 6)), "PNG", exif=b"Exif\0\0" + exif(6, ">", "I"))
    np.testing.assert_allclose(load_image(as_long), picture / 255, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (512, 3)])
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_tiny_and_thin_images(size: tuple[int, int], file_format: str) -> None:
    result = load_image(encode(Image.new("RGB", size, (255, 255, 255)), file_format))
    assert result.shape == (size[1], size[0], 3)
    np.testing.assert_allclose(result, 1, atol=0.02)


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((600, 300), 512, (256, 512)),
        ((300, 600), 100, (100, 50)),
        ((12000, 1), 512, (1, 512)),
        ((1, 12000), 64, (64, 1)),
        ((5001, 3333), 512, (341, 512)),
        ((7, 5), 1, (1, 1)),
    ],
)
def test_the_longer_side_shrinks_and_the_aspect_stays(
    size: tuple[int, int], side: int, expected: tuple[int, int]
) -> None:
    for file_format in ("PNG", "JPEG"):
        result = load_image(encode(Image.new("RGB", size, (51, 102, 204)), file_format), side=side)
        assert result.shape == (*expected, 3)
        np.testing.assert_allclose(result, np.full((*expected, 3), [0.2, 0.4, 0.8]), atol=0.015)


def test_shrinking_is_antialiased() -> None:
    board = np.indices((700, 900)).sum(axis=0) % 2  # of single pixels: any sampling of points shows 0 or 1
    result = load_image(png(board, 1, 0), side=90)
    np.testing.assert_allclose(result[2:-2, 2:-2], 0.5, atol=0.02)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
@pytest.mark.parametrize("size", [(1023, 700), (2900, 1999)])
def test_shrinking_agrees_with_one_pass_over_all_pixels(file_format: str, size: tuple[int, int]) -> None:
    y, x = np.indices(size[::-1])
    waves = [128 + 120 * np.sin(x / 90 + shift) * np.cos(y / 130) for shift in (0, 1, 2)]
    picture = Image.fromarray(np.stack(waves, axis=-1).astype(np.uint8))
    height, width = round(size[1] * 256 / size[0]), 256
    expected = np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS)) / 255
    result = load_image(encode(picture, file_format), side=256)
    np.testing.assert_allclose(result, expected, atol=0.02)


def test_shrinking_does_not_stretch_the_last_ragged_block() -> None:
    ramp = np.broadcast_to((np.arange(1049) + 0.5) / 1049 * 65535, (1041, 1049)).round().astype(int)
    result = load_image(png(ramp, 16, 0), side=64)
    np.testing.assert_allclose(result[:, 4:-4, 0], np.tile((np.arange(4, 60) + 0.5) / 64, (64, 1)), atol=1e-3)


def test_transparent_colour_does_not_bleed_when_shrunk() -> None:
    glass = np.zeros((1200, 1200, 4), np.uint8)
    glass[:, ::2] = [0, 255, 0, 255]  # opaque green between transparent black
    np.testing.assert_allclose(
        load_image(encode(Image.fromarray(glass), "PNG"), side=100)[5:-5, 5:-5],
        np.full((90, 90, 3), [0.5, 1, 0.5]),
        atol=0.01,
    )


def test_side_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="side=0"):
        load_image(b"", side=0)
