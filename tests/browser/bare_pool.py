"""The pooling component without the app: pictures to show, torch's answers about them, and what it says of itself."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from playwright.sync_api import Page
from torch.nn import functional

from normviz.ui.pool import WORDS, PoolPicture, pool_payload
from normviz.windows import Windows, adaptive, sliding
from tests.browser.bare_cube import settle

WORD_TEXTS = {word: " ".join((word, *(f"{{{place}}}" for place in places))) for word, places in WORDS.items()}
MOUNT = """async ([data, place, module]) => {
  const { default: mount } = await import(module);
  for (const name of ["cube/cube", "pool/pool"]) {
    if (document.getElementById(name)) continue;
    const wanted = { id: name, rel: "stylesheet", href: `/assets/${name}.css` };
    const link = Object.assign(document.createElement("link"), wanted);
    await new Promise((done) => { link.onload = done; document.head.append(link); });
  }
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const setStateValue = (name, value) => window.said.push([name, value]);
  window.unmount = mount({ data: bytes, parentElement: document.getElementById(place), setStateValue });
}"""


@dataclass(frozen=True)
class Case:
    """One pooling of a map, by torch's own arguments; ``output`` is that of an adaptive one."""

    shape: tuple[int, int] = (9, 9)
    kernel: int = 2
    stride: int = 2
    padding: int = 0
    dilation: int = 1
    ceil: bool = False
    output: int | None = None
    largest: bool = True

    def windows(self, length: int) -> Windows:
        if self.output is not None:
            return adaptive(length, self.output)
        return sliding(
            length,
            kernel_size=self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            ceil_mode=self.ceil,
        )

    def x(self) -> np.ndarray:
        return np.random.default_rng(self.shape[0]).normal(size=self.shape)

    def pooled(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """torch's output (H', W') and, for max, its indices; what has no layer is a mean over unfolded windows."""
        batch = x[None, None]
        if self.output is not None:
            if self.largest:
                y, at = functional.adaptive_max_pool2d(batch, self.output, return_indices=True)
                return y[0, 0], at[0, 0]
            return functional.adaptive_avg_pool2d(batch, self.output)[0, 0], None
        if self.largest:
            y, at = functional.max_pool2d(
                batch, self.kernel, self.stride, self.padding, self.dilation, self.ceil, return_indices=True
            )
            return y[0, 0], at[0, 0]
        if self.dilation == 1:
            return functional.avg_pool2d(batch, self.kernel, self.stride, self.padding, self.ceil)[0, 0], None
        patches = functional.unfold(batch, self.kernel, self.dilation, self.padding, self.stride)
        height, width = (self.windows(n).count for n in self.shape)
        return patches.mean(dim=1)[0].reshape(height, width), None

    def picture(self, values: np.ndarray | None = None) -> PoolPicture:
        x = self.x() if values is None else values
        y, at = self.pooled(torch.from_numpy(x))
        rows, columns = (self.windows(n) for n in self.shape)
        return PoolPicture(x, y.numpy(), rows, columns, None if at is None else at.numpy())

    def reads(self) -> np.ndarray:
        """Which input cells every output depends on, (H', W', H, W), by autograd through a mean over the windows."""
        mean = Case(**{**self.__dict__, "largest": False})

        def run(x: torch.Tensor) -> torch.Tensor:
            return mean.pooled(x)[0]

        jacobian = torch.autograd.functional.jacobian(run, torch.from_numpy(self.x()))
        return jacobian.numpy() != 0


def sent(picture: PoolPicture, key: str = "pool", **options: Any) -> str:
    return base64.b64encode(pool_payload(picture, words=WORD_TEXTS, key=key, **options)).decode()


def mount(page: Page, picture: PoolPicture, *, module: str = "/assets/pool/mount.js", **options: Any) -> None:
    page.evaluate(MOUNT, [sent(picture, **options), "place", module])
    page.wait_for_selector('.nv-pool[data-ready="1"]')
    settle(page)


def state(page: Page) -> dict[str, str]:
    settle(page)
    said: dict[str, str] = page.locator(".nv-pool").evaluate("(node) => ({...node.dataset})")
    return said


def middle(page: Page, side: str, cell: tuple[int, ...], shape: tuple[int, ...]) -> tuple[float, float]:
    """Where a cell's middle is in the window."""
    box = page.locator(f".nv-pad[data-side={side}]").bounding_box()
    assert box
    (h, w), (height, width) = cell, shape
    return box["x"] + (w + 0.5) * box["width"] / width, box["y"] + (h + 0.5) * box["height"] / height


def lit(said: dict[str, str], shape: tuple[int, ...]) -> np.ndarray:
    """The lit cells of the other map as a mask."""
    mask = np.zeros(shape, bool)
    rows, columns = ([int(i) for i in said[name].split(",") if i] for name in ("rows", "columns"))
    mask[np.ix_(rows, columns)] = True
    return mask
