"""The network page without a browser: opening it, its uploaders, and what it shows."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import FileUploader

from tests.pages.app import _elements, fine, visit


def open_page(**more: str) -> AppTest:
    return visit("network", more)


def uploader(at: AppTest, start: str) -> FileUploader:
    """The uploader whose key begins so: "uploads" (images), "network/trace/first", "network/weights"."""
    (found,) = [
        each for each in _elements(at) if isinstance(each, FileUploader) and str(each.key).startswith(start)
    ]
    return found


def give(at: AppTest, start: str, name: str, data: bytes, *, several: bool = False) -> AppTest:
    """Upload a file, and run the page."""
    file = (name, data, "application/octet-stream")
    uploader(at, start).set_value([file] if several else file)
    return fine(at.run())


def charts(at: AppTest) -> list[Any]:
    return list(at.get("plotly_chart"))


def layers(at: AppTest) -> int:
    """How many layers the lead says there are."""
    lead = next(text.value for text in at.markdown if "**" in text.value)
    said = next(bold for bold in lead.split("**")[1::2] if any(ch.isdigit() for ch in bold))
    return int("".join(ch for ch in said if ch.isdigit()))
