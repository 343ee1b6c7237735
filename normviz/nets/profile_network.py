"""The network of a profile, and one batch's pass through it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from normviz.network_runs import Plan
from normviz.traces import Trace


def device_of(name: str, local_rank: int) -> str:
    """Where the process of that number on its machine computes; raises ValueError where there is no such device.

    >>> device_of("cpu", 3)
    'cpu'
    """
    import torch

    if name == "cuda":
        if not torch.cuda.is_available():
            raise ValueError("PyTorch finds no CUDA GPU on this machine: use --device cpu.")
        return f"cuda:{local_rank % torch.cuda.device_count()}"
    if name == "mps" and not torch.backends.mps.is_available():
        raise ValueError("PyTorch finds no Apple GPU (MPS) on this machine: use --device cpu.")
    return name


def ready(
    plan: Plan,
    weights_file: Path | None,
    device: str,
    fetched: Callable[[int, int], None] | None = None,
) -> Callable[[NDArray[np.float32], int], Trace]:
    """The network of the plan with its weights on that device: batch and its number in, the trace out.

    The same batch gives the same trace whoever runs it: one thread, and where the network draws random numbers
    (dropout in training mode) they follow from the seed and the batch's number. ``fetched(done, total)`` is told how
    many bytes of published weights have been downloaded.
    Raises ValueError where there is no such network, or the weights do not fit or cannot be had.
    """
    import torch

    from normviz.nets import own_weights
    from normviz.nets.networks import build
    from normviz.nets.trace import record
    from normviz.nets.weights import fill

    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    net = build(
        plan.network,
        norm=plan.norm,
        activation=plan.activation,
        side=plan.side,
        seed=plan.seed,
        init=plan.init,
    )
    fill(net, plan, own=None if weights_file is None else own_weights.read(weights_file), progress=fetched)
    net.to(device).train(plan.mode == "train")

    def forward(images: NDArray[np.float32], number: int) -> Trace:
        torch.manual_seed(plan.seed * 1_000_003 + number)
        with torch.no_grad():
            return record(net, torch.from_numpy(images).to(device)).trace

    return forward
