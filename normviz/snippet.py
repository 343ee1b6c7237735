"""PyTorch source that reproduces what a page shows, to copy and run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from normviz.catalogue import method as find
from normviz.layouts import Shape
from normviz.methods import Method
from normviz.samples import Sample


def snippet(
    method: str | Method,
    shape: Shape,
    *,
    sample: Sample | None = None,
    dtype: str = "float32",
    batches: int = 0,
    changes: Sequence[str] = (),
    **knobs: Any,
) -> str:
    """Runnable PyTorch that makes the seeded tensor ``x`` of that shape and, by torch's own layer, ``y``.

    ``batches`` lets a layer that reads running buffers meet so many resampled mini-batches first, as the pages do;
    ``changes`` are lines that change ``x`` after that.

    >>> print(snippet("group_norm", (8, 12, 4, 4), num_groups=3).splitlines()[-2])
    layer = nn.GroupNorm(num_channels=12, num_groups=3, eps=1e-05, affine=True)
    """
    chosen, given = find(method), sample or Sample()
    layer = chosen.torch_layer(shape, **knobs)
    lines = ["import numpy as np", "import torch", "from torch import nn", "", given.code(shape)]
    if dtype != "float32":
        lines.append(f"x = x.to(torch.{dtype})")
    lines.append(layer.making())
    if dtype != "float32" and not layer.function:
        lines.append(f"layer.to(torch.{dtype})")
    if batches and chosen.spec(**knobs).running:
        lines += [
            f"rng = np.random.default_rng({given.seed})",
            "layer.train()",
            f"for _ in range({batches}):",
            f"    batch = x[torch.from_numpy(rng.integers({shape[0]}, size={shape[0]}))]",
            f"    {layer.calling().replace('(x', '(batch', 1)}",
            "layer.eval()",
        ]
    lines += [*changes, layer.calling()]
    return "\n".join(line for k, line in enumerate(lines) if line or k == 3)
