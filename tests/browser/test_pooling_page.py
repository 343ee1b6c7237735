"""The pooling view in a real browser: what lights up under the mouse is what torch's autograd says it depends on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from normviz.poolings import POOLINGS
from normviz.samples import Sample
from tests.browser.bare_pool import lit, middle, state
from tests.browser.conftest import PHONE, NewPage
from tests.browser.cube_look import address, choices_of, wait_address
from tests.browser.ready import wait_ready
from tests.pages.app import CJK

SHAPE, CHANNEL = (1, 3, 11, 13), 1
LINK = {"part": "pooling", "input": "random", "shape": "1x3x11x13", "channel": "1"}
GEOMETRIES: list[tuple[str, dict[str, Any]]] = [
    ("max", {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("max", {"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 2, "ceil_mode": True}),
    ("average", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
    ("adaptive_max", {"output_size": 4}),
    ("global_average", {}),
]


def open_pooling(page: Page, base: str, **choices: str) -> Page:
    page.goto(address(base, "activations", **{**LINK, **choices}))
    page.wait_for_selector('.nv-pool[data-ready="1"]')
    wait_ready(page)
    return page


def depends(key: str, knobs: dict[str, Any], draws: int = 300) -> np.ndarray:
    """Which inputs every output can depend on, (H', W', H, W): those with a gradient for any of many random maps."""
    layer = POOLINGS[key].module(torch.nn, 2, **knobs)
    x = torch.randn(draws, 1, *SHAPE[2:], generator=torch.Generator().manual_seed(1), requires_grad=True)
    y = layer(x)[:, 0]
    height, width = y.shape[1:]
    found = np.zeros((height, width, *SHAPE[2:]), bool)
    for h in range(height):
        for w in range(width):
            (back,) = torch.autograd.grad(y[:, h, w].sum(), x, retain_graph=True)
            found[h, w] = (back[:, 0] != 0).any(dim=0).numpy()
    return found


def winners(key: str, knobs: dict[str, Any]) -> np.ndarray:
    """The input that won every output of the map that is shown, by autograd."""
    x = torch.tensor(Sample().tensor(SHAPE)[0, CHANNEL], requires_grad=True)
    y = POOLINGS[key].module(torch.nn, 2, **knobs)(x[None])[0]
    found = np.zeros((*y.shape, 2), int)
    for h, w in np.ndindex(*y.shape):
        (back,) = torch.autograd.grad(y[h, w], x, retain_graph=True)
        found[h, w] = np.argwhere(back.numpy() != 0)[0]
    return found


@pytest.mark.parametrize(("key", "knobs"), GEOMETRIES)
def test_hovering_lights_exactly_what_autograd_says(
    page: Page, app_url: str, key: str, knobs: dict[str, Any]
) -> None:
    open_pooling(page, app_url, pool=key, **{name: str(value) for name, value in knobs.items()})
    reads = depends(key, knobs)
    outputs, inputs = reads.shape[:2], reads.shape[2:]
    page.locator(".nv-pool").scroll_into_view_if_needed()
    last = tuple(n - 1 for n in outputs)
    for cell in {(0, 0), last, (last[0] // 2, last[1]), (0, last[1] // 2)}:
        page.mouse.move(*middle(page, "out", cell, outputs))
        said = state(page)
        assert (said["side"], said["cell"]) == ("out", f"{cell[0]},{cell[1]}")
        assert np.array_equal(lit(said, inputs), reads[cell])
        if POOLINGS[key].largest:
            assert said["winner"] == ",".join(map(str, winners(key, knobs)[cell]))
    for cell in ((0, 0), (5, 6), tuple(n - 1 for n in inputs)):
        page.mouse.move(*middle(page, "in", cell, inputs))
        said = state(page)
        assert (said["side"], said["cell"]) == ("in", f"{cell[0]},{cell[1]}")
        assert np.array_equal(lit(said, outputs), reads[(..., *cell)])
    assert "out" not in choices_of(page), "hovering reruns nothing"


def test_a_click_pins_the_cell_in_the_link_and_works_it_out(page: Page, app_url: str) -> None:
    open_pooling(page, app_url, kernel_size="3", stride="2", padding="1")
    page.mouse.click(*middle(page, "out", (2, 4), (6, 7)))
    wait_address(page, "out", "2x4")
    expect(page.get_by_role("heading", name="Output (2, 4) with its numbers")).to_be_visible()
    # Opened anew the link shows the same; another cell of the other map takes its place.
    page.goto(page.url)
    page.wait_for_selector('.nv-pool[data-pinned="out:2,4"]')
    wait_ready(page)
    page.mouse.click(*middle(page, "in", (3, 3), SHAPE[2:]))
    wait_address(page, "in", "3x3")
    assert "out" not in choices_of(page)
    page.keyboard.press("Escape")
    wait_address(page, "in", None)


def test_what_does_not_fit_is_mended_by_a_click(new_page: NewPage, app_url: str) -> None:
    page = new_page(locale="zh-CN", **PHONE)
    open_pooling(page, app_url, kernel_size="3", padding="2")
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("padding = 1")
    assert CJK.search(alert.inner_text()) and CJK.search(page.locator("h1").inner_text())
    expect(page.locator(".nv-pool canvas")).to_be_visible()
    page.get_by_role("button", name="padding = 1").tap()
    wait_address(page, "padding", "1")
    wait_ready(page)
    expect(alert).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_stride_can_be_emptied_again(page: Page, app_url: str) -> None:
    open_pooling(page, app_url, kernel_size="3", stride="1")
    field = page.get_by_test_id("stNumberInput").filter(has_text="stride").locator("input")
    field.fill("")
    field.press("Enter")
    wait_address(page, "stride", None)
    wait_ready(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("143 → 12 cells")
