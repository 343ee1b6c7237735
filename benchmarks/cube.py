"""How fast the cube answers: in the real page in Chromium, and as a notebook figure beside matplotlib's voxels.

`make bench` runs it; README.md beside this file says what each line measures. It starts and stops its own server.
"""

from __future__ import annotations

import asyncio
import math
import os
import platform
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from playwright.async_api import async_playwright
from playwright.sync_api import Browser, FloatRect, Locator, Page, ViewportSize, sync_playwright

import normviz as nv
from tests.browser import chromium
from tests.browser.ready import wait_ready
from tests.browser.server import Server, serve

PROBE = (Path(__file__).parent / "probe.js").read_text(encoding="utf-8")
SHAPES = {"8k": (8, 16, 8, 8), "131k": (16, 32, 16, 16), "2M": (32, 64, 32, 32)}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
MOVES, RERUNS, CHANGES = 150, 30, 15
MOUSE_HZ, HOVER_SECONDS = 125, 4.0
# As long as the server waits between two garbage collections.
IDLE_SECONDS = 10.0
HOVER_AIM, DRAG_AIM, CHANGE_AIM, RERUN_AIM = 16.0, 17.0, 150.0, 25.0

Row = tuple[str, str, str, str, str]


def main() -> None:
    """Measure everything once and print a table, line by line."""
    with serve() as server:
        with sync_playwright() as playwright:
            browser = chromium.launch(playwright)
            print(f"Chromium {browser.version}, {platform.platform()}, {os.cpu_count()} cores, {load()}")
            show([("milliseconds", "size", "p50", "p95", "")])
            for name, shape in SHAPES.items():
                for colour in ("set", "before"):
                    show(in_page(browser, server, name, shape, colour))
            for name in ("8k", "2M"):
                show(reruns(browser, server, name, SHAPES[name]))
            browser.close()
        # Playwright's two interfaces cannot be open at the same time.
        for name, shape in SHAPES.items():
            show(asyncio.run(steady_hover(server, name, shape)))
    show(mesh_against_voxels())
    print(load())


def load() -> str:
    """How busy the machine is: other work on it makes every figure worse."""
    return (
        "load " + " ".join(f"{x:.1f}" for x in os.getloadavg())
        if hasattr(os, "getloadavg")
        else "load unknown"
    )


def in_page(browser: Browser, server: Server, name: str, shape: Sequence[int], colour: str) -> list[Row]:
    """Hover, drag and, where only the set is coloured, a changed widget; one page of its own."""
    page = browser.new_page(viewport=DESKTOP)
    cube = open_cube(page, server, shape, colour)
    cube.evaluate(PROBE)
    where = f"{name}, {'one set' if colour == 'set' else 'values'}"
    hover(page, cube)
    lit, work = samples(page, "lit"), samples(page, "work")
    drag(page, cube)
    frames = samples(page, "frames")
    rows = [
        row("hover -> lit, a single move at any moment", where, lit),
        row("  of it after the page hears of the move", where, work),
        row("drag, between frames", where, frames, p95=DRAG_AIM),
    ]
    if colour == "set":
        change_groups(page)
        rows.append(row("widget -> picture", where, samples(page, "drawn"), p50=CHANGE_AIM))
    rows.append(row("  drawing alone (JavaScript), all frames", where, samples(page, "draw")))
    page.close()
    return rows


def open_cube(page: Page, server: Server, shape: Sequence[int], colour: str = "set") -> Locator:
    """The cube page with Group Norm, at rest; the root element of its cube."""
    page.goto(link(server, shape, colour))
    wait_ready(page, cube=True, timeout=90_000)
    return page.locator(".nv-cube[data-ready]")


def link(server: Server, shape: Sequence[int], colour: str = "set") -> str:
    """The cube page with Group Norm, in English."""
    return f"{server.url}/?shape={'x'.join(map(str, shape))}&method=group_norm&colour={colour}&lang=en"


