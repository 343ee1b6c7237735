"""A folder of 64 images through a network: by two processes against one, in one run.

`make bench` runs it; README.md beside this file says what each line measures. Not named after the command that it
measures: Python has a module `profile`, and what runs from this folder would find the wrong one.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
IMAGES, SIDE = 64, 256
#: The command's own word: without what it takes to load torch and to meet, which is the same for any folder.
PASS = re.compile(r"took ([\d.]+) s")


def main() -> None:
    """Measure everything and print a table, line by line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--network", default="resnet18")
    options.add_argument("--repeats", type=int, default=3, help="the fastest of so many is shown")
    chosen = options.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, {load()}")
    print(f"{IMAGES} images, {chosen.network}, batches of 8, one thread a process")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "images"
        folder.mkdir()
        rng = np.random.default_rng(0)
        for k in range(IMAGES):
            pixels = rng.integers(0, 256, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((SIDE, SIDE)).save(folder / f"{k:02d}.jpg")
        times: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
        # In turn, so that whatever else the machine does meets both.
        for _ in range(chosen.repeats):
            for processes in (1, 2):
                seconds = run(folder, Path(name) / f"{processes}.json", chosen.network, processes)
                times[processes].append(seconds)
    for what, column in (("images through the network", 0), ("the whole command", 1)):
        one, two = (min(seconds[column] for seconds in times[processes]) for processes in (1, 2))
        print(
            f"{what:<28}  1 process {one:6.1f} s   2 processes {two:6.1f} s   {one / two:.2f} times as fast"
        )
    print(load())


def run(folder: Path, out: Path, network: str, processes: int) -> tuple[float, float]:
    """Seconds for the images alone, and for the whole command."""
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"),
        *("-m", "normviz.nets.profile", "--network", network, "--images", str(folder), "--out", str(out)),
        *("--batch-size", "8", "--workers", "0"),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    whole = time.perf_counter() - start
    found = PASS.search(done.stdout)
    if done.returncode or found is None:
        raise RuntimeError(f"the profile ended with {done.returncode}: {done.stderr[-500:]}")
    return float(found[1]), whole


def load() -> str:
    """How busy the machine is: other work on it makes every figure worse."""
    if not hasattr(os, "getloadavg"):
        return "load unknown"
    return "load " + " ".join(f"{x:.1f}" for x in os.getloadavg())


if __name__ == "__main__":
    main()
