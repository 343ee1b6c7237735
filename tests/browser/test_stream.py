"""Charts over steps in a real browser: drawn once, marked at the step, and left alone while the steps play."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.cube_look import address, choices_of, wait_address
from tests.browser.ready import wait_ready

TOPICS = {
    "stream": ({"topic": "stream"}, "step", 2),
    "renorm": ({"topic": "renorm", "method": "batch_renorm"}, "renorm_step", 1),
}

# Of every chart of a course: its box, how many of its lines can be seen, where the mark is and where the ticks are.
_CHARTS = """name => [...document.querySelectorAll(`.st-key-nv-course-${name} .stPlotlyChart`)].map(chart => {
  const svg = chart.querySelector('.main-svg'), box = svg.getBoundingClientRect();
  const seen = path => path.getTotalLength() > 100 && path.getBoundingClientRect().width > 100;
  const ticks = [...chart.querySelectorAll('.xtick text')].map(text => {
    const place = text.getBoundingClientRect();
    return [text.textContent, place.left + place.width / 2];
  });
  return {
    box: [box.left, box.right, box.height],
    visible: chart.checkVisibility({visibilityProperty: true, opacityProperty: true}),
    lines: [...chart.querySelectorAll('path.js-line')].filter(seen).length,
    mark: chart.getBoundingClientRect().left + parseFloat(getComputedStyle(chart, '::after').left),
    ticks: Object.fromEntries(ticks),
  };
})"""


def open_topic(page: Page, base: str, topic: str = "stream", **choices: str) -> Page:
    page.goto(address(base, "forward", **TOPICS[topic][0], **choices))
    wait_ready(page)
    expect(page.locator(f".st-key-nv-course-{topic} .main-svg .trace").first).to_be_attached()
    return page


def charts(page: Page, topic: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(_CHARTS, topic)
    return found


def step_shown(page: Page, step: int, topic: str = "stream") -> None:
    expect(page.locator(f".st-key-nv-at-{topic}")).to_contain_text(f"Step {step} of", timeout=60_000)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize(("device", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_the_charts_are_seen_and_marked_at_the_step(
    new_page: NewPage, app_url: str, topic: str, device: dict[str, Any], scheme: str
) -> None:
    page = new_page(**device, color_scheme=scheme)
    _, link, count = TOPICS[topic]
    for step in ("20", "60"):
        open_topic(page, app_url, topic, **{link: step})
        step_shown(page, int(step), topic)
        found = charts(page, topic)
        assert len(found) == count
        for chart in found:
            left, right, height = chart["box"]
            assert chart["visible"] and chart["lines"] >= 3
            assert left >= 0 and right - left > 300 and height > 300
            assert right <= device["viewport"]["width"]
            assert chart["mark"] == pytest.approx(chart["ticks"][step], abs=2)


@pytest.mark.parametrize(("topic", "start", "end"), [("stream", 57, 60), ("renorm", 96, 100)])
def test_playing_moves_the_mark_and_leaves_the_chart(
    page: Page, app_url: str, topic: str, start: int, end: int
) -> None:
    link = TOPICS[topic][1]
    open_topic(page, app_url, topic, **{link: str(start)})
    step_shown(page, start, topic)
    svg = page.locator(f".st-key-nv-course-{topic} .main-svg").first.element_handle()
    page.evaluate(
        """course => {
          window.normvizChanges = 0;
          new MutationObserver(() => { window.normvizChanges += 1; })
            .observe(document.querySelector(course), {childList: true, subtree: true});
        }""",
        f".st-key-nv-course-{topic}",
    )
    before = charts(page, topic)[0]["mark"]
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    wait_address(page, link, str(end))
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    wait_ready(page)
    step_shown(page, end, topic)
    assert svg.evaluate("node => node.isConnected") and page.evaluate("window.normvizChanges") == 0
    seen = charts(page, topic)[0]
    assert seen["mark"] > before and seen["mark"] == pytest.approx(seen["ticks"][str(end)], abs=2)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_pause_holds_the_step(page: Page, app_url: str) -> None:
    open_topic(page, app_url, step="5")
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


def test_leaving_the_topic_ends_the_playing(page: Page, app_url: str) -> None:
    open_topic(page, app_url, step="5")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    topics = page.locator(".st-key-nv-topics")
    topics.get_by_text("Folding", exact=True).click()
    wait_address(page, "topic", "fold")
    wait_ready(page)
    topics.get_by_text("Training and evaluating", exact=True).click()
    wait_address(page, "topic", "stream")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    wait_ready(page)
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)


def test_the_page_does_not_scroll_sideways_on_a_phone(phone: Page, app_url: str) -> None:
    for topic in TOPICS:
        open_topic(phone, app_url, topic)
        assert phone.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollWidth") <= 391
