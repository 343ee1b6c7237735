"""Reading and touching the cube of a running app: what its data attributes say, where it is, what a hand does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from playwright.sync_api import Locator, Page

from tests.browser.ready import wait_ready

Cell = tuple[int, ...]
Box = tuple[tuple[int, int], ...]

_DRAWN = (
    "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
)


@dataclass(frozen=True)
class Seen:
    """What the cube says of itself."""

    cell: Cell
    boxes: tuple[Box, ...]
    sizes: tuple[int, ...]
    camera: str
    pinned: Cell
    look: str


def address(base: str, page: str = "", **choices: str) -> str:
    return f"{base}/{page}" + (f"?{urlencode(choices)}" if choices else "")


def choices_of(page: Page) -> dict[str, str]:
    """What the address says."""
    return dict(parse_qsl(urlsplit(page.url).query))


def open_cube(page: Page, base: str, **choices: str) -> Page:
    page.goto(address(base, **choices))
    wait_ready(page, cube=True)
    return page


def look(page: Page) -> Seen:
    """The cube's data attributes, after it has drawn what it was told."""
    page.evaluate(_DRAWN)
    said: Mapping[str, Any] = page.locator(".nv-cube").evaluate("node => ({...node.dataset})")
    boxes = [
        tuple((int(lo), int(hi)) for lo, hi in (side.split(":") for side in box.split(",")))
        for box in said["set"].split(";")
        if box
    ]
    sizes = tuple(int(n) for n in said["size"].split(";") if n)
    return Seen(_cell(said["cell"]), tuple(boxes), sizes, said["camera"], _cell(said["pinned"]), said["look"])


def canvas(page: Page) -> Locator:
    return page.locator(".nv-cube canvas")


def place(page: Page) -> dict[str, float]:
    """Where the canvas is in the window."""
    canvas(page).scroll_into_view_if_needed()
    box = canvas(page).bounding_box()
    assert box is not None
    return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}


def drag(page: Page, dx: float, dy: float) -> None:
    box = place(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx / 2, y + dy / 2)
    page.mouse.move(x + dx, y + dy)
    page.mouse.up()


def wait_address(page: Page, key: str, text: str | None) -> None:
    """Until the address says this (None: says nothing of it)."""
    page.wait_for_function(
        "([key, text]) => new URLSearchParams(location.search).get(key) === text",
        arg=[key, text],
        timeout=30_000,
    )


def choose(page: Page, label: str, option: str) -> None:
    """Take an option of a menu by its words."""
    page.get_by_test_id("stSelectbox").get_by_label(label).click()
    page.get_by_role("option", name=option, exact=True).click()
    wait_ready(page, cube=True)


def _cell(text: str) -> Cell:
    return tuple(map(int, text.split(","))) if text else ()
