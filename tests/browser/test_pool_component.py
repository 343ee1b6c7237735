"""The pooling component under a real mouse, keys and a finger, against torch."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from normviz.ui.pool import PoolPicture, script
from normviz.windows import Windows, adaptive, sliding
from tests.browser.bare_cube import bare, settle, static_url
from tests.browser.bare_pool import MOUNT, Case, lit, middle, mount, sent, state
from tests.browser.conftest import PHONE, NewPage

__all__ = ["bare", "static_url"]  # fixtures

CASES = {
    "halves": Case(),
    "overlapping and padded": Case(kernel=3, padding=1),
    "dilated": Case((11, 9), kernel=3, stride=1, padding=1, dilation=2),
    "rounded up": Case((10, 10), kernel=3, stride=4, ceil=True),
    "rounded up, an end in the padding": Case((7, 8), kernel=3, stride=2, padding=1, ceil=True),
    "with gaps": Case((11, 11), kernel=2, stride=3),
    "global": Case((6, 8), output=1),
    "adaptive": Case((9, 11), output=4),
    "mean": Case((8, 8), kernel=3, stride=2, padding=1, largest=False),
    "mean, adaptive": Case((7, 7), output=3, largest=False),
}


def random_windows(rng: np.random.Generator) -> Windows:
    length = int(rng.integers(1, 40))
    if rng.random() < 0.3:
        return adaptive(length, int(rng.integers(1, length + 3)))
    while True:
        kernel, stride, dilation = (int(n) for n in rng.integers((1, 1, 1), (8, 6, 4)))
        padding = int(rng.integers(0, kernel // 2 + 1))
        if dilation * (kernel - 1) < length + 2 * padding:
            break
    return sliding(
        length,
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=bool(rng.integers(2)),
    )


def test_windows_and_their_transpose_are_those_of_python(bare: Page) -> None:
    rng = np.random.default_rng(4)
    given = [random_windows(rng) for _ in range(300)]
    body = """async (axes) => {
      const { marginOf, reach, readsOf, windowOf } = await import("/assets/pool/windows.js");
      return axes.map((axis) => ({
        all: axis.start.map((_, o) => readsOf(axis, o)),
        of: axis.start.map((_, o) => windowOf(axis, o)),
        reach: Array.from({ length: axis.length }, (_, i) => reach(axis, i)),
        margin: marginOf(axis),
      }));
    }"""
    for windows, found in zip(given, bare.evaluate(body, [w.__dict__ for w in given]), strict=True):
        outputs = range(windows.count)
        reads = [windows.all_of(o) for o in outputs]
        assert found["all"] == [r.tolist() for r in reads]
        assert found["of"] == [windows.of(o).tolist() for o in outputs]
        assert found["reach"] == [windows.reach(i).tolist() for i in range(windows.length)]
        read = {(o, i) for o in outputs for i in found["of"][o]}
        assert read == {(o, i) for i in range(windows.length) for o in found["reach"][i]}, "not a transpose"
        before, behind = windows.padded
        first, last = min(r.min() for r in reads), max(r.max() for r in reads)
        assert found["margin"] == [max(before, -first), max(behind, last + 1 - windows.length)]


@pytest.mark.parametrize("name", CASES)
def test_what_lights_up_is_what_torch_says_depends(bare: Page, name: str) -> None:
    case = CASES[name]
    picture = case.picture()
    mount(bare, picture)
    depends = case.reads()
    shapes = {"in": picture.shape("in"), "out": picture.shape("out")}
    assert depends.shape == (*shapes["out"], *shapes["in"])
    rng = np.random.default_rng(1)
    corners = [(0, 0), tuple(n - 1 for n in shapes["out"])]
    for cell in [*corners, *(tuple(rng.integers(0, shapes["out"])) for _ in range(6))]:
        bare.mouse.move(*middle(bare, "out", cell, shapes["out"]))
        said = state(bare)
        assert (said["side"], said["cell"]) == ("out", f"{cell[0]},{cell[1]}")
        inside = lit(said, shapes["in"])
        assert np.array_equal(inside, depends[cell])
        assert int(said["count"]) == inside.sum() + int(said["padding"]) + int(said["beyond"])
        won = (
            ""
            if picture.winner is None
            else ",".join(map(str, divmod(int(picture.winner[cell]), case.shape[1])))
        )
        assert said["winner"] == won
    for cell in [(0, 0), *(tuple(rng.integers(0, shapes["in"])) for _ in range(8))]:
        bare.mouse.move(*middle(bare, "in", cell, shapes["in"]))
        said = state(bare)
        assert (said["side"], said["cell"], said["winner"]) == ("in", f"{cell[0]},{cell[1]}", "")
        assert np.array_equal(lit(said, shapes["out"]), depends[(..., *cell)])
        flat = cell[0] * case.shape[1] + cell[1]
        assert said["wins"] == ("" if picture.winner is None else str((picture.winner == flat).sum()))
    assert bare.evaluate("() => window.said") == [], "hovering never tells Python"


def test_the_readout_counts_the_padding(bare: Page) -> None:
    case = Case((7, 7), kernel=3, stride=3, padding=1, ceil=True)
    picture = case.picture()
    mount(bare, picture, cell=(0, 0))
    text = bare.locator(".nv-read").inner_text().replace("−", "-")
    assert "value_out (0, 0)" in text and f"{picture.after[0, 0]:.3f}" in text and "pinned" in text
    assert "largest cells 9" in text and "padding 5" in text and "beyond" not in text
    won = divmod(int(picture.winner[0, 0]), 7)  # type: ignore[index]
    assert f"winner ({won[0]}, {won[1]})" in text
    # The last window along both axes reads 5, 6 and one cell of padding.
    mount(bare, picture, cell=(2, 2))
    assert "padding 5" in bare.locator(".nv-read").inner_text()
    mount(bare, Case((6, 6), kernel=3, stride=2, ceil=True).picture(), cell=(2, 2))
    text = bare.locator(".nv-read").inner_text()
    assert "beyond 5" in text and "padding" not in text.replace("beyond", "")


def test_an_input_that_no_output_reads_says_so(bare: Page) -> None:
    mount(bare, CASES["with gaps"].picture(), side="in", cell=(2, 5))
    said = state(bare)
    assert (said["rows"], said["columns"], said["wins"]) == ("", "", "0")
    assert "unread" in bare.locator(".nv-read").inner_text()


def test_it_starts_with_the_middle_lit_on_either_side(bare: Page) -> None:
    picture = CASES["overlapping and padded"].picture()
    mount(bare, picture)
    said = state(bare)
    assert (said["side"], said["cell"], said["pinned"]) == ("out", "2,2", "")
    assert "pinned" not in bare.locator(".nv-read").inner_text()
    mount(bare, picture, key="other", side="in")
    assert (state(bare)["side"], state(bare)["cell"]) == ("in", "4,4")


def test_keys_walk_both_maps_pin_and_release(bare: Page) -> None:
    mount(bare, CASES["overlapping and padded"].picture())  # 9 x 9 -> 5 x 5
    bare.locator(".nv-pad[data-side=out]").focus()

    def press(*keys: str) -> tuple[str, str]:
        for key in keys:
            bare.keyboard.press(key)
        now = state(bare)
        return now["side"], now["cell"]

    assert press("ArrowRight", "ArrowDown") == ("out", "3,3")
    assert press("Home") == ("out", "3,0")
    assert press("PageUp", "ArrowUp") == ("out", "0,0")
    assert press("End", "PageDown", "ArrowRight") == ("out", "4,4")
    winner = state(bare)["winner"]
    assert press("Shift+Tab") == ("in", winner), "the other map lights what belongs to the cell"
    assert press("Home", "PageUp", "Enter") == ("in", "0,0")
    assert state(bare)["pinned"] == "in:0,0"
    assert press("Tab")[0] == "out"
    assert press("Tab") == ("in", "0,0"), "leaving both maps returns to what is pinned"
    assert press("Shift+Tab", "Escape")[0] == "out"
    assert bare.evaluate("() => window.said") == [
        ["pinned", {"side": "in", "cell": [0, 0]}],
        ["pinned", None],
    ]


def test_a_click_pins_and_python_and_remounts_agree(bare: Page) -> None:
    case = CASES["halves"]
    picture = case.picture()
    mount(bare, picture)
    bare.mouse.click(*middle(bare, "in", (6, 3), case.shape))
    assert state(bare)["pinned"] == "in:6,3"
    bare.mouse.move(*middle(bare, "out", (0, 0), picture.shape("out")))
    assert state(bare)["cell"] == "0,0"
    bare.mouse.move(2, 2)
    assert (state(bare)["side"], state(bare)["cell"]) == ("in", "6,3")
    assert bare.evaluate("() => window.said") == [["pinned", {"side": "in", "cell": [6, 3]}]]
    mount(bare, picture, side="in", cell=(6, 3))  # the echo
    bare.evaluate("() => window.unmount()")
    assert bare.locator(".nv-pool").count() == 0
    mount(bare, picture, side="in", cell=(6, 3))
    assert state(bare)["pinned"] == "in:6,3"
    mount(bare, picture, cell=(1, 2))
    assert state(bare)["pinned"] == "out:1,2"
    mount(bare, Case((2, 2)).picture(), cell=(0, 0))
    assert state(bare)["pinned"] == "out:0,0"
    mount(bare, picture)
    assert state(bare)["pinned"] == ""


def test_playing_moves_the_window_and_less_motion_means_single_steps(bare: Page) -> None:
    bare.clock.install(time=0)
    bare.clock.pause_at(1)
    picture = CASES["halves"].picture()  # 4 x 4 outputs, 700 ms each
    bare.evaluate(MOUNT, [sent(picture, cell=(0, 2)), "place", "/assets/pool/mount.js"])
    bare.clock.run_for(200)

    def now() -> tuple[str, str]:
        said = bare.locator(".nv-pool").evaluate("(node) => ({...node.dataset})")
        return said["playing"], said["cell"]

    bare.locator(".nv-play").click()
    bare.clock.run_for(1600)
    assert now() == ("1", "1,1")
    bare.locator(".nv-play").click()
    bare.clock.run_for(2000)
    assert now() == ("0", "1,1")
    assert bare.evaluate("() => window.said") == [["pinned", {"side": "out", "cell": [1, 1]}]]
    bare.emulate_media(reduced_motion="reduce")
    bare.locator(".nv-play").click()
    bare.clock.run_for(3000)
    assert now() == ("0", "1,2")


COLOURS = """([side, i, j, shape]) => {
  const canvas = document.querySelector(".nv-pool canvas"), at = canvas.getBoundingClientRect();
  const pad = document.querySelector(`.nv-pad[data-side=${side}]`).getBoundingClientRect();
  const scale = canvas.width / at.width;
  const x = pad.left - at.left + (j + 0.5) * pad.width / shape[1];
  const y = pad.top - at.top + (i + 0.5) * pad.height / shape[0];
  return [...canvas.getContext("2d").getImageData(Math.round(x * scale), Math.round(y * scale), 1, 1).data];
}"""


def test_a_cell_has_the_colour_of_its_value_and_what_is_not_finite_is_red(bare: Page) -> None:
    x = np.zeros((24, 24))
    x[3, 4], x[10, 11], x[20, 20], x[7, 15] = np.nan, np.inf, 5.0, -5.0
    windows = adaptive(24, 24)
    mount(bare, PoolPicture(x, x, windows, windows), cell=(12, 2))
    assert "not_finite" in bare.locator(".nv-legend").inner_text()

    def colour(side: str, i: int, j: int) -> list[int]:
        found: list[int] = bare.evaluate(COLOURS, [side, i, j, [24, 24]])
        return found

    for side in ("in", "out"):
        for red, green, blue, _ in (colour(side, 3, 4), colour(side, 10, 11)):
            assert red > green + 40 and red > blue + 40
        red, green, blue, _ = colour(side, 20, 20)
        assert green > red + 20 and green > blue, "positive is green"
        red, green, blue, _ = colour(side, 7, 15)
        assert blue > green + 20, "negative is violet"
    mount(bare, Case().picture())
    assert "not_finite" not in bare.locator(".nv-legend").inner_text()


def test_small_cells_get_a_loupe_that_hides_nothing_lit(bare: Page) -> None:
    case = Case((224, 224), kernel=3, padding=1)
    picture = case.picture()
    mount(bare, picture)
    shapes = {"in": picture.shape("in"), "out": picture.shape("out")}
    canvas = bare.locator(".nv-pool canvas").bounding_box()
    assert canvas
    rng = np.random.default_rng(2)
    for side, shape in shapes.items():
        places = [(0, 0), (0, shape[1] - 1), (shape[0] // 2, shape[1] // 2)]
        for cell in [*places, *(tuple(rng.integers(0, shape)) for _ in range(8))]:
            bare.mouse.move(*middle(bare, side, cell, shape))
            said = state(bare)
            other = "out" if side == "in" else "in"
            rows, columns = ([int(i) for i in said[name].split(",") if i] for name in ("rows", "columns"))
            marks = {side: [cell], other: [(h, w) for h in rows for w in columns]}
            for name, box in zip(("in", "out"), said["loupes"].split(";"), strict=True):
                left, top, width, height = map(float, box.split(","))
                for mark in marks[name]:
                    x, y = middle(bare, name, mark, shapes[name])
                    x, y = x - canvas["x"], y - canvas["y"]
                    assert not (left <= x <= left + width and top <= y <= top + height), (side, cell, name)
    mount(bare, CASES["halves"].picture())
    assert state(bare)["loupes"] == ";", "large cells need none"


@pytest.mark.parametrize(
    "shapes",
    [((1, 1), (1, 1)), ((1, 96), (1, 48)), ((40, 1), (20, 1)), ((2, 300), (1, 150)), ((30, 30), (1, 1))],
)
def test_every_map_stands_inside_the_picture(new_page: NewPage, static_url: str, shapes: Any) -> None:
    before, after = shapes
    rows, columns = (adaptive(n, m) for n, m in zip(before, after, strict=True))
    picture = PoolPicture(np.ones(before), np.ones(after), rows, columns)
    for options in ({}, PHONE):
        page = new_page(**options)
        page.goto(f"{static_url}/tests/browser/cube_page.html")
        mount(page, picture)
        whole = page.locator(".nv-pool canvas").bounding_box()
        assert whole
        boxes = [page.locator(f".nv-pad[data-side={side}]").bounding_box() for side in ("in", "out")]
        for box in boxes:
            assert box and min(box["width"], box["height"]) >= 20
            assert box["x"] >= whole["x"] - 1 and box["y"] >= whole["y"]
            assert box["x"] + box["width"] <= whole["x"] + whole["width"] + 1
            assert box["y"] + box["height"] <= whole["y"] + whole["height"] + 1
        first, second = boxes
        assert first and second
        beside, below = (
            first["x"] + first["width"] <= second["x"],
            first["y"] + first["height"] <= second["y"],
        )
        assert beside or below, "the maps overlap"


def test_a_finger_lights_pins_and_the_maps_stand_one_below_the_other(
    new_page: NewPage, static_url: str
) -> None:
    phone = new_page(**PHONE)
    phone.goto(f"{static_url}/tests/browser/cube_page.html")
    case = CASES["halves"]
    picture = case.picture()
    mount(phone, picture)
    assert state(phone)["stacked"] == "1"
    phone.touchscreen.tap(*middle(phone, "in", (1, 7), case.shape))
    assert state(phone)["pinned"] == "in:1,7"
    # A finger that moves across lights what is below it, and pins nothing.
    session = phone.context.new_cdp_session(phone)
    ends = [middle(phone, "in", cell, case.shape) for cell in ((4, 1), (4, 4), (4, 6))]
    for kind, point in (("touchStart", ends[0]), ("touchMove", ends[1]), ("touchMove", ends[2])):
        session.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": point[0], "y": point[1]}]}
        )
        settle(phone)
    assert state(phone)["cell"] == "4,6"
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert state(phone)["pinned"] == "in:1,7"


def test_the_joined_script_is_what_the_modules_are(bare: Page) -> None:
    picture = CASES["halves"].picture()
    module = "data:text/javascript;base64," + base64.b64encode(script().encode()).decode()
    mount(bare, picture, module=module, cell=(1, 1))
    assert lit(state(bare), picture.shape("in")).sum() == 4
