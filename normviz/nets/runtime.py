"""How torch behaves in this process; the one place that decides it."""

from __future__ import annotations

import os


def load(threads: int | None = None) -> str:
    """Import torch, let each operation use `threads` CPU threads (None: as torch likes), return its version.

    A waiting OpenMP thread spins by default and steals the core from its neighbours, so it is told to sleep
    unless the environment already says otherwise; this works only before torch is first imported. The number
    of threads holds for the whole process.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    return str(torch.__version__)
