"""normviz: see which cells of a tensor share a mean and a variance, for every normalization method.

>>> import normviz as nv
>>> spec = nv.METHODS["group_norm"].spec(num_groups=3)
>>> spec.sets[0].size((8, 12, 4, 4), cell=(0, 5, 1, 0))
64

Importing normviz imports numpy alone; the figures (:func:`cube`, :func:`ridge`,
:func:`depth`, :func:`activation_curve`, :func:`pool`) need plotly, :func:`trace` needs
torch, and ``METHODS[...].module`` takes the ``torch.nn`` to build with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from normviz.activation import Activation
from normviz.activations import ACTIVATIONS
from normviz.catalogue import METHODS
from normviz.extents import Groups, Own, Whole, Window
from normviz.formula import latex
from normviz.histograms import Histogram
from normviz.methods import Knob, Method, Paper
from normviz.pooling import Pooling
from normviz.poolings import POOLINGS
from normviz.reference import normalize
from normviz.samples import Sample
from normviz.snippet import snippet
from normviz.spec import L2, Affine, Part, Response, Root, Running, Spec, StatSet
from normviz.trace_file import load_trace
from normviz.traces import LayerTrace, Trace
from normviz.worked import worked

if TYPE_CHECKING:
    from normviz.figures.activation import activation_curve
    from normviz.figures.cube import cube
    from normviz.figures.depth import depth
    from normviz.figures.layers import ridge
    from normviz.figures.pool import pool
    from normviz.nets.trace import trace

__version__ = "0.1.0"

__all__ = [
    "ACTIVATIONS",
    "L2",
    "METHODS",
    "POOLINGS",
    "Activation",
    "Affine",
    "Groups",
    "Histogram",
    "Knob",
    "LayerTrace",
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
    "Trace",
    "Whole",
    "Window",
    "activation_curve",
    "cube",
    "depth",
    "latex",
    "load_trace",
    "normalize",
    "pool",
    "ridge",
    "snippet",
    "trace",
    "worked",
]


def __getattr__(name: str) -> Any:
    # Figures need plotly, and a trace torch: they are imported when they are first asked for.
    match name:
        case "activation_curve":
            from normviz.figures.activation import activation_curve

            return activation_curve
        case "cube":
            from normviz.figures.cube import cube

            return cube
        case "depth":
            from normviz.figures.depth import depth

            return depth
        case "pool":
            from normviz.figures.pool import pool

            return pool
        case "ridge":
            from normviz.figures.layers import ridge

            return ridge
        case "trace":
            try:
                from normviz.nets.trace import trace
            except ModuleNotFoundError as error:
                if error.name not in ("torch", "numba"):
                    raise
                raise ModuleNotFoundError(
                    f"{error.name} is not installed: nv.trace needs PyTorch and numba. Try pip install torch numba.",
                    name=error.name,
                ) from None

            return trace
    raise AttributeError(f"module 'normviz' has no attribute {name!r}")
