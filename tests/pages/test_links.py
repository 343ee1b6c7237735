"""Every choice is in the link, a link brings back what was seen, and no link breaks a page."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

import normviz as nv
from normviz.text.lookup import LANGUAGES
from tests.pages.app import PAGES, errors, fine, link, seen, visit, widget

# A page takes tenths of a second: as many examples as the suite can afford, and no minutes of shrinking.
FEW = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)

VIEWS: list[tuple[str, dict[str, str]]] = [
    ("cube", {"method": "group_norm", "num_groups": "3", "cell": "7x11x3x2"}),
    ("cube", {"method": "rms_norm", "normalized_shape": "C", "shape": "3x7x5x2", "view": "unfolded"}),
    ("cube", {"method": "local_response_norm", "size": "7", "alpha": "0.5", "beta": "1.5", "k": "2"}),
    ("cube", {"method": "batch_norm_eval", "colour": "after", "dtype": "float64", "seed": "9999"}),
    (
        "cube",
        {"method": "instance_norm", "affine": "True", "shape": "2x6x5", "disturb": "nan", "colour": "before"},
    ),
    ("cube", {"method": "l2_norm", "eps": "0.001", "shape": "12x25", "cell": "0x0", "lang": "zh"}),
    (
        "forward",
        {"method": "group_norm", "num_groups": "12", "gamma": "-2.5", "beta": "0.5", "rows": "overall"},
    ),
    ("forward", {"mode": "eval", "eps": "0.1", "affine": "True", "lang": "zh", "cell": "1x2x3x1"}),
    ("forward", {"mean": "-3.0", "spread": "0.5", "channel_shift": "0.0", "channel_spread": "2.0"}),
    ("forward", {"input": "photo", "photo": "flower", "bank": "seeded", "seed": "4", "shape": "2x8x9x7"}),
    ("cube", {"method": "weight_norm", "dim": "1", "shape": "6x4", "cell": "5x3", "lang": "zh"}),
    ("cube", {"method": "batch_norm_devices", "devices": "3", "shape": "9x4x2x2", "colour": "all"}),
    ("forward", {"method": "switchable_norm", "mean_bn": "2", "shape": "4x5x6"}),
    ("forward", {"method": "adaptive_instance_norm", "input": "photo", "photo": "flower"}),
    ("forward", {"topic": "fold", "shape": "4x8x6x6", "seed": "2"}),
    ("forward", {"topic": "lone", "method": "sync_batch_norm"}),
    ("forward", {"topic": "weights", "method": "weight_standardization", "kernel": "trained"}),
    ("forward", {"topic": "conventions", "method": "local_response_norm", "lang": "zh"}),
    (
        "forward",
        {"input": "upload", "method": "layer_norm_last", "elementwise_affine": "False", "shape": "4x6"},
    ),
]
#: What is at its default is left out of a link.
LEFT_OUT = {"affine": "True"}


@pytest.mark.parametrize(("page", "choices"), VIEWS)
def test_a_link_is_kept_word_for_word_and_opens_the_same_view(page: str, choices: dict[str, str]) -> None:
    at = visit(page, choices)
    assert errors(at) == []
    kept = link(at)
    default = {k: v for k, v in LEFT_OUT.items() if choices.get("method", "batch_norm") != "instance_norm"}
    assert kept == {k: v for k, v in choices.items() if default.get(k) != v}
    again = visit(page, kept)
    assert seen(again) == seen(at)
    # A rerun changes neither.
    fine(at.run())
    assert link(at) == kept and seen(at) == seen(again)


#: A widget by its key in English, what is chosen, and what the link then says.
CHOSEN: list[tuple[str, str, dict[str, str], Any, tuple[str, str]]] = [
    ("cube", "method", {}, "l2_norm", ("method", "l2_norm")),
    ("cube", "group_norm.num_groups", {"method": "group_norm"}, 6, ("num_groups", "6")),
    ("cube", "rms_norm.normalized_shape", {"method": "rms_norm"}, "C", ("normalized_shape", "C")),
    ("cube", "rms_norm.eps", {"method": "rms_norm"}, "0.001", ("eps", "0.001")),
    ("cube", "local_response_norm.size", {"method": "local_response_norm"}, 2, ("size", "2")),
    ("cube", "batch_norm.affine", {}, False, ("affine", "False")),
    ("cube", "NCHW.H", {}, 5, ("shape", "8x12x5x4")),
    ("cube", "layout", {}, "NC", ("shape", "12x24")),
    ("cube", "seed", {}, 12, ("seed", "12")),
    ("cube", "dtype", {}, "float64", ("dtype", "float64")),
    ("cube", "disturb", {}, "constant", ("disturb", "constant")),
    ("cube", "lang", {}, "zh", ("lang", "zh")),
    ("cube", "colour", {}, "all", ("colour", "all")),
    ("cube", "view", {}, "unfolded", ("view", "unfolded")),
    ("cube", "batch_norm_devices.devices", {"method": "batch_norm_devices"}, 4, ("devices", "4")),
    ("cube", "OIHW.I", {"method": "weight_norm"}, 5, ("shape", "12x5x3x3")),
    ("forward", "topic", {}, "conventions", ("topic", "conventions")),
    ("forward", "kernel", {"method": "weight_norm"}, "trained", ("kernel", "trained")),
    ("forward", "mode", {}, "eval", ("mode", "eval")),
    ("forward", "rows", {}, "overall", ("rows", "overall")),
    ("forward", "gamma", {}, 2.5, ("gamma", "2.5")),
    ("forward", "beta", {}, -3.0, ("beta", "-3.0")),
    ("forward", "input", {"shape": "4x8x6x6"}, "photo", ("input", "photo")),
    ("forward", "photo", {"input": "photo"}, "flower", ("photo", "flower")),
    ("forward", "bank", {"input": "photo"}, "seeded", ("bank", "seeded")),
    ("forward", "mean", {}, 4.0, ("mean", "4.0")),
    ("forward", "spread", {}, 0.0, ("spread", "0.0")),
    ("forward", "channel_shift", {}, 5.0, ("channel_shift", "5.0")),
    ("forward", "channel_spread", {}, 3.0, ("channel_spread", "3.0")),
    ("forward", "sample_shift", {}, 0.1, ("sample_shift", "0.1")),
]


@pytest.mark.parametrize(
    ("page", "key", "start", "value", "said"), CHOSEN, ids=[f"{c[0]}-{c[1]}" for c in CHOSEN]
)
def test_every_choice_is_in_the_link_and_comes_back(
    page: str, key: str, start: dict[str, str], value: Any, said: tuple[str, str]
) -> None:
    at = visit(page, start)
    before = seen(at)
    fine(widget(at, f"{key}/en").set_value(value).run())
    name, text = said
    assert link(at) == start | {name: text}
    assert seen(at) != before
    again = visit(page, link(at))
    if key != "lang":
        assert widget(again, f"{key}/en").value == value
    assert seen(again) == seen(at)
    assert errors(at) == []


def test_every_picker_of_both_pages_is_tried_above() -> None:
    tried = {c[1] for c in CHOSEN} | {"NCHW.N", "NCHW.C", "NCHW.W", "device"}
    for page, method in (("cube", "batch_norm"), ("cube", "group_norm"), ("forward", "rms_norm")):
        for kind in ("random", "photo"):
            at = visit(page, method=method, input=kind)
            keys = {s[1].removesuffix("/en") for s in seen(at) if s[1] and s[1].endswith("/en")}
            known = {f"{key}.{knob.name}" for key, m in nv.METHODS.items() for knob in m.knobs}
            assert keys <= tried | known
            assert len(keys) > 9


steps = st.lists(
    st.sampled_from([c for c in CHOSEN if c[0] == "forward" or c[1] in ("colour", "view")])
    | st.sampled_from([c for c in CHOSEN if c[0] == "cube"]),
    min_size=2,
    max_size=6,
)


@FEW
@given(page=st.sampled_from(PAGES), walk=steps)
def test_wherever_a_visitor_walks_the_link_leads_there(
    page: str, walk: list[tuple[str, str, Any, Any, Any]]
) -> None:
    at = visit(page)
    for _, key, _, value, _ in walk:
        lang = next(s[1][-2:] for s in seen(at) if s[1] and s[1].startswith("lang/"))
        if any(s[1] == f"{key}/{lang}" for s in seen(at)):
            fine(widget(at, f"{key}/{lang}").set_value(value).run())
    assert seen(visit(page, link(at))) == seen(at)


#: By key, values that are not allowed there.
REFUSED: dict[str, tuple[str, ...]] = {
    "method": ("", "Group Norm", "batch_norm ", "../../etc/passwd", "批归一化", "__class__"),
    "shape": (
        "0x-1",
        "0x1",
        "8x12x4x4x4",
        "8",
        "x",
        "8x",
        "99999999x1",
        "1e3x2",
        "4097x1",
        "2048x2048",
        "８x４",
        "٣x٣",
    ),
    "cell": ("999x0x0x0", "0x0x0", "-1x0x0x0", "0,5,1,0", "axbxcxd", "8x0x0x0", "x" * 9999),
    "seed": ("-1", "10000", "nan", "1.5", "9" * 5000, "zero"),
    "eps": ("nan", "inf", "-1", "0", "1e999", "2", "", "1e-5e", "0x1"),
    "affine": ("true", "1", "None"),
    "dtype": ("float16", "object", "float128"),
    "device": ("cuda:99", "tpu", "meta", ""),
    "disturb": ("None", "-inf", "NaN"),
    "lang": ("fr", "zh-CN", "EN", "<script>"),
    "colour": ("red", "Set", ""),
    "view": ("figure3", "box", "sheet"),
    "look": ("<script>alert(1)</script>", "c" * 121, "c99999.0.0 ", "%00"),
    "mode": ("evaluate", "Eval"),
    "rows": ("set",),
    "gamma": ("1e999", "nan", "-inf", "3.01", "two", "--1"),
    "beta": ("-1e999", "4"),
    "input": ("url", "file:///etc/passwd"),
    "mean": ("11", "nan"),
    "spread": ("-0.1", "inf"),
    "num_groups": ("5",),
}


@pytest.mark.parametrize("key", REFUSED)
def test_a_value_that_is_not_allowed_is_the_default(key: str) -> None:
    # The frame's pickers are the same on every page; the others stand on the forward page.
    page = "forward" if key in ("mode", "rows", "gamma", "beta", "input", "mean", "spread") else "cube"
    plain = seen(visit(page))
    for value in REFUSED[key]:
        assert seen(visit(page, {key: value})) == plain, value


@pytest.mark.parametrize(
    ("choices", "value"),
    [({"num_groups": g}, 4) for g in ("5", "0", "-4", "4.0", "24", "nan", "")]
    + [({"num_groups": "5", "shape": "8x16x4x4"}, 4), ({"num_groups": "8", "shape": "8x7x4x4"}, 1)],
)
@pytest.mark.parametrize("page", PAGES)
def test_groups_that_do_not_divide_are_said_and_the_default_is_shown(
    page: str, choices: dict[str, str], value: int
) -> None:
    at = visit(page, choices, method="group_norm")
    chosen = widget(at, "group_norm.num_groups/en").value
    (said,) = errors(at)
    length = choices.get("shape", "8x12x4x4").split("x")[1]
    assert f"num_groups = {choices['num_groups']} does not divide C = {length}" in said
    assert f"Shown with {value}; possible are 1, " in said
    assert chosen == value
    assert "num_groups" not in link(at)
    fine(at.run())
    assert errors(at) == []


@pytest.mark.parametrize("look", ["c80.50.100", "c-120.-30.250_x", "sS", "sxz_p0.3.0", "l"])
def test_how_the_cube_is_looked_at_stays_in_the_link(look: str) -> None:
    at = visit(look=look)
    for _ in range(2):
        (cube,) = at.get("bidi_component")
        assert f'"look": "{look}"'.encode() in cube.proto.SerializeToString()
        assert link(at) == {"look": look}
        fine(at.run())
    fine(widget(at, "method/en").set_value("layer_norm").run())
    assert link(at) == {"look": look, "method": "layer_norm"}


def test_a_parameter_that_means_nothing_changes_nothing() -> None:
    plain = seen(visit())
    for name in ("utm_source", "链接", "a" * 5000, "", "chosen/method", "link", "cube", "FormSubmitter"):
        assert seen(visit("cube", {name: "value"})) == plain


known = sorted(
    {*REFUSED, "size", "alpha", "beta", "k", "normalized_shape", "photo", "bank", "elementwise_affine"}
)
hostile = (
    st.sampled_from([v for values in REFUSED.values() for v in values])
    | st.text(max_size=40)
    | st.integers().map(str)
    | st.floats().map(str)
    | st.lists(st.integers(-1, 9999), max_size=6).map(lambda n: "x".join(map(str, n)))
    | st.sampled_from(
        [*nv.METHODS, *LANGUAGES, "nan", "constant", "before", "after", "eval", "photo", "upload"]
    )
)
small_shapes = st.lists(st.integers(1, 9), min_size=2, max_size=4).map(lambda n: "x".join(map(str, n)))


@settings(parent=FEW, max_examples=16)
@given(
    page=st.sampled_from(PAGES),
    method=st.none() | st.sampled_from(list(nv.METHODS)),
    shape=st.none() | small_shapes,
    mangled=st.dictionaries(st.sampled_from(known), hostile, max_size=8),
    noise=st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=300), max_size=3),
)
def test_no_link_breaks_a_page(
    page: str, method: str | None, shape: str | None, mangled: dict[str, str], noise: dict[str, str]
) -> None:
    given_ = noise | mangled | ({"method": method} if method else {}) | ({"shape": shape} if shape else {})
    given_.pop("look", None)  # how one looks at a cube has tests of its own
    at = visit(page, given_)
    assert len(errors(at)) <= 2  # a layout, and a knob
    assert valid(at)
    # And what it says now is a good link: the same page, with nothing left to complain of in the frame.
    again = visit(page, {k: v for k, v in link(at).items() if k in known})
    assert [s for s in seen(again) if s[0] != "error"] == [s for s in seen(at) if s[0] != "error"]


def valid(at: AppTest) -> bool:
    """Whether the shared choices are among those there are."""
    chosen = {str(key).partition("/")[0]: value for _, key, value in seen(at) if key and "/" in key}
    return chosen["method"] in nv.METHODS and chosen["lang"] in LANGUAGES


def test_the_first_picture_is_shown_on_maps_large_enough_to_see() -> None:
    at = visit("forward")
    fine(widget(at, "input/en").set_value("photo").run())
    assert link(at) == {"input": "photo", "shape": "8x12x16x16"}
    chosen = visit("forward", shape="8x12x6x6")
    fine(widget(chosen, "input/en").set_value("photo").run())
    assert link(chosen) == {"input": "photo", "shape": "8x12x6x6"}
