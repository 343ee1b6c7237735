"""Running statistics as every framework keeps them, from the same mini-batches.

>>> x = np.random.default_rng(0).standard_normal((8, 4, 3, 3))
>>> kept = averages(x, (0, 1, 0, 0), axes=("N", "C", "H", "W")).kept
>>> [(k.row.framework, k.converted < 1e-6) for k in kept][:3]
[('torch', True), ('keras', True), ('flax', True)]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from normviz.convention_effects import Averages, Kept
from normviz.convention_table import AVERAGES
from normviz.conventions import Average
from normviz.nets.devices import check
from normviz.nets.tensors import resamples
from normviz.reference import FloatArray


def averages(
    x: npt.ArrayLike,
    cell: Sequence[int],
    *,
    axes: Sequence[str],
    samples: slice = slice(None),
    eps: float = 1e-5,
    batches: int = 100,
    seed: int = 0,
    dtype: str = "float32",
    device: str = "cpu",
) -> Averages:
    """The running mean and variance of the cell's channel, as every framework keeps them over the same mini-batches.

    Each of the ``batches`` draws, by ``seed`` and with replacement, as many of the ``samples`` of x as there are.
    torch's values are those of its own ``BatchNorm1d``; the others' follow their update rule from the moments that
    torch finds in each batch. Raises ValueError where a batch has one value of the channel only.
    """
    channel = np.moveaxis(np.asarray(x, np.float64), axes.index("C"), 1)[samples, cell[axes.index("C")]]
    values = torch.tensor(channel.reshape(len(channel), 1, -1), dtype=check(device, dtype), device=device)
    count = values.numel()
    if count < 2:
        raise ValueError(
            "A batch has 1 value of this channel; a variance that is kept needs 2 or more. "
            "Try more samples or a larger map."
        )
    layers = {
        row.weight: torch.nn.BatchNorm1d(1, momentum=row.weight, dtype=values.dtype, device=device)
        for row in AVERAGES
    }
    found: list[tuple[float, float, float]] = []
    buffers: dict[float, list[tuple[float, float]]] = {weight: [(0.0, 1.0)] for weight in layers}
    with torch.inference_mode():
        for batch in resamples(values, batches, seed):
            mean = batch.mean()
            squares = ((batch - mean) ** 2).sum().item()
            found.append((mean.item(), squares / count, squares / (count - 1)))
            for weight, layer in layers.items():
                layer(batch)
                buffers[weight].append((float(layer.running_mean), float(layer.running_var)))  # type: ignore[arg-type]
    with np.errstate(all="ignore"):
        means, biased, unbiased = np.array(found).T
        kept = tuple(
            _kept(row, means, unbiased if row.unbiased else biased, np.array(buffers[row.weight]), count)
            for row in AVERAGES
        )
        return Averages(
            kept, count, float(channel.mean()), float(channel.var()), float(np.asarray(x)[tuple(cell)]), eps
        )


def _kept(row: Average, means: FloatArray, variances: FloatArray, torchs: FloatArray, count: int) -> Kept:
    mean, var = row.kept(means, 0.0), row.kept(variances, 1.0)
    their_mean, their_var = torchs.T
    if not row.unbiased:
        # Of the start, 1, there is (1 - w)^t left, which torch has not corrected.
        left = (1 - row.weight) ** np.arange(len(var))
        their_var = (their_var - left) * (count - 1) / count + left
    with np.errstate(all="ignore"):
        differences = [
            np.abs(a - b) / np.maximum(1.0, np.abs(a)) for a, b in ((mean, their_mean), (var, their_var))
        ]
    if row.framework == "torch":
        mean, var = torchs.T
    return Kept(row, mean, var, float(np.max(differences)))
