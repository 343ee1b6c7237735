"""How far running averages are from the statistics of one batch, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from normviz.reference import FloatArray
from normviz.traces import LayerTrace


@dataclass(frozen=True)
class Distance:
    """|running mean - batch mean| in units of the batch's standard deviation, over the channels that have one.

    ``channel`` has the largest distance; ``ratios`` are the smallest and the largest running standard deviation over
    the batch's. All are 0 where no channel varies (``channels`` is how many do).
    """

    channels: int
    median: float
    largest: float
    channel: int
    ratios: tuple[float, float]


def distance(running: tuple[FloatArray, FloatArray], batch: LayerTrace) -> Distance:
    """The buffers (mean, variance), (C,) each, against the channels of what the layer reads.

    Raises ValueError where there are not as many channels.

    >>> batch = LayerTrace.of("conv1", "conv2d", np.array([[1.0, 5.0], [3.0, 9.0]]))
    >>> distance((np.array([1.0, 7.0]), np.array([4.0, 1.0])), batch)
    Distance(channels=2, median=0.5, largest=1.0, channel=0, ratios=(0.5, 2.0))
    """
    mean, var = running
    if not mean.shape == var.shape == batch.channel_mean.shape:
        raise ValueError(
            f"Buffers of shapes {mean.shape} and {var.shape} for {batch.channels} channels: one mean and one variance "
            "for each channel are needed. Give those of the layer that reads this batch."
        )
    varies = np.flatnonzero(batch.channel_var > 0)
    if not varies.size:
        return Distance(0, 0.0, 0.0, 0, (0.0, 0.0))
    std = np.sqrt(batch.channel_var[varies])
    off = np.abs(mean[varies] - batch.channel_mean[varies]) / std
    with np.errstate(invalid="ignore"):  # a file may say that a variance is negative
        ratio = np.sqrt(var[varies]) / std
    far = int(np.argmax(off))
    return Distance(
        int(varies.size),
        float(np.median(off)),
        float(off[far]),
        int(varies[far]),
        (float(ratio.min()), float(ratio.max())),
    )
