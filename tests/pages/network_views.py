"""The views of a whole network alone, with traces made by hand: what the tests run."""

from __future__ import annotations

import numpy as np
import streamlit as st

from normviz.catalogue import METHODS
from normviz.ui.choices import Choices
from normviz.ui.controls import tidy
from normviz.ui.network.below import show_below
from normviz.ui.network.depth import show_depth
from normviz.ui.network.opening import opened
from normviz.ui.network.ridge import show_ridge
from normviz.ui.network.shown import Shown
from normviz.ui.network.two import show_two
from tests.figures.layer_traces import blocks, of

lang, view = st.session_state["test/lang"], st.session_state["test/view"]
c = Choices(lang, METHODS["batch_norm"], {}, (8, 12, 4, 4), (0, 0, 0, 0), 0, "cpu", "float32", "none")
first = Shown(blocks(5, gradient=bool(st.session_state.get("test/gradient")))[0], "first", "A · Batch Norm")
second = Shown(blocks(5, scale=4.0, seed=7)[0], "second", "A · Group Norm")
match view:
    case "ridge":
        show_ridge(c, first)
    case "depth":
        show_depth(c, first)
    case "below":
        show_below(c, first, opened(first), show_ridge(c, first))
    case "two_large":
        ones = np.array([[-1.0], [1.0]])
        first = Shown(of([np.full((2, 1), np.nan), 7.3255e29 * ones, ones]), "huge", "huge.json")
        second = Shown(of([ones, ones, ones]), "plain", "plain.json")
        show_two(c, first, second)
    case "lost":
        first = Shown(of([np.ones((4, 8)), np.full((4, 8), np.nan)]), "lost", "L")
        show_depth(c, first)
    case "lost_odd":
        trace = of([np.ones((4, 8)), np.full((4, 8), np.nan)])
        for layer in trace.layers:
            object.__setattr__(layer, "name", "![i](http://odd/x) **b**")
        show_depth(c, Shown(trace, "odd", "L"))
    case _:
        show_two(c, first, second)
number = opened(first)
st.text("none" if number is None else first.trace.layers[number].name)
tidy()
