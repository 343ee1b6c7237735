"""What a profile is asked for, what decides its numbers, and what comes out."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL

import normviz
from normviz.nets.folder import Listing
from normviz.network_runs import Plan
from normviz.traces import Trace


class ProfileError(ValueError):
    """What was asked for cannot be done: one sentence."""


@dataclass(frozen=True)
class Job:
    """What is asked for: which network, which folder, where the trace goes, and how."""

    plan: Plan
    images: Path
    out: Path
    weights_file: Path | None = None
    batch_size: int = 32
    workers: int = 2
    limit: int | None = None
    recursive: bool = True
    resume: bool = True
    save_every: float = 30.0
    timeout: float = 600.0

    @property
    def parts(self) -> Path:
        """The folder of what is done, until all is."""
        return self.out.with_name(self.out.name + ".parts")


@dataclass(frozen=True, eq=False)
class Profile:
    """What came out: the trace of all images, and the files that are not in it, each with the reason.

    ``others`` counts the files that were not tried; ``seconds`` is what the images of this run took, from the moment
    when the networks were there.
    """

    trace: Trace
    images: int
    files: int
    bad: tuple[tuple[str, str], ...]
    others: int
    seconds: float


def described(job: Job, listing: Listing) -> dict[str, Any]:
    """All that decides the numbers, under the options' names: what two runs must have in common to share parts."""
    import torch

    names = hashlib.sha256()
    for name, size in listing.files:
        names.update(os.fsencode(name) + b"\0" + str(size).encode() + b"\0")
    plan = job.plan
    return {
        "network": plan.network,
        "norm": plan.norm,
        "activation": plan.activation,
        "weights": plan.weights,
        "weights-file": plan.digest,
        "init": plan.init,
        "seed": plan.seed,
        "side": plan.side,
        "mode": plan.mode,
        "device": plan.device,
        "batch-size": job.batch_size,
        "images": f"{len(listing.files)} files, {names.hexdigest()[:16]}",
        "torch": str(torch.__version__),
        "pillow": PIL.__version__,
        "numpy": np.__version__,
        "normviz": normviz.__version__,
    }
