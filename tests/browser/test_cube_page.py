"""The cube page in a real browser: hover, turn, pin, keys, touch, dark, phone, and without WebGL."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

import normviz as nv
from tests.browser.conftest import PHONE, NewPage
from tests.browser.cube_look import (
    canvas,
    choices_of,
    choose,
    drag,
    look,
    open_cube,
    place,
    wait_address,
)
from tests.browser.ready import wait_ready

SCENES: list[tuple[str, tuple[int, ...], dict[str, Any], str]] = [
    ("batch_norm", (8, 12, 4, 4), {}, ""),
    ("layer_norm", (3, 6, 5, 2), {}, "unfolded"),
    ("layer_norm_last", (4, 10, 16), {}, ""),
    ("instance_norm", (4, 6, 5, 3), {}, "unfolded"),
    ("group_norm", (8, 12, 4, 4), {"num_groups": 3}, ""),
    ("local_response_norm", (4, 9, 3, 3), {"size": 4}, ""),
    ("rms_norm", (12, 24), {}, ""),
]


def mask_of(boxes: tuple[Any, ...], shape: tuple[int, ...]) -> np.ndarray:
    lit = np.zeros(shape, bool)
    for box in boxes:
        lit[tuple(slice(lo, hi) for lo, hi in box)] = True
    return lit


@pytest.mark.parametrize(("method", "shape", "knobs", "view"), SCENES, ids=[s[0] for s in SCENES])
def test_pointing_at_a_cell_lights_its_set(
    page: Page, app_url: str, method: str, shape: tuple[int, ...], knobs: dict[str, Any], view: str
) -> None:
    more = {"view": view} if view else {}
    text = "x".join(map(str, shape))
    open_cube(page, app_url, method=method, shape=text, **more, **{k: str(v) for k, v in knobs.items()})
    shared = nv.METHODS[method].spec(**knobs).sets[0]
    box = place(page)
    rng = np.random.default_rng(len(method))
    address = page.url
    found = set()
    for u, v in rng.uniform(0.12, 0.88, (30, 2)):
        page.mouse.move(box["x"] + u * box["width"], box["y"] + v * box["height"])
        seen = look(page)
        assert len(seen.cell) == len(shape)
        expected = shared.mask(shape, seen.cell)
        assert np.array_equal(mask_of(seen.boxes, shape), expected), seen
        assert seen.sizes == (int(expected.sum()),)
        found.add(seen.cell)
    assert len(found) >= 8
    # Nothing was asked of the server.
    assert page.url == address


def test_without_a_shared_statistic_one_cell_is_lit(page: Page, app_url: str) -> None:
    open_cube(page, app_url, method="batch_norm_eval")
    box = place(page)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    seen = look(page)
    assert seen.boxes == () and seen.sizes == ()
    expect(page.locator(".nv-read")).to_contain_text(f"running_mean[{seen.cell[1]}]")


def test_turning_keeps_the_camera_across_a_method_change(page: Page, app_url: str) -> None:
    open_cube(page, app_url, method="group_norm")
    home = look(page).camera
    drag(page, 90, -40)
    turned = look(page)
    assert turned.camera != home
    wait_address(page, "look", turned.look)
    choose(page, "Method", "Layer Norm")
    assert choices_of(page)["method"] == "layer_norm"
    seen = look(page)
    assert seen.camera == turned.camera
    (box,) = seen.boxes
    assert box[1:] == ((0, 12), (0, 4), (0, 4))
    wait_address(page, "look", turned.look)


def test_a_click_pins_and_reaches_the_address(page: Page, app_url: str) -> None:
    open_cube(page, app_url, method="instance_norm")
    box = place(page)
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.55 * box["height"])
    aimed = look(page).cell
    page.mouse.down()
    page.mouse.up()
    text = "x".join(map(str, aimed))
    wait_address(page, "cell", text)
    wait_ready(page, cube=True)
    assert look(page).pinned == aimed
    # The formula on the page is this cell's.
    formulas = [re.sub(r"\s", "", text) for text in page.locator("annotation").all_text_contents()]
    assert any(",".join(map(str, aimed)) in text for text in formulas), formulas
    # Another cell may be lit and the pinned one stays; when the mouse leaves it is lit again.
    page.mouse.move(box["x"] + 0.35 * box["width"], box["y"] + 0.6 * box["height"])
    assert look(page).cell != aimed and look(page).pinned == aimed
    page.mouse.move(5, 5)
    assert look(page).cell == aimed
    assert choices_of(page)["cell"] == text


def test_keys_alone_reach_and_pin_a_cell(page: Page, app_url: str) -> None:
    open_cube(page, app_url, method="group_norm")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.locator(".nv-stage").evaluate("node => node.getRootNode().activeElement === node"):
            break
    else:
        pytest.fail("Tab does not reach the cube")
    start = look(page).cell
    page.keyboard.press("ArrowRight")
    right = look(page)
    assert sum(abs(a - b) for a, b in zip(right.cell, start, strict=True)) == 1
    assert right.cell[1] != start[1]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowRight")
    reached = look(page)
    assert reached.cell[0] != start[0]
    shared = nv.METHODS["group_norm"].spec().sets[0]
    assert np.array_equal(mask_of(reached.boxes, (8, 12, 4, 4)), shared.mask((8, 12, 4, 4), reached.cell))
    expect(page.locator('.nv-cube [aria-live="polite"]')).to_contain_text(
        f"({', '.join(map(str, reached.cell))})"
    )
    page.keyboard.press("Enter")
    wait_address(page, "cell", "x".join(map(str, reached.cell)))
    wait_ready(page, cube=True)
    assert look(page).pinned == reached.cell
    # The focus is still there after the rerun, and Escape lets go.
    page.keyboard.press("Escape")
    wait_address(page, "cell", None)
    wait_ready(page, cube=True)
    assert look(page).pinned in ((), start)
    camera = look(page).camera
    page.keyboard.press("Shift+ArrowLeft")
    assert look(page).camera != camera


def test_escape_lets_go_of_a_cell_that_came_with_the_link(page: Page, app_url: str) -> None:
    open_cube(page, app_url, cell="3x7x2x1")
    assert look(page).pinned == (3, 7, 2, 1)
    page.locator(".nv-stage").focus()
    page.keyboard.press("Escape")
    wait_address(page, "cell", None)


def pixels(page: Page) -> np.ndarray:
    """The canvas as RGBA."""
    url = canvas(page).evaluate("node => node.toDataURL('image/png')")
    return np.asarray(Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA"))


def test_light_and_dark_both_draw(new_page: NewPage, app_url: str) -> None:
    drawn = {}
    for scheme in ("light", "dark"):
        page = new_page(color_scheme=scheme, viewport={"width": 700, "height": 600})
        open_cube(page, app_url, method="group_norm")
        drawn[scheme] = pixels(page)
        background = page.get_by_test_id("stApp").evaluate("node => getComputedStyle(node).backgroundColor")
        (shade,) = {sum(map(int, re.findall(r"\d+", background)[:3])) // 3}
        assert (shade > 128) == (scheme == "light")
        painted = drawn[scheme][..., 3] > 0
        assert painted.mean() > 0.1
        colours = np.unique(drawn[scheme][painted], axis=0)
        assert len(colours) > 20
    assert drawn["light"].shape == drawn["dark"].shape
    assert (drawn["light"] != drawn["dark"]).any(axis=-1).mean() > 0.1


def no_sideways_scroll(page: Page) -> bool:
    return bool(
        page.evaluate(
            """() => [document.scrollingElement, document.querySelector('[data-testid="stMain"]')]
              .every(node => node.scrollWidth <= node.clientWidth + 1)"""
        )
    )


def test_a_phone_shows_the_cube_and_a_tap_lights_a_set(phone: Page, app_url: str) -> None:
    open_cube(phone, app_url, method="group_norm")
    assert no_sideways_scroll(phone)
    box = place(phone)
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["viewport"]["width"]
    assert box["width"] > 280
    before = look(phone)
    phone.touchscreen.tap(box["x"] + 0.62 * box["width"], box["y"] + 0.6 * box["height"])
    phone.wait_for_function("() => new URLSearchParams(location.search).has('cell')", timeout=30_000)
    wait_ready(phone, cube=True)
    seen = look(phone)
    assert seen.cell != before.cell and seen.pinned == seen.cell
    shape = (8, 12, 4, 4)
    expected = nv.METHODS["group_norm"].spec().sets[0].mask(shape, seen.cell)
    assert np.array_equal(mask_of(seen.boxes, shape), expected)
    assert no_sideways_scroll(phone)


def test_no_webgl_is_needed(new_page: NewPage, app_url: str) -> None:
    page = new_page()
    page.add_init_script(
        """const real = HTMLCanvasElement.prototype.getContext;
        window.asked = [];
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
          window.asked.push(kind);
          return /webgl/.test(kind) ? null : real.call(this, kind, ...more);
        };"""
    )
    open_cube(page, app_url, method="group_norm", colour="before")
    box = place(page)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert look(page).sizes == (48,)
    asked = page.evaluate("window.asked")
    assert "2d" in asked and not any("webgl" in kind for kind in asked)
