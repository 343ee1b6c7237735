"""The README's screenshots, from the running app in Chromium, into `assets/pictures/`. `make pictures` runs it.

No test: it looks at nothing. A picture is written as a PNG with a palette, so that the repository stays small.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import chromium
from tests.browser.ready import wait_ready
from tests.browser.server import serve

FOLDER = Path(__file__).parents[1] / "assets" / "pictures"
MOST_BYTES = 200_000
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}


@dataclass(frozen=True)
class Picture:
    """One screenshot: its file name, the link it shows, and the device."""

    name: str
    link: str
    dark: bool = False
    full: bool = False
    phone: bool = False
    locale: str = "en-US"

    @property
    def cube(self) -> bool:
        """Whether the page has a component that draws on a canvas."""
        return not self.link.startswith(("/forward", "/network")) and self.name != "activations"


PICTURES = (
    Picture("cube", "/?cell=0x5x1x0"),
    Picture("group_norm_dark", "/?method=group_norm&num_groups=3&cell=0x5x1x0", dark=True),
    Picture("all_sets_zh", "/?method=group_norm&num_groups=3&colour=all&lang=zh", locale="zh-CN"),
    Picture(
        "forward",
        "/forward?method=group_norm&input=photo&photo=china&shape=4x12x32x32&cell=0x5x9x12",
        full=True,
    ),
    Picture("compare", "/compare?cell=0x5x1x0"),
    Picture("stream", "/forward?topic=stream"),
    Picture("activations", "/activations"),
    Picture("pooling", "/activations?part=pooling&kernel_size=3&stride=2&padding=1"),
    Picture("network", "/network"),
    Picture("phone", "/?method=layer_norm&cell=0x5x1x0", phone=True),
)


def main() -> None:
    """Take every picture and say how large its file has become."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with serve() as server, sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        for picture in PICTURES:
            data = shrunk(take(browser, server.url, picture))
            path = FOLDER / f"{picture.name}.png"
            path.write_bytes(data)
            print(f"{path.relative_to(FOLDER.parents[1])}: {len(data):,} bytes")
        browser.close()


def take(browser: Browser, url: str, picture: Picture) -> bytes:
    """The page behind a picture's link, at rest, as a PNG."""
    context = browser.new_context(
        **(PHONE if picture.phone else DESKTOP),
        locale=picture.locale,
        color_scheme="dark" if picture.dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url + picture.link)
    wait_ready(page, cube=picture.cube, timeout=90_000)
    if picture.full:
        page.set_viewport_size({"width": DESKTOP["viewport"]["width"], "height": height(page)})
    page.evaluate("document.fonts.ready")
    wait_ready(page)
    data = page.screenshot()
    context.close()
    return data


def height(page: Page) -> int:
    """The height of the whole page: Streamlit scrolls an inner element, which a full-page screenshot would cut."""
    found: int = page.evaluate("Math.ceil(document.querySelector('[data-testid=\"stMain\"]').scrollHeight)")
    return found


def shrunk(png: bytes) -> bytes:
    """The picture with a palette, of as many colours as fit into `MOST_BYTES`."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64):
        small = io.BytesIO()
        palette = image.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        palette.save(small, "PNG", optimize=True)
        if small.tell() < MOST_BYTES:
            return small.getvalue()
    raise RuntimeError(
        f"the picture needs {small.tell():,} bytes even with 64 colours; {MOST_BYTES:,} are allowed"
    )


if __name__ == "__main__":
    main()
