"""Every page in both languages with every method, and what it withstands, without a browser."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

import normviz as nv
from normviz.layouts import WEIGHTS, default_cell
from normviz.nets.kernels import kernel
from normviz.text.lookup import say
from normviz.ui.shape_picker import DEFAULT_SHAPES
from tests.pages.app import (
    CJK,
    LANGUAGES,
    PAGES,
    SHAPES,
    data,
    errors,
    fine,
    link,
    metrics,
    seen,
    texts,
    uploader,
    values,
    visit,
    widget,
)
from tests.strategies import learned

BUDGET = "2,097,152"


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


def compared(at: AppTest) -> bool:
    """Whether the page says that torch and the reference agree; a disagreement is an error box."""
    return any(":material/check_circle:" in text.value and "10⁻" in text.value for text in at.markdown)


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


@pytest.mark.parametrize("source", ["photo", "upload"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", ["batch_norm", "rms_norm"])
def test_a_photograph_on_every_layout(source: str, shape: str, method: str) -> None:
    at = visit("forward", method=method, shape=shape, input=source, photo="flower", bank="seeded", seed="3")
    assert errors(at) == []
    assert compared(at)
    assert "seed 3" in texts(at) and "flower" in texts(at).lower()


def test_a_shape_that_filters_cannot_fill_is_said_and_the_random_tensor_shown() -> None:
    at = visit("forward", shape="2x128x4x4", input="photo")
    (sentence,) = errors(at)
    assert "2 × 128 × 4 × 4" in sentence and "64" in sentence
    assert "random" in texts(at)
    assert compared(at)


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


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_shape_over_the_budget_is_refused_and_the_last_one_stays(page: str, lang: str) -> None:
    at = visit(page, lang=lang, shape="8x12x8x8")
    before = [s for s in seen(at) if s[0] in ("title", "metric", "latex", "plotly_chart", "bidi_component")]
    widget(at, f"NCHW.H/{lang}").set_value(4096)
    fine(widget(at, f"NCHW.W/{lang}").set_value(4096).run())
    (sentence,) = errors(at)
    assert BUDGET in sentence and "8 × 12 × 4096 × 4096" in sentence and f"{8 * 12 * 4096**2:,}" in sentence
    assert bool(CJK.search(sentence)) == (lang == "zh")
    after = [s for s in seen(at) if s[0] in ("title", "metric", "latex", "plotly_chart", "bidi_component")]
    assert after == before
    assert link(at)["shape"] == "8x12x8x8"
    # And there is a way back.
    widget(at, f"NCHW.H/{lang}").set_value(6)
    fine(widget(at, f"NCHW.W/{lang}").set_value(5).run())
    assert errors(at) == []
    assert link(at)["shape"] == "8x12x6x5"


def test_two_million_cells_are_within_the_budget() -> None:
    at = visit(shape="32x64x32x32", method="group_norm")
    assert errors(at) == []
    assert metrics(at) == [16 * 32 * 32, 32 * 4, 128]
    assert not compared(at) and "262,144" in texts(at)  # what is not compared is said
    at = visit("forward", shape="32x64x32x33", method="group_norm")
    assert errors(at) == [] and "shape" not in link(at)  # a link beyond the budget is the default


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("channels", [16, 10, 7, 1])
def test_groups_that_no_longer_divide_fall_back(page: str, channels: int) -> None:
    at = visit(page, method="group_norm", num_groups="3")
    assert widget(at, "group_norm.num_groups/en").value == 3
    fine(widget(at, "NCHW.C/en").set_value(channels).run())
    assert errors(at) == []
    groups = widget(at, "group_norm.num_groups/en").value
    assert channels % groups == 0
    # Said once, with what was asked for and what is used instead.
    told = [toast.value for toast in at.toast]
    assert (
        told == []
        if groups == 3
        else f"num_groups = 3 does not divide C any more: shown with {groups}" in told[0]
    )
    assert at.title[0].value and compared(at)
    if page == "cube":
        size = nv.METHODS["group_norm"].spec(num_groups=groups).sets[0]
        assert metrics(at)[0] == size.size((8, channels, 4, 4), (0, 0, 0, 0))
    # The link and the page say the same.
    again = visit(page, link(at))
    assert widget(again, "group_norm.num_groups/en").value == groups


def test_a_layout_change_starts_from_that_layouts_shape_and_keeps_method_and_knobs() -> None:
    at = visit(method="group_norm", num_groups="2", cell="7x11x3x3")
    fine(widget(at, "layout/en").set_value("NLC").run())
    assert link(at) == {"method": "group_norm", "num_groups": "2", "shape": "4x10x16"}
    assert default_cell((4, 10, 16)) != (7, 11, 3, 3)
    fine(widget(at, "layout/en").set_value("NC").run())
    assert link(at)["shape"] == "12x24"
    fine(widget(at, "layout/en").set_value("NCHW").run())
    assert link(at) == {"method": "group_norm", "num_groups": "2"}


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


@pytest.mark.parametrize("page", PAGES)
def test_switching_the_language_keeps_everything_else(page: str) -> None:
    chosen = {"method": "group_norm", "num_groups": "2", "shape": "4x10x16", "seed": "7", "cell": "1x2x3"}
    at = visit(page, chosen)
    before = {s[1].removesuffix("/en"): s[2] for s in seen(at) if s[1] and s[1].endswith("/en")}
    fine(widget(at, "lang/en").set_value("zh").run())
    after = {s[1].removesuffix("/zh"): s[2] for s in seen(at) if s[1] and s[1].endswith("/zh")}
    assert after.pop("lang") == "zh" and before.pop("lang") == "en"
    assert after == before
    assert link(at) == chosen | {"lang": "zh"}
    fine(widget(at, "lang/zh").set_value("en").run())
    assert link(at) == chosen


@pytest.mark.parametrize("wrong", ["nan", "-1", "2", "abc", "1e999", "0x10"])
def test_a_knob_that_cannot_be_read_is_said_and_the_last_value_stays(wrong: str) -> None:
    at = visit(eps="0.01")
    fine(widget(at, "batch_norm.eps/en").set_value(wrong).run())
    assert len(errors(at)) == 1
    assert link(at)["eps"] == "0.01" and compared(at)
    fine(widget(at, "batch_norm.eps/en").set_value("0.5").run())
    assert errors(at) == [] and link(at)["eps"] == "0.5"


def test_choices_go_with_the_visitor_from_page_to_page() -> None:
    at = visit(method="group_norm", shape="4x8x6x6", seed="5", colour="all")
    fine(at.switch_page("forward.py").run())
    assert "Group Norm" in at.title[0].value and "4 × 8 × 6 × 6" in texts(at) and "seed 5" in texts(at)
    fine(at.switch_page("cube.py").run())
    assert widget(at, "colour/en").value == "all"


# Uploads


def encoded(kind: str, mode: str = "RGB", seed: int = 0, **options: Any) -> bytes:
    """A picture with edges, as a file."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    file = BytesIO()
    small.resize((160, 120), Image.Resampling.NEAREST).convert(mode).save(file, kind, **options)
    return file.getvalue()


