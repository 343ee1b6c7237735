"""The compare page in a real browser: one camera and one lit cell over all cubes, playing, choosing, and the link."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

import normviz as nv
from tests.browser.conftest import PHONE, NewPage
from tests.browser.cube_look import address, choices_of, look, wait_address
from tests.browser.ready import wait_ready

FIGURE_2 = ("batch_norm", "layer_norm", "instance_norm", "group_norm")
SIX = (*FIGURE_2, "positional_norm", "local_response_norm")
SHAPE = (8, 12, 4, 4)


def open_compare(page: Page, base: str, **choices: str) -> Page:
    page.goto(address(base, "compare", **choices))
    wait_ready(page, cube=True, timeout=60_000)
    return page


def canvases(page: Page) -> list[Locator]:
    return page.locator(".nv-cube canvas").all()


def box_of(canvas: Locator) -> dict[str, float]:
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}


def lit(page: Page) -> dict[str, np.ndarray]:
    """By method, which cells its picture shows as one set."""
    figures = page.locator(".nv-figure").evaluate_all("nodes => nodes.map(node => ({...node.dataset}))")
    found = {}
    for said in figures:
        mask = np.zeros(SHAPE, bool)
        for box in filter(None, said["set"].split(";")):
            mask[tuple(slice(*map(int, side.split(":"))) for side in box.split(","))] = True
        found[said["key"]] = mask
    return found


def picture(canvas: Locator) -> str:
    return str(canvas.evaluate("node => node.toDataURL()"))


def knobs(key: str) -> dict[str, Any]:
    lengths = dict(zip("NCHW", SHAPE, strict=True))
    return {k.name: k.suited(k.default, lengths) for k in nv.METHODS[key].knobs}


def sets_of(key: str, cell: tuple[int, ...]) -> np.ndarray:
    return nv.METHODS[key].spec(**knobs(key)).sets[0].mask(SHAPE, cell)


def test_one_cell_lights_up_in_every_cube_whichever_is_pointed_at(page: Page, app_url: str) -> None:
    open_compare(page, app_url)
    before, seen = page.url, set()
    rng = np.random.default_rng(1)
    for canvas in canvases(page):
        box = box_of(canvas)
        for u, v in rng.uniform(0.25, 0.75, (5, 2)):
            page.mouse.move(box["x"] + u * box["width"], box["y"] + v * box["height"])
            cell = look(page).cell
            found = lit(page)
            assert tuple(found) == FIGURE_2
            for key, mask in found.items():
                assert np.array_equal(mask, sets_of(key, cell)), (key, cell)
            seen.add(cell)
    assert len(seen) >= 8
    assert page.url == before  # nothing was asked of the server


def test_one_camera_over_four_cubes(page: Page, app_url: str) -> None:
    open_compare(page, app_url)
    assert len(canvases(page)) == 4
    views = {look(page).camera}
    for canvas in canvases(page):
        old = [picture(one) for one in canvases(page)]
        box = box_of(canvas)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 20, y + 5)
        page.mouse.move(x + 45, y + 12)
        page.mouse.up()
        views.add(look(page).camera)
        assert all(a != b for a, b in zip(old, [picture(one) for one in canvases(page)], strict=True))
    assert len(views) == 5
    turned = look(page).camera
    # The link follows a moment after the last gesture; under load it still tells an earlier one.
    azimuth, elevation = (round(100 * float(x)) for x in turned.split(",")[:2])
    page.wait_for_function(
        "start => new URLSearchParams(location.search).get('look')?.startsWith(start)",
        arg=f"c{azimuth}.{elevation}.",
    )
    shown = choices_of(page)["look"]
    open_compare(page, app_url, look=shown)
    again = [float(x) for x in look(page).camera.split(",")]
    assert again == pytest.approx([float(x) for x in turned.split(",")], abs=0.01)


def test_playing_steps_through_the_sets_of_all_cubes(page: Page, app_url: str) -> None:
    page.emulate_media(reduced_motion="reduce")  # a single step a click
    open_compare(page, app_url, methods="batch_norm.layer_norm", shape="3x4x2x2")
    play = page.locator(".nv-play")
    cells = []
    for _ in range(12):
        play.click()
        cells.append(look(page).cell)
    # Every set of both comes by: 4 channels of 3 samples.
    assert {(n, c) for n, c, _, _ in cells} == set(itertools.product(range(3), range(4)))


def test_playing_goes_on_by_itself_and_stops(page: Page, app_url: str) -> None:
    open_compare(page, app_url)
    first = look(page).cell
    page.locator(".nv-play").click()
    expect(page.locator(".nv-cube")).not_to_have_attribute("data-cell", ",".join(map(str, first)))
    after_one = page.locator(".nv-cube").get_attribute("data-cell") or ""
    expect(page.locator(".nv-cube")).not_to_have_attribute("data-cell", after_one)
    page.locator(".nv-play").click()
    wait_ready(page, cube=True)
    stopped = look(page).cell
    assert stopped[1] > first[1]
    for key, mask in lit(page).items():
        assert np.array_equal(mask, sets_of(key, stopped)), key
    wait_address(page, "cell", "x".join(map(str, stopped)))


def test_methods_are_chosen_and_the_link_brings_them_back(
    page: Page, new_page: NewPage, app_url: str
) -> None:
    open_compare(page, app_url)
    page.get_by_role("button", name="Methods: 4").click()
    page.get_by_test_id("stPopoverBody").get_by_text("Positional Norm", exact=True).click()
    wait_address(page, "methods", ".".join((*FIGURE_2, "positional_norm")))
    wait_ready(page, cube=True)
    expect(page.locator(".nv-figure")).to_have_count(5)
    page.get_by_test_id("stPopoverBody").get_by_text("Layer Norm", exact=True).click()
    chosen = ("batch_norm", "instance_norm", "group_norm", "positional_norm")
    wait_address(page, "methods", ".".join(chosen))
    wait_ready(page, cube=True)
    assert tuple(lit(page)) == chosen
    expect(page.get_by_role("heading", level=1)).to_have_text("One cell, four answers")
    other = new_page()
    other.goto(page.url)
    wait_ready(other, cube=True)
    assert tuple(lit(other)) == chosen
    names = other.locator(".nv-figure figcaption b").all_inner_texts()
    assert names[-1] == "Positional Norm"


def test_the_pinned_cell_goes_along_to_the_other_pages(page: Page, app_url: str) -> None:
    open_compare(page, app_url)
    box = box_of(canvases(page)[2])
    page.mouse.click(box["x"] + 0.42 * box["width"], box["y"] + 0.5 * box["height"])
    wait_ready(page, cube=True)
    pinned = look(page).pinned
    assert pinned and look(page).cell == pinned
    wait_address(page, "cell", "x".join(map(str, pinned)))
    page.get_by_role("link", name="Sets", exact=True).click()
    wait_ready(page, cube=True)
    expect(page.locator(".nv-figure")).to_have_count(1)
    assert look(page).cell == pinned


@pytest.mark.parametrize("colour", ["set", "after"])
def test_six_cubes_fit_a_projector(page: Page, app_url: str, colour: str) -> None:
    open_compare(page, app_url, methods=".".join(SIX), colour=colour)
    boxes = [canvas.bounding_box() for canvas in canvases(page)]
    assert len(boxes) == 6 and all(box is not None for box in boxes)
    assert len({round(box["x"]) for box in boxes if box}) == 3
    assert max(box["y"] + box["height"] for box in boxes if box) <= 770
    assert min(box["height"] for box in boxes if box) >= 190
    if colour == "after":
        expect(page.locator(".nv-read")).to_contain_text("y = ")
        assert page.locator(".nv-read").inner_text().count("y = ") == 6


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_two_a_row(new_page: NewPage, app_url: str, scheme: str) -> None:
    phone = new_page(**PHONE, color_scheme=scheme, locale="zh-CN")
    open_compare(phone, app_url, methods=".".join(SIX))
    boxes = [canvas.bounding_box() for canvas in canvases(phone)]
    assert len({round(box["x"]) for box in boxes if box}) == 2
    assert phone.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollWidth") <= 391
    expect(phone.get_by_role("heading", level=1)).to_have_text("同一个元素，六种答案")
