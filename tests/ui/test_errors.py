"""A page that fails says one sentence in both languages, and nothing of the error."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _page() -> None:
    from normviz.ui.errors import show_error

    assert show_error(RuntimeError("/home/someone/secret.png")) is True


def test_the_sentence_and_nothing_of_the_error() -> None:
    page = AppTest.from_function(_page).run()
    assert not page.exception
    (box,) = page.error
    assert "log" in box.value and "日志" in box.value
    assert "secret" not in box.value