async def steady_hover(server: Server, name: str, shape: Sequence[int]) -> list[Row]:
    """A mouse that moves steadily and reports 125 times a second, as real ones do, whatever the page answers."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.FLAGS))
        page = await browser.new_page(viewport=DESKTOP)
        await page.goto(link(server, shape))
        cube = page.locator(".nv-cube[data-ready]")
        await cube.wait_for(timeout=90_000)
        await page.wait_for_timeout(2000)
        await cube.evaluate(PROBE)
        box = await cube.locator("canvas").first.bounding_box()
        assert box is not None
        mouse = await page.context.new_cdp_session(page)
        sent = []
        for step in range(int(MOUSE_HZ * HOVER_SECONDS)):
            x, y = on_path(box, step / MOUSE_HZ)
            moved = {"type": "mouseMoved", "x": x, "y": y}
            sent.append(asyncio.create_task(mouse.send("Input.dispatchMouseEvent", moved)))
            await asyncio.sleep(1 / MOUSE_HZ)
        await asyncio.gather(*sent)
        lit = await page.evaluate("normvizProbe.lit")
        await browser.close()
    return [row("hover -> lit, a mouse of 125 Hz", f"{name}, one set", lit, p95=HOVER_AIM)]


def on_path(box: FloatRect, seconds: float) -> tuple[float, float]:
    """Where a mouse is that wanders over the cube."""
    across, down = math.sin(2.3 * seconds), math.sin(3.1 * seconds)
    return box["x"] + box["width"] * (0.5 + 0.15 * across), box["y"] + box["height"] * (0.5 + 0.2 * down)


def inside(cube: Locator) -> Callable[[], tuple[float, float]]:
    """Points in the middle of the canvas, where the cube is, the same ones in every run."""
    box = cube.locator("canvas").first.bounding_box()
    assert box is not None
    rng = random.Random(0)

    def point() -> tuple[float, float]:
        return (
            box["x"] + box["width"] * rng.uniform(0.35, 0.65),
            box["y"] + box["height"] * rng.uniform(0.3, 0.7),
        )

    return point


def hover(page: Page, cube: Locator) -> None:
    """Real mouse moves, one at a time, at random phases of the display's frame."""
    point, rng = inside(cube), random.Random(1)
    for _ in range(MOVES):
        page.mouse.move(*point())
        page.wait_for_timeout(20 + 17 * rng.random())


def drag(page: Page, cube: Locator) -> None:
    """Turn the cube to and fro with the button held, faster than the display draws."""
    x, y = inside(cube)()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y)
    page.evaluate("normvizProbe.dragging = true")
    for step in range(2 * MOVES):
        back = abs((step % 80) - 40)
        page.mouse.move(x + 20 + 3 * back, y + back)
    page.evaluate("normvizProbe.dragging = false")
    page.mouse.up()
    wait_ready(page, cube=True)


def change_groups(page: Page) -> None:
    """Choose another number of groups, each time one that draws another set."""
    buttons = page.locator(".st-key-nv-knob-num_groups button")
    count = buttons.count()
    # The picker starts at G = 4, the third divisor of these channel counts.
    place = 2
    for _ in range(CHANGES):
        place = (place + 1) % count
        buttons.nth(place).click()
        wait_ready(page, cube=True)


def reruns(browser: Browser, server: Server, name: str, shape: Sequence[int]) -> list[Row]:
    """The server's CPU time while cells are pinned, and while a view is switched to and fro."""
    pid = server_pid()
    if pid is None:
        return [("server CPU of a rerun", name, "-", "-", "needs Linux's /proc")]
    page = browser.new_page(viewport=DESKTOP)
    cube = open_cube(page, server, shape)
    colours = page.locator(".st-key-nv-views button")

    point = inside(cube)

    def pin(step: int) -> None:
        page.mouse.click(*point())

    def switch(step: int) -> None:
        colours.nth(1 - step % 2).click()

    page.wait_for_timeout(1000)
    began = cpu_ms(pid)
    page.wait_for_timeout(1000 * IDLE_SECONDS)
    idle = (cpu_ms(pid) - began) / IDLE_SECONDS
    rows: list[Row] = [("server CPU at rest, in a second", name, f"mean {idle:.1f}", "", "taken off below")]
    for what, act in (("pin a cell", pin), ("switch a view", switch)):
        for step in range(4):
            act(step)
            wait_ready(page, cube=True)
        began, start = cpu_ms(pid), time.monotonic()
        for step in range(RERUNS):
            act(step)
            wait_ready(page, cube=True)
        used = cpu_ms(pid) - began
        mean = (used - idle * (time.monotonic() - start)) / RERUNS
        note = f"aim <= {RERUN_AIM:.0f}: {'met' if mean <= RERUN_AIM else 'MISSED'}"
        rows.append((f"server CPU of a rerun, {what}", name, f"mean {mean:.1f}", f"{RERUNS} reruns", note))
    page.close()
    return rows


