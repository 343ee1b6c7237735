"""Whatever bytes arrive as weights: finite tensors that the header described, or one WeightsError; nothing executed."""

from __future__ import annotations

import io
import json
import pickle
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from normviz.nets import own_weights, safetensors_file
from normviz.nets.networks import build
from normviz.nets.weights_errors import CONVERT, MESSAGES, WeightsError
from normviz.text.lookup import section

STATE = {
    "conv.weight": torch.arange(12, dtype=torch.float32).reshape(2, 1, 2, 3),
    "conv.bias": torch.tensor([1.5, -2.0], dtype=torch.float16),
    "bn.num_batches_tracked": torch.tensor(7),
    "empty": torch.zeros(0, 3),
}
SMALL = safetensors.torch.save(STATE, {"made by": "a test"})


def packed(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def one(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any) -> dict[str, Any]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}}


def refused(data: bytes | Path) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        own_weights.read(data)
    check(caught.value)
    return caught.value


def check(error: WeightsError) -> None:
    """One sentence of ours that is complete, survives pickling, and repeats no more of the file than a name."""
    text = str(error)
    assert text == MESSAGES[error.code].format(**error.details)
    assert "{" not in text or error.code == "checkpoint"
    assert text.isprintable() and len(text) < 700
    assert str(pickle.loads(pickle.dumps(error))) == text


def read(data: bytes) -> dict[str, torch.Tensor] | None:
    """The tensors, checked against everything that is promised of them, or None after a checked refusal."""
    try:
        state = own_weights.read(data)
    except WeightsError as error:
        check(error)
        return None
    assert state and sum(t.numel() for t in state.values()) <= len(data)
    assert all(t.isfinite().all() and t.device.type == "cpu" for t in state.values())
    assert all(t.dtype == torch.float32 for t in state.values() if t.is_floating_point())
    return state


def test_what_is_read_is_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    path.write_bytes(SMALL)
    for data in (SMALL, path, str(path)):
        state = own_weights.read(data)
        assert state.keys() == STATE.keys()
        for name, tensor in STATE.items():
            assert torch.equal(state[name], tensor.float() if tensor.is_floating_point() else tensor)
    assert own_weights.read_header(path).metadata == {"made by": "a test"}


@pytest.mark.parametrize(
    "dtype",
    [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
     torch.uint8, torch.bool],
)  # fmt: skip
def test_every_dtype_that_is_named_is_read(dtype: torch.dtype) -> None:
    state = own_weights.read(safetensors.torch.save({"a": torch.tensor([0, 1, 1]).to(dtype)}))
    assert state["a"].tolist() == [0, 1, 1]


def test_a_file_cut_anywhere_is_refused() -> None:
    for size in range(len(SMALL)):
        assert refused(SMALL[:size]).code in {"empty", "not_safetensors", "truncated", "header_json"}


@settings(max_examples=1500, deadline=None)
@given(data=st.data())
def test_changed_bytes(data: st.DataObject) -> None:
    changed = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(SMALL) - 1))] = data.draw(st.integers(0, 255))
    read(bytes(changed))


@settings(max_examples=500, deadline=None)
@given(header=st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from(["F32", "I64", [], [2], [0, 8], 2**62]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["a", "b", "dtype", "shape", "data_offsets", "__metadata__"]), inner),
    max_leaves=12,
), values=st.binary(max_size=16))  # fmt: skip
def test_any_json_as_header(header: Any, values: bytes) -> None:
    read(packed(header, values))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read(data)
    read(struct.pack("<Q", len(data)) + data)


LYING = {
    "header_too_large": struct.pack("<Q", 2**20 + 1) + b"{" + b" " * 40,
    "truncated": struct.pack("<Q", 4096) + b"{}",
    "not_safetensors": struct.pack("<Q", 2**63) + b"hello",
    "header_json": packed(b'{"a": '),
    "header_text": packed(b'{"\xff": 1}'),
    "header_deep": packed(b'{"a": ' + b"[" * 200_000),
    "header_number": packed(b'{"a": ' + b"9" * 5000 + b"}"),
    "header_twice": packed(b'{"a": 1, "a": 2}'),
    "header_metadata": packed({"__metadata__": {"a": 1}} | one(), bytes(8)),
    "header_name": packed({"a\n": one()["a"]}, bytes(8)),
    "header_fields": packed({"a": {"dtype": "F32", "shape": [2]}}),
    "header_shape": packed(one(shape=[-2]), bytes(8)),
    "header_offsets": packed(one(offsets=[8, 0]), bytes(8)),
    "header_bytes": packed(one(shape=[10**6, 10**6]), bytes(8)),
    "header_gap": packed(one() | {"b": one(offsets=[4, 12])["a"]}, bytes(12)),
    "too_many": packed(dict.fromkeys(map(str, range(20_001)), 0)),
    "no_tensors": packed({"__metadata__": {"a": "b"}}),
    "dtype": packed(one("F8_E4M3", [8]), bytes(8)),
    "longer": SMALL + b"\0",
    "not_finite": safetensors.torch.save({"a": torch.tensor([1.0, float("nan"), float("-inf")])}),
}


@pytest.mark.parametrize("code", LYING)
def test_each_lie_has_its_sentence(code: str) -> None:
    assert refused(LYING[code]).code == code


