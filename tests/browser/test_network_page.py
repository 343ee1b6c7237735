"""The network page in a real browser: a JPEG becomes a ridge plot, a click opens a layer, a run can be stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from sklearn.datasets import load_sample_image

from tests.browser.conftest import NewPage
from tests.browser.cube_look import address, choices_of, wait_address
from tests.browser.ready import wait_ready

RIDGE = ".st-key-nv-ridge-rows .js-plotly-plot"


@pytest.fixture(scope="module")
def jpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real photograph, encoded anew."""
    path = tmp_path_factory.mktemp("upload") / "flower.jpg"
    Image.fromarray(load_sample_image("flower.jpg")).resize((400, 267)).save(path, quality=85)
    return path


def open_network(page: Page, base: str, **choices: str) -> Page:
    page.goto(address(base, "network", **choices))
    wait_ready(page, timeout=60_000)
    expect(page.locator(f"{RIDGE} .plot-container")).to_have_count(1)
    return page


def curves(page: Page) -> str:
    """All that the ridge draws, as the browser has it."""
    found: str = page.locator(RIDGE).evaluate(
        """node => JSON.stringify(node._fullData.map(
          ({ name, x, y }) => [name, Array.from(x ?? []), Array.from(y ?? [])]))"""
    )
    return found


def test_an_uploaded_jpeg_ends_in_a_ridge_of_every_layer(page: Page, app_url: str, jpeg: Path) -> None:
    chosen = {"network": "resnet18", "side": "64", "input": "upload"}
    open_network(page, app_url, **chosen)
    sample = curves(page)
    chooser = page.get_by_test_id("stFileUploader").first
    chooser.locator("input[type=file]").set_input_files(str(jpeg))
    expect(page.get_by_text("Images in use: 1")).to_be_visible(timeout=30_000)
    wait_ready(page, timeout=60_000)
    mine = curves(page)
    assert mine != sample
    assert "layer4" in page.locator(RIDGE).inner_text()
    expect(page.get_by_text("your images (1)")).to_be_visible()
    assert choices_of(page) == chosen
    assert jpeg.name not in page.url


def test_a_click_on_a_row_opens_its_layer(page: Page, app_url: str) -> None:
    open_network(page, app_url)
    box = page.locator(RIDGE).bounding_box()
    point = page.locator(RIDGE).evaluate(
        """node => { const t = node._fullData.find(t => t.customdata && (t.x ?? []).length > 4);
          const n = Math.floor(t.x.length / 2), l = node._fullLayout;
          return [l[t.xaxis.replace('x', 'xaxis')].d2p(t.x[n]) + l._size.l,
                  l[t.yaxis.replace('y', 'yaxis')].d2p(t.y[n]) + l._size.t]; }"""
    )
    assert box is not None
    page.mouse.move(box["x"] + point[0] + 1, box["y"] + point[1])
    page.mouse.click(box["x"] + point[0], box["y"] + point[1])
    page.wait_for_function("new URL(location).searchParams.has('layer')")
    wait_ready(page)
    name = choices_of(page)["layer"]
    below_the_header(page, name)
    expect(page.locator(f"{RIDGE} .plot-container")).to_have_count(1)


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_an_opened_layer_is_not_under_the_header_and_leads_on(
    new_page: NewPage, app_url: str, size: tuple[int, int]
) -> None:
    page = open_network(new_page(viewport={"width": size[0], "height": size[1]}), app_url)
    page.locator(".st-key-ridge-after button:visible").first.click()
    seen = set()
    for _ in range(3):
        page.wait_for_function("new URL(location).searchParams.has('layer')")
        wait_ready(page)
        name = choices_of(page)["layer"]
        below_the_header(page, name)
        seen.add(name)
        after = page.locator(".st-key-below-after button:visible").first
        expect(after).to_be_in_viewport(ratio=1)
        after.click()
        page.wait_for_function("name => new URL(location).searchParams.get('layer') !== name", arg=name)
    assert len(seen) == 3


def below_the_header(page: Page, name: str) -> None:
    """The heading of that name is on the screen, and nothing lies over it."""
    heading = page.get_by_role("heading", name=name, exact=True)
    expect(heading).to_be_in_viewport(ratio=1)
    page.wait_for_function(
        """name => { const h = [...document.querySelectorAll('h3')].find(h => h.textContent.trim() === name);
          if (!h) return false;
          const b = h.getBoundingClientRect(), head = document.querySelector('[data-testid=stHeader]');
          return b.top >= head.getBoundingClientRect().bottom && b.bottom <= innerHeight
            && h.contains(document.elementFromPoint(b.left + 5, b.top + 5)); }""",
        arg=name,
    )


def test_a_long_run_shows_its_layers_and_stops(page: Page, app_url: str) -> None:
    open_network(page, app_url)
    page.goto(address(app_url, "network", network="resnet50", input="digits", count="24"))
    stop = page.locator("[class*=st-key-nv-network-stop] button")
    expect(stop).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Layer ").first).to_be_visible()
    stop.click()
    expect(page.locator("[class*=st-key-nv-network-again] button")).to_be_visible(timeout=60_000)
    wait_ready(page)
    # It is not begun again by the next choice of a view.
    page.get_by_role("button", name="Table").or_(page.get_by_role("radio", name="Table")).first.click()
    wait_address(page, "view", "table")
    wait_ready(page)
    expect(page.locator("[class*=st-key-nv-network-again] button")).to_be_visible()


def test_on_a_phone_nothing_is_wider_than_the_page(phone: Page, app_url: str) -> None:
    open_network(phone, app_url, lang="zh")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    expect(phone.get_by_role("heading", level=1)).to_be_visible()
