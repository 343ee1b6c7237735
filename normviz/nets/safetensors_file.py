"""The header of a safetensors file, checked before anything is made of it.

Layout: 8 bytes, the length n of the header, little-endian; n bytes of JSON: ``{name: {dtype, shape, data_offsets}}``,
perhaps padded with spaces; the values of all tensors without gaps. Source: huggingface/safetensors, "Format".

Whatever the bytes are, what comes out is a header in which names, dtypes, shapes and offsets agree with one another
and with the length of the file, or one :class:`WeightsError`. Nothing here imports torch.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from normviz.nets.weights_errors import CONVERT, WeightsError, megabytes

#: What is read at most: the whole file (VGG-19, the largest network here, has 548 MB), its header, its tensors.
MAX_BYTES: Final = 600 * 1024**2
MAX_HEADER: Final = 1024**2
MAX_TENSORS: Final = 20_000
MAX_NAME: Final = 200
MAX_AXES: Final = 8

#: Bytes per value of every dtype that is read.
BYTES: Final[Mapping[str, int]] = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
_NAME = re.compile(r"[\w.:/+-]+", re.ASCII)
#: What other formats begin with. A pickle may begin like a header's length: what may be a header is read as one first.
_OTHERS: Final = (
    (b"GGUF", "GGUF"),
    (b"\x93NUMPY", "NumPy (.npy)"),
    (b"\x89HDF\r\n\x1a\n", "HDF5 (Keras)"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x1f\x8b", "gzip"),
    (b"{", "JSON"),
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One tensor as the header has it: its dtype at safetensors, its shape, where its bytes begin and end."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """Every tensor by its name, and the texts that were written into the file."""

    tensors: Mapping[str, Entry]
    metadata: Mapping[str, str]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor."""
        return {name: entry.shape for name, entry in self.tensors.items()}


def check(head: bytes, size: int, tail: bytes = b"") -> Header:
    """The header of a file of ``size`` bytes that begins with ``head`` (at least 8 + MAX_HEADER bytes, or all).

    ``tail`` is the end of the file, by which kinds of zip archives are told apart. Raises WeightsError.
    """
    if size == 0:
        raise WeightsError("empty", {})
    if size > MAX_BYTES:
        raise WeightsError(
            "too_large", {"megabytes": megabytes(size), "limit_megabytes": MAX_BYTES // 1024**2}
        )
    length = int.from_bytes(head[:8], "little")
    if not (head[8:9] == b"{" and length <= min(MAX_HEADER, size - 8)):
        _refuse_others(head, size, tail or head)
        if head[8:9] != b"{":
            raise WeightsError("not_safetensors", {"bytes": size})
        if length > MAX_HEADER:
            raise WeightsError("header_too_large", {"bytes": length, "limit": MAX_HEADER})
        raise WeightsError("truncated", {"bytes": size, "promised": 8 + length})
    table = _json(head[8 : 8 + length])
    metadata = table.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise WeightsError("header_metadata", {})
    if not table:
        raise WeightsError("no_tensors", {})
    if len(table) > MAX_TENSORS:
        raise WeightsError("too_many", {"count": len(table), "limit": MAX_TENSORS})
    tensors = {name: _entry(name, fields) for name, fields in table.items()}
    _check_offsets(tensors, size - 8 - length, size)
    return Header(tensors, metadata)


def _refuse_others(head: bytes, size: int, tail: bytes) -> None:
    """Raise what fits a file of another format, told by its first bytes; return where it is none of them."""
    if head.startswith(b"PK\x03\x04"):
        if b".npy" in head[:4096]:
            raise WeightsError("other_format", {"format": "NumPy (.npz)"})
        if (
            b"archive_format" in tail
            or b"models/model.json" in tail
            or b"serialized_exported_program" in tail
        ):
            raise WeightsError("exported", {})
        if b"/code/" in tail:
            raise WeightsError("torchscript", {})
        if b"data.pkl" in tail:
            raise WeightsError("checkpoint", {"convert": CONVERT})
        raise WeightsError("other_format", {"format": "zip"})
    # Binary protocols, the text protocols 0 and 1 (a global, a mark), torch's oldest format (tar).
    binary = head[:1] == b"\x80" and 2 <= int.from_bytes(head[1:2], "little") <= 5
    if (
        binary
        or re.match(rb"c[\w.]+\n[\w.]+\n|\((?:[dl]p\d|c|l|d|i)|\]q|\}q", head)
        or head[257:262] == b"ustar"
    ):
        raise WeightsError("checkpoint", {"convert": CONVERT})
    for first, name in _OTHERS:
        if head.startswith(first):
            raise WeightsError("other_format", {"format": name})
    # ONNX is a protocol buffer: field 1, a small version, then one of the fields behind it.
    if (
        head[:1] == b"\x08"
        and size >= 3
        and 1 <= head[1] <= 20
        and head[2] in (0x12, 0x1A, 0x22, 0x28, 0x3A, 0x42)
    ):
        raise WeightsError("other_format", {"format": "ONNX"})


def _json(text: bytes) -> dict[str, Any]:
    """The JSON object in these bytes. No name twice, no numbers but integers of reasonable length."""
    try:
        table = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_no_name_twice,
            parse_constant=_refuse_constant,
            parse_float=_refuse_constant,
        )
    except _Refused as refused:
        raise WeightsError(str(refused), {}) from None
    except RecursionError:
        raise WeightsError("header_deep", {}) from None
    except UnicodeDecodeError as error:
        raise WeightsError("header_text", {"position": error.start}) from None
    except json.JSONDecodeError as error:
        raise WeightsError("header_json", {"position": error.pos}) from None
    except ValueError:  # Python converts no integer of more than 4,300 digits
        raise WeightsError("header_number", {}) from None
    assert isinstance(table, dict), "it begins with {"
    return table


