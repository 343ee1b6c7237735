"""The cube's geometry, sets and colours in a real browser: the pure modules against independent oracles."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.browser.bare_cube import (
    BATCH,
    FIGURE2,
    GROUP,
    SHAPE,
    SHEET,
    UNFOLDED,
    WINDOW,
    bare,
    mask,
    run,
    shared,
    spec,
    static_url,
)

__all__ = ["bare", "static_url"]  # fixtures

SCENES = {
    "figure2": (FIGURE2, SHAPE, {}),
    "unfolded": (UNFOLDED, SHAPE, {}),
    "sheet": (SHEET, (5, 7), {}),
    "spread": (FIGURE2, SHAPE, {"spread": "xz"}),
    "spread at the sets": (FIGURE2, SHAPE, {"spread": "sets"}),
    "unfolded and spread": (UNFOLDED, SHAPE, {"spread": "yz"}),
    "peeled": (FIGURE2, SHAPE, {"peel": [2, 1, 1]}),
    "lifted": (FIGURE2, SHAPE, {"lift": 1}),
}
PICKS = """
  const plan = m.makePlan(arg.sizes, arg.arrangement);
  const sets = [m.expandSet(arg.codes, arg.sizes)];
  const bounds = plan.d.map((axes) => m.boundaries(sets, axes, arg.sizes));
  const view = {spread: "", peel: [0, 0, 0], lift: 0, ...arg.view};
  const box = m.setBox(sets[0], arg.sizes.map(() => 0), plan);
  const scene = m.buildScene(plan, view, bounds, view.lift ? box : null);
  return arg.looks.map(({cam, pixels}) => {
    const B = m.makeCamera({px: 0, py: 0, ...cam}, 160, [200, 150], scene.hull.fit);
    const faces = m.facesOf(scene, B, m.paintOrder(scene.tree, B.v));
    const boxes = scene.pieces.map((p) => [p.block.fix, p.a, p.b, p.mn, p.mx]);
    const cells = pixels.map(([x, y]) => m.pick(faces, plan, x, y));
    return {X: B.X, Y: B.Y, s: B.s, origin: B.project([0, 0, 0]), boxes, cells};
  });
"""


def world_cells(
    boxes: Any, arrangement: Any, shape: tuple[int, ...], names: str
) -> tuple[list[Any], np.ndarray, np.ndarray]:
    """Every cell with its own box: each piece divided evenly among its indices, x rising, y and z falling."""
    cells, low, high = [], [], []
    display = [[names.index(a) for a in getattr(arrangement, k)] for k in "xyz"]
    for fix, first, last, mn, mx in boxes:
        for index in itertools.product(*(range(a, b) for a, b in zip(first, last, strict=True))):
            cell = {int(k): v for k, v in fix.items()}
            corner = []
            for d, i in enumerate(index):
                step = (mx[d] - mn[d]) / (last[d] - first[d])
                start = mn[d] + (i - first[d]) * step if d == 0 else mx[d] - (i - first[d] + 1) * step
                corner.append((start, start + step))
                lengths = [shape[k] for k in display[d]]
                cell |= (
                    dict(zip(display[d], map(int, np.unravel_index(i, lengths)), strict=True))
                    if lengths
                    else {}
                )
            cells.append([cell[k] for k in range(len(shape))])
            low.append([c[0] for c in corner])
            high.append([c[1] for c in corner])
    return cells, np.array(low), np.array(high)


def ray_hit(found: Any, low: np.ndarray, high: np.ndarray, x: float, y: float) -> int:
    """The first box on the ray through a pixel (slab test), or -1. The ray's points project to the pixel."""
    X, Y = np.array(found["X"]), np.array(found["Y"])
    toward = np.cross(Y, X)  # to the viewer: x to the right, y down
    base = np.linalg.lstsq(np.stack([X, Y]) * found["s"], np.array([x, y]) - found["origin"], rcond=None)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (low - base) / toward, (high - base) / toward
    enter, leave = np.minimum(a, b).max(axis=1), np.maximum(a, b).min(axis=1)
    hit = np.flatnonzero(enter < leave)
    return int(hit[np.argmax(leave[hit])]) if hit.size else -1


@pytest.mark.parametrize("name", SCENES)
def test_pick_finds_the_cell_a_ray_meets_first(bare: Page, name: str) -> None:
    arrangement, shape, view = SCENES[name]
    names = "NC" if len(shape) == 2 else "NCHW"
    kinds = ("own", "whole") if len(shape) == 2 else GROUP
    rng = np.random.default_rng(len(name))
    looks = [
        {
            "cam": {"az": az, "el": el, "zoom": 1},
            "pixels": rng.uniform((60, 20), (340, 280), (80, 2)).tolist(),
        }
        for az, el in [(0.8, 0.5), *rng.uniform((-3.1, -1.3), (3.1, 1.3), (9, 2)).tolist()]
    ]
    order = {k: [names.index(a) for a in getattr(arrangement, k)] for k in ("x", "y", "z", "grid")}
    codes = spec((shared(kinds, shape),), shape, arrangement)["cubes"][0]["sets"][0]["intervals"]
    arg = {"sizes": shape, "arrangement": order, "codes": codes, "view": view, "looks": looks}
    on, wrong = 0, []
    for look, found in zip(looks, run(bare, PICKS, arg), strict=True):
        cells, low, high = world_cells(found["boxes"], arrangement, shape, names)
        for (x, y), picked in zip(look["pixels"], found["cells"], strict=True):
            near = {
                ray_hit(found, low, high, x + dx, y + dy)
                for dx, dy in [(0, 0), (0.1, 0), (-0.1, 0), (0, 0.1), (0, -0.1)]
            }
            if len(near) > 1:
                continue  # on an edge, where a rounding decides
            (hit,) = near
            on += hit >= 0
            if picked != (cells[hit] if hit >= 0 else None):
                wrong.append((look["cam"], x, y, picked, cells[hit] if hit >= 0 else None))
    assert on > 100
    assert not wrong, wrong[:5]