def server_pid() -> int | None:
    """The process that `serve` has started: the child of this one that runs streamlit."""
    for task in Path("/proc/self/task").glob("*/children"):
        for child in task.read_text().split():
            if b"streamlit" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return None


def cpu_ms(pid: int) -> float:
    """User and system time of a process with all its threads, in ms (Linux counts it in steps of 10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000.0 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def mesh_against_voxels() -> list[Row]:
    """The notebook cube's Mesh3d beside `ax.voxels`, in one process; voxels at the smallest size alone."""
    nv.cube((2, 4, 2, 2), "group_norm")  # plotly is imported and warm
    times = {}
    rows: list[Row] = []
    # nv.cube stops a little below 2^21 cells.
    for name, shape in {"8k": SHAPES["8k"], "131k": SHAPES["131k"], "2.0M": (32, 60, 32, 32)}.items():
        build = partial(nv.cube, shape, "group_norm", num_groups=4)
        times[name] = [timed(build) for _ in range(7)]
        rows.append(row("nv.cube, Mesh3d built", name, times[name]))
    built, drawn = voxels(SHAPES["8k"])
    ratio = built / float(np.median(times["8k"]))
    rows.append(("ax.voxels built (matplotlib)", "8k", f"{built:.0f}", "-", f"{ratio:.0f} x nv.cube"))
    rows.append(("  and drawn once by Agg", "8k", f"{drawn:.0f}", "-", "nv.cube's drawing is the browser's"))
    return rows


def voxels(shape: tuple[int, int, int, int]) -> tuple[float, float]:
    """ms to build and to draw the same picture, C x (H W) x N, with matplotlib."""
    n, c, h, w = shape
    spec = nv.METHODS["group_norm"].spec(num_groups=4)
    mask = spec.sets[0].mask(shape, (0, c // 2, 0, 0)).reshape(n, c, h * w).transpose(1, 2, 0)
    colours = np.where(mask, "#0072B2", "#E3E8EE")
    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot(projection="3d")
    built = timed(lambda: axes.voxels(np.ones(mask.shape, bool), facecolors=colours))
    assert mask.size == math.prod(shape)
    return built, timed(canvas.draw)


def timed(run: Callable[[], object]) -> float:
    """Wall time in ms."""
    start = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - start)


def samples(page: Page, name: str) -> list[float]:
    """What the probe has collected under this name."""
    found: list[float] = page.evaluate(f"normvizProbe.{name}")
    return found


def row(
    what: str, where: str, ms: Sequence[float], *, p50: float | None = None, p95: float | None = None
) -> Row:
    """A line of the table: median, 95th percentile, and whether the aim is met."""
    if len(ms) < 5:
        raise RuntimeError(f"{what}, {where}: {len(ms)} measurements; the page did not answer as expected")
    middle, high = (float(np.percentile(ms, q)) for q in (50, 95))
    note = f"n = {len(ms)}"
    for label, value, aim in (("p50", middle, p50), ("p95", high, p95)):
        if aim is not None:
            note += f", aim {label} <= {aim:.0f}: {'met' if value <= aim else 'MISSED'}"
    return (what, where, f"{middle:.1f}", f"{high:.1f}", note)


def show(rows: Sequence[Row]) -> None:
    """Print lines of the table."""
    for what, where, middle, high, note in rows:
        print(f"{what:<42}  {where:<13}  {middle:>9}  {high:>9}  {note}", flush=True)


if __name__ == "__main__":
    main()
