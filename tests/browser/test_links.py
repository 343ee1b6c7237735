"""Links in a real browser: what one visitor sees, another one opens; a mangled one never breaks a page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.cube_look import address, choices_of, choose, drag, look, open_cube, place, wait_address
from tests.browser.forward_look import RIDGE
from tests.browser.ready import wait_ready

CHOSEN = {"method": "group_norm", "num_groups": "2", "shape": "4x6x5x5"}


def test_the_link_of_a_pinned_cell_shows_it_in_a_new_browser_in_chinese(
    new_page: NewPage, app_url: str
) -> None:
    first = open_cube(new_page(locale="en-US"), app_url, **CHOSEN, view="unfolded")
    drag(first, 70, 30)
    wait_address(first, "look", look(first).look)
    wait_ready(first, cube=True)
    box = place(first)
    first.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    first.wait_for_function("() => new URLSearchParams(location.search).has('cell')", timeout=30_000)
    wait_ready(first, cube=True)
    seen = look(first)
    assert choices_of(first) == CHOSEN | {
        "view": "unfolded",
        "cell": "x".join(map(str, seen.pinned)),
        "look": seen.look,
    }
    second = new_page(locale="zh-CN")
    second.goto(first.url)
    wait_ready(second, cube=True)
    again = look(second)
    assert (again.pinned, again.cell, again.boxes, again.sizes) == (
        seen.pinned,
        seen.cell,
        seen.boxes,
        seen.sizes,
    )
    assert [float(x) for x in again.camera.split(",")] == pytest.approx(
        [float(x) for x in seen.camera.split(",")], abs=0.01
    )
    expect(second.get_by_role("heading", level=1)).to_contain_text("组归一化")
    assert second.locator(".nv-read").inner_text() != first.locator(".nv-read").inner_text()
    assert choices_of(second) == choices_of(first)


def test_the_camera_of_a_link_outlasts_a_change(page: Page, app_url: str) -> None:
    open_cube(page, app_url, look="c40.70.130", method="group_norm")
    camera = look(page).camera
    assert [float(x) for x in camera.split(",")] == pytest.approx([0.4, 0.7, 1.3])
    assert choices_of(page)["look"] == "c40.70.130"
    choose(page, "Method", "Instance Norm")
    assert look(page).camera == camera
    assert choices_of(page) == {"method": "instance_norm", "look": "c40.70.130"}
    page.reload()
    wait_ready(page, cube=True)
    assert look(page).camera == camera


def test_resetting_the_camera_of_a_link_leaves_the_link(page: Page, app_url: str) -> None:
    open_cube(page, app_url, look="c40.70.130")
    page.get_by_role("button", name="Reset the view").click()
    wait_address(page, "look", None)


@pytest.mark.parametrize("path", ["", "cube", "forward"])
def test_a_mangled_link_shows_the_page(page: Page, app_url: str, path: str) -> None:
    mangled = {
        "method": "<b>x</b>",
        "shape": "0x-1",
        "cell": "999x0",
        "eps": "nan",
        "num_groups": "5",
        "gamma": "1e999",
        "look": "c1.2",
        "lang": "xx",
        "utm": "链接" * 300,
    }
    page.goto(address(app_url, path, **mangled))
    wait_ready(page, cube=path != "forward")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Batch Norm")
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    if path != "forward":
        assert look(page).cell == (0, 5, 1, 0)


def test_choices_go_along_to_the_other_page_and_back(page: Page, app_url: str) -> None:
    open_cube(page, app_url, **CHOSEN, cell="1x2x3x4")
    page.get_by_role("link", name="Forward pass").click()
    wait_ready(page)
    expect(page.locator(RIDGE)).to_have_count(1)
    assert page.url.split("?")[0].endswith("/forward")
    assert choices_of(page) == CHOSEN | {"cell": "1x2x3x4"}
    expect(page.get_by_role("heading", name="The four steps, for cell (1, 2, 3, 4)")).to_be_visible()
    page.get_by_role("link", name="Sets").click()
    expect(page.locator(".nv-cube")).to_have_count(1)
    wait_ready(page, cube=True)
    assert look(page).pinned == (1, 2, 3, 4)
    assert choices_of(page) == CHOSEN | {"cell": "1x2x3x4"}