def test_runs_and_sizes_are_those_of_the_mask(bare: Page) -> None:
    rng = np.random.default_rng(1)
    kinds = ("own", "whole", "g2", "g3", "w1", "w2")
    cases = []
    for _ in range(60):
        shape = tuple(int(n) for n in rng.integers(1, 6, 4))
        given = shared(tuple(rng.choice(kinds, 4)), shape)
        order = list(map(int, rng.permutation(4)))
        a, b = sorted(map(int, rng.integers(0, 5, 2)))
        cases.append(
            (shape, given, (order[:a], order[a:b], order[b:]), tuple(int(rng.integers(n)) for n in shape))
        )
    arg = [[s, spec((g,), s)["cubes"][0]["sets"][0]["intervals"], d, c] for s, g, d, c in cases]
    body = (
        "return arg.map(([sizes, codes, d, cell]) => m.setBox(m.expandSet(codes, sizes), cell, {sizes, d}))"
    )
    for (shape, given, display, cell), box in zip(cases, run(bare, body, arg), strict=True):
        expected = mask(given, cell, shape)
        assert box["size"] == expected.sum()
        flat = [np.zeros(int(np.prod([shape[k] for k in axes], initial=1)), bool) for axes in display]
        for line, runs in zip(flat, box["runs"], strict=True):
            for first, last in runs:
                assert not line[first:last].any(), "runs overlap"
                line[first:last] = True
        outer = functools.reduce(np.multiply.outer, flat).ravel()
        moved = np.transpose(expected, [k for axes in display for k in axes]).ravel()
        assert np.array_equal(outer, moved)


@pytest.mark.parametrize("kinds", [BATCH, GROUP, WINDOW, ("own", "own", "whole", "own"), ("whole",) * 4])
def test_playing_visits_every_set_once_and_comes_back(bare: Page, kinds: tuple[str, ...]) -> None:
    given = shared(kinds)
    sets = {
        tuple((int(lo[i]), int(hi[i])) for (lo, hi), i in zip(given.intervals, c, strict=True))
        for c in np.ndindex(SHAPE)
    }
    codes = spec((given,))["cubes"][0]["sets"][0]["intervals"]
    body = """const set = m.expandSet(arg.codes, arg.sizes); let cell = arg.start; const out = [];
      for (let k = 0; k < arg.count; k++) out.push(cell = m.nextSet(set, arg.sizes, cell));
      return out.map((cell) => cell.map((i, k) => [set.lo[k][i], set.hi[k][i]]));"""
    start = [2, 3, 1, 1]
    visited = run(bare, body, {"codes": codes, "sizes": SHAPE, "start": start, "count": len(sets)})
    seen = [tuple(map(tuple, v)) for v in visited]
    assert set(seen) == sets and len(set(seen)) == len(seen)
    assert seen[-1] == tuple(
        (int(lo[i]), int(hi[i])) for (lo, hi), i in zip(given.intervals, start, strict=True)
    )


def test_neighbouring_sets_have_different_colours(bare: Page) -> None:
    counts = [[1, 12, 1, 1], [8, 3, 1, 1], [1, 5, 1, 1], [4, 4, 2, 3], [64, 1, 1, 1], [1, 2, 1, 1]]
    body = """return ["light", "dark"].map((t) => arg.map((counts) => {
      const out = [];
      const walk = (o) => {
        if (o.length === counts.length) out.push(m.partitionRgb(m.THEMES[t], o, counts));
        else for (let i = 0; i < counts[o.length]; i++) walk([...o, i]);
      };
      walk([]);
      return out;
    }))"""
    for theme in run(bare, body, counts):
        for shape, colours in zip(counts, theme, strict=True):
            grid = np.array(colours).reshape(*shape, 3)
            for axis, n in enumerate(shape):
                if n > 1:
                    steps = np.abs(np.diff(grid, axis=axis)).sum(axis=-1)
                    assert steps.min() > 40, (shape, axis)


def test_a_link_can_be_mangled(bare: Page) -> None:
    plain = {"az": 0, "el": 0, "zoom": 1, "px": 0, "py": 0, "home": True}
    views = run(
        bare,
        "return arg.map((text) => m.decodeLook(text))",
        ["", "c1.2", "x%00<script>", "sq", "pNaN.1.1", "é" * 999],
    )
    assert all(
        v == {"cam": plain, "view": {"spread": "", "xray": False, "peel": [0, 0, 0], "lift": 0}}
        for v in views
    )
    body = "return arg.map(m.decodeLook).map(({cam, view}) => m.encodeLook(cam, view))"
    assert run(bare, body, ["c-36.50.120_sxz", "sS_p1.0.2", "x", "l", "c999.999.9999"]) == [
        "c-36.50.120_sxz",
        "sS_p1.0.2",
        "x",
        "l",
        "c-258.145.1600",
    ]
