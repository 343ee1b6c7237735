"""The mark of a step on charts that are drawn once for all steps.

A chart would be taken away and drawn anew at every change of its figure, so the step is no part of it: CSS lays a line
over the chart, and makes paler what is still to come. Where, follows from the figures' fixed margins and one number.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from normviz.figures.steps import MARGIN, PANELS, along

RULES = Path(__file__).parents[2] / "assets" / "steps.css"
#: Numbers only, and a name of ours. What stands beside the rule keeps it in its place, where a fragment replaces it.
RULE = (
    "<style>.st-key-nv-course-{name} {{ --nv-at: {at:.6f}; --nv-step: {step:d}; --nv-side: {side:d}%;"
    " --nv-left: {l:d}px; --nv-right: {r:d}px; --nv-top: {t:d}px; --nv-bottom: {b:d}px;"
    " --nv-from: {gap_from:.4f}; --nv-until: {gap_until:.4f} }}</style><i></i>"
)


def course(name: str) -> DeltaGenerator:
    """The place of the charts of one course, laid out by :mod:`normviz.figures.steps`; :func:`mark` marks them all."""
    st.html(_rules())
    return st.container(key=f"nv-course-{name}")


def mark(name: str, step: int, first: int, last: int) -> None:
    """Mark a step on all charts of a course whose axes go from the first step to the last."""
    at = along(step, first, last)
    above, below = PANELS
    rule = RULE.format(
        name=name,
        at=at,
        step=step,
        side=-100 if at > 0.5 else 0,
        gap_from=1 - above[0],
        gap_until=1 - below[1],
        **MARGIN,
    )
    st.html(rule)


@cache
def _rules() -> str:
    return f"<style>{RULES.read_text(encoding='utf-8')}</style>"
