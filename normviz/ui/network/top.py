"""What the network takes each image for: the five classes with the highest scores, as probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from normviz.extents import Own
from normviz.figures.png import png
from normviz.layer_sets import layer_sets
from normviz.network_runs import Run
from normviz.networks import NETWORKS
from normviz.softmax import softmax
from normviz.ui.cached_network import labels
from normviz.ui.choices import Choices
from normviz.ui.network.inputs import Images
from normviz.ui.network.trained import otherwise_trained

MOST = 5
#: Pixels of a picture in the table, and of its row.
SIDE, ROW = 48, 56


def show_top(c: Choices, run: Run, images: Images) -> None:
    """A row for each image; nothing where the network gives no scores. Classes without names have numbers."""
    if run.scores is None:
        return
    names = labels(run.plan.network) or tuple(
        c.say("network_page.class_number", number=k) for k in range(run.scores.shape[1])
    )
    st.subheader(c.say("network_page.top"), anchor=False)
    if run.plan.weights == "random":
        st.warning(c.say("network_page.top_random"), icon=":material/casino:")
    share = softmax(run.scores)
    order = np.argsort(-share, axis=1, kind="stable")[:, :MOST]
    if images.truth and NETWORKS[run.plan.network].labels == images.kind and run.plan.weights != "random":
        right = sum(names[order[k, 0]] == truth for k, truth in enumerate(images.truth))
        said = [c.say("network_page.top_right", right=right, count=len(images.truth))]
        st.markdown(c.prose(said + otherwise_trained(c, run.plan)))
    table: dict[str, Any] = {"picture": [png(picture, SIDE) for picture in images.arrays]}
    table["name"] = list(images.names)
    for place in range(order.shape[1]):
        table[str(place + 1)] = [
            f"{names[k]}  {100 * share[row, k]:.1f} %" if np.isfinite(share[row, k]) else "NaN"
            for row, k in enumerate(order[:, place])
        ]
    looks: dict[str, Any] = {
        "picture": st.column_config.ImageColumn("", width=ROW),
        "name": st.column_config.TextColumn(c.say("network_page.top_image"), width="small"),
    }
    st.dataframe(
        table,
        hide_index=True,
        column_config=looks,
        row_height=ROW,
        height=40 + ROW * min(4, len(images.arrays)),
        key="network-top",
    )
    st.caption(c.prose([c.say(f"network_page.top_{note}") for note in _notes(run)]))


def _notes(run: Run) -> list[str]:
    """What is to be known of these probabilities, as keys of words."""
    plan = run.plan
    if plan.mode == "eval":
        return ["note"] + ["confident"] * (plan.weights != "random")
    norms = map(layer_sets, run.trace.layers)
    found = {
        "train_batch": any(extent != Own() for one in norms if one for extent in one.extents("N")),
        "train_dropout": any(layer.kind == "dropout" for layer in run.trace.layers),
    }
    there = [note for note, holds in found.items() if holds]
    return ["note", *there] + ["train_choose"] * bool(there)
