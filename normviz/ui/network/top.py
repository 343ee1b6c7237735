"""What the network takes each image for: the five classes with the highest scores, as probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from normviz.figures.png import png
from normviz.network_runs import Plan, Run
from normviz.networks import NETWORKS
from normviz.reference import FloatArray
from normviz.ui.cached_network import labels, trained_as
from normviz.ui.choices import Choices
from normviz.ui.network.inputs import Images

MOST = 5
#: Pixels of a picture in the table, and of its row.
SIDE, ROW = 48, 56


def probabilities(scores: FloatArray) -> FloatArray:
    """Softmax over the classes, (N, classes): exp(s_i) / sum over j of exp(s_j); NaN where a score is no number.

    >>> probabilities(np.array([[0.0, 0.0], [1000.0, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        powers = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(powers / powers.sum(1, keepdims=True), np.float64)


def otherwise_trained(c: Choices, plan: Plan) -> list[str]:
    """That the trained weights run with another activation or side than in their training; empty where they do not."""
    if plan.weights != "trained":
        return []
    network = NETWORKS[plan.network]
    trained = trained_as(plan.network, plan.norm)
    here = network.chosen_activation(plan.activation), network.chosen_side(plan.side)
    if here == trained:
        return []
    numbers = {
        "trained": c.say(f"activation.{trained[0]}.name"),
        "trained_side": trained[1],
        "activation": c.say(f"activation.{here[0]}.name"),
        "side": here[1],
    }
    return [c.say("network_page.otherwise_trained", **numbers)]


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
    share = probabilities(run.scores)
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
    st.caption(c.say("network_page.top_note" if run.plan.mode == "eval" else "network_page.top_note_train"))
