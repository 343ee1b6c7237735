"""normviz: see which cells of a tensor share a mean and a variance, for every normalization method.

>>> import normviz as nv
>>> spec = nv.METHODS["group_norm"].spec(num_groups=3)
>>> spec.sets[0].size((8, 12, 4, 4), cell=(0, 5, 1, 0))
64

Importing normviz imports numpy alone; :func:`cube` needs plotly, and ``METHODS[...].module`` takes
the ``torch.nn`` to build with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from normviz.catalogue import METHODS
from normviz.extents import Groups, Own, Whole, Window
from normviz.formula import latex
from normviz.methods import Knob, Method, Paper
from normviz.reference import normalize
from normviz.samples import Sample
from normviz.snippet import snippet
from normviz.spec import L2, Affine, Part, Response, Root, Running, Spec, StatSet
from normviz.worked import worked

if TYPE_CHECKING:
    from normviz.figures.cube import cube

__version__ = "0.1.0"

__all__ = [
    "L2",
    "METHODS",
    "Affine",
    "Groups",
    "Knob",
    "Method",
    "Own",
    "Paper",
    "Part",
    "Response",
    "Root",
    "Running",
    "Sample",
    "Spec",
    "StatSet",
    "Whole",
    "Window",
    "cube",
    "latex",
    "normalize",
    "snippet",
    "worked",
]


def __getattr__(name: str) -> Any:
    if name == "cube":
        from normviz.figures.cube import cube

        return cube
    raise AttributeError(f"module 'normviz' has no attribute {name!r}")
