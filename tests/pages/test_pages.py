"""Every page with every method, in both languages and on every layout, without a browser."""

from __future__ import annotations

import itertools
import re
import warnings

import numpy as np
import pytest
import torch

import normviz as nv
from normviz.layouts import WEIGHTS
from normviz.nets.kernels import kernel
from normviz.text.lookup import say
from normviz.ui.shape_picker import DEFAULT_SHAPES
from tests.pages.app import (
    CJK,
    LANGUAGES,
    PAGES,
    SHAPES,
    compared,
    data,
    errors,
    fine,
    link,
    metrics,
    texts,
    values,
    visit,
    widget,
)
from tests.strategies import learned


def shown(method: str, shape: str) -> tuple[int, ...]:
    """The shape that a page shows when a visitor of this one chooses the method."""
    layouts = nv.METHODS[method].layouts
    fits = layouts != WEIGHTS and len(SHAPES[shape]) in map(len, layouts)
    return SHAPES[shape] if fits else DEFAULT_SHAPES[layouts[-1]]


def layer_refuses(method: str, shape: tuple[int, ...]) -> bool:
    """Whether torch's own layer raises for this tensor."""
    entry = nv.METHODS[method]
    inputs = [torch.ones(shape)] * (2 if entry.torch_layer(shape).second else 1)
    try:
        with warnings.catch_warnings(action="ignore"):
            entry.module(torch.nn, shape)(*inputs)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_page_language_layout_and_method(page: str, lang: str, shape: str) -> None:
    at = visit(page, lang=lang, shape=shape)
    for method in nv.METHODS:
        fine(widget(at, f"method/{lang}").set_value(method).run())
        title = at.title[0].value
        assert say(lang, f"method.{method}.name") in title
        assert bool(CJK.search(title)) == (lang == "zh"), method
        assert bool(CJK.search(texts(at))) == (lang == "zh"), method
        assert errors(at) == [], method
        refused = layer_refuses(method, shown(method, shape))
        assert bool(at.warning) == refused, method
        assert compared(at) != refused, method
        assert at.latex, method
        assert link(at).get("method", "batch_norm") == method
        kept = link(at).get("shape", "12x8x3x3" if nv.METHODS[method].layouts == WEIGHTS else "8x12x4x4")
        assert kept == "x".join(map(str, shown(method, shape)))


#: Every method with the links' shapes that it works on.
SHAPED = [
    (method, shape)
    for method, entry in nv.METHODS.items()
    for shape, size in SHAPES.items()
    if len(size) in map(len, entry.layouts)
]


@pytest.mark.parametrize(("method", "shape"), SHAPED)
def test_the_numbers_beside_the_cube(shape: str, method: str) -> None:
    spec, size = nv.METHODS[method].spec(), SHAPES[shape]
    cell = tuple(n - 1 for n in size)
    at = visit(shape=shape, method=method, cell="x".join(map(str, cell)))
    shared = int(spec.sets[0].mask(size, cell).sum()) if spec.sets else 0
    assert metrics(at) == [shared, spec.statistic_count(size), learned(nv.METHODS[method], size)]
    assert str(shared) in texts(at)


COLOURS = ("set", "all", "before", "after")
ARRANGED = {"8x12x4x4": ("figure2", "unfolded"), "4x10x16": ("box",), "12x24": ("sheet",)}


