"""Real processes started from a real browser: they agree, they can be stopped, and none outlives its visitor."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.cube_look import address
from tests.browser.ready import wait_ready
from tests.browser.server import serve

CHOSEN = {"topic": "devices", "devices": "2", "shape": "4x6x2x2"}
SECONDS = 200


def processes(folder: Path) -> list[str]:
    """The command lines of the processes at work in this temporary folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        if f"{folder}/normviz-devices-" in command:
            found.append(command)
    return found


def wait_for(folder: Path, count: int) -> None:
    end = time.monotonic() + SECONDS
    while len(processes(folder)) != count or (count == 0 and list(folder.glob("normviz-devices-*"))):
        assert time.monotonic() < end, processes(folder)
        time.sleep(0.05)


def start(page: Page, base: str) -> None:
    page.goto(address(base, "forward", **CHOSEN))
    wait_ready(page, timeout=60_000)
    page.get_by_role("button", name="Run on 2 real processes").click()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
def test_a_run_agrees_and_ends_with_stop_and_with_its_visitor(new_page: NewPage, tmp_path: Path) -> None:
    with serve(environment={"TMPDIR": str(tmp_path)}) as running:
        page = new_page()
        start(page, running.url)
        stop = page.locator(".st-key-nv-device-stop").get_by_role("button")
        expect(stop).to_be_visible()
        wait_for(tmp_path, 2)
        stop.click()
        wait_for(tmp_path, 0)
        wait_ready(page)
        expect(page.get_by_text("come to what one process computes")).to_have_count(0)

        page.get_by_role("button", name="Run on 2 real processes").click()
        expect(page.get_by_text("come to what one process computes")).to_be_visible(timeout=SECONDS * 1000)
        wait_for(tmp_path, 0)
        expect(stop).to_have_count(0)

        page.get_by_role("button", name="Run on 2 real processes").click()
        wait_for(tmp_path, 2)
        page.close()
        wait_for(tmp_path, 0)
        assert "Traceback" not in running.text()


def test_the_picture_fits_a_phone(phone: Page, app_url: str) -> None:
    phone.goto(address(app_url, "forward", topic="devices"))
    wait_ready(phone)
    box = phone.locator(".st-key-devices .js-plotly-plot").bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["width"] > 300
    assert phone.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollWidth") <= 391
