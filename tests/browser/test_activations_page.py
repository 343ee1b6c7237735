"""The page of activations in a real browser: clicks, the live training, and a phone."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.cube_look import address, choices_of, wait_address
from tests.browser.ready import wait_ready

SMALL = {"shape": "4x8x16x16", "layers": "5"}
CURVES = ".st-key-act-curves .js-plotly-plot"


def open_view(page: Page, base: str, **choices: str) -> Page:
    page.goto(address(base, "activations", **SMALL, **choices))
    wait_ready(page)
    expect(page.locator(f"{CURVES} .plot-container")).to_have_count(1)
    return page


def curves(page: Page) -> set[str]:
    """The names of what is drawn."""
    return set(page.locator(CURVES).evaluate("node => node._fullData.map(trace => trace.name)"))


def test_a_click_adds_a_curve_and_goes_into_the_link(page: Page, app_url: str) -> None:
    open_view(page, app_url, act="relu.gelu")
    assert {"ReLU", "GELU"} <= curves(page) and "Mish" not in curves(page)
    page.locator(".st-key-nv-act-keys").get_by_role("button", name="Mish").click()
    wait_address(page, "act", "relu.gelu.mish")
    wait_ready(page)
    assert "Mish" in curves(page)
    # The slider of the chain, which is drawn anew alone, writes its link too.
    slider = page.locator(".st-key-nv-act-chain input[type=range]")
    slider.focus()
    slider.press("ArrowRight")
    wait_address(page, "layers", "6")
    assert choices_of(page) == SMALL | {"act": "relu.gelu.mish", "layers": "6"}


def test_the_slope_is_trained_live_and_can_be_stopped(page: Page, app_url: str) -> None:
    open_view(page, app_url, act="prelu")
    page.get_by_role("button", name="Train 150 steps").click()
    expect(page.get_by_text("of 150").first).to_be_visible(timeout=60_000)
    page.locator(".st-key-nv-act-stop button").click()
    said = page.locator(".st-key-nv-act-run-prelu").get_by_text("held-out digits")
    expect(said).to_be_visible(timeout=60_000)
    wait_ready(page)
    expect(page.locator(".st-key-nv-act-run-prelu .js-plotly-plot")).to_have_count(1)
    expect(page.locator(".st-key-nv-act-run-prelu").get_by_role("progressbar")).to_have_count(0)


def test_on_a_phone_nothing_is_wider_than_the_page(phone: Page, app_url: str) -> None:
    open_view(phone, app_url, act="relu.leaky_relu.prelu.elu.softplus.hardswish")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    wide = phone.locator("[data-testid=stPlotlyChart]:visible").evaluate_all(
        "nodes => nodes.map(node => node.getBoundingClientRect().right)"
    )
    assert wide and max(wide) <= 391
