"""The choices that all pages share, and the row of pickers above every page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz.catalogue import METHODS
from normviz.layouts import WEIGHTS, default_cell, layout_of
from normviz.methods import Method
from normviz.samples import Input, Kernel, Sample
from normviz.spec import Spec
from normviz.text.lookup import LANGUAGES, prose, words
from normviz.ui.controls import number, pick
from normviz.ui.knob_pickers import pick_knobs
from normviz.ui.language import KEY as LANGUAGE
from normviz.ui.language import browser_language, speaker
from normviz.ui.pinned import cell_now
from normviz.ui.shape_picker import DEFAULT_SHAPES, complain, pick_shape, shape_now

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
    #: The row of pickers, on a page whose own stand in it.
    bar: DeltaGenerator | None = field(default=None, compare=False)
    spec: Spec = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spec", self.method.spec(**self.knobs))

    def say(self, key: str, **numbers: Any) -> str:
        """Words in the visitor's language."""
        return str(speaker(self.lang)(key, **numbers))

    def prose(self, sentences: Sequence[str]) -> str:
        """Sentences one after another."""
        return prose(self.lang, sentences)

    @property
    def name(self) -> str:
        """The method's name."""
        return self.say(f"method.{self.method.key}.name")

    @property
    def who(self) -> str:
        """Which cells share, in a phrase; some methods share otherwise on another layout."""
        own = f"method.{self.method.key}.who_{self.layout}"
        return self.say(own if own in words(self.lang) else f"method.{self.method.key}.who")

    @property
    def sample(self) -> Sample:
        """The random tensor of this seed."""
        return Sample(seed=self.seed)

    @property
    def start(self) -> Input:
        """What a snippet starts from: the random tensor, or a new layer's weight."""
        return Kernel(self.seed) if self.weighs else self.sample

    @property
    def weighs(self) -> bool:
        """Whether the method works on a layer's weight instead of activations."""
        return self.spec.layouts == WEIGHTS

    @property
    def layout(self) -> str:
        """The layout of the tensor."""
        return layout_of(self.shape, self.spec.layouts)

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the tensor's axes."""
        return tuple(self.layout)

    @property
    def channels(self) -> int:
        """How many channels the tensor has."""
        return self.shape[self.axes.index("C")]

    @property
    def channel(self) -> int:
        """The pinned cell's channel."""
        return self.cell[self.axes.index("C")]


def shared_pickers(lang: str, devices: tuple[str, ...], maps: bool = False, own: bool = False) -> Choices:
    """Draw the row of pickers and return what is chosen.

    ``maps``: for a page that shows pictures of feature maps. ``own``: for a page whose own pickers stand in this row;
    method and shape are not asked for there, and what was chosen of them elsewhere is kept.
    """
    say = speaker(lang)
    row = st.container(horizontal=True, vertical_alignment="center", key="nv-bar", gap="small")
    if own:
        with row:
            bar = st.container(horizontal=True, vertical_alignment="center", key="nv-bar-own", gap="small")
            seed, device, _, _ = _settings(lang, devices, tensor=False)
        method, shape = next(iter(METHODS.values())), DEFAULT_SHAPES["NCHW"]
        knobs = method.defaults(dict(zip("NCHW", shape, strict=True)))
        cell = default_cell(shape, "NCHW")
        return Choices(lang, method, knobs, shape, cell, seed, device, DTYPES[0], DISTURBANCES[0], bar)
    notes = st.container()
    with row:
        key = pick(
            "method",
            say("frame.method"),
            tuple(METHODS),
            next(iter(METHODS)),
            lang=lang,
            names=lambda k: str(say(f"method.{k}.name")),
            select=True,
            label_visibility="collapsed",
            width=250,
        )
        method = METHODS[key]
        shaped = shape_now(lang, method, maps)
        knobs = pick_knobs(method, shaped.shape, lang, notes)
        st.space("stretch")
        pick_shape(shaped, lang)
        seed, device, dtype, disturb = _settings(lang, devices)
    complain(shaped, method, lang)
    cell = cell_now(shaped.shape, shaped.layout)
    return Choices(lang, method, knobs, shaped.shape, cell, seed, device, dtype, disturb)


def _settings(lang: str, devices: tuple[str, ...], tensor: bool = True) -> tuple[int, str, str, str]:
    """The menu of settings: seed, device, dtype, and what is put in by hand; the last two only for a ``tensor``."""
    say = speaker(lang)
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
        if not tensor:
            return seed, device, DTYPES[0], DISTURBANCES[0]
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
    return seed, device, dtype, disturb
