"""Traces made by hand for the figures of a whole network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from normviz.traces import INPUT, LayerTrace, Trace

Array = np.ndarray


def blocks(
    count: int, *, scale: float = 1.0, gradient: bool = False, seed: int = 2
) -> tuple[Trace, list[Array]]:
    """Convolution, norm, ReLU, so many times, and the values of every output; ``scale`` multiplies at every block."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(4, 6, 8, 8))
    values: list[Array] = []
    layers: list[LayerTrace] = []
    for k in range(count):
        conv = rng.normal(0.3 * k, scale**k, size=(4, 6, 8, 8))
        norm = (conv - conv.mean((0, 2, 3), keepdims=True)) / conv.std((0, 2, 3), keepdims=True)
        relu = np.maximum(norm, 0)
        relu[:, 0] = 0
        for name, op, method, value in (("conv", "conv2d", "", conv), ("norm", "batch_norm", "batch_norm", norm),
                                        ("act", "relu", "", relu)):  # fmt: skip
            inputs = (len(layers) - 1 if layers else INPUT,)
            square = float(10.0 ** (-2 * len(layers))) if gradient else None
            layers.append(
                LayerTrace.of(
                    f"block{k}.{name}", op, value, inputs=inputs, method=method, gradient_square=square
                )
            )
            values.append(value)
    return Trace(tuple(layers), LayerTrace.of("input", "input", x), model="hand-made"), values


def of(values: Sequence[Array], op: str = "linear") -> Trace:
    """A trace of these outputs, one after another."""
    layers = tuple(LayerTrace.of(f"l{k}", op, v, inputs=(k - 1,)) for k, v in enumerate(values))
    return Trace(layers, LayerTrace.of("input", "input", np.zeros((1, 1))))