class _Refused(ValueError):
    """JSON of a kind that no header has; its text is the code of the WeightsError that follows."""


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise _Refused("header_twice")
    return table


def _refuse_constant(text: str) -> Any:
    raise _Refused("header_number")


def _entry(name: str, fields: Any) -> Entry:
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise WeightsError("header_name", {"limit": MAX_NAME})
    if not isinstance(fields, dict) or fields.keys() != {"dtype", "shape", "data_offsets"}:
        raise WeightsError("header_fields", {"name": name})
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not _counts(shape) or len(shape) > MAX_AXES:
        raise WeightsError("header_shape", {"name": name, "limit": MAX_AXES})
    if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise WeightsError("header_offsets", {"name": name})
    if not isinstance(dtype, str) or dtype not in BYTES:
        said = dtype if isinstance(dtype, str) and len(dtype) <= 20 and _NAME.fullmatch(dtype) else "?"
        raise WeightsError("dtype", {"name": name, "dtype": said, "known": ", ".join(BYTES)})
    entry = Entry(dtype, tuple(shape), *offsets)
    wanted = math.prod(shape) * BYTES[dtype]
    if wanted != entry.end - entry.begin:
        raise WeightsError("header_bytes", {"name": name, "wanted": wanted, "bytes": entry.end - entry.begin})
    return entry


def _counts(values: Any) -> bool:
    """Whether this is a list of counts. The bound keeps products of them small; no file comes near it."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**48 for value in values)


def _check_offsets(tensors: Mapping[str, Entry], data: int, size: int) -> None:
    """Raise where the tensors do not lie one behind the other, from the first byte of the values to the last."""
    at = 0
    for name, entry in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != at:
            raise WeightsError("header_gap", {"name": name, "begin": entry.begin, "end": at})
        at = entry.end
    if at != data:
        raise WeightsError(
            "truncated" if at > data else "longer", {"bytes": size, "promised": size - data + at}
        )
