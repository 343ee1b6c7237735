"""A trace made elsewhere: opened as a file, shown like a run, without the values that are not in it."""

from __future__ import annotations

import hashlib

import streamlit as st

from normviz.text.lookup import section
from normviz.trace_file import UPLOAD_BYTES, TraceError, read
from normviz.ui.choices import Choices
from normviz.ui.literal import file_name
from normviz.ui.network import kept
from normviz.ui.network.shown import Shown

#: How a trace is made of any model, on the visitor's own machine.
SNIPPET = 'import normviz as nv\nnv.trace(my_model, x).save("run.json")'


def show_opener(c: Choices, which: str = "first") -> None:
    """The snippet, and the uploader below it; what could not be read is said, what was open stays."""
    st.markdown(c.say("network_page.trace_lead"))
    st.code(SNIPPET, language="python")
    turn = st.session_state.setdefault(f"network/turn/{which}", 0)
    key = f"network/trace/{which}/{turn}"
    st.file_uploader(
        c.say("network_page.trace_upload", megabytes=UPLOAD_BYTES // 2**20),
        type="json",
        max_upload_size=UPLOAD_BYTES // 2**20,
        key=key,
        on_change=_take,
        args=(c.lang, which, key),
    )
    if problem := st.session_state.get(f"network/problem/{which}"):
        st.error(problem, icon=":material/error:")


def shown(which: str = "first") -> Shown | None:
    """The trace that is open."""
    found = kept.opened(which)
    return None if found is None else Shown(found.trace, found.digest, found.name.strip("`"))


def _take(lang: str, which: str, key: str) -> None:
    """Read the file and let go of it; an opened trace takes the place of the network."""
    from normviz.ui.network.choice import OPENED

    file = st.session_state[key]
    if file is None:
        return
    data = file.getvalue()
    # The widget would hold the file's bytes: a new key lets go of them.
    st.session_state[f"network/turn/{which}"] += 1
    name = file_name(file.name)
    try:
        trace = read(data, limit=UPLOAD_BYTES)
    except TraceError as problem:
        reason = section(lang, "trace_error")[problem.code].format(**problem.details)
        st.session_state[f"network/problem/{which}"] = f"{name}: {reason}"
        return
    st.session_state[f"network/problem/{which}"] = ""
    kept.keep_opened(kept.Opened(name, hashlib.sha256(data).hexdigest()[:16], trace), which)
    if which == "first":
        st.session_state[f"network/{lang}"] = OPENED
