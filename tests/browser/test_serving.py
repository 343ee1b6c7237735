"""The server as it starts, and what a visitor sees of a page that fails."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.ready import wait_ready
from tests.browser.server import ROOT, serve

BROKEN = """
import streamlit as st
st.title("still here")
if st.button("fail"):
    raise RuntimeError("a-very-private-path")
"""


def test_the_app_starts_without_a_warning(page: Page) -> None:
    with serve() as server:
        page.goto(server.url)
        wait_ready(page)
        log = server.text().lower()
        assert "warning" not in log and "not a valid config option" not in log, server.tail()
        page.close()  # before its server goes


def test_a_failing_page_says_one_sentence_and_the_log_keeps_the_traceback(
    new_page: NewPage, tmp_path: Path
) -> None:
    for part in ("app.py", ".streamlit", "normviz"):
        source = ROOT / part
        (tmp_path / part).symlink_to(source) if source.is_dir() else shutil.copy(source, tmp_path)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "main.py").write_text(BROKEN, encoding="utf-8")
    with serve(tmp_path / "app.py", cwd=tmp_path) as broken:
        page = new_page()
        page.goto(broken.url)
        wait_ready(page)
        page.get_by_role("button", name="fail").click()
        alert = page.get_by_test_id("stAlert")
        expect(alert).to_contain_text("server's log")
        expect(alert).to_contain_text("页面未能显示")
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_text("still here")).to_be_visible()
        assert "a-very-private-path" not in page.content()
        assert "RuntimeError: a-very-private-path" in broken.text()
        page.close()  # or it misses its server, which ends here
