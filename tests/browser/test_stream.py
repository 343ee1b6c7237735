"""The stream in a real browser: it plays by itself, stops by itself, and is never out of sight on the way."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.cube_look import address, choices_of, wait_address
from tests.browser.ready import wait_ready

STAGE = ".st-key-nv-stage-stream-course"
STEP = re.compile(r"^step \d+$")


def open_stream(page: Page, base: str, **choices: str) -> Page:
    page.goto(address(base, "forward", topic="stream", **choices))
    wait_ready(page)
    expect(page.locator(f"{STAGE} .main-svg .trace").first).to_be_attached()
    return page


def step_shown(page: Page, step: int) -> None:
    """The picture that is in sight is this step's."""
    marker = page.locator(STAGE).get_by_text(STEP).locator("visible=true")
    expect(marker).to_have_count(1, timeout=60_000)
    expect(marker).to_have_text(f"step {step}", timeout=60_000)


def test_it_plays_to_the_end_and_stops(page: Page, app_url: str) -> None:
    open_stream(page, app_url, step="57")
    step_shown(page, 57)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    wait_address(page, "step", "60")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    wait_ready(page)
    step_shown(page, 60)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_pause_holds_the_step(page: Page, app_url: str) -> None:
    open_stream(page, app_url, step="5")
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    wait_ready(page)
    held = int(choices_of(page)["step"])
    assert 5 <= held < 60
    step_shown(page, held)
    page.wait_for_timeout(2000)
    step_shown(page, held)
    page.get_by_role("button", name="skip_next").click()
    wait_address(page, "step", str(held + 1))
    wait_ready(page)
    step_shown(page, held + 1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_course(new_page: NewPage, app_url: str, scheme: str) -> None:
    page = new_page(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, color_scheme=scheme
    )
    open_stream(page, app_url)
    box = page.locator(STAGE).bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["width"] > 300
    assert page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollWidth") <= 391