@pytest.mark.parametrize(("method", "shape"), SHAPED)
def test_colours_and_arrangements(shape: str, method: str) -> None:
    at = visit(method=method, shape=shape)
    weighs = nv.METHODS[method].layouts == WEIGHTS
    raw = (kernel("initial", SHAPES[shape]) if weighs else data(shape)).tobytes()
    # What starts as the identity shows the same before and after.
    same = nv.METHODS[method].spec().affine.identity_at_start
    for view, colour in itertools.product(ARRANGED[shape], COLOURS):
        if len(ARRANGED[shape]) > 1:
            widget(at, "view/en").set_value(view)
        fine(widget(at, "colour/en").set_value(colour).run())
        assert errors(at) == []
        (cube,) = at.get("bidi_component")
        sent = cube.proto.SerializeToString()
        header = sent.replace(b'": ', b'":')
        assert f'"colour":"{colour}"'.encode() in header
        # The values travel as raw float32 where they are coloured, and only there.
        assert (b'"values":null' not in header) == (colour in ("before", "after"))
        assert (raw in sent) == (colour == "before") or (same and colour == "after")
        assert link(at).get("colour", "set") == colour
        assert link(at).get("view", ARRANGED[shape][0]) == view


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("method", nv.METHODS)
def test_training_and_evaluating_set_by_set_or_overall(lang: str, method: str) -> None:
    evaluates = bool(nv.METHODS[method].evaluating)
    pictures = set()
    at = visit("forward", lang=lang, method=method, gamma="2.0", beta="-1.0")
    assert f"mode/{lang}" in [w.key for w in at.get("button_group")] or not evaluates
    for mode, rows in itertools.product(
        ("train", "eval") if evaluates else ("train",), ("by_set", "overall")
    ):
        if evaluates:
            widget(at, f"mode/{lang}").set_value(mode)
        fine(widget(at, f"rows/{lang}").set_value(rows).run())
        assert errors(at) == []
        assert compared(at)
        (chart,) = at.get("plotly_chart")
        pictures.add(chart.proto.spec)
        assert link(at).get("mode", "train") == mode and link(at).get("rows", "by_set") == rows
    # What is corrected towards its buffers, and not clipped, gives in training what it gives in evaluation.
    corrected = nv.METHODS[method].spec().running is not None
    assert len(pictures) == (4 if evaluates and not corrected else 2)


def test_group_norm_in_chinese_on_the_forward_page() -> None:
    at = visit("forward", lang="zh", method="group_norm", num_groups="4")
    assert at.title[0].value.startswith("组归一化")
    assert CJK.search(at.subheader[0].value)
    assert at.get("plotly_chart")[0].proto.spec.count("\\u") or CJK.search(
        at.get("plotly_chart")[0].proto.spec
    )
    prose = re.compile(r"(?:\b[a-z]{3,}\b\s+){3}")
    apart = re.compile(r"`[^`]*`|\$[^$]*\$|:[\w/]+:|&\w+;")
    english = [line for line in texts(at).split("\n") if prose.search(apart.sub(" ", line))]
    assert english == []
    assert all(value in values(at) for value in ("zh", 4, "random", "by_set"))


def reached(spec: nv.Spec, shape: tuple[int, ...], cell: tuple[int, ...]) -> int:
    """How many cells have this one in their set."""
    if not spec.sets:
        return 1
    return sum(any(s.mask(shape, other)[cell] for s in spec.sets) for other in np.ndindex(*shape))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("method", nv.METHODS)
def test_a_nan_poisons_exactly_its_set(page: str, method: str) -> None:
    shape = (2, 8, 3, 2)
    at = visit(page, method=method, shape="2x8x3x2", cell="1x2x1x1", disturb="nan")
    (note,) = at.info
    (count,) = re.findall(r"\*\*([\d,]+)\*\*", note.value)
    assert int(count.replace(",", "")) == reached(nv.METHODS[method].spec(), shape, (1, 2, 1, 1))
    assert compared(at) and errors(at) == []


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("disturb", ["inf", "constant"])
@pytest.mark.parametrize(("lang", "shape"), list(zip(("en", "zh", "en"), SHAPES, strict=True)))
def test_an_inf_and_a_constant_set(page: str, disturb: str, lang: str, shape: str) -> None:
    at = visit(page, disturb=disturb, lang=lang, shape=shape, colour="after", rows="overall")
    for method in nv.METHODS:
        fine(widget(at, f"method/{lang}").set_value(method).run())
        assert errors(at) == []
        if disturb == "constant" and not nv.METHODS[method].spec().sets:
            assert not at.info  # there is no set to make constant, and nothing to say
            continue
        (note,) = at.info
        centred = nv.METHODS[method].spec().centred
        infinite = "∞" in note.value or "Inf" in note.value
        assert infinite if disturb == "inf" else ("ε" in note.value) == centred
        assert bool(CJK.search(note.value)) == (lang == "zh")


def test_a_constant_set_comes_out_as_zero_and_with_beta_as_beta() -> None:
    assert "0.000" in visit("forward", disturb="constant").info[0].value
    assert "1.500" in visit("forward", disturb="constant", beta="1.5").info[0].value
