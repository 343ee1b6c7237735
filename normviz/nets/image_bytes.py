"""What the first bytes of an uploaded file say, read without decoding anything.

An upload is hostile until shown otherwise, so what can be decided from the bytes alone is decided here: the
kind of file, the canvas a WebP asks for (its decoder allocates it as soon as it is opened), how many scans a
JPEG makes the decoder walk, the EXIF orientation, and whether a file that failed simply ends too early.
Nothing here raises on any input, and nothing here needs Pillow.
"""

from __future__ import annotations

import re
from typing import Final

_SIGNATURES: Final[tuple[tuple[str, bytes], ...]] = (
    ("JPEG", b"\xff\xd8\xff"),
    ("PNG", b"\x89PNG\r\n\x1a\n"),
    ("GIF", b"GIF87a"),
    ("GIF", b"GIF89a"),
    ("TIFF", b"II*\0"),
    ("TIFF", b"MM\0*"),
    ("TIFF", b"II+\0"),
    ("TIFF", b"MM\0+"),
    ("PDF", b"%PDF"),
    ("EPS", b"%!PS"),
    ("ICO", b"\0\0\1\0"),
    ("PSD", b"8BPS"),
    ("JPEG XL", b"\xff\x0a"),
    ("JPEG XL", b"\0\0\0\x0cJXL "),
    ("JPEG 2000", b"\0\0\0\x0cjP  "),
    ("JPEG 2000", b"\xff\x4f\xff\x51"),
    ("ZIP", b"PK\3\4"),
)
# ISO base media files name their brand after "ftyp".
_BRANDS: Final = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
_BMP_HEADERS: Final = (12, 16, 40, 52, 56, 64, 108, 124)
_SVG: Final = re.compile(rb"<svg[\s>:]", re.IGNORECASE)
_HTML: Final = re.compile(rb"<(!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)


def kind_of(data: bytes) -> str | None:
    """The name of the format that the first bytes announce (`"PNG"`, `"TIFF"`), None where none is known.

    >>> kind_of(b"GIF89a..."), kind_of(b"%PDF-1.7"), kind_of(b"hello")
    ('GIF', 'PDF', None)
    """
    for kind, signature in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    # "BM" alone also starts many a text: the size of the header that follows settles it.
    if data[:2] == b"BM" and _u32(data, 14) in _BMP_HEADERS:
        return "BMP"
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "MP4")
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"<"):
        return "SVG" if _SVG.search(head) else "HTML" if _HTML.search(head) else "XML"
    return None


def webp_canvas(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a WebP's canvas from its first chunk, or None where the header is not one.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    chunk = data[12:16]
    if len(data) < 30:
        return None
    if chunk == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L" and data[20] == 0x2F:
        bits = _u32(data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return _u16(data, 26) & 0x3FFF, _u16(data, 28) & 0x3FFF
    return None


# A marker is 0xFF and a byte that is neither stuffing (00), a fill byte (FF) nor a restart (D0-D7). No other
# can occur inside entropy-coded data, so jumping from marker to marker sees the decoder's own scans.
_JPEG_MARKER: Final = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)


def jpeg_scans(data: bytes) -> tuple[int, bool]:
    """How many scans a JPEG holds, and whether its end marker is there.

    A progressive JPEG is refined scan by scan. Each costs the decoder a pass over the whole picture, and may
    be 50 bytes long: 10 MB of them would keep a core busy for many minutes, so they are counted first.
    """
    scans, position = 0, 2
    while match := _JPEG_MARKER.search(data, position):
        marker, position = match[1][0], match.end()
        if marker == 0xD9:
            return scans, True
        if marker in (0x01, 0xD8):  # these two stand alone, all others carry a length
            continue
        scans += marker == 0xDA
        position += max(2, int.from_bytes(data[position : position + 2], "big"))
    return scans, False


def ends_early(kind: str, data: bytes) -> bool:
    """Whether the file stops before its own end marker or declared length, as a broken download does."""
    match kind:
        case "JPEG":
            return not jpeg_scans(data)[1]
        case "PNG":
            return b"IEND" not in data
        case "GIF":
            return not data.rstrip(b"\0").endswith(b";")
        case "WebP":
            return len(data) < 8 + _u32(data, 4)
        case "BMP":
            return len(data) < _u32(data, 2)
    return False


_TIFF_WIDTHS: Final = {1: 1, 3: 2, 4: 4}  # bytes of a BYTE, a SHORT and a LONG


def orientation(exif: bytes) -> int:
    """The EXIF orientation (tag 0x0112 of the first directory), 1 to 8; 1 where it is missing or malformed.

    Source: CIPA DC-008 (EXIF 2.32), section 4.6.4; the directory is a TIFF one, in either byte order.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    if tiff[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    big = tiff[:2] == b"MM"
    directory = _u32(tiff, 4, big=big)
    for index in range(_u16(tiff, directory, big=big)):
        entry = tiff[directory + 2 + 12 * index : directory + 14 + 12 * index]
        if len(entry) < 12:
            break
        if _u16(entry, 0, big=big) == 0x0112:
            width = _TIFF_WIDTHS.get(_u16(entry, 2, big=big), 0)
            value = int.from_bytes(entry[8 : 8 + width], "big" if big else "little")
            return value if 1 <= value <= 8 else 1
    return 1


def _u16(data: bytes, offset: int, *, big: bool = False) -> int:
    return int.from_bytes(data[offset : offset + 2], "big" if big else "little")


def _u32(data: bytes, offset: int, *, big: bool = False) -> int:
    return int.from_bytes(data[offset : offset + 4], "big" if big else "little")
