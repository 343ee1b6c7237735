"""What goes into the network: held-out digits, photographs, one's own images, or a picture from the camera."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import streamlit as st

from normviz.networks import NETWORKS
from normviz.records import Tensor
from normviz.ui.cached import PHOTOGRAPHS
from normviz.ui.cached_network import digits, photographs
from normviz.ui.choices import Choices
from normviz.ui.controls import number, pick
from normviz.ui.inputs import Uploads, choose_uploads, decode

KINDS = ("digits", "photo", "upload", "camera")
#: What comes with the app; the rest comes from the visitor.
SAMPLES = KINDS[:2]
PHOTOS = (*PHOTOGRAPHS, "both")
#: How many digits there are at first, and at most.
DIGITS, MOST_DIGITS = 32, 64
#: The picture that the camera took.
TAKEN = "network/taken"


@dataclass(frozen=True, eq=False)
class Images:
    """The images, each float32 (H, W, 3) in [0, 1]; a short ``key`` that tells them from others, and their names.

    ``truth`` is what a digit is, where that is known. ``kind`` is one of ``KINDS``, ``about`` says it in words.
    """

    kind: str
    key: str
    arrays: tuple[Tensor, ...]
    names: tuple[str, ...]
    about: str
    truth: tuple[str, ...] = ()


def usual(network: str) -> str:
    """The kind of sample that a network was made for."""
    return "digits" if network in NETWORKS and NETWORKS[network].labels == "digits" else "photo"


def follow_network(lang: str) -> None:
    """A sample follows the network: digits for what reads digits. What the visitor brought stays."""
    key = f"network.input/{lang}"
    held = st.session_state.get(key, st.session_state.get("chosen/network.input"))
    if held is None or held in SAMPLES:
        fitting = usual(st.session_state[f"network/{lang}"])
        st.session_state["chosen/network.input"] = fitting
        if key in st.session_state:
            st.session_state[key] = fitting


def choose_input_kind(c: Choices, network: str) -> str:
    """Draw the choice of the kind of input."""
    return pick(
        "input",
        c.say("network_page.input"),
        KINDS,
        usual(network),
        lang=c.lang,
        names=lambda kind: c.say(f"network_page.input_{kind}"),
        under="network.input",
        label_visibility="collapsed",
    )


def choose_images(c: Choices, kind: str, network: str) -> Images:
    """Draw the widgets of this kind; until the visitor has given something, the sample that suits the network."""
    if kind == "upload":
        words = {"hint": c.say("network_page.upload_hint"), "done": "network_page.upload_done"}
        if uploads := choose_uploads(c, **words):
            return _from_visitor(c, kind, uploads, choose_part(c, len(uploads)))
    if kind == "camera" and (taken := _camera(c)):
        return _from_visitor(c, kind, dict([taken]))
    return sample(c, kind if kind in SAMPLES else usual(network))


def sample(c: Choices, kind: str, *, second: bool = False) -> Images:
    """Draw which digits or which photograph; ``second`` for the second run, whose digits are those of the next seed."""
    start = "with." if second else ""
    if kind == "digits":
        count = number(
            f"{start}count",
            c.say("network_page.count", most=MOST_DIGITS),
            DIGITS,
            1,
            MOST_DIGITS,
            lang=c.lang,
            width=190,
        )
        seed = c.seed + second
        arrays, truth = digits(count, seed)
        names = tuple(c.say("network_page.digit", digit=digit) for digit in truth)
        about = c.say("network_page.about_digits", count=count, seed=seed)
        return Images("digits", f"digits.{count}.{seed}", arrays, names, about, truth)
    options = PHOTOS[::-1] if second else PHOTOS
    photo = pick(
        f"{start}photo",
        c.say("input.photograph"),
        options,
        options[0],
        lang=c.lang,
        names=lambda key: c.say("network_page.both" if key == "both" else f"input.{key}"),
        under=f"network.{start}photo",
        label_visibility="collapsed",
    )
    chosen = PHOTOGRAPHS if photo == "both" else (photo,)
    names = tuple(c.say(f"input.{key}") for key in chosen)
    about = c.say("network_page.and").join(names)
    return Images("photo", f"photo.{photo}", photographs(chosen), names, about)


def choose_part(c: Choices, count: int, *, second: bool = False) -> int:
    """Draw which of several uploaded images go in: the number of one, 0 for all. A ``second`` run starts with one."""
    if count < 2:
        return 0
    options = tuple(range(count + 1))
    start = "with." if second else ""
    return pick(
        f"{start}part",
        c.say("network_page.part"),
        options,
        options[-1] if second else 0,
        lang=c.lang,
        names=lambda k: c.say("network_page.image", number=k) if k else c.say("network_page.part_all"),
        under=f"network.{start}part",
        select=count > 4,
        label_visibility="collapsed",
    )


def other_upload(c: Choices) -> Images | None:
    """Draw which of the uploaded images go into the second run; None where there are not several."""
    uploads: Uploads = st.session_state.get("uploads", {})
    if len(uploads) < 2:
        return None
    return _from_visitor(c, "upload", uploads, choose_part(c, len(uploads), second=True))


def _from_visitor(c: Choices, kind: str, uploads: Uploads, part: int = 0) -> Images:
    """The visitor's images, by fingerprint; only one of them where ``part`` is its number."""
    numbers = (part,) if part else tuple(range(1, len(uploads) + 1))
    digests, arrays = list(uploads), list(uploads.values())
    names = tuple(c.say("network_page.image", number=number) for number in numbers)
    about = names[0] if part else c.say(f"network_page.about_{kind}", count=len(arrays))
    key = hashlib.sha256(".".join(digests[number - 1] for number in numbers).encode()).hexdigest()[:24]
    return Images(kind, f"{kind}.{key}", tuple(arrays[number - 1] for number in numbers), names, about)


def _camera(c: Choices) -> tuple[str, Tensor] | None:
    """The picture that was taken. The camera is opened by a button, and closed as soon as there is a picture."""
    turn = st.session_state.setdefault("network/camera", 0)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.session_state.get("network/open"):
            file = st.camera_input(
                c.say("network_page.camera"), key=f"network/camera/{turn}", label_visibility="collapsed"
            )
            if file is not None:
                read, problems, _ = decode(c, [file])
                st.session_state["network/camera"] = turn + 1
                st.session_state["network/open"] = False
                st.session_state["network/camera/problems"] = problems
                if read:
                    st.session_state[TAKEN] = next(iter(read.items()))
                st.rerun()
        taken: tuple[str, Tensor] | None = st.session_state.get(TAKEN)
        if taken is not None:
            st.image(taken[1], width=96)
        if not st.session_state.get("network/open"):
            words = "network_page.camera_again" if taken else "network_page.camera_open"
            st.button(
                c.say(words), icon=":material/photo_camera:", key="nv-network-camera", on_click=_open_camera
            )
        if taken is None:
            st.caption(c.say("network_page.camera_hint"), width="content")
    for problem in st.session_state.get("network/camera/problems", ()):
        st.error(problem, icon=":material/error:")
    return taken


def _open_camera() -> None:
    st.session_state["network/open"] = True
