"""The forward page's input: a random tensor, a photograph's feature maps, or uploaded images."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz.catalogue import METHODS
from normviz.records import Tensor
from normviz.samples import Sample
from normviz.text.lookup import section
from normviz.ui.cached import LARGEST_SIDE, PHOTOGRAPHS, Source, maps_of
from normviz.ui.choices import Choices
from normviz.ui.controls import number
from normviz.ui.literal import file_name
from normviz.ui.numbers import spoken
from normviz.ui.parts import choose, default_source
from normviz.ui.serving import compute_slot
from normviz.ui.shape_picker import DEFAULT_SHAPES, axis_key

KINDS = ("random", "photo", "upload")
#: Where pictures are looked at, they come first.
MAPS_KINDS = ("photo", "upload", "random")
KERNELS = ("initial", "trained", "filters")
BANKS = ("fixed", "seeded")
#: Uploads are kept as small arrays, not as files: enough for any map shown, and 30 pictures stay below 25 MB.
SIDE = 256
MOST = 16
#: Files of one choice that are looked at, some of which may be no images.
LOOKED_AT = 4 * MOST
#: The height and width of the maps that a picture is first shown on.
PICTURED = 16
#: How many filters a bank has.
CHANNELS = (3, 64)

#: Of one file, as `normviz.nets.images` has it too.
MEGABYTES = 10

Uploads = dict[str, Tensor]


def choose_kind(c: Choices) -> str:
    """Draw the choice between a random tensor, a photograph and one's own images; of a weight, how it came about."""
    if c.weighs:
        return choose(c, "kernel", KERNELS, "kernel.", label="kernel.label")

    def enlarge() -> None:
        """A picture on 4 x 4 maps is mush: choosing one takes the first shape to maps that show it."""
        if st.session_state[f"input/{c.lang}"] != "random" and c.shape == DEFAULT_SHAPES["NCHW"]:
            for axis in "HW":
                st.session_state[axis_key("NCHW", axis, c.lang)] = PICTURED

    return choose(c, "input", KINDS, "input.", label="input.label", on_change=enlarge)


def choose_maps(c: Choices) -> str:
    """Draw the same choice for a page of feature maps, where a photograph is the usual input."""
    return choose(c, "input", MAPS_KINDS, "input.", label="input.label", under="maps.input")


def on_maps(c: Choices) -> Choices:
    """The same choices for feature maps: the first method that works on them where the chosen one works on weights."""
    if not c.weighs:
        return c
    method = next(method for method in METHODS.values() if "NCHW" in method.layouts)
    return replace(c, method=method, knobs=method.defaults(dict(zip("NCHW", c.shape, strict=True))))


def choose_input(c: Choices, kind: str, below: DeltaGenerator | None = None) -> tuple[Source, list[Tensor]]:
    """Draw the widgets of this kind of input; return where it comes from, and the decoded uploads it uses.

    The random tensor's sliders are drawn into ``below``, where it is given: a picture comes before them.
    """
    if c.weighs:
        return replace(default_source(c), kind=kind), []
    if kind != "random" and not _fits_maps(c):
        kind = "random"
    if kind == "random":
        with below or nullcontext():
            return replace(default_source(c), sample=_sample(c)), []
    uploads = choose_uploads(c, c.say("input.upload_hint"), "input.upload_done") if kind == "upload" else {}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        photo = ""
        if not uploads:
            photo = choose(c, "photo", PHOTOGRAPHS, "input.", label="input.photograph")
        bank = choose(c, "bank", BANKS, "bank.", label="bank.label")
    source = replace(
        default_source(c),
        kind="upload" if uploads else "photo",
        photo=photo,
        bank=bank,
        device=c.device,
        uploads=tuple(uploads),
    )
    return source, list(uploads.values())


def _fits_maps(c: Choices) -> bool:
    """Whether the filters can make maps of this shape; says so where they cannot."""
    problem = maps_problem(c)
    if problem:
        st.error(problem, icon=":material/error:")
    return not problem


def maps_problem(c: Choices) -> str:
    """Why the filters can make no maps of this shape; empty where they can."""
    _, channels, height, width = maps_of(c.shape)
    if CHANNELS[0] <= channels <= CHANNELS[1] and max(height, width) <= LARGEST_SIDE:
        return ""
    numbers = {"low": CHANNELS[0], "high": CHANNELS[1], "side": LARGEST_SIDE, "shape": spoken(c.shape)}
    return c.say("input.maps_limit", **numbers)


