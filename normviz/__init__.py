"""normviz: see which cells of a tensor share a mean and a variance, for every normalization method.

>>> import normviz as nv
>>> spec = nv.METHODS["group_norm"].spec(num_groups=3)
>>> spec.sets[0].size((8, 12, 4, 4), cell=(0, 5, 1, 0))
64

Importing normviz imports numpy alone; the figures (:func:`cube`,
:func:`activation_curve`, :func:`pool`) need plotly, and ``METHODS[...].module`` takes
the ``torch.nn`` to build with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from normviz.activation import Activation
from normviz.activations import ACTIVATIONS
from normviz.catalogue import METHODS
from normviz.extents import Groups, Own, Whole, Window
from normviz.formula import latex
from normviz.methods import Knob, Method, Paper
from normviz.pooling import Pooling
from normviz.poolings import POOLINGS
from normviz.reference import normalize
from normviz.samples import Sample
from normviz.snippet import snippet
from normviz.spec import L2, Affine, Part, Response, Root, Running, Spec, StatSet
from normviz.worked import worked

if TYPE_CHECKING:
    from normviz.figures.activation import activation_curve
    from normviz.figures.cube import cube
    from normviz.figures.pool import pool

__version__ = "0.1.0"

__all__ = [
    "ACTIVATIONS",
    "L2",
    "METHODS",
    "POOLINGS",
    "Activation",
    "Affine",
    "Groups",
    "Knob",
    "Method",
    "Own",
    "Paper",
    "Part",
    "Pooling",
    "Response",
    "Root",
    "Running",
    "Sample",
    "Spec",
    "StatSet",
    "Whole",
    "Window",
    "activation_curve",
    "cube",
    "latex",
    "normalize",
    "pool",
    "snippet",
    "worked",
]


def __getattr__(name: str) -> Any:
    # Figures need plotly: they are imported when they are first asked for.
    match name:
        case "activation_curve":
            from normviz.figures.activation import activation_curve

            return activation_curve
        case "cube":
            from normviz.figures.cube import cube

            return cube
        case "pool":
            from normviz.figures.pool import pool

            return pool
    raise AttributeError(f"module 'normviz' has no attribute {name!r}")