@pytest.mark.parametrize(
    "header",
    [
        one(shape=[10**6, 10**6], offsets=[0, 4 * 10**12]),  # 10^12 values
        one(shape=[2**47] * 8),
        one(shape=[1] * 9, offsets=[0, 4]),
        one(shape=[-1, -2]),
        one(shape=[True, 2]),
        one(shape="2"),
        one(offsets=[0, 8, 8]),
        one(offsets=[-8, 0]),
        one(offsets=[0, 2**70]),
        one(dtype=["F32"]),
        one(dtype="f32"),
        one(extra=1),
        {"a": one()["a"], "b": one()["a"]},  # both on the same bytes
        {"x" * 201: one()["a"]},
        {"": one()["a"]},
        {"../etc/<b>": one()["a"]},
        {"a": one()["a"], "__metadata__": "text"},
        {"a": None},
    ],
)
def test_headers_that_lie(header: dict[str, Any]) -> None:
    refused(packed(header, bytes(8)))


def test_constants_and_fractions_are_no_lengths() -> None:
    for number in (b"NaN", b"Infinity", b"1e400", b"2.0"):
        text = b'{"a": {"dtype": "F32", "shape": [' + number + b'], "data_offsets": [0, 8]}}'
        assert refused(packed(text, bytes(8))).code == "header_number"


def test_not_a_number_is_named_with_its_tensor() -> None:
    nan, inf = float("nan"), float("inf")
    state = {"good": torch.ones(3), "second": torch.tensor([nan, 1, inf]), "third": torch.tensor([nan])}
    error = refused(safetensors.torch.save(state))
    assert error.code == "not_finite"
    assert error.details == {"name": "second", "count": 2, "tensors": 2}


@pytest.mark.parametrize(
    ("state", "code", "details"),
    [
        (
            {"a": torch.tensor([1e300], dtype=torch.float64)},
            "float32",
            {"received": "1e+300", "limit": "3.4e+38"},
        ),
        (
            {"a.running_var": torch.tensor([1.0, -0.5, -2.0])},
            "negative_variance",
            {"count": 2, "received": "-2"},
        ),
    ],
)
def test_finite_numbers_that_nothing_can_be_computed_with_are_refused(
    state: dict[str, torch.Tensor], code: str, details: dict[str, Any]
) -> None:
    error = refused(safetensors.torch.save(state))
    assert error.code == code and error.details == {"name": next(iter(state)), **details}


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool])
def test_weights_are_no_whole_numbers_but_counters_are(dtype: torch.dtype) -> None:
    state = build("small_cnn").state_dict()
    assert own_weights.identify(state).network == "small_cnn"
    whole = {name: one.to(dtype) for name, one in state.items()}
    with pytest.raises(WeightsError, match=str(dtype).removeprefix("torch.")) as caught:
        own_weights.identify(whole)
    assert caught.value.code == "not_floating"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        file.truncate(safetensors_file.MAX_BYTES + 1)  # a hole: it takes no room
    assert refused(path).code == "too_large"


class Executed:
    """Unpickling this would leave a mark."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("import builtins; builtins.executed_by_a_pickle = True",)


def saved(value: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * 10)
    return file.getvalue()


def numpy_file(save: Any) -> bytes:
    file = io.BytesIO()
    save(file, np.ones(3))
    return file.getvalue()


OTHERS = {
    "checkpoint": (
        *(pickle.dumps(Executed(), protocol) for protocol in range(6)),
        *(pickle.dumps({"a": [1.0, (2,)]}, protocol) for protocol in range(6)),
        saved(STATE),
        saved({"model": Executed()}),
        saved(STATE, _use_new_zipfile_serialization=False),
    ),
    "torchscript": (zipped("m/data.pkl", "m/code/__torch__.py", "m/constants.pkl"),),
    "exported": (zipped("archive_format", "models/model.json"), zipped("serialized_exported_program.json")),
    "other_format": (
        b"GGUF\x03\0\0\0" + bytes(40),
        b"\x08\x08\x12\x07pytorch\x1a\x052.0.0:\x10" + bytes(20),
        numpy_file(np.save),
        numpy_file(np.savez),
        b"\x89HDF\r\n\x1a\n" + bytes(40),
        zipped("readme.txt"),
        b'{"weights": [1, 2, 3]}',
    ),
    "not_safetensors": (b"hello, here is nothing", bytes(100)),
}  # fmt: skip


@pytest.mark.parametrize("code", OTHERS)
def test_other_formats_are_told_apart_and_nothing_runs(code: str, tmp_path: Path) -> None:
    import builtins

    for number, data in enumerate(OTHERS[code]):
        path = tmp_path / str(number)
        path.write_bytes(data)
        assert (refused(data).code, refused(path).code) == (code, code), data[:40]
    assert not hasattr(builtins, "executed_by_a_pickle")


def test_the_line_that_converts_a_checkpoint_works(tmp_path: Path) -> None:
    shared = torch.arange(6.0).reshape(2, 3)
    torch.save({"a": shared, "b": shared, "turned": shared.t()}, tmp_path / "model.pt")
    assert CONVERT in str(refused(tmp_path / "model.pt"))
    subprocess.run([sys.executable, "-c", CONVERT], cwd=tmp_path, check=True, timeout=120)
    state = own_weights.read(tmp_path / "model.safetensors")
    assert torch.equal(state["b"], shared) and torch.equal(state["turned"], shared.t())


def test_every_sentence_is_in_both_languages() -> None:
    assert section("en", "weights_error") == MESSAGES
    assert section("zh", "weights_error").keys() == MESSAGES.keys()
    # Every sentence says what to do next, and none runs over two codes' names.
    assert all(re.search(r"[.`]$", text) and text.count(". ") >= 1 for text in MESSAGES.values())
