"""The choices that all pages share, and the row of pickers above every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from normviz.catalogue import METHODS
from normviz.layouts import ACTIVATIONS, axes_of, cells, default_cell, layout_of
from normviz.methods import Knob, Method
from normviz.samples import Sample
from normviz.spec import Spec
from normviz.text.lookup import LANGUAGES
from normviz.ui.controls import number, pick, remember, remembered
from normviz.ui.cube import cube_state
from normviz.ui.language import KEY as LANGUAGE
from normviz.ui.language import browser_language, speaker

BUDGET = 2**21
LONGEST = 4096
#: The key of the one cube a page shows.
CUBE = "cube"
DEFAULT_SHAPES: Mapping[str, tuple[int, ...]] = {"NCHW": (8, 12, 4, 4), "NLC": (4, 10, 16), "NC": (12, 24)}
DISTURBANCES = ("none", "nan", "inf", "constant")
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Choices:
    """What a page is asked to show."""

    lang: str
    method: Method
    knobs: Mapping[str, Any]
    shape: tuple[int, ...]
    cell: tuple[int, ...]
    seed: int
    device: str
    dtype: str
    disturb: str
    spec: Spec = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spec", self.method.spec(**self.knobs))

    def say(self, key: str, **numbers: Any) -> str:
        """Words in the visitor's language."""
        return str(speaker(self.lang)(key, **numbers))

    @property
    def name(self) -> str:
        """The method's name."""
        return self.say(f"method.{self.method.key}.name")

    @property
    def sample(self) -> Sample:
        """The random tensor of this seed."""
        return Sample(seed=self.seed)

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the tensor's axes."""
        return axes_of(self.shape)


def written(shape: tuple[int, ...]) -> str:
    """A shape or cell as people and links write it.

    >>> written((8, 12, 4, 4))
    '8x12x4x4'
    """
    return "x".join(map(str, shape))


def spoken(shape: tuple[int, ...]) -> str:
    """A shape in a sentence."""
    return " × ".join(map(str, shape))


def shared_pickers(lang: str, devices: tuple[str, ...]) -> Choices:
    """Draw the row of pickers and return what is chosen."""
    say = speaker(lang)
    row = st.container(horizontal=True, vertical_alignment="center", key="nv-bar", gap="small")
    shape, refused = _shape_now(lang)
    with row:
        key = pick(
            "method",
            say("frame.method"),
            tuple(METHODS),
            "batch_norm",
            lang=lang,
            names=lambda k: str(say(f"method.{k}.name")),
            select=True,
            label_visibility="collapsed",
            width=250,
        )
        method = METHODS[key]
        knobs = _knobs(method, shape, lang)
        st.space("stretch")
        _shape_picker(shape, refused, lang)
        with st.popover(say("frame.settings"), icon=":material/tune:", key="nv-settings"):
            pick(
                LANGUAGE,
                say("frame.language"),
                tuple(LANGUAGES),
                browser_language(),
                lang=lang,
                names=LANGUAGES,
            )
            seed = number("seed", say("frame.seed"), 0, 0, 9999, lang=lang)
            device = pick("device", say("frame.device"), devices, devices[0], lang=lang, names=str.upper)
            fits = tuple(d for d in DTYPES if not (device == "mps" and d == "float64"))
            dtype = pick("dtype", say("frame.dtype"), fits, fits[0], lang=lang)
            disturb = pick(
                "disturb",
                say("frame.disturb"),
                DISTURBANCES,
                "none",
                lang=lang,
                names=lambda k: str(say(f"disturb.{k}")),
            )
    if refused:
        st.error(
            say(
                "frame.over_budget", shape=spoken(refused), cells=f"{cells(refused):,}", budget=f"{BUDGET:,}"
            ),
            icon=":material/error:",
        )
    return Choices(lang, method, knobs, shape, cell_now(shape), seed, device, dtype, disturb)


