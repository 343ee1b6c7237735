"""Where the names of a network's stages stand, against how wide Chromium draws them and the networks' own stages."""

from __future__ import annotations

from itertools import pairwise

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from normviz.figures.depth_marks import LANE, stage_bands
from normviz.figures.stage_names import stage_names
from normviz.stages import Stage

#: The last layers of the stages of the page's networks: what normviz.stages.stages says of their traces.
NETWORKS = {
    "small_cnn": {"conv1 … pool2": 6, "conv3 … pool3": 10, "conv4 … pool4": 14, "head": 15},
    "mlp": {"linear1 … act1": 2, "linear2 … act2": 5, "linear3 … act3": 8, "linear4 … act4": 11, "head": 12},
    "resnet18": {
        "conv1 … maxpool": 3,
        "layer1": 17,
        "layer2": 33,
        "layer3": 49,
        "layer4": 65,
        "avgpool … fc": 67,
    },
    "resnet50": {
        "conv1 … maxpool": 3,
        "layer1": 35,
        "layer2": 77,
        "layer3": 139,
        "layer4": 171,
        "avgpool … fc": 173,
    },
    "vgg11": {
        "features.0 … 2": 2,
        "features.3 … 5": 5,
        "features.6 … 10": 10,
        "features.11 … 15": 15,
        "features.16 … 20": 20,
        "avgpool": 21,
        "classifier": 28,
    },
    "vgg16": {
        "features.0 … 4": 4,
        "features.5 … 9": 9,
        "features.10 … 16": 16,
        "features.17 … 23": 23,
        "features.24 … 30": 30,
        "avgpool": 31,
        "classifier": 38,
    },
    "vgg19": {
        "features.0 … 4": 4,
        "features.5 … 9": 9,
        "features.10 … 18": 18,
        "features.19 … 27": 27,
        "features.28 … 36": 36,
        "avgpool": 37,
        "classifier": 44,
    },
    "alexnet": {"conv1 … pool1": 3, "conv2 … pool2": 7, "conv3 … pool5": 14, "drop6 … fc8": 21},
    "alexnet_torchvision": {
        "features.0 … 2": 2,
        "features.3 … 5": 5,
        "features.6 … 12": 12,
        "avgpool": 13,
        "classifier": 20,
    },
    "patch_transformer_pre": {
        "patches … add": 1,
        "blocks.0": 11,
        "blocks.1": 21,
        "blocks.2": 31,
        "blocks.3": 41,
        "norm … head": 44,
    },
}
#: Pixels of a name at 11 pixels of Source Sans, measured in Chromium.
MEASURED = {
    "avgpool": 37.1,
    "avgpool … fc": 60,
    "blocks.0": 38.1,
    "blocks.1": 38.1,
    "blocks.2": 38.1,
    "blocks.3": 38.1,
    "classifier": 40.5,
    "conv1 …": 40,
    "conv1 … maxpool": 82.6,
    "conv1 … pool2": 68.5,
    "conv2 …": 40,
    "conv3 … pool3": 68.5,
    "conv3 … pool5": 68.5,
    "conv4 …": 40,
    "drop6 … fc8": 55.8,
    "features.0": 45.5,
    "features.0 …": 58.1,
    "features.0 … 2": 65.8,
    "features.10": 50.9,
    "features.11 …": 63.6,
    "features.16 …": 63.6,
    "features.17": 50.9,
    "features.19": 50.9,
    "features.24": 50.9,
    "features.28": 50.9,
    "features.3 …": 58.1,
    "features.3 … 5": 65.8,
    "features.5": 45.5,
    "features.6 …": 58.1,
    "features.6 … 12": 71.2,
    "head": 22.9,
    "layer1": 28.2,
    "layer2": 28.2,
    "layer3": 28.2,
    "layer4": 28.2,
    "linear1 … act1": 66.1,
    "linear2 …": 44.3,
    "linear3 … act3": 66.1,
    "linear4 …": 44.3,
    "mean … head": 63.7,
    "norm … head": 62.7,
    "patches … add": 68.6,
}
#: The plot of a figure of 358 pixels, which is the width on a phone of 390, and what is free beside it.
PHONE, LEFT, RIGHT = 292, 54, 12


def parts_of(key: str) -> tuple[list[Stage], int]:
    parts, first = [], 0
    for label, last in NETWORKS[key].items():
        parts.append(Stage(label, first, last))
        first = last + 1
    return parts, first


@pytest.mark.parametrize("key", NETWORKS)
def test_every_stage_of_the_pages_networks_has_a_name_and_none_touch_on_a_phone(key: str) -> None:
    parts, layers = parts_of(key)
    names = stage_names(parts, layers)
    assert [name.middle for name in names] == [(part.first + part.last) / 2 for part in parts]
    for part, name in zip(parts, names, strict=True):
        assert part.label.startswith(name.text.removesuffix(" …")) and not name.text.isdigit()
    for lane in {name.lane for name in names}:
        ends = [(-float(LEFT),) * 2]
        for name in (each for each in names if each.lane == lane):
            at = (name.middle + 0.7) / layers * PHONE + name.shift
            ends.append((at - MEASURED[name.text] / 2, at + MEASURED[name.text] / 2))
        assert all(a[1] + 2 < b[0] for a, b in pairwise([*ends, (PHONE + RIGHT + 2,) * 2]))


def test_siblings_have_names_of_one_form_and_numbers_alone_where_nothing_else_fits() -> None:
    names = [name.text for name in stage_names(*parts_of("vgg16"))]
    assert names[:5] == ["features.0", "features.5", "features.10", "features.17", "features.24"]
    many = [Stage(f"a.long.path.to.the.blocks.{k}", 5 * k, 5 * k + 4) for k in range(12)]
    assert [name.text for name in stage_names(many, 60)] == [str(k) for k in range(12)]


def test_one_stage_has_no_name_and_what_cannot_fit_is_left_out() -> None:
    assert stage_names([Stage("all", 0, 9)], 10) == []
    (name,) = stage_names([Stage("x" * 400, 0, 4), Stage("y", 5, 9)], 10)
    assert name.text == "y"


@given(st.lists(st.tuples(st.text(min_size=1, max_size=30), st.integers(1, 40)), min_size=2, max_size=12))
def test_whatever_the_names_none_touch(rows: list[tuple[str, int]]) -> None:
    parts, first = [], 0
    for label, count in rows:
        parts.append(Stage(label, first, first + count - 1))
        first += count
    names = stage_names(parts, first)
    for lane in (0, 1):
        assert all(a.ends[1] < b.ends[0] for a, b in pairwise([n for n in names if n.lane == lane]))


def test_the_figure_leaves_room_for_the_lanes() -> None:
    for key, lanes in (("small_cnn", 1), ("resnet18", 2)):
        figure = go.Figure()
        parts, layers = parts_of(key)
        assert stage_bands(figure, parts, layers) == lanes * LANE
        notes = figure.layout.annotations
        assert len(notes) == len(parts) and max(note.yshift for note in notes) == 1 + (lanes - 1) * LANE
    assert stage_bands(go.Figure(), [Stage("all", 0, 9)], 10) == 0
