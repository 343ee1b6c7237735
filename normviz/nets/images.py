"""An uploaded image as numbers: bytes in, a small float32 (H, W, 3) array out, or one `ImageError`.

Whatever the file claims, what comes out is the picture as a viewer shows it: the first frame, turned by its
EXIF orientation, transparency composited onto white; grey, palette, CMYK and 16-bit brought to R, G, B in
[0, 1] (sRGB values as stored: no colour profile is applied), made smaller with antialiasing.

Every bound is checked before the memory it protects is asked for, and no setting of Pillow's is changed, so
loading is safe from many threads. Each format's own Pillow class is called instead of `Image.open`, which
checks sizes after opening and turns a phone's JPEG with a second picture inside into another class. No
message of Pillow's gets out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Image import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from normviz.coded_error import CodedError
from normviz.nets import image_bytes, pixels

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_PIXELS: Final = 24_000_000
MAX_SIDE: Final = 12_000
MAX_PIXELS_RLE: Final = 4_000_000  # run-length BMPs are decoded in Python, byte by byte

MESSAGES: Final[Mapping[str, str]] = {
    "empty": "The file is empty (0 bytes). Choose an image file: {formats}.",
    "too_large": "The file has {megabytes} MB; at most {limit_megabytes} MB are read. "
    "Save the image smaller, or as JPEG.",
    "not_an_image": "The file ({bytes} bytes) is not an image that can be read. Choose one of {formats}.",
    "unsupported_format": "This is {format}, which is not read here. Save the image as one of {formats}.",
    "truncated": "The {format} file ends before its image is complete ({bytes} bytes arrived). "
    "Copy or download it again.",
    "damaged": "The {format} file cannot be decoded: it is damaged, or a variant that is not read here. "
    "Open it in an image editor and save it again as PNG or JPEG.",
    "too_many_pixels": "The image has {width} x {height} = {megapixels} megapixels; "
    "at most {limit_megapixels} are read. Make it smaller.",
    "too_long": "The image has {width} x {height} pixels; at most {limit} on a side are read. "
    "Crop it or make it smaller.",
    "too_many_scans": "The JPEG stores its {width} x {height} pixels in {scans} passes; "
    "at most {limit} are read at this size. Save it again as an ordinary (baseline) JPEG.",
}
"""The English sentence of every `ImageError.code`; its placeholders are the keys of `ImageError.details`."""

_OPEN: Final[Mapping[str, Callable[[BytesIO], ImageFile]]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WebP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
}
_FORMATS: Final = ", ".join(_OPEN)


class ImageError(CodedError):
    """Why an upload is not shown: a stable `code` (a key of `MESSAGES`) and `details` for its placeholders.

    >>> error = ImageError("too_long", {"width": 20_000, "height": 10, "limit": 12_000})
    >>> error.code, error.details["width"]
    ('too_long', 20000)
    >>> print(error)
    The image has 20000 x 10 pixels; at most 12000 on a side are read. Crop it or make it smaller.
    """

    messages = MESSAGES


def load_image(data: bytes, *, side: int = 512) -> NDArray[np.float32]:
    """Decode a JPEG, PNG, WebP, GIF (first frame) or BMP into float32 (H, W, 3) in [0, 1], R, G, B.

    The longer side is at most `side` pixels (antialiased, same aspect); smaller images keep their size. The
    formats are told apart by their bytes, never by a name. At most 10 MB, 24 megapixels and 12,000 pixels a
    side are read (run-length BMP: 4 megapixels).

    Raises `ImageError` for every file that is not such an image, and `ValueError` for `side` < 1.

    >>> from PIL import Image
    >>> file = BytesIO()
    >>> Image.new("RGB", (3, 2), (255, 0, 51)).save(file, "PNG")
    >>> image = load_image(file.getvalue())
    >>> image.shape, [round(float(value), 2) for value in image[0, 0]]
    ((2, 3, 3), [1.0, 0.0, 0.2])
    """
    if side < 1:
        raise ValueError(f"side={side} pixels: at least 1 is required; try the default, 512")
    if not data:
        raise ImageError("empty", {"formats": _FORMATS})
    if len(data) > MAX_BYTES:
        received = math.ceil(len(data) / 1024**2 * 10) / 10  # up, so that it never reads "10.0; at most 10"
        raise ImageError("too_large", {"megabytes": received, "limit_megabytes": MAX_BYTES // 1024**2})
    data = bytes(data)
    kind = image_bytes.kind_of(data)
    if kind is None:
        raise ImageError("not_an_image", {"bytes": len(data), "formats": _FORMATS})
    if kind not in _OPEN:
        raise ImageError("unsupported_format", {"format": kind, "formats": _FORMATS})
    try:
        return _decode(kind, data, side)
    except ImageError:
        raise
    except Exception:  # a decoder fed hostile bytes raises anything; its words are for nobody
        if image_bytes.ends_early(kind, data):
            raise ImageError("truncated", {"format": kind, "bytes": len(data)}) from None
        raise ImageError("damaged", {"format": kind}) from None


def _decode(kind: str, data: bytes, side: int) -> NDArray[np.float32]:
    if kind == "WebP":
        canvas = image_bytes.webp_canvas(data)
        if canvas is None:
            raise ValueError("a WebP without a canvas")
        _check_size(*canvas, MAX_PIXELS)  # its decoder asks for the canvas when it is opened
    with _OPEN[kind](BytesIO(data)) as picture:
        width, height = picture.size
        run_length = picture.info.get("compression") in (1, 2) and kind == "BMP"
        _check_size(width, height, MAX_PIXELS_RLE if run_length else MAX_PIXELS)
        scale = min(1.0, side / max(width, height))
        target = max(1, round(height * scale)), max(1, round(width * scale))
        extent: tuple[float, float] = (height, width)
        if isinstance(picture, JpegImageFile):
            _check_scans(data, width, height)
            # A large JPEG is decoded at 1/2, 1/4 or 1/8 of its size, still at least twice the target's.
            if drafted := picture.draft(None, (2 * target[1], 2 * target[0])):
                extent = drafted[1][3], drafted[1][2]
        picture.load()
        transparent = _transparent_colour(kind, data, picture)
        small = pixels.shrink(_opaque_if_blank(kind, picture), target, extent, transparent)
        exif = picture.info.get("exif")
        turned = pixels.turn(small, image_bytes.orientation(exif if isinstance(exif, bytes) else b""))
    return np.ascontiguousarray(turned)


def _check_size(width: int, height: int, limit: int) -> None:
    size: dict[str, int | float | str] = {"width": width, "height": height}
    if width * height > limit:
        megapixels = math.ceil(width * height / 1e5) / 10
        size |= {"megapixels": megapixels, "limit_megapixels": limit // 10**6}
        raise ImageError("too_many_pixels", size)
    if max(width, height) > MAX_SIDE:
        raise ImageError("too_long", size | {"limit": MAX_SIDE})


def _check_scans(data: bytes, width: int, height: int) -> None:
    """Ordinary progressive JPEGs have about 10 scans: 20 pass at 24 megapixels, up to 480 at one or less."""
    scans, _ = image_bytes.jpeg_scans(data)
    limit = 20 * MAX_PIXELS // max(width * height, 1_000_000)
    if scans > limit:
        raise ImageError("too_many_scans", {"width": width, "height": height, "scans": scans, "limit": limit})


def _transparent_colour(kind: str, data: bytes, picture: ImageFile) -> NDArray[np.int64] | None:
    """The one colour that a PNG's tRNS chunk (or a grey GIF) calls transparent, in units of decoded samples.

    tRNS counts in the file's bit depth; Pillow has stretched 1, 2, 4 bits to 8 and cut 16-bit R, G, B to 8.
    """
    stored: Any = picture.info.get("transparency")
    if stored is None or picture.mode not in ("1", "L", "I;16", "I", "RGB"):
        return None
    colour: NDArray[np.int64] = np.atleast_1d(np.asarray(stored, dtype=np.int64))
    depth = data[24] if kind == "PNG" else 8
    if picture.mode == "RGB" and depth == 16:
        colour >>= 8
    elif depth < 16:
        colour &= 255
    if picture.mode == "L" and depth < 8:
        colour = colour % 2**depth * 255 // (2**depth - 1)
    return colour


def _opaque_if_blank(kind: str, picture: Image) -> Image:
    """A BMP whose alpha is 0 everywhere is meant opaque: many programs leave the fourth byte unused."""
    if kind == "BMP" and picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (0, 0):
        return picture.convert("RGB")
    return picture