def _sample(c: Choices) -> Sample:
    """The sliders of the random tensor."""
    start = Sample()
    with st.expander(c.say("input.sliders"), icon=":material/casino:"):
        columns = st.columns(5, gap="small")
        ranges = {
            "mean": (-10.0, 10.0),
            "spread": (0.0, 10.0),
            "channel_shift": (0.0, 5.0),
            "channel_spread": (1.0, 3.0),
            "sample_shift": (0.0, 5.0),
        }
        chosen = {}
        for column, (name, (low, high)) in zip(columns, ranges.items(), strict=True):
            with column:
                chosen[name] = number(
                    name,
                    c.say(f"input.{name}"),
                    float(getattr(start, name)),
                    low,
                    high,
                    lang=c.lang,
                    slider=True,
                    step=0.1,
                )
    return Sample(seed=c.seed, **chosen)


def choose_uploads(c: Choices, hint: str, done: str) -> Uploads:
    """The uploader, which forgets a file as soon as it is decoded; what could not be read is said, the rest stays.

    ``hint`` is what is said until there is an image, ``done`` the key of the words about how many are in use.
    """
    kept: Uploads = st.session_state.setdefault("uploads", {})
    turn = st.session_state.setdefault("uploads/turn", 0)
    files = st.file_uploader(
        c.say("input.upload_label"),
        accept_multiple_files=True,
        max_upload_size=MEGABYTES,
        key=f"uploads/{turn}",
    )
    if files:
        read, problems, notes = decode(c, files)
        # The widget would hold every file's bytes: a new key lets go of them.
        st.session_state["uploads/turn"] = turn + 1
        st.session_state["uploads/problems"] = problems
        st.session_state["uploads/notes"] = notes
        if read:
            st.session_state["uploads"] = read
        st.rerun()
    for problem in st.session_state.get("uploads/problems", ()):
        st.error(problem, icon=":material/error:")
    for note in st.session_state.get("uploads/notes", ()):
        st.info(note, icon=":material/info:")
    if not kept:
        st.caption(hint)
        return {}
    with st.container(horizontal=True, vertical_alignment="center"):
        for picture in list(kept.values())[:MOST]:
            st.image(square(picture), width=72)
        st.caption(c.say(done, count=len(kept)), width="content")
        if st.button(c.say("input.upload_remove"), icon=":material/delete:"):
            st.session_state["uploads"] = {}
            st.session_state["uploads/problems"] = st.session_state["uploads/notes"] = ()
            st.rerun()
    return kept


def decode(c: Choices, files: list) -> tuple[Uploads, list[str], list[str]]:  # type: ignore[type-arg]
    """The images in these files by their fingerprint, a sentence for each that could not be read, and notes.

    A note says which of the files are not used although they are sound: too many, or one picture twice.
    """
    from normviz.nets.images import ImageError, load_image

    reasons = section(c.lang, "image_error")
    read: Uploads = {}
    problems = []
    twice = 0
    for file in files[:LOOKED_AT]:
        if len(read) == MOST:
            break
        data = file.getvalue()
        try:
            with compute_slot():
                picture = load_image(data, side=SIDE)
        except ImageError as problem:
            reason = reasons[problem.code].format(**problem.details)
            problems.append(f"{file_name(file.name)}{c.say('input.upload_colon')}{reason}")
        else:
            fingerprint = hashlib.sha256(data).hexdigest()
            twice += fingerprint in read
            read[fingerprint] = np.asarray(picture, np.float32)
    if problems:
        problems[-1] += " " + c.say("input.upload_others" if read else "input.upload_stays")
    notes = []
    used = len(read)
    if len(files) > MOST and len(files) > used + twice + len(problems):
        notes.append(c.say("input.upload_most", most=used, count=len(files)))
    if twice:
        notes.append(c.say("input.upload_twice", count=twice))
    return read, problems, notes


def square(picture: Tensor) -> Tensor:
    """The centred square of an image (H, W, 3): a thumbnail of the whole of a thin one would have no height.

    >>> square(np.zeros((3, 256, 3), np.float32)).shape
    (3, 3, 3)
    """
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]
