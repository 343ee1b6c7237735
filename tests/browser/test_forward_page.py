"""The forward page in a real browser: a photograph goes in, two histograms on one axis come out."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from sklearn.datasets import load_sample_image

from tests.browser.conftest import NewPage
from tests.browser.cube_look import address, choices_of, wait_address
from tests.browser.forward_look import RIDGE
from tests.browser.ready import wait_ready
from tests.pages.app import CJK

#: Group Norm starts with 4 groups.
CHOSEN = {"method": "group_norm", "input": "upload", "shape": "4x8x16x16"}


@pytest.fixture(scope="module")
def jpeg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real photograph, encoded anew."""
    path = tmp_path_factory.mktemp("upload") / "temple.jpg"
    Image.fromarray(load_sample_image("china.jpg")).resize((400, 267)).save(path, quality=85)
    return path


def open_forward(page: Page, base: str, **choices: str) -> Page:
    page.goto(address(base, "forward", **choices))
    wait_ready(page)
    expect(page.locator(f"{RIDGE} .plot-container")).to_have_count(1)
    return page


def upload(page: Page, *paths: Path) -> None:
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(list(paths))


def traces(page: Page) -> list[tuple[str, tuple[float, ...]]]:
    """The names of the plotted curves and how high they go, as the browser has them."""
    found = page.locator(RIDGE).evaluate(
        """node => node._fullData.map(({ name, y }) =>
          [name ?? "", Array.from(y ?? [], Number).filter(Number.isFinite).slice(0, 400)])"""
    )
    return [(name, tuple(values)) for name, values in found]


def test_an_uploaded_jpeg_ends_in_histograms_before_and_after(page: Page, app_url: str, jpeg: Path) -> None:
    open_forward(page, app_url, **CHOSEN)
    photograph = traces(page)
    upload(page, jpeg)
    expect(page.get_by_text("uploaded images (1)")).to_be_visible()
    wait_ready(page)
    mine = traces(page)
    assert mine != photograph
    names = " ".join(name for name, _ in mine)
    assert "before" in names and "after" in names
    assert sum(1 for _, heights in mine if len(heights) > 5) >= 2
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    expect(page.get_by_text("agree: largest difference")).to_be_visible()
    expect(page.get_by_text("Images in use: 1")).to_be_visible()
    # One axis for both: every curve of the picture hangs on the same x.
    axes = page.locator(RIDGE).evaluate(
        """node => [...new Set(node._fullData.map(t => t.xaxis ?? 'x'))]
          .map(name => String(node._fullLayout['xaxis' + name.slice(1)].range))"""
    )
    assert len(set(axes)) == 1
    assert choices_of(page) == CHOSEN
    # The picture is this visitor's: nobody else's link brings it.
    assert jpeg.name not in page.url


def test_a_broken_file_is_one_sentence_and_the_result_stays(
    page: Page, app_url: str, jpeg: Path, tmp_path: Path
) -> None:
    truncated, text = tmp_path / "half.jpg", tmp_path / "letter.jpg"
    truncated.write_bytes(jpeg.read_bytes()[: jpeg.stat().st_size // 2])
    text.write_text("Dear reader, this is not a picture.\n" * 20, encoding="utf-8")
    open_forward(page, app_url, **CHOSEN)
    upload(page, jpeg)
    expect(page.get_by_text("uploaded images (1)")).to_be_visible()
    wait_ready(page)
    mine = traces(page)
    for broken in (truncated, text):
        upload(page, broken)
        alert = page.get_by_test_id("stAlert")
        expect(alert).to_have_count(1)
        expect(alert).to_contain_text(broken.name)
        wait_ready(page)
        assert "Traceback" not in alert.inner_text()
        assert traces(page) == mine
        expect(page.get_by_text("uploaded images (1)")).to_be_visible()


def test_gamma_and_beta_move_what_comes_out(page: Page, app_url: str) -> None:
    open_forward(page, app_url, method="layer_norm")
    before = traces(page)
    slider = (
        page.get_by_test_id("stSlider").filter(has_text="γ").locator("input[type=range], [role=slider]").first
    )
    slider.focus()
    page.keyboard.press("ArrowRight")
    wait_address(page, "gamma", "1.1")
    wait_ready(page)
    assert traces(page) != before
    expect(page.get_by_text("agree: largest difference")).to_be_visible()


def test_group_norm_in_chinese(new_page: NewPage, app_url: str) -> None:
    page = new_page(locale="zh-CN")
    open_forward(page, app_url, method="group_norm", num_groups="4")
    expect(page.get_by_role("heading", level=1)).to_contain_text("组归一化")
    words = page.locator(RIDGE).evaluate(
        "node => JSON.stringify(node._fullLayout.title ?? '') + node.textContent"
    )
    assert CJK.search(words)
    assert "lang" not in choices_of(page)  # the browser's own language needs no word in the link


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_histograms(new_page: NewPage, app_url: str, scheme: str) -> None:
    page = new_page(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, color_scheme=scheme
    )
    open_forward(page, app_url)
    box = page.locator(RIDGE).bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["width"] > 300
    assert page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollWidth") <= 391