JPEG = encoded("JPEG")
BROKEN: dict[str, tuple[str, bytes]] = {
    "truncated.jpg": ("truncated.jpg", JPEG[: len(JPEG) // 2]),
    "text.jpg": ("text.jpg", b"Dear reader, this is not a picture.\n" * 9),
    "empty.png": ("empty.png", b""),
    "markdown": ("[a](http://x)`*b*`<script>.png", b"no"),
    "page.png": ("page.png", b"<html><script>alert(1)</script></html>"),
}


def upload(at: AppTest, *files: tuple[str, bytes]) -> AppTest:
    uploader(at).set_value([(name, content, "image/jpeg") for name, content in files])
    return fine(at.run())


def picture(at: AppTest) -> str:
    return str(at.get("plotly_chart")[0].proto.spec)


@pytest.mark.parametrize(
    "make",
    [
        lambda: encoded("JPEG"),
        lambda: encoded("JPEG", "CMYK"),
        lambda: encoded("PNG", "RGBA"),
        lambda: encoded("PNG", "P"),
        lambda: encoded("WEBP"),
        lambda: encoded("GIF", "P"),
        lambda: encoded("BMP"),
    ],
    ids=["jpeg", "cmyk", "rgba", "palette", "webp", "gif", "bmp"],
)
def test_an_uploaded_picture_becomes_the_input(make: Callable[[], bytes]) -> None:
    at = visit("forward", input="upload", method="group_norm")
    photograph = picture(at)
    upload(at, ("mine.jpg", make()))
    assert errors(at) == [] and compared(at)
    assert picture(at) != photograph
    assert say("en", "input.upload_done", count=1) in texts(at)
    # The widget has let go of the file's bytes.
    assert not uploader(at).value


@pytest.mark.parametrize(
    ("lang", "broken"), list(zip(itertools.cycle(LANGUAGES), BROKEN.values(), strict=False)), ids=BROKEN
)
def test_what_is_no_picture_is_one_sentence_and_the_result_stays(
    lang: str, broken: tuple[str, bytes]
) -> None:
    at = visit("forward", lang=lang, input="upload", method="group_norm")
    photograph = picture(at)
    upload(at, broken)
    (sentence,) = errors(at)
    assert bool(CJK.search(sentence)) == (lang == "zh")
    assert sentence.startswith("`") and sentence.count("`") == 2 and "object at 0x" not in sentence
    assert picture(at) == photograph and compared(at)
    # The same after a good one: that stays.
    upload(at, ("good.png", encoded("PNG", seed=1)))
    assert errors(at) == []
    good = picture(at)
    assert good != photograph
    upload(at, broken)
    assert len(errors(at)) == 1
    assert picture(at) == good
    fine(at.run())
    assert picture(at) == good


def test_several_pictures_a_broken_one_among_them_and_removing_them() -> None:
    at = visit("forward", input="upload", shape="4x8x8x8")
    photograph = picture(at)
    files = [(f"{k}.png", encoded("PNG", seed=k)) for k in range(3)]
    upload(at, *files, BROKEN["text.jpg"])
    assert len(errors(at)) == 1
    assert "uploaded images (3)" in texts(at)
    three = picture(at)
    assert three != photograph
    (remove,) = [b for b in at.button if b.label == say("en", "input.upload_remove")]
    fine(remove.click().run())
    assert errors(at) == [] and picture(at) == photograph


def test_more_pictures_than_are_used_is_said() -> None:
    at = visit("forward", input="upload", shape="4x8x8x8")
    upload(at, *[(f"{k}.png", encoded("PNG", seed=k)) for k in range(18)])
    (sentence,) = errors(at)
    assert "18" in sentence and "16" in sentence


def test_uploads_stay_in_the_session_and_out_of_the_link() -> None:
    at = visit("forward", input="upload", shape="4x8x8x8")
    upload(at, ("mine.jpg", JPEG))
    mine = picture(at)
    assert link(at) == {"input": "upload", "shape": "4x8x8x8"}
    fine(at.switch_page("cube.py").run())
    fine(at.switch_page("forward.py").run())
    assert picture(at) == mine
    assert picture(visit("forward", link(at))) != mine


# Kernels, and layouts that a method does not have


def test_activations_and_weights_each_keep_their_shape() -> None:
    at = visit(shape="4x6")
    fine(widget(at, "method/en").set_value("weight_norm").run())
    assert "12 × 8 × 3 × 3" in texts(at) and errors(at) == [] and "shape" not in link(at)
    fine(widget(at, "OIHW.I/en").set_value(5).run())
    assert link(at)["shape"] == "12x5x3x3"
    fine(widget(at, "method/en").set_value("switchable_norm").run())  # has no (N, C)
    assert "8 × 12 × 4 × 4" in texts(at) and errors(at) == []
    fine(widget(at, "method/en").set_value("layer_norm").run())
    assert link(at)["shape"] == "4x6"
    fine(widget(at, "method/en").set_value("weight_standardization").run())
    assert link(at)["shape"] == "12x5x3x3"


@pytest.mark.parametrize(
    ("method", "layout", "words"),
    [
        ("batch_norm", "OIHW", ("Batch Norm", "kernel of a convolution (O, I, H, W)", "(N, C, H, W)")),
        ("weight_norm", "NCHW", ("Weight Norm", "feature maps (N, C, H, W)", "(O, I, H, W)")),
        ("switchable_norm", "NC", ("Switchable Norm", "fully connected (N, C)", "(N, L, C)")),
    ],
)
@pytest.mark.parametrize("page", PAGES)
def test_a_layout_that_the_method_does_not_have(
    page: str, method: str, layout: str, words: tuple[str, ...]
) -> None:
    at = visit(page, method=method)
    before = link(at)
    fine(widget(at, "layout/en").set_value(layout).run())
    (sentence,) = errors(at)
    assert all(word in sentence for word in words)
    assert link(at) == before
    assert widget(at, "layout/en").value != layout
    fine(at.run())
    assert errors(at) == []
    (sentence,) = errors(visit(page, method=method, layout=layout))  # and in a link
    assert all(word in sentence for word in words)


@pytest.mark.parametrize("kind", ["initial", "trained", "filters"])
def test_the_forward_page_takes_every_kernel(kind: str) -> None:
    at = visit("forward", method="weight_standardization", kernel=kind, shape="12x3x5x5")
    assert errors(at) == [] and compared(at)
    again = visit("forward", link(at))
    assert seen(again) == seen(at)


def test_a_kernel_that_cannot_be_made_is_said() -> None:
    at = visit("forward", method="weight_norm", kernel="filters", shape="12x8x3x3")
    (sentence,) = errors(at)
    assert "12" in sentence and "Try" in sentence
