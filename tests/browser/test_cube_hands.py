"""The cube component under a real mouse and real keys, without the app around it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from normviz.ui.cube import Buffers, WeightedSet, script
from tests.browser.bare_cube import (
    BATCH,
    FIGURE2,
    GROUP,
    SHAPE,
    UNFOLDED,
    WINDOW,
    bare,
    mask,
    mount,
    settle,
    shared,
    spec,
    state,
    static_url,
)

__all__ = ["bare", "static_url"]  # fixtures


def canvas_box(page: Page) -> dict[str, float]:
    box = page.locator(".nv-figure canvas").bounding_box()
    assert box
    return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}


def expected_set(given: WeightedSet, cell: tuple[int, ...]) -> str:
    return ",".join(f"{lo[i]}:{hi[i]}" for (lo, hi), i in zip(given.intervals, cell, strict=True))


PIXEL = """([x, y]) => { const c = document.querySelector('.nv-figure canvas'), r = c.getBoundingClientRect();
  const [px, py] = [(x - r.left) * c.width / r.width, (y - r.top) * c.height / r.height];
  return [...c.getContext('2d').getImageData(px, py, 1, 1).data]; }"""


@pytest.mark.parametrize("arrangement", [FIGURE2, UNFOLDED], ids=["figure2", "unfolded"])
@pytest.mark.parametrize("kinds", [BATCH, GROUP, WINDOW])
def test_a_real_mouse_lights_the_set_of_the_cell_below_it(
    bare: Page, kinds: tuple[str, ...], arrangement: Any
) -> None:
    given = shared(kinds)
    mount(bare, spec((given,), arrangement=arrangement, partition=kinds != WINDOW))
    box = canvas_box(bare)
    rng = np.random.default_rng(5)
    seen = set()
    before = state(bare)["cell"]
    for fx, fy in rng.uniform(0.25, 0.75, (40, 2)):
        x, y = box["x"] + fx * box["width"], box["y"] + fy * box["height"]
        bare.mouse.move(x, y)
        settle(bare)
        now = state(bare)
        cell = tuple(map(int, now["cell"].split(",")))
        assert now["set"] == expected_set(given, cell)
        assert now["size"] == str(int(mask(given, cell, SHAPE).sum()))
        red, _, blue, alpha = bare.evaluate(PIXEL, [x, y])
        if now["cell"] != before and alpha:
            assert red > blue or max(red, blue) < 60, (
                "what lies below the pointer is the amber cell, or its outline"
            )
        before = now["cell"]
        seen.add(cell)
    assert len(seen) > 5
    assert bare.evaluate("() => window.said") == [], "hovering never tells Python"


def test_a_click_pins_and_leaving_returns_to_it(bare: Page) -> None:
    mount(bare, spec((shared(BATCH),)))
    box = canvas_box(bare)
    middle = (box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"])
    bare.mouse.click(*middle)
    settle(bare)
    pinned = state(bare)["pinned"]
    assert bare.evaluate("() => window.said") == [["cell", list(map(int, pinned.split(",")))]]
    bare.mouse.move(box["x"] + 0.6 * box["width"], middle[1])
    settle(bare)
    assert state(bare)["cell"] != pinned
    bare.mouse.move(2, 2)
    settle(bare)
    assert state(bare)["cell"] == pinned == state(bare)["pinned"]


def test_keys_walk_pin_turn_and_zoom(bare: Page) -> None:
    mount(bare, spec((shared(BATCH),)))
    assert state(bare)["cell"] == "0,2,0,1"
    bare.locator(".nv-stage").focus()

    def press(*keys: str) -> dict[str, str]:
        for key in keys:
            bare.keyboard.press(key)
        settle(bare)
        return state(bare)

    assert press("ArrowRight", "ArrowDown", "PageUp")["cell"] == "1,3,1,0"
    assert press("ArrowLeft", "ArrowUp", "PageDown", "PageDown")["cell"] == "0,2,0,1"
    home = state(bare)["camera"]
    assert home == "0.800,0.500,1.000"
    assert press("Enter")["pinned"] == "0,2,0,1"
    assert press("Escape")["pinned"] == ""
    assert press("Shift+ArrowRight", "Shift+ArrowUp", "+")["camera"] == "0.700,0.400,1.200"
    bare.wait_for_function("() => window.said.length === 3")
    assert bare.evaluate("() => window.said") == [
        ["cell", [0, 2, 0, 1]],
        ["cell", None],
        ["look", "c70.40.120"],
    ]
    bare.emulate_media(reduced_motion="reduce")
    assert press("0")["camera"] == home


def test_the_camera_survives_new_data_and_a_remount_and_follows_python(bare: Page) -> None:
    mount(bare, spec((shared(BATCH),)))
    box = canvas_box(bare)
    bare.mouse.move(box["x"] + 200, box["y"] + 200)
    bare.mouse.down()
    bare.mouse.move(box["x"] + 260, box["y"] + 180, steps=4)
    bare.mouse.up()
    settle(bare)
    turned = state(bare)["camera"]
    assert turned != "0.800,0.500,1.000"
    mount(bare, spec((shared(GROUP),)))
    assert state(bare)["camera"] == turned
    bare.evaluate("() => window.unmount()")
    assert bare.locator(".nv-cube").count() == 0
    mount(bare, spec((shared(BATCH),)))
    assert state(bare)["camera"] == turned
    bare.wait_for_function("() => window.said.length > 0")
    ((name, said),) = bare.evaluate("() => window.said")
    mount(bare, spec((shared(BATCH),), look=said))  # the echo
    assert (name, state(bare)["camera"]) == ("look", turned)
    mount(bare, spec((shared(BATCH),), look="c10.20.150_x", cell=(1, 1, 1, 1)))
    now = state(bare)
    assert (now["camera"], now["look"], now["pinned"]) == ("0.100,0.200,1.500", "c10.20.150_x", "1,1,1,1")


def test_values_that_are_not_finite_are_shown_and_break_nothing(bare: Page) -> None:
    values = np.random.default_rng(0).normal(size=SHAPE).astype("f4")
    values[0, :, :, :] = np.nan
    values[1, 1, 0, 0] = np.inf
    mount(bare, spec((shared(GROUP),), values=values, colour="before", cell=(3, 5, 0, 0)))
    assert "not_finite" in bare.locator(".nv-legend").inner_text()
    box = canvas_box(bare)
    bare.mouse.move(2, 2)
    red, green, blue, _ = bare.evaluate(
        PIXEL, [box["x"] + 0.42 * box["width"], box["y"] + 0.55 * box["height"]]
    )
    assert red > green + 20 and red > blue + 20, "the front is NaN: red, although it is veiled"
    bare.mouse.move(box["x"] + 0.42 * box["width"], box["y"] + 0.55 * box["height"])
    settle(bare)
    assert "NaN" in bare.locator(".nv-read").inner_text()
    clean = np.nan_to_num(values, nan=0, posinf=0)
    mount(bare, spec((shared(GROUP),), values=clean, colour="after"))
    assert "not_finite" not in bare.locator(".nv-legend").inner_text()


def test_the_readout_of_a_part_counts_as_the_whole_tensor_does(bare: Page) -> None:
    buffers = Buffers(1, (1.0,) * SHAPE[1], (2.0,) * SHAPE[1])
    mount(bare, spec((), buffers=buffers, cell=(0, 1, 2, 1), origin=(3, 5, 10, 20)))
    text = bare.locator(".nv-read").inner_text()
    assert "(3, 6, 12, 21)" in text and "running_mean[6] = 1.000" in text


def test_the_readout_sums_up_the_values_of_the_set(bare: Page) -> None:
    values = np.random.default_rng(3).normal(2, 3, SHAPE).astype("f4")
    mount(bare, spec((shared(BATCH),), values=values, colour="before", cell=(1, 4, 2, 1)))
    x = values[:, 4].astype(float)
    text = bare.locator(".nv-read").inner_text().replace("−", "-")
    assert (
        f"μ = {x.mean():.3f}" in text
        and f"σ = {x.std():.3f}" in text
        and f"x = {values[1, 4, 2, 1]:.3f}" in text
    )


def test_playing_steps_and_stops_and_less_motion_means_single_steps(bare: Page) -> None:
    # Time stands still but for what is run: a busy machine would play on between two clicks.
    bare.clock.install(time=0)
    bare.clock.pause_at(1)
    mount_now = functools.partial(bare.evaluate, "(data) => window.mountCube(data)")
    mount_now(spec((shared(BATCH),)))
    bare.clock.run_for(200)
    play: Callable[[], None] = bare.locator(".nv-play").click
    play()
    bare.clock.run_for(2000)
    assert (state(bare)["playing"], state(bare)["cell"]) == ("1", "0,5,0,1")
    play()
    bare.clock.run_for(2000)
    assert (state(bare)["playing"], state(bare)["cell"]) == ("0", "0,5,0,1")
    bare.emulate_media(reduced_motion="reduce")
    play()
    bare.clock.run_for(3000)
    assert (state(bare)["playing"], state(bare)["cell"]) == ("0", "0,0,0,1")


def test_the_joined_script_is_what_the_modules_are(bare: Page) -> None:
    body = """async ([text, data]) => {
      const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      const module = await import(url);
      module.default({ data, parentElement: document.getElementById("place"), setStateValue: () => {} });
      return Object.keys(module);
    }"""
    assert bare.evaluate(body, [script(), spec((shared(GROUP),), cell=(1, 4, 0, 0))]) == ["default"]
    bare.wait_for_selector('.nv-cube[data-ready="1"]')
    assert state(bare)["set"] == expected_set(shared(GROUP), (1, 4, 0, 0))
