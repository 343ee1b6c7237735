"""What it costs to watch a network: tracing ResNet-50 at 224 x 224 beside the bare forward, in one run, on one thread.

`make bench` runs it; README.md beside this file says what each line measures. Time is the thread's own CPU time, which
other programs on the machine disturb least, and the runs are interleaved.
"""

from __future__ import annotations

import gc
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from normviz.nets import runtime

runtime.load(threads=1)

# The environment is set before torch is first imported.
import torch  # noqa: E402
from torch import nn  # noqa: E402

import normviz as nv  # noqa: E402
from normviz.nets.networks import build  # noqa: E402
from normviz.nets.trace import record  # noqa: E402
from normviz.nets.trace_state import Kept  # noqa: E402
from normviz.nets.trace_statistics import summarized  # noqa: E402

SHAPE = (1, 3, 224, 224)
REPEATS = 15
RATIO_AIM, MEMORY_AIM = 1.5, 0.1
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")

Run = Callable[[], object]
Way = Callable[[nn.Module, torch.Tensor], object]


def main() -> None:
    """Measure everything once and print a table, line by line."""
    net, x = network()
    print(f"torch {torch.__version__}, {platform.platform()}, {os.cpu_count()} cores, 1 used, {load()}")
    found = nv.trace(net, x)
    values = found.input.count + sum(layer.count for layer in found.layers)
    print(
        f"ResNet-50, {' x '.join(map(str, SHAPE))}: {len(found.layers)} layers, {values / 1e6:.1f} million values"
    )

    runs = {name: partial(way, net, x) for name, way in WAYS.items()}
    times = interleaved(runs)
    base = times["bare forward"]
    for name, ms in times.items():
        ratio = statistics.median(a / b for a, b in zip(ms, base, strict=True))
        note = ""
        if name == "nv.trace":
            note = f"aim <= {RATIO_AIM}: {'met' if ratio <= RATIO_AIM else 'MISSED'}"
        show(name, f"{statistics.median(ms):.0f} ms", f"{min(ms):.0f} ms", f"{ratio:.2f} x bare", note)
    parts(net, x)

    keeping = 4 * values
    show("every output, by its size", f"{keeping / 2**20:.1f} MiB", "", "", "")
    least, *most = (peak(name) for name in MEMORY)
    for name, amount in zip(list(MEMORY)[1:], most, strict=True):
        if least is None or amount is None:
            show(f"{name}, peak beyond bare", "-", "", "", "needs Linux's /proc")
            continue
        beyond = max(0.0, amount - least)
        note = ""
        if name == "nv.trace":
            note = f"aim <= {MEMORY_AIM} of it: {'met' if beyond <= MEMORY_AIM * keeping else 'MISSED'}"
        show(
            f"{name}, peak beyond bare",
            f"{beyond / 2**20:.1f} MiB",
            "",
            f"{beyond / keeping:.3f} of it",
            note,
        )
    print(load())


def bare(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The forward alone."""
    with torch.no_grad():
        found: torch.Tensor = net(x)
    return found


def obvious(net: nn.Module, x: torch.Tensor) -> list[Any]:
    """Hooks, and torch's own functions for the same statistics; what is no module is not seen."""
    found: list[Any] = []

    def look(module: nn.Module, args: Any, output: torch.Tensor) -> None:
        axes = [k for k in range(output.ndim) if k != 1]
        low, high = torch.aminmax(output)
        found.append((torch.var_mean(output, axes, correction=0), low, high, (output == 0).sum(),
                      torch.histc(output, 64, float(low), float(high))))  # fmt: skip

    handles = [one.register_forward_hook(look) for one in net.modules() if not list(one.children())]
    try:
        bare(net, x)
    finally:
        for handle in handles:
            handle.remove()
    return found


def keep(net: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The way that needs the most memory: copies of all outputs."""
    kept: list[torch.Tensor] = []
    record(net, x, watch=lambda number, values: kept.append(values.clone()))
    return kept


WAYS: dict[str, Way] = {"bare forward": bare, "nv.trace": nv.trace, "the obvious way": obvious}
MEMORY: dict[str, Way] = {**WAYS, "keeping every output": keep}


def network() -> tuple[nn.Module, torch.Tensor]:
    """The same network and image every time."""
    return build("resnet50").eval(), torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))


def interleaved(runs: Mapping[str, Run]) -> dict[str, list[float]]:
    """The ms of CPU time of each, one after the other, over and over."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    gc.collect()
    for _ in range(REPEATS):
        for name, run in runs.items():
            times[name].append(timed(run))
    return times


def parts(net: nn.Module, x: torch.Tensor) -> None:
    """What of it is the statistics alone, on copies of the outputs, and what keeping and restoring the module."""
    kept = keep(net, x)

    def statistics_alone() -> None:
        for values in kept:
            summarized(values, 1 if values.ndim > 1 else None)

    for name, run in (
        ("  statistics alone", statistics_alone),
        ("  keeping state", lambda: Kept(net).restore()),
    ):
        ms = [timed(run) for _ in range(REPEATS)]
        show(name, f"{statistics.median(ms):.0f} ms", f"{min(ms):.0f} ms", "", "")


def peak(name: str) -> float | None:
    """How many bytes this way needs at most, in a process of its own whose freed memory goes back at once."""
    if not RESET.exists():
        return None
    prompt = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_TOP_PAD_": "0"}
    done = subprocess.run(
        [sys.executable, __file__, name], check=True, capture_output=True, text=True, env=os.environ | prompt
    )
    return float(done.stdout)


def peak_here(name: str) -> float:
    """The same in this process, which has loaded everything: the bare forward has run, and a trace of a small image."""
    net, x = network()
    nv.trace(net, x[..., :32, :32])
    bare(net, x)
    RESET.write_text("5", encoding="ascii")
    before = resident("VmRSS")
    MEMORY[name](net, x)
    return resident("VmHWM") - before


def resident(which: str) -> float:
    """Bytes of memory of this process, now (VmRSS) or at most since the last reset (VmHWM)."""
    found = re.search(rf"{which}:\s*(\d+) kB", STATUS.read_text(encoding="ascii"))
    return 1024.0 * int(found[1]) if found else 0.0


def timed(run: Run) -> float:
    """CPU time of this thread in ms."""
    start = time.thread_time()
    run()
    return 1000.0 * (time.thread_time() - start)


def load() -> str:
    """How busy the machine is: other work on it makes every figure worse."""
    if not hasattr(os, "getloadavg"):
        return "load unknown"
    return "load " + " ".join(f"{x:.1f}" for x in os.getloadavg())


def show(what: str, first: str, second: str, third: str, note: str) -> None:
    """Print a line of the table."""
    print(f"{what:<38}  {first:>10}  {second:>10}  {third:>12}  {note}".rstrip(), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(peak_here(sys.argv[1]))
    else:
        main()
