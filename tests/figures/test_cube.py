"""The Plotly cube against masks, counts and positions found cell by cell."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

import normviz as nv
from normviz.figures import theme
from normviz.layouts import ACTIVATIONS, ARRANGEMENTS, WEIGHTS

SHAPES = {"NCHW": (3, 6, 4, 5), "NLC": (3, 5, 6), "NC": (6, 6), "OIHW": (3, 6, 4, 5), "OI": (6, 6)}
PICTURES = [(layout, name) for layout in SHAPES for name in ARRANGEMENTS[layout]]
KNOBS: dict[str, dict[str, Any]] = {"group_norm": {"num_groups": 3}, "batch_norm_devices": {"devices": 3}}


def mesh_of(figure: go.Figure, name: str | None = None) -> go.Mesh3d:
    """The only mesh, or the one of that name."""
    (mesh,) = [t for t in figure.data if t.type == "mesh3d" and (name is None or t.name == name)]
    return mesh


def centres(mesh: go.Mesh3d) -> tuple[np.ndarray, np.ndarray]:
    """The centre of every quad (two triangles in a row), and the axis it lies across (0 x, 1 y, 2 z)."""
    points = np.stack([mesh.x, mesh.y, mesh.z], axis=1)
    corners = points[np.stack([mesh.i, mesh.j, mesh.k], axis=1)].reshape(-1, 6, 3)
    low, high = corners.min(1), corners.max(1)
    assert (np.sort(high - low, axis=1) == [0, 1, 1]).all(), "every face is a unit square across one axis"
    assert np.allclose(corners.mean(1), (low + high) / 2), "its two triangles are its two halves"
    return (low + high) / 2, np.argmin(high - low, axis=1)


def lit_in_figure2(figure: go.Figure, shape: tuple[int, ...]) -> dict[tuple[int, int, int, int], int]:
    """Cell on the surface -> its group in the mesh (0 cold, 1 set, 2 cell), read off the positions drawn."""
    n, c, h, w = shape
    mesh = mesh_of(figure)
    middle, across = centres(mesh)
    groups = np.asarray(mesh.intensity).reshape(-1, 2) // 3
    assert (groups[:, 0] == groups[:, 1]).all()
    found: dict[tuple[int, int, int, int], int] = {}
    for (x, y, z), axis, group in zip(middle, across, groups[:, 0], strict=True):
        column, depth, row = (np.floor(v) for v in (x, y, -z))
        if axis == 0:
            column = min(x, c - 1)
        elif axis == 1:
            depth = min(y, n - 1)
        else:
            row = min(-z, h * w - 1)
        cell = (int(depth), int(column), int(row) // w, int(row) % w)
        assert found.setdefault(cell, int(group)) == group, "a cell has one colour on all its faces"
    return found


@pytest.mark.parametrize("key", nv.METHODS)
def test_lit_cells_are_the_mask(key: str) -> None:
    shape, cell = SHAPES["NCHW"], (0, 2, 1, 0)
    knobs = KNOBS.get(key, {})
    found = lit_in_figure2(nv.cube(shape, key, cell=cell, **knobs), shape)
    sets = nv.METHODS[key].spec(**knobs).sets
    held = np.zeros(shape, int)  # by how many of the sets
    for shared in sets:
        held += shared.mask(shape, cell)
    for i in np.ndindex(*shape):
        n, c, h, w = i
        row = h * shape[3] + w
        on_surface = n in (0, shape[0] - 1) or c in (0, shape[1] - 1) or row in (0, shape[2] * shape[3] - 1)
        assert (i in found) == on_surface
        if on_surface:
            assert found[i] == (max(1, len(sets)) + 1 if i == cell else held[i]), i


@pytest.mark.parametrize(
    ("key", "layout", "name"),
    [
        (key, *picture)
        for key, entry in nv.METHODS.items()
        for picture in PICTURES
        if picture[0] in entry.layouts
    ],
)
def test_every_method_in_every_picture(key: str, layout: str, name: str) -> None:
    shape = SHAPES[layout]
    x = nv.Sample().tensor(shape)
    knobs = KNOBS.get(key, {})
    alone = nv.METHODS[key].spec(**knobs).affine.origin == "second"
    for values in (None, "before", x + 1) if alone else (None, "before", "after", x + 1):
        figure = nv.cube(x, key, values=values, layout=name, **knobs)
        assert isinstance(figure, go.Figure)
        drawn = sum(len(t.i) for t in figure.data if t.type == "mesh3d")
        assert drawn == {"figure2": 2 * 2 * (6 * 20 + 3 * 20 + 3 * 6), "sheet": 2 * 36}.get(
            name, 3 * 4 * (6 * 4 + 4 * 5 + 6 * 5) if name == "unfolded" else 2 * 2 * (6 * 5 + 3 * 5 + 3 * 6)
        )
        assert figure.to_json()


def test_boxes_of_the_unfolded_layout_stand_apart() -> None:
    shape = (6, 2, 3, 4)
    middle, _ = centres(mesh_of(nv.cube(shape, "batch_norm", layout="unfolded")))
    mesh = mesh_of(nv.cube(shape, "layer_norm", layout="unfolded", cell=(4, 0, 0, 0)))
    lit = np.asarray(mesh.intensity)[::2] // 3 > 0
    # Exactly one of the six boxes is lit by Layer Norm, all of it, and it is as large as a box.
    assert lit.sum() == 2 * (2 * 3 + 3 * 4 + 2 * 4) == len(lit) // 6
    low, high = middle[lit].min(0), middle[lit].max(0)
    assert (high - low).tolist() == [2, 4, 3]
    others = middle[~lit]
    assert not ((others >= low) & (others <= high)).all(1).any()


@pytest.mark.parametrize(
    ("shape", "cell"), [((8, 12, 4, 4), (0, 5, 1, 0)), ((4, 9, 16), (0, 3, 7)), ((3, 1), (0, 0))]
)
def test_the_home_cell(shape: tuple[int, ...], cell: tuple[int, ...]) -> None:
    assert f"cell {cell}" in nv.cube(shape, "batch_norm").layout.title.text


def test_words_on_the_cube() -> None:
    figure = nv.cube((8, 12, 4, 4), "group_norm", num_groups=3)
    assert "group_norm(num_groups=3)" in figure.layout.title.text
    assert "64 of 1,536 cells" in figure.layout.title.text
    scene = figure.layout.scene
    titles = [scene.xaxis.title.text, scene.yaxis.title.text, scene.zaxis.title.text]
    assert titles == ["<i>C</i> = 12", "<i>N</i> = 8", "<i>H·W</i> = 16"]
    assert "No cell shares" in nv.cube((8, 12, 4, 4), "batch_norm_eval").layout.title.text


def test_the_camera_is_the_home_view() -> None:
    camera = nv.cube((8, 12, 4, 4), "batch_norm").layout.scene.camera
    eye = np.array([camera.eye.x, camera.eye.y, camera.eye.z])
    assert camera.projection.type == "orthographic"
    assert np.arctan2(eye[0], -eye[1]) == pytest.approx(0.80)
    assert np.arcsin(eye[2] / np.linalg.norm(eye)) == pytest.approx(0.50)


def test_nothing_lies_on_the_ends_of_the_axes() -> None:
    """Plotly cuts off what is outside of the ranges, and by rounding what lies on their ends."""
    for layout, name in PICTURES:
        figure = nv.cube(SHAPES[layout], "batch_norm", layout=name)
        for axis in "xyz":
            low, high = figure.layout.scene[f"{axis}axis"].range
            for trace in figure.data:
                assert low < np.nanmin(trace[axis])
                assert np.nanmax(trace[axis]) < high


def test_values_are_those_of_the_cells() -> None:
    shape = (2, 3, 2, 2)
    values = np.arange(24.0).reshape(shape) - 12
    figure = nv.cube(shape, "layer_norm", values=values)
    parts = {name: mesh_of(figure, name) for name in ("set", "others")}
    for name, mesh in parts.items():
        assert mesh.cmin == -mesh.cmax
        assert mesh.colorscale[1][0] == 0.5
        middle, across = centres(mesh)
        for (x, _, z), axis, value in zip(middle, across, np.asarray(mesh.intensity)[::2], strict=True):
            if axis == 1:  # front and back
                n = 0 if name == "set" else 1
                h, w = divmod(int(-z), 2)
                assert value == values[n, int(x), h, w]
    assert parts["set"].colorscale[2][1] == theme.DIVERGING[2]


def test_before_and_after_share_one_scale() -> None:
    x = 7 * nv.Sample().tensor((4, 3, 3, 3))
    reach = [mesh_of(nv.cube(x, "batch_norm", values=v), "set").cmax for v in ("before", "after")]
    assert reach[0] == reach[1] >= np.quantile(np.abs(x), 0.99)


def test_nan_and_infinity_are_drawn_apart() -> None:
    x = nv.Sample().tensor((2, 3, 2, 2)).copy()
    x[0, 1, 0, 0] = np.nan
    x[0, 0, 0, 0] = np.inf
    figure = nv.cube(x, "batch_norm", values="before")
    assert len(mesh_of(figure, "NaN").i) == 2 * 2  # a front cell in the top row: two faces
    # The whole set of the NaN is poisoned, and that of the infinity: two of three channels.
    poisoned = mesh_of(nv.cube(x, "batch_norm", values="after"), "NaN")
    x_of_centres = centres(poisoned)[0][:, 0]
    assert set(np.floor(np.minimum(x_of_centres, 2)).tolist()) == {0.0, 1.0}


def test_a_mixture_is_shaded_by_how_many_sets_hold_a_cell() -> None:
    entry = nv.METHODS["batch_norm"]
    spec = nv.Spec(
        tuple(
            part for k in ("instance_norm", "layer_norm", "batch_norm") for part in nv.METHODS[k].spec().parts
        )
    )
    mixed = nv.Method("mixed", "batch", entry.paper, rule=lambda: spec, layer=entry.layer)
    shape, cell = SHAPES["NCHW"], (0, 2, 1, 0)
    figure = nv.cube(shape, mixed, cell=cell)
    expected = np.sum([s.mask(shape, cell) for s in spec.sets], axis=0)
    for i, group in lit_in_figure2(figure, shape).items():
        assert group == (4 if i == cell else expected[i])
    assert "3 sets" in figure.layout.title.text


def test_outline_goes_round_the_set() -> None:
    """Batch Norm's slab in figure 2 is a strip on four sides, with one unit line a cell."""
    n, c, h, w = SHAPES["NCHW"]
    figure = nv.cube((n, c, h, w), "batch_norm", cell=(0, 2, 1, 0))
    (outline,) = [t for t in figure.data if t.name == "set"]
    segments = np.stack([outline.x, outline.y, outline.z]).reshape(3, -1, 3)
    assert np.isnan(segments[:, :, 2]).all()
    assert segments.shape[1] == 2 * (2 * h * w + 2) + 2 * (2 * n + 2)
    assert set(np.unique(segments[0, :, :2]).tolist()) == {2.0, 3.0}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"x_or_shape": (8, 12, 4, 4), "method": "group_norm", "num_groups": 5}, "does not divide"),
        ({"x_or_shape": (8, 12, 4, 4), "method": "batch_nrom"}, "batch_norm"),
        ({"x_or_shape": (8, 12, 4, 4), "method": "batch_norm", "groups": 3}, "no knob 'groups'"),
        ({"x_or_shape": (8, 12, 4, 4), "method": "batch_norm", "cell": (0, 12, 0, 0)}, "not in a tensor"),
        ({"x_or_shape": (8, 12, 4, 4), "method": "batch_norm", "cell": (0, 0)}, "4 indices"),
        ({"x_or_shape": (8, 12, 4, 4), "method": "batch_norm", "layout": "fig2"}, "figure2, unfolded"),
        ({"x_or_shape": (8, 12, 4, 4), "method": "batch_norm", "layout": "sheet"}, "figure2, unfolded"),
        ({"x_or_shape": (8, 12), "method": "batch_norm", "layout": "fig2"}, "sheet"),
        ({"x_or_shape": (8, 12, 4, 4, 4), "method": "batch_norm"}, "5 axes"),
        ({"x_or_shape": (), "method": "batch_norm"}, "0 axes"),
        ({"x_or_shape": (8, 0, 4, 4), "method": "batch_norm"}, "1 or more"),
        ({"x_or_shape": (8, 2.5, 4, 4), "method": "batch_norm"}, "whole length"),
        ({"x_or_shape": (8, float("nan"), 4, 4), "method": "batch_norm"}, "whole length"),
        ({"x_or_shape": (32, 64, 32, 33), "method": "batch_norm"}, "2,097,152"),
        ({"x_or_shape": (129, 2, 2, 2), "method": "batch_norm", "layout": "unfolded"}, "128"),
        ({"x_or_shape": (8, 12, 4, 4), "method": "batch_norm", "values": "after"}, "only the shape"),
        ({"x_or_shape": np.zeros((2, 3)), "method": "batch_norm", "values": "during"}, "'during'"),
        ({"x_or_shape": (2, 3), "method": "batch_norm", "values": np.zeros((3, 2))}, "(3, 2)"),
        ({"x_or_shape": np.zeros((2, 3), complex), "method": "batch_norm"}, "complex"),
        ({"x_or_shape": (2, 3), "method": "batch_norm", "values": np.full((2, 3), "a")}, "values holds"),
    ],
)
def test_wrong_input_is_refused_in_words(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as refused:
        nv.cube(arguments.pop("x_or_shape"), arguments.pop("method"), **arguments)
    assert said in str(refused.value)


def test_every_arrangement_names_all_axes_once() -> None:
    for layout in itertools.chain(ACTIVATIONS, WEIGHTS):
        for how in ARRANGEMENTS[layout].values():
            assert sorted(how.x + how.y + how.z + how.grid) == sorted(layout)


def test_the_largest_tensor_is_drawn() -> None:
    assert len(mesh_of(nv.cube((20, 100, 25, 40), "batch_norm")).i) == 2 * 2 * (
        100 * 1000 + 20 * 1000 + 20 * 100
    )


def test_after_with_a_second_input_is_given_as_an_array() -> None:
    x, style = nv.Sample().tensor((2, 4, 3, 3)), nv.Sample(seed=1).tensor((2, 4, 3, 3))
    with pytest.raises(ValueError, match=r"needs a second input.*values=nv\.normalize"):
        nv.cube(x, "adaptive_instance_norm", values="after")
    y = nv.normalize(x, nv.METHODS["adaptive_instance_norm"].spec(), second=style)
    assert nv.cube(x, "adaptive_instance_norm", values=y).data
