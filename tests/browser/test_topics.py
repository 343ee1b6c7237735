"""Every topic of the forward page in a real browser: drawn, without an error, within the width of the page."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from normviz.catalogue import METHODS
from normviz.text.lookup import LANGUAGES, words
from normviz.ui.topics.table import TOPICS, Topic
from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.cube_look import address
from tests.browser.ready import wait_ready

WIDTHS = (DESKTOP["viewport"]["width"], PHONE["viewport"]["width"])

# The visible charts as (left, right, width, height), and how much wider than the page its content is.
_MEASURES = """() => {
  const main = document.querySelector('[data-testid="stMain"]');
  const charts = [...document.querySelectorAll('[data-testid="stPlotlyChart"]')]
    .filter(chart => chart.checkVisibility({visibilityProperty: true}))
    .map(chart => chart.querySelector('.main-svg')?.getBoundingClientRect())
    .map(box => box ? [box.left, box.right, box.width, box.height] : [0, 0, 0, 0]);
  const widest = Math.max(document.documentElement.scrollWidth, main.scrollWidth);
  return {charts, over: widest - window.innerWidth};
}"""


def measures(page: Page, width: int) -> dict[str, Any]:
    """What the page measures once it has been drawn at this width."""
    page.set_viewport_size({"width": width, "height": 844})
    page.wait_for_function(
        """() => [...document.querySelectorAll('[data-testid="stPlotlyChart"] .main-svg')]
             .some(svg => svg.getBoundingClientRect().width > 0
               && svg.getBoundingClientRect().right <= window.innerWidth)"""
    )
    wait_ready(page)
    found: dict[str, Any] = page.evaluate(_MEASURES)
    return found


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.key)
def test_every_topic_is_drawn_within_the_page(topic: Topic, new_page: NewPage, app_url: str) -> None:
    page = new_page()
    method = next(key for key, entry in METHODS.items() if topic.fits(entry))
    for lang in LANGUAGES:
        page.set_viewport_size(DESKTOP["viewport"])
        chosen = {"method": method, "topic": topic.key, "lang": lang}
        page.goto(address(app_url, "forward", **chosen))
        wait_ready(page, timeout=90_000)
        where = f"{topic.key} of {method} in {lang}"
        name = words(lang)[f"topic.{topic.key}"]
        expect(page.locator(".st-key-nv-topics").get_by_text(name, exact=True)).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.locator('[data-testid="stAlertContentError"]')).to_have_count(0)
        assert "Traceback" not in page.inner_text("body"), where
        for width in WIDTHS:
            found = measures(page, width)
            assert found["over"] <= 0, f"{where} is {found['over']} px wider than {width}"
            assert found["charts"], f"{where} shows no chart at {width}"
            for left, right, wide, high in found["charts"]:
                assert wide > 100 and high > 60, f"an empty chart in {where} at {width}"
                assert left >= 0 and right <= width + 0.5, f"a chart leaves the page in {where} at {width}"
