"""A trace as a file: JSON that anything can read, of a version, with a checksum, checked field by field.

    {"format": "normviz-trace", "version": 1, "sha256": "…", "trace": {…, "layers": [{…}, …]}}

Every float comes back as it was; how what JSON does not know is written says :mod:`normviz.trace_fields`. The checksum
is over the trace's JSON with sorted keys and no spaces, so that another layout of the same content passes.

>>> from normviz.traces import LayerTrace
>>> trace = Trace((LayerTrace.of("relu", "relu", [[0.0, 2.0]], inputs=(-1,)),), LayerTrace.of("", "", [[-1.0, 2.0]]))
>>> again = read(written(trace))
>>> again.layers[0].name, again.layers[0].zeros, again.layers[0].histogram == trace.layers[0].histogram
('relu', 1, True)
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any, Final

from normviz.trace_fields import content, restored
from normviz.trace_json import MAX_BYTES, MESSAGES, UPLOAD_BYTES, At, TraceError, check_size, parsed
from normviz.traces import Trace

__all__ = ["MAX_BYTES", "MESSAGES", "UPLOAD_BYTES", "VERSION", "TraceError", "load_trace", "read", "written"]

FORMAT: Final = "normviz-trace"
VERSION: Final = 1


def written(trace: Trace) -> str:
    """The trace as JSON, a layer on each line. Raises ValueError where it contradicts itself.

    Texts that are too long are cut, and characters that cannot be shown are replaced. Knobs are JSON's scalars or
    lists of them (which come back as tuples); anything else is saved as its text.
    """
    found = content(trace)
    try:
        restored(At(found))
    except TraceError as wrong:
        where, has, needed = (wrong.details[key] for key in ("where", "found", "needed"))
        raise ValueError(
            f"This trace cannot be saved: its {where} is {has}, but {needed} is needed. Trace the model again."
        ) from None
    head = {"format": FORMAT, "version": VERSION, "sha256": _digest(found)}
    layers = ",\n".join(_dumps(layer) for layer in found["layers"])
    rest = {key: value for key, value in found.items() if key != "layers"}
    return f'{_dumps(head)[:-1]}, "trace": {_dumps(rest)[:-1]}, "layers": [\n{layers}\n]}}}}\n'


def read(data: str | bytes, *, limit: int = MAX_BYTES) -> Trace:
    """The trace of such a file's content. Raises TraceError, and nothing else, for whatever is not one.

    At most ``limit`` bytes are read: ``UPLOAD_BYTES`` for what a stranger sends.
    """
    value = parsed(data, limit)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise TraceError("not_a_trace")
    version = At(value.get("version"), "version").integer(0)
    if version != VERSION:
        raise TraceError("other_version", {"version": version, "readable": VERSION})
    whole = At(value).object(("format", "version", "sha256", "trace"))
    needed = whole["sha256"].text(64)
    whole["sha256"].check(re.fullmatch("[0-9a-f]{64}", needed) is not None, "[0-9a-f]{64}")
    trace = restored(whole["trace"])
    found = _digest(content(trace))
    if found != needed:
        raise TraceError("edited", {"found": found[:8], "needed": needed[:8]})
    return trace


def load_trace(path: str | os.PathLike[str]) -> Trace:
    """The trace that ``Trace.save`` wrote to this file, of at most 64 MB.

    Raises TraceError where it is none, and OSError where the file cannot be opened.
    """
    with open(path, "rb") as file:
        check_size(os.fstat(file.fileno()).st_size, MAX_BYTES)
        return read(file.read(MAX_BYTES + 1))


def _digest(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _dumps(content: Mapping[str, Any]) -> str:
    return json.dumps(content, allow_nan=False)
