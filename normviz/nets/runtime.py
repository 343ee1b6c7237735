"""How torch behaves in this process; the one place that decides it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


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


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch: what is this small gains nothing from more, and other sessions need the cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
