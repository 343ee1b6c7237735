"""K real processes on this machine, one a device, over torch.distributed with gloo on the CPU.

``run`` starts them (:mod:`normviz.nets.device_worker`), says how far they are, and hands over what they
computed. Whatever happens, when it ends none of them is left: they are killed in its ``finally``, and each ends itself
when this process is gone (its stdin closes) or another does not answer in time. They meet through a file in a
temporary folder and talk over the loopback interface alone, so that nothing listens on the network and runs at the
same time do not meet. Nothing here imports torch: the processes do.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from normviz.device_steps import DevicesRun, LayerStep
from normviz.reference import FloatArray
from normviz.splits import Shares

_LOG = logging.getLogger(__name__)

#: More processes than this at a time are more memory (about 200 MB each) than a small server has.
MOST = 8
#: Seconds for the whole run: a process imports torch first, which takes seconds, and more where many do at once.
TIMEOUT = 180.0
#: How often the processes are looked after, in seconds; a page that is left stops the run within that.
PAUSE = 0.05
#: What a process says when it gets there, in order.
STAGES = ("torch", "joined", "done")
WORKER = (sys.executable, "-m", "normviz.nets.device_worker")
ROOT = Path(__file__).parents[2]

_one_at_a_time = threading.Semaphore()


class DeviceProcessError(Exception):
    """A run that did not end as it should: ``code`` (``died``, ``timeout``, ``start`` or ``gloo``) and ``details``."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(f"{code}: {details}")
        self.code, self.details = code, details


@dataclass(frozen=True)
class Progress:
    """How far a run is: how many processes have got to each of ``STAGES``; ``result`` is there in the last one only.

    ``waiting`` while another run has the processes.
    """

    reached: Mapping[str, int]
    seconds: float
    waiting: bool = False
    result: DevicesRun | None = None


def run(
    x: FloatArray,
    upstream: FloatArray,
    samples: Shares,
    *,
    eps: float = 1e-5,
    momentum: float = 0.1,
    timeout: float = TIMEOUT,
    worker: Sequence[str] = WORKER,
) -> Generator[Progress, None, None]:
    """One step of Batch Norm by len(samples) processes, each on its samples: alone, and synchronised.

    ``x`` and ``upstream``, the gradient that arrives at y, are (N, S, R) in float64. Yields a :class:`Progress` every
    ``PAUSE`` seconds, the last one with the result; close the generator to stop. One run at a time: others wait.

    Raises ValueError where there are no processes or more than ``MOST``, and DeviceProcessError where one cannot be
    started, ends before its work is done, or is not ready in ``timeout`` seconds.
    """
    if not 1 <= len(samples) <= MOST:
        raise ValueError(f"{len(samples)} processes were asked for; 1 to {MOST} are started here. Try 4.")
    begin = time.monotonic()
    while not _one_at_a_time.acquire(timeout=PAUSE):
        yield Progress({}, time.monotonic() - begin, waiting=True)
        if time.monotonic() - begin > timeout:
            raise DeviceProcessError("timeout", seconds=timeout)
    children: list[subprocess.Popen[bytes]] = []
    try:
        with tempfile.TemporaryDirectory(prefix="normviz-devices-", ignore_cleanup_errors=True) as name:
            try:
                np.savez(Path(name) / "input.npz", x=x, upstream=upstream)
                task = {"samples": samples, "eps": eps, "momentum": momentum}
                (Path(name) / "task.json").write_text(json.dumps(task), encoding="utf-8")
                yield from _watched(children, Path(name), len(samples), timeout, worker)
            finally:
                _kill(children)
    except OSError as problem:  # no room for files, or for processes
        raise DeviceProcessError("start", reason=problem.strerror or type(problem).__name__) from problem
    finally:
        _one_at_a_time.release()


def _watched(
    children: list[subprocess.Popen[bytes]], folder: Path, count: int, timeout: float, worker: Sequence[str]
) -> Generator[Progress, None, None]:
    """Start the processes, into ``children``, and look after them until all are done."""
    start = time.monotonic()
    joined = 0.0
    for rank in range(count):
        children.append(_started(folder, rank, worker))
    while True:
        seconds = time.monotonic() - start
        # Before the files: what a process has written, it has written before it ended.
        codes = [child.poll() for child in children]
        reached = {stage: sum((folder / f"{k}.{stage}").exists() for k in range(count)) for stage in STAGES}
        joined = joined or (seconds if reached["joined"] == count else 0.0)
        if reached["done"] == count:
            yield Progress(reached, seconds, result=_collected(folder, count, joined or seconds))
            return
        for rank, code in enumerate(codes):
            if code is not None and not (folder / f"{rank}.done").exists():
                said = (folder / f"{rank}.log").read_text(encoding="utf-8", errors="replace")
                _LOG.warning("process %d of %d ended with %s: %s", rank, count, code, said[-2000:])
                code_of = "gloo" if (folder / f"{rank}.gloo").exists() else "died"
                raise DeviceProcessError(code_of, rank=rank, count=count, exit=code)
        if seconds > timeout:
            raise DeviceProcessError("timeout", seconds=timeout)
        yield Progress(reached, seconds)
        time.sleep(PAUSE)


def _started(folder: Path, rank: int, worker: Sequence[str]) -> subprocess.Popen[bytes]:
    environment = dict(os.environ)
    environment |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), environment.get("PYTHONPATH"))))
    if loopback := _loopback():
        environment.setdefault("GLOO_SOCKET_IFNAME", loopback)
    with (folder / f"{rank}.log").open("wb") as log:
        return subprocess.Popen(
            [*worker, str(folder), str(rank)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )


def _loopback() -> str | None:
    """The name of the interface that leads back to this machine; gloo finds its own way where there is none."""
    if sys.platform == "win32":
        return None
    return next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), None)


def _kill(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.kill()
    for child in children:
        child.wait()
        if child.stdin:
            child.stdin.close()


def _collected(folder: Path, count: int, joined: float) -> DevicesRun:
    found: list[dict[str, Any]] = []
    for rank in range(count):
        with np.load(folder / f"{rank}.npz", allow_pickle=False) as file:
            found.append({key: file[key] for key in file.files})
    fields = tuple(LayerStep.__dataclass_fields__)
    alone, synchronised = (
        tuple(LayerStep(*(one[f"{kind}_{f}"] for f in fields)) for one in found if f"{kind}_y" in one)
        for kind in ("alone", "synchronised")
    )
    slowest = {
        kind: max(float(one[f"{kind}_seconds"]) for one in found) for kind in ("alone", "synchronised")
    }
    refusal = next((str(one["refusal"]) for one in found if str(one["refusal"])), "")
    return DevicesRun(
        () if refusal else alone, synchronised, refusal, joined, slowest["alone"], slowest["synchronised"]
    )
