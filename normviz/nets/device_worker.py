"""One of the processes that :mod:`normviz.nets.device_processes` starts: ``python -m normviz.nets.device_worker``."""

from __future__ import annotations

import json
import os
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from normviz.nets.device_processes import TIMEOUT


def work(folder: Path, rank: int) -> None:
    """What process ``rank`` does: join the others, compute alone and synchronised, leave its arrays in the folder."""
    import torch
    import torch.distributed as dist

    from normviz.nets.synchronized import SynchronizedBatchNorm, step

    torch.set_num_threads(1)
    (folder / f"{rank}.torch").touch()
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    samples, settings = task["samples"], {"eps": task["eps"], "momentum": task["momentum"]}
    if not dist.is_available() or not dist.is_gloo_available():
        (folder / f"{rank}.gloo").touch()
        sys.exit(1)
    dist.init_process_group(
        "gloo",
        init_method=(folder / "meeting").as_uri(),
        rank=rank,
        world_size=len(samples),
        timeout=timedelta(seconds=TIMEOUT),
    )
    (folder / f"{rank}.joined").touch()
    with np.load(folder / "input.npz", allow_pickle=False) as file:
        x, upstream = (file[key][samples[rank]] for key in ("x", "upstream"))
    arrays: dict[str, Any] = {"refusal": ""}
    for kind, make in (("alone", torch.nn.BatchNorm1d), ("synchronised", SynchronizedBatchNorm)):
        arrays[f"{kind}_seconds"] = 0.0
        # The first step sets torch up; the second one is timed. Both start from a new layer.
        for _ in range(2):
            # All wait for all here, those too that have no samples or are refused below.
            dist.barrier()
            if kind == "alone" and not len(x):
                continue
            try:
                done, arrays[f"{kind}_seconds"] = step(make, x, upstream, **settings)
            except ValueError as refused:
                if kind != "alone":
                    raise
                arrays["refusal"] = str(refused)
            else:
                arrays |= {f"{kind}_{field}": value for field, value in vars(done).items()}
    np.savez(folder / f"{rank}.npz", **arrays)
    dist.destroy_process_group()
    (folder / f"{rank}.done").touch()


def end_with_parent() -> None:
    """End this process at once when its parent is gone: nothing is ever written to its stdin, so it only closes."""

    def wait() -> None:
        # The file itself, not sys.stdin: its lock would be in the way when this process ends first.
        os.read(0, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    if hasattr(os, "nice"):
        os.nice(2)  # the pages of everybody else come first
    work(Path(sys.argv[1]), int(sys.argv[2]))
