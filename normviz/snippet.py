"""PyTorch source that reproduces what a page shows, to copy and run."""

from __future__ import annotations

from typing import Any

from normviz.catalogue import method as find
from normviz.layouts import Shape
from normviz.methods import Method
from normviz.samples import Sample


def snippet(method: str | Method, shape: Shape, *, sample: Sample | None = None, **knobs: Any) -> str:
    """Runnable PyTorch that makes the seeded tensor ``x`` of that shape and, by torch's own layer, ``y``.

    >>> print(snippet("group_norm", (8, 12, 4, 4), num_groups=3).splitlines()[-2])
    layer = nn.GroupNorm(num_channels=12, num_groups=3, eps=1e-05, affine=True)
    """
    layer = find(method).torch_layer(shape, **knobs)
    return "\n".join(
        [
            "import numpy as np",
            "import torch",
            "from torch import nn",
            "",
            (sample or Sample()).code(shape),
            layer.code(),
        ]
    )
