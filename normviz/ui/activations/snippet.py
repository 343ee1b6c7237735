"""PyTorch that makes the numbers of one activation again, to copy and run."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from normviz.layouts import Shape
from normviz.samples import Sample
from normviz.snippet import snippet
from normviz.ui.activations.shown import Shown
from normviz.ui.cached import BATCHES
from normviz.ui.input_code import input_lines
from normviz.ui.parts import changes

HEADER = ("import numpy as np", "import torch", "from torch import nn", "")


@dataclass(frozen=True)
class Given:
    """Lines that make ``x``, as the input of a snippet."""

    lines: tuple[str, ...]
    seed: int

    def second(self) -> Sample:
        """The next seed's random tensor."""
        return Sample(self.seed).second()

    def code(self, shape: Shape, name: str = "x") -> str:
        """The lines; shape and name are theirs already."""
        return "\n".join(self.lines)


def show(shown: Shown) -> None:
    """The code in an expander."""
    c = shown.c
    with st.expander(c.say("act_page.snippet", name=shown.one.name), icon=":material/code:"):
        if shown.source.kind in ("photo", "upload"):
            st.caption(c.say(f"act_page.snippet_{shown.source.kind}"))
        st.code(code(shown), language="python")


def code(shown: Shown) -> str:
    """The whole program: the input, the activation with the normalization in its order, and what it prints."""
    c, seed = shown.c, shown.source.sample.seed
    start = (*input_lines(shown.source, shown.images), *_cast(c.dtype, "x"), *changes(c))
    report = (
        'print(f"zeros {(y == 0).double().mean():.4f}  mean {y.mean():.4f}  slope {slope.mean():.4f}")',
    )
    if shown.order == "none":
        return "\n".join((*HEADER, *start, *_activation(shown), *report))
    after = shown.order == "after"
    given = Given((*start, *_activation(shown), "x = y.detach()") if after else start, seed)
    text = snippet(c.method, c.shape, sample=given, dtype=c.dtype, batches=BATCHES, **c.knobs)
    between = () if after else ("x = y.detach()", *_activation(shown))
    return "\n".join((text, *between, *report))


def _activation(shown: Shown) -> tuple[str, ...]:
    """torch's layer on x, and its slope at every cell."""
    layer = shown.one.entry.torch_layer(**shown.one.knobs)
    return (
        layer.making(),
        *_cast(shown.c.dtype, "layer"),
        "x.requires_grad_()",
        layer.calling(),
        "(slope,) = torch.autograd.grad(y.sum(), x)",
    )


def _cast(dtype: str, name: str) -> tuple[str, ...]:
    return () if dtype == "float32" else (f"{name} = {name}.to(torch.{dtype})",)