def cell_now(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The pinned cell, or the one to start from where the pinned one is not in this tensor.

    What the cube says is read before it is drawn, so that a click needs one run of the script and not two.
    """
    said = cube_state(CUBE, tuple(zip(axes_of(shape), shape, strict=True)))
    if _is_news("cell", said.cell, None):
        pin(said.cell, shape)
    if _is_news("look", said.look, ""):
        remember("look", said.look, "")
    nothing: tuple[int, ...] = ()
    cell = remembered("cell", _numbers, nothing)
    fits = len(cell) == len(shape) and all(0 <= i < n for i, n in zip(cell, shape, strict=True))
    return pin(cell if fits else None, shape)


def _is_news(part: str, said: object, silence: object) -> bool:
    """Whether the cube says something else than in the last run; a page without it says nothing."""
    seen = f"{CUBE}/{part}"
    before = st.session_state.get(seen, silence)
    st.session_state[seen] = said if CUBE in st.session_state else silence
    return CUBE in st.session_state and said != before


def pin(cell: tuple[int, ...] | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Keep a pinned cell in the session and the link; the one to start from is not kept: it follows the shape."""
    start = default_cell(shape)
    nothing: tuple[int, ...] = ()
    kept = nothing if cell is None or cell == start else cell
    return remember("cell", kept, nothing, written=written(kept)) or start


def _knobs(method: Method, shape: tuple[int, ...], lang: str) -> dict[str, Any]:
    """The widgets of a method's knobs: those shown stand beside it, the others wait in a menu."""
    lengths = dict(zip(axes_of(shape), shape, strict=True))
    values: dict[str, Any] = {}
    for knob in (k for k in method.knobs if k.shown):
        with st.container(
            horizontal=True,
            wrap=False,
            width="content",
            vertical_alignment="center",
            key=f"nv-knob-{knob.name}",
        ):
            st.markdown(f"${knob.symbol}$", width="content")
            values[knob.name] = _knob(method, knob, lengths, lang, label_visibility="collapsed")
    hidden = [k for k in method.knobs if not k.shown]
    if hidden:
        with st.popover(speaker(lang)("frame.knobs"), key="nv-knobs"):
            for knob in hidden:
                values[knob.name] = _knob(method, knob, lengths, lang)
    return values


def _knob(method: Method, knob: Knob, lengths: Mapping[str, int], lang: str, **look: Any) -> Any:
    under = f"{method.key}.{knob.name}"
    label = f"{knob.name}: {speaker(lang)(f'knob.{knob.name}')}"
    choices = knob.choices(lengths)
    if choices:
        if len(choices) > 8:
            look |= {"select": True, "width": 110}
        default = knob.suited(knob.default, lengths)
        return pick(knob.name, label, choices, default, lang=lang, under=under, **look)
    if isinstance(knob.default, int):
        return number(
            knob.name,
            label,
            knob.default,
            int(knob.low),
            int(knob.high),
            lang=lang,
            under=under,
            width=130,
            **look,
        )
    return _real(knob, label, lang, under, **look)


def _real(knob: Knob, label: str, lang: str, under: str, **look: Any) -> float | None:
    """A real knob as text, for values like 1e-5; what cannot be read leaves the last one standing."""

    def parse(text: str) -> float | None:
        return float(knob.check(float(text)))

    now = remembered(knob.name, parse, knob.default, under=under)
    shown = "" if now is None else f"{now:g}"
    text = st.text_input(
        label,
        shown,
        key=f"{under}/{lang}",
        placeholder="finfo(dtype).eps" if knob.default is None else None,
        **look,
    )
    value = now
    if text.strip():
        try:
            value = parse(text)
        except ValueError:
            numbers = {"low": f"{knob.low:g}", "high": f"{knob.high:g}", "default": knob.default or 1e-5}
            words = speaker(lang)("frame.not_a_number", knob=knob.name, text=text[:40], **numbers)
            st.error(words, icon=":material/error:")
    elif knob.default is None:
        value = None
    return remember(
        knob.name, value, knob.default, under=under, written="" if value is None else f"{value:g}"
    )


def _numbers(text: str) -> tuple[int, ...] | None:
    parts = text.split("x")
    return tuple(map(int, parts)) if all(p.isascii() and p.isdigit() and len(p) < 8 for p in parts) else None


def _shape(text: str) -> tuple[int, ...] | None:
    shape = _numbers(text)
    fits = shape and layout_of(shape) and max(shape) <= LONGEST and cells(shape) <= BUDGET
    return shape if fits else None


def _shape_now(lang: str) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """The shape to show, and the one that was asked for where it is over the budget.

    Read from the widgets before they are drawn, so that everything above and below them shows the same shape.
    """
    shape = remembered("shape", _shape, DEFAULT_SHAPES["NCHW"])
    layout = st.session_state.get(f"layout/{lang}") or layout_of(shape)
    start = shape if layout == layout_of(shape) else DEFAULT_SHAPES[layout]
    asked = tuple(
        int(st.session_state.get(_axis(layout, a, lang)) or n) for a, n in zip(layout, start, strict=True)
    )
    return (start, asked) if cells(asked) > BUDGET else (asked, None)


def _shape_picker(shape: tuple[int, ...], refused: tuple[int, ...] | None, lang: str) -> None:
    """The layout and the length of every axis; a tensor over the budget is refused and the last one stays."""
    say = speaker(lang)
    names = {a: f"{say(f'layout.{a}')} ({', '.join(a)})" for a in reversed(ACTIVATIONS)}
    layout = layout_of(shape)
    with st.popover(spoken(shape), icon=":material/deployed_code:", key="nv-shape"):
        order = tuple(names)
        place = order.index(layout)
        st.selectbox(say("frame.layout"), order, place, format_func=names.__getitem__, key=f"layout/{lang}")
        for axis, length in zip(layout, refused or shape, strict=True):
            st.number_input(
                f"{axis}: {say(f'axis.{axis}')}", 1, LONGEST, length, key=_axis(layout, axis, lang)
            )
        st.caption(say("frame.shape_help", budget=f"{BUDGET:,}", longest=f"{LONGEST:,}"))
    remember("shape", shape, DEFAULT_SHAPES["NCHW"], written=written(shape))


def _axis(layout: str, axis: str, lang: str) -> str:
    return f"{layout}.{axis}/{lang}"
