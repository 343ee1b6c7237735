"""How the loops over a layer's values are compiled and kept; what they find is tested in test_trace_statistics.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from normviz.nets.trace_kernels import _Compiled

ROOT = Path(__file__).parents[2]
PROGRAM = """
import numpy as np
from normviz.nets.trace_kernels import column_moments, counted, row_moments
x = np.arange(24.0, dtype=np.float32).reshape(4, 6)
print([np.asarray(one).tolist() for one in (*row_moments(x, 2), *column_moments(x), *counted(x.reshape(-1), -1, 0))])
"""


def total(values: Any) -> Any:
    """Something to compile."""
    found = 0.0
    for i in range(values.size):
        found += values[i]
    return found


def test_without_a_folder_for_what_is_compiled_it_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = numba.njit

    def refusing(function: Any, *, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available for file")
        return real(function, **options)

    monkeypatch.setattr(numba, "njit", refusing)
    compiled = _Compiled(total)
    assert compiled(np.array([1.0, 2.5])) == 3.5
    assert compiled.here.signatures


def found(folder: Path) -> str:
    """What a fresh process prints that keeps what it compiles in this folder."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"NUMBA_CACHE_DIR": str(folder)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_damaged_files_of_what_was_compiled_are_written_anew(tmp_path: Path) -> None:
    expected = found(tmp_path)
    kept = sorted(tmp_path.rglob("*.nb?"))
    assert {one.suffix for one in kept} == {".nbi", ".nbc"} and len(kept) == 6
    for one, damage in zip(kept, (b"", b"\x00no pickle", None, b"\x80\x05", None, b""), strict=True):
        one.write_bytes(one.read_bytes()[:40] if damage is None else damage)
    assert found(tmp_path) == expected
    assert found(tmp_path) == expected  # this one writes them anew
    written = {one: one.stat().st_mtime_ns for one in tmp_path.rglob("*.nb?")}
    assert found(tmp_path) == expected
    assert written == {one: one.stat().st_mtime_ns for one in tmp_path.rglob("*.nb?")}
