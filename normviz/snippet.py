"""PyTorch source that reproduces what a page shows, to copy and run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from normviz.catalogue import method as find
from normviz.layouts import WEIGHTS, Shape
from normviz.methods import Method
from normviz.samples import Input, Kernel, Sample


def snippet(
    method: str | Method,
    shape: Shape,
    *,
    sample: Input | None = None,
    dtype: str = "float32",
    batches: int = 0,
    changes: Sequence[str] = (),
    **knobs: Any,
) -> str:
    """Runnable PyTorch that makes the seeded tensor ``x`` of that shape and, by torch's own layer, ``y``.

    Activations start from a ``Sample``, weights from a ``Kernel``; a second input is the next seed's. ``batches`` lets
    a layer with running buffers meet so many resampled mini-batches first, as the pages do; ``changes`` are lines
    that change ``x`` after that.

    >>> print(snippet("group_norm", (8, 12, 4, 4), num_groups=3).splitlines()[-2])
    layer = nn.GroupNorm(num_channels=12, num_groups=3, eps=1e-05, affine=True)
    """
    chosen = find(method)
    spec = chosen.spec(**knobs)
    given = sample or (Kernel() if spec.layouts == WEIGHTS else Sample())
    layer = chosen.torch_layer(shape, **knobs)
    lines = ["import numpy as np", "import torch", "from torch import nn", "", given.code(shape)]
    inputs = ["x"]
    if layer.second:
        lines.append(given.second().code(shape, "style"))
        inputs.append("style")
    if dtype != "float32":
        lines += [f"{name} = {name}.to(torch.{dtype})" for name in inputs]
    lines.append(layer.making())
    if dtype != "float32" and not layer.function:
        lines.append(f"layer.to(torch.{dtype})")
    if batches and spec.running:
        lines += [
            f"rng = np.random.default_rng({given.seed})",
            "layer.train()",
            f"for _ in range({batches}):",
            f"    batch = x[torch.from_numpy(rng.integers({shape[0]}, size={shape[0]}))]",
            f"    {layer.calling().replace('(x', '(batch', 1)}",
            # What is only corrected towards the buffers stays in training.
            *(() if spec.parts else ("layer.eval()",)),
        ]
    lines += [*changes, layer.calling()]
    return "\n".join(line for k, line in enumerate(lines) if line or k == 3)
