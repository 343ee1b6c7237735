"""How the loops over a layer's values are compiled; what they find is tested in test_trace_statistics.py."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from normviz.nets import trace_kernels


def test_without_a_folder_for_what_is_compiled_it_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = numba.njit

    def refusing(function: Any, *, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function: no locator available for file")
        return real(function, **options)

    monkeypatch.setattr(numba, "njit", refusing)

    @trace_kernels._compiled()
    def total(values: Any) -> Any:
        found = 0.0
        for i in range(values.size):
            found += values[i]
        return found

    assert total(np.array([1.0, 2.5])) == 3.5
    assert total.signatures  # type: ignore[attr-defined]
