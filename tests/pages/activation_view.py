"""The view of activations without a browser: opening it small, its table, and running its snippet."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.pages.app import visit

#: Small, so that every visit is quick.
SMALL = {"shape": "4x8x8x8", "layers": "5"}


def open_view(**more: str) -> AppTest:
    return visit("activations", SMALL | more)


def charts(at: AppTest) -> int:
    return len(at.get("plotly_chart"))


def table(at: AppTest) -> Any:
    (found,) = at.table
    return found.value


def column(at: AppTest, name: str) -> list[str]:
    return [str(cell) for cell in table(at)[name]]


def printed(code: str) -> dict[str, float]:
    """What a snippet prints, by name."""
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(code, "snippet", "exec"), {})
    words = out.getvalue().split()
    return {name: float(value) for name, value in zip(words[::2], words[1::2], strict=True)}
