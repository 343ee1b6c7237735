"""The comparison table in a real browser: its links land on the view that they promise."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.cube_look import address, choices_of, look, wait_address
from tests.browser.ready import wait_ready

TABLE = ".st-key-nv-claims-table"
CARDS = ".st-key-nv-claims-cards"


def open_table(page: Page, base: str, **choices: str) -> None:
    page.goto(address(base, "compare", **choices))
    expect(page.locator(TABLE)).to_be_attached(timeout=60_000)
    wait_ready(page, timeout=60_000)


def claim(page: Page, row: str, column: str) -> Locator:
    """The cell of a claim and a method."""
    names = page.locator(f"{TABLE} thead th").all_inner_texts()
    (place,) = [k for k, name in enumerate(names) if name.strip().startswith(column)]
    rows = page.locator(f"{TABLE} tbody tr").filter(has=page.get_by_role("rowheader", name=row, exact=True))
    return rows.locator("td").nth(place - 1)


def follow(page: Page, cell: Locator, name: str, *, key: str = "") -> Page:
    """Open the link of that name in its new tab, by mouse or by a key."""
    found = cell.get_by_role("link", name=name)
    found.scroll_into_view_if_needed()
    with page.expect_popup() as opened:
        if key:
            found.focus()
            page.keyboard.press(key)
        else:
            found.click()
    opened.value.wait_for_load_state()
    expect(opened.value.get_by_role("heading", level=1)).to_be_visible(timeout=60_000)
    wait_ready(opened.value, timeout=60_000)
    return opened.value


def test_the_sets_of_a_method_open_by_mouse_and_by_key_and_the_table_stays(page: Page, app_url: str) -> None:
    open_table(page, app_url, shape="4x6x5x5", seed="3")
    principle = claim(page, "Principle and axes", "Group Norm")
    expect(principle).to_contain_text("separate along N (samples)")
    for key in ("", "Enter"):
        cube = follow(page, principle, "Sets", key=key)
        wait_ready(cube, cube=True)
        expect(cube.get_by_role("heading", level=1)).to_contain_text("Group Norm")
        assert choices_of(cube) == {"method": "group_norm", "shape": "4x6x5x5", "seed": "3"}
        assert look(cube).sizes == (2 * 5 * 5,)  # six channels in three groups, the nearest to four
        cube.close()
    expect(page.locator(TABLE)).to_be_visible()


def test_how_far_a_nan_reaches_is_what_the_table_says(page: Page, app_url: str) -> None:
    open_table(page, app_url)
    for method, answer, cells in (("Batch Norm", "Yes", 8 * 4 * 4), ("Layer Norm", "No", 12 * 4 * 4)):
        batch = claim(page, "Depends on the batch", method)
        expect(batch).to_contain_text(answer)
        cube = follow(page, batch, "How far a NaN reaches")
        expect(cube.get_by_test_id("stAlert")).to_contain_text(f"it reaches {cells} cells")
        cube.close()


@pytest.mark.parametrize(
    ("row", "name", "topic"),
    [
        ("Training and evaluating", "Training and evaluating", "stream"),
        ("Strengths", "Folding", "fold"),
        ("Weaknesses", "Batch of one", "lone"),
    ],
)
def test_a_topic_opens_with_its_tab_chosen(page: Page, app_url: str, row: str, name: str, topic: str) -> None:
    open_table(page, app_url)
    forward = follow(page, claim(page, row, "Batch Norm"), name)
    wait_address(forward, "topic", topic)
    chosen = forward.locator(".st-key-nv-topics").get_by_role("radio", checked=True)
    expect(chosen).to_have_text(name)


def test_a_phone_shows_a_card_for_each_method(phone: Page, app_url: str) -> None:
    open_table(phone, app_url)
    expect(phone.locator(TABLE)).to_be_hidden()
    cards = phone.locator(f"{CARDS} [class*='st-key-nv-claims-']")
    expect(cards).to_have_count(4)
    assert [card.get_by_role("heading").inner_text() for card in cards.all()] == [
        "Batch Norm",
        "Layer Norm",
        "Instance Norm",
        "Group Norm · G = 4",
    ]
    width = phone.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    for card in cards.all():
        box = card.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
