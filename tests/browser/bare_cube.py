"""The cube component without the app: a page that mounts it, sets to show, and what it says about itself."""

from __future__ import annotations

import base64
import functools
import http.server
import itertools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from normviz.layouts import Arrangement
from normviz.ui.cube import WORDS, Cube, WeightedSet, payload
from tests.browser.server import ROOT

Intervals = tuple[np.ndarray, np.ndarray]
FIGURE2 = Arrangement(x=("C",), y=("H", "W"), z=("N",), grid=())
UNFOLDED = Arrangement(x=("W",), y=("H",), z=("C",), grid=("N",))
SHEET = Arrangement(x=("C",), y=("N",), z=(), grid=())
SHAPE = (4, 6, 3, 2)
BATCH = ("whole", "own", "whole", "whole")
GROUP = ("own", "g2", "whole", "whole")
WINDOW = ("own", "w2", "own", "own")
WORD_TEXTS = {word: " ".join((word, *(f"{{{place}}}" for place in places))) for word, places in WORDS.items()}
MODULES = """async () => Object.assign({}, ...await Promise.all(
  ["sets", "scene", "camera", "color", "look"].map((name) => import(`/assets/cube/${name}.js`))))"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Requests are not worth a line."""


@pytest.fixture(scope="module")
def static_url() -> Iterator[str]:
    """The repository's files over http: modules are not loaded from file://."""
    handler = functools.partial(Quiet, directory=str(ROOT))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def bare(page: Page, static_url: str) -> Page:
    page.goto(f"{static_url}/tests/browser/cube_page.html")
    return page


def run(page: Page, body: str, arg: Any = None) -> Any:
    """Run JavaScript that sees the pure modules as `m`."""
    return page.evaluate(f"async (arg) => {{ const m = await ({MODULES})(); {body} }}", arg)


def intervals(kind: str, n: int) -> Intervals:
    """own, whole, groups of a size ("g2"), a window of a radius ("w2")."""
    i = np.arange(n)
    if kind == "own":
        return i, i + 1
    if kind == "whole":
        return 0 * i, 0 * i + n
    size = int(kind[1:])
    if kind[0] == "g":
        return i // size * size, np.minimum(i // size * size + size, n)
    return np.maximum(i - size, 0), np.minimum(i + size + 1, n)


def shared(kinds: tuple[str, ...], shape: tuple[int, ...] = SHAPE, weight: float = 1.0) -> WeightedSet:
    return WeightedSet(tuple(intervals(k, n) for k, n in zip(kinds, shape, strict=True)), weight)


def mask(given: WeightedSet, cell: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    """The set of a cell, cell by cell."""
    return np.array(
        [
            all(lo[i] <= k < hi[i] for (lo, hi), i, k in zip(given.intervals, cell, other, strict=True))
            for other in itertools.product(*map(range, shape))
        ]
    ).reshape(shape)


def spec(
    given: tuple[WeightedSet, ...], shape: tuple[int, ...] = SHAPE, arrangement: Any = FIGURE2, **more: Any
) -> Any:
    names = "NC" if len(shape) == 2 else "NCHW"
    extra = {k: more.pop(k) for k in ("values", "partition", "buffers", "pinned") if k in more}
    options = {"colour": "set", "key": "cube", **more}
    cubes = [Cube("one", given, **extra)]
    data = payload(
        cubes,
        axes=tuple(zip(names, shape, strict=True)),
        arrangement=arrangement,
        words=WORD_TEXTS,
        **options,
    )
    return base64.b64encode(data).decode() if isinstance(data, bytes) else data


def mount(page: Page, data: Any) -> None:
    page.evaluate("(data) => window.mountCube(data)", data)
    page.wait_for_selector('.nv-cube[data-ready="1"]')
    settle(page)


def settle(page: Page) -> None:
    page.evaluate(
        "() => new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(d))))"
    )


def state(page: Page) -> dict[str, str]:
    return page.evaluate("() => ({...document.querySelector('.nv-cube').dataset})")
