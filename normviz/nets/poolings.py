"""Torch's own pooling on one map: what comes out, which cell won, what passes back, and what a shift changes.

>>> seen = pool_map(np.arange(16.0).reshape(4, 4), "max", {"kernel_size": 2})
>>> seen.y.tolist(), seen.winner.tolist(), seen.layer, seen.difference64
([[5.0, 7.0], [13.0, 15.0]], [[5, 7], [13, 15]], 'MaxPool2d', 0.0)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from normviz.extents import IntArray
from normviz.nets.devices import check
from normviz.nets.filters import feature_maps
from normviz.nets.forward import compare
from normviz.nets.normalizers import sayable
from normviz.nets.runtime import one_thread
from normviz.nets.tensors import array, float64_device
from normviz.pooled import Pooled, Shifts
from normviz.poolings import POOLINGS
from normviz.records import Summary, Tensor, shared_edges
from normviz.windows import Windows

#: Pixels on each side of a map cell that a filter reads: the radius of the larger bank.
RIM: Final = 5
#: How many pixels a picture must have beyond the side of the maps, each way, to be shifted by up to 8.
ROOM: Final = 2 * RIM + 8


def pool_map(
    x: npt.ArrayLike,
    key: str,
    knobs: Mapping[str, Any] | None = None,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    bins: int = 80,
) -> Pooled:
    """What torch's layer makes of one map x (H, W), and what passes back from the sum of its outputs.

    The winners are the indices that torch's layer itself returns (where cells are equal, the one that it takes); -1
    where a window lies in the padding alone, whose output is minus infinity. A NaN wins wherever it is read.

    Nothing outside is changed. Raises ValueError where x is not a map, where the windows do not fit it, and, with its
    own words, where torch refuses.
    """
    kind = check(device, dtype)
    entry, given = POOLINGS[key], np.asarray(x, np.float64)
    if given.ndim != 2:
        raise ValueError(f"An array of shape {given.shape}: one map (H, W) is needed. Try x[0, 0].")
    knobs = dict(knobs or {})
    rows, columns = entry.windows(given.shape, **knobs)

    def layer(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        module = entry.module(torch.nn, 2, **knobs)
        if not hasattr(module, "return_indices"):
            return module(x[None, None])[0, 0], None
        module.return_indices = True
        y, at = module(x[None, None])
        return y[0, 0], at[0, 0]

    run = sayable(entry.key, layer)
    with one_thread(), torch.inference_mode(False), torch.enable_grad():
        start = torch.tensor(given, dtype=kind, device=device).requires_grad_()
        y, at = run(start)
        winner = None if at is None else _winner(at.cpu().numpy(), rows, columns)
        taken = y
        if winner is not None and (winner < 0).any():
            # For a window in the padding alone torch's index is none of the map's, and its backward pass writes there,
            # unchecked, into another cell or past the end. The cells taken are the same ones.
            taken = start.reshape(-1)[torch.from_numpy(winner[winner >= 0]).to(device)]
        (gradient,) = torch.autograd.grad(taken, start, torch.ones_like(taken))
        exact = torch.tensor(given, dtype=torch.float64, device=float64_device(device))
        y64 = array(run(exact)[0])
    before, after = array(start), array(y)
    edges = shared_edges(before, after, bins)
    before_counts, after_counts = (
        np.histogram(values[np.isfinite(values)], edges)[0] for values in (before, after)
    )
    return Pooled(
        before,
        after,
        rows,
        columns,
        winner,
        array(gradient),
        Summary.of(before),
        Summary.of(after),
        edges,
        before_counts,
        after_counts,
        difference64=compare(y64, entry(given, dims=2, **knobs))[0],
        layer=entry.torch_layer(2, **knobs).name,
        device=device,
    )


def pixel_map(
    picture: Tensor,
    *,
    bank: str = "fixed",
    channel: int = 0,
    channels: int = 16,
    seed: int = 0,
    side: int = 64,
    device: str = "cpu",
) -> Tensor:
    """One channel's feature map (side, side) of a picture (H, W, 3) in [0, 1], by a real convolution.

    A picture of that side itself has one cell of the map for every pixel; a larger one's map is averaged down to it.
    ``channels`` is how many filters the bank has, one of which is ``channel``. Raises ValueError where none of them is,
    and where the picture is too small.

    >>> pixel_map(np.zeros((32, 32, 3), np.float32), channel=1, side=32).shape
    (32, 32)
    """
    _check_channel(channel, channels)
    maps = feature_maps(
        picture[None], bank=bank, channels=channels, seed=seed, size=(side, side), device=device
    )
    return maps[0, channel]


def shifts(
    picture: Tensor,
    poolings: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    side: int = 64,
    pixels: Sequence[int] = range(9),
    bank: str = "fixed",
    channels: int = 16,
    channel: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
) -> Shifts:
    """How much feature maps (side, side) change when the picture moves to the right, and the pooled maps with them.

        change = |maps after the shift - maps before it| / |maps before it|

    ``picture`` is (H, W, 3) in [0, 1], at least side + 2 RIM high and side + 2 RIM + max(pixels) wide (``ROOM`` more
    than ``side`` is enough for 8 pixels). It is convolved once, a cell a pixel, and the maps are windows into that:
    what enters on the left is what the picture has there, and no filter reads past its border. ``poolings`` are keys
    and knobs; every pooling is torch's layer. All maps of the bank count together, or ``channel`` alone. Maps that are
    0 everywhere have no change to speak of: NaN.

    Raises ValueError where the picture is too small, where a pooling does not fit, and where torch refuses.
    """
    kind = check(device, dtype)
    far = max(pixels, default=0)
    if not pixels or min(pixels) < 0 or side < 1:
        raise ValueError(
            f"pixels = {tuple(pixels)}, side = {side}: shifts of 0 or more and a side of 1 or more are needed. "
            "Try range(9) and 64."
        )
    if picture.ndim != 3 or picture.shape[0] < side + 2 * RIM or picture.shape[1] < side + 2 * RIM + far:
        raise ValueError(
            f"A picture of shape {picture.shape}: (H, W, 3) with H of {side + 2 * RIM} and W of {side + 2 * RIM + far} "
            f"or more is needed to shift maps of side {side} by {far}. Try a larger picture, or smaller maps."
        )
    if channel is not None:
        _check_channel(channel, channels)
    wanted = [(POOLINGS[key], dict(knobs)) for key, knobs in poolings]
    for entry, knobs in wanted:
        entry.windows((side, side), **knobs)
    layers = [sayable(entry.key, entry.module(torch.nn, 2, **knobs)) for entry, knobs in wanted]
    chosen = slice(None) if channel is None else slice(channel, channel + 1)
    used = picture[: side + 2 * RIM, : side + 2 * RIM + far]
    with one_thread(), torch.inference_mode():
        whole = feature_maps(
            used[None],
            bank=bank,
            channels=channels,
            seed=seed,
            size=used.shape[:2],
            device=device,
            dtype=kind,
        )[:, chosen, RIM:-RIM, RIM:-RIM]
        # A picture k pixels further right shows, in the same window, what was k pixels further left.
        moved = [
            torch.tensor(whole[..., far - k : far - k + side], dtype=kind, device=device) for k in pixels
        ]
        still = torch.tensor(whole[..., far : far + side], dtype=kind, device=device)
        unpooled = [_change(still, maps) for maps in moved]
        pooled = [[_change(layer(still), layer(maps)) for maps in moved] for layer in layers]
    return Shifts(
        tuple(int(k) for k in pixels),
        np.array(unpooled),
        tuple(entry.key for entry, _ in wanted),
        np.array(pooled).reshape(len(layers), len(moved)),
    )


def _winner(at: IntArray, rows: Windows, columns: Windows) -> IntArray:
    """torch's indices; of a window that lies in the padding alone torch's is that of no cell."""
    empty = [
        np.array([axis.of(output).size == 0 for output in range(axis.count)]) for axis in (rows, columns)
    ]
    return np.where(np.logical_or.outer(*empty), -1, at).astype(np.intp)


def _change(before: torch.Tensor, after: torch.Tensor) -> float:
    one, two = array(before), array(after)
    size = float(np.linalg.norm(one))
    return float(np.linalg.norm(two - one)) / size if size else float("nan")


def _check_channel(channel: int, channels: int) -> None:
    if not 0 <= channel < channels:
        raise ValueError(f"channel {channel} of {channels}: it must be from 0 to {channels - 1}.")
