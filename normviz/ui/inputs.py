"""The forward page's input: a random tensor, a photograph's feature maps, or uploaded images."""

from __future__ import annotations

import hashlib

import numpy as np
import streamlit as st

from normviz.records import Tensor
from normviz.samples import Sample
from normviz.text.lookup import section
from normviz.ui.cached import Source
from normviz.ui.choices import Choices
from normviz.ui.controls import number, pick

KINDS = ("random", "photo", "upload")
PHOTOGRAPHS = ("china", "flower")
BANKS = ("fixed", "seeded")
#: Uploads are kept as small arrays, not as files: enough for any map shown, and 30 pictures stay below 25 MB.
SIDE = 256
MOST = 16

Uploads = dict[str, Tensor]


def choose_input(c: Choices) -> tuple[Source, list[Tensor]]:
    """Draw the widgets of the input; return where it comes from, and the decoded uploads it uses."""
    kind = pick(
        "input",
        c.say("input.label"),
        KINDS,
        "random",
        lang=c.lang,
        names=lambda k: c.say(f"input.{k}"),
        label_visibility="collapsed",
    )
    constant = c.spec if c.disturb == "constant" else None
    common = {"disturb": c.disturb, "cell": c.cell, "spec": constant}
    if kind == "random":
        return Source("random", c.shape, _sample(c), **common), []
    uploads = _uploads(c) if kind == "upload" else {}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        photo = ""
        if not uploads:
            photo = _named(c, "photo", "input.photograph", PHOTOGRAPHS, "input")
        bank = _named(c, "bank", "bank.label", BANKS, "bank")
    source = Source(
        "upload" if uploads else "photo",
        c.shape,
        Sample(seed=c.seed),
        photo=photo,
        bank=bank,
        device=c.device,
        uploads=tuple(uploads),
        **common,
    )
    return source, list(uploads.values())


def _sample(c: Choices) -> Sample:
    """The sliders of the random tensor."""
    start = Sample()
    with st.expander(c.say("input.random"), icon=":material/casino:"):
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


def _named(c: Choices, key: str, label: str, options: tuple[str, ...], words: str) -> str:
    return pick(
        key,
        c.say(label),
        options,
        options[0],
        lang=c.lang,
        names=lambda k: c.say(f"{words}.{k}"),
        label_visibility="collapsed",
    )


def _uploads(c: Choices) -> Uploads:
    """The uploader, which forgets a file as soon as it is decoded; what could not be read is said, and the rest stays."""
    kept: Uploads = st.session_state.setdefault("uploads", {})
    turn = st.session_state.setdefault("uploads/turn", 0)
    files = st.file_uploader(
        c.say("input.upload_label"),
        type=["jpg", "jpeg", "png", "webp", "gif", "bmp"],
        accept_multiple_files=True,
        key=f"uploads/{turn}",
    )
    if files:
        read, problems = _decode(c, files)
        # The widget would hold every file's bytes: a new key lets go of them.
        st.session_state["uploads/turn"] = turn + 1
        st.session_state["uploads/problems"] = problems
        if read:
            st.session_state["uploads"] = read
        st.rerun()
    for problem in st.session_state.get("uploads/problems", ()):
        st.error(problem, icon=":material/error:")
    if not kept:
        st.caption(c.say("input.upload_hint"))
        return {}
    with st.container(horizontal=True, vertical_alignment="center"):
        for picture in list(kept.values())[:MOST]:
            st.image(picture, width=72)
        st.caption(c.say("input.upload_done", count=len(kept)), width="content")
        if st.button(c.say("input.upload_remove"), icon=":material/delete:"):
            st.session_state["uploads"] = {}
            st.session_state["uploads/problems"] = ()
            st.rerun()
    return kept


def _decode(c: Choices, files: list) -> tuple[Uploads, list[str]]:  # type: ignore[type-arg]
    from normviz.nets.images import ImageError, load_image

    reasons = section(c.lang, "image_error")
    read: Uploads = {}
    problems = []
    for file in files[:MOST]:
        data = file.getvalue()
        try:
            picture = load_image(data, side=SIDE)
        except ImageError as problem:
            reason = reasons[problem.code].format(**problem.details)
            problems.append(c.say("input.upload_failed", name=_short(file.name), reason=reason))
        else:
            read[hashlib.sha256(data).hexdigest()] = np.asarray(picture, np.float32)
    if len(files) > MOST:
        problems.append(c.say("input.upload_most", most=MOST, count=len(files)))
    return read, problems


def _short(name: str) -> str:
    """A file's name as code, so that nothing in it is read as Markdown."""
    clean = "".join(ch for ch in name if ch.isprintable() and ch != "`")
    return f"`{clean[:60]}`"
