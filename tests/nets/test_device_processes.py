"""Processes that die, hang, or lose their parent: one error, and nothing is left."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from normviz.nets import device_processes
from normviz.nets.device_processes import MOST, ROOT, DeviceProcessError, Progress, run
from normviz.splits import shares
from tests.strategies import values

X, UPSTREAM = values((4, 3, 2), 0), values((4, 3, 2), 1)
SLEEPS = (sys.executable, "-c", "import time; time.sleep(600)")
#: As the real thing, but process 1 ends right after all have met: the other one waits for its numbers.
DESERTS = (
    sys.executable,
    "-c",
    textwrap.dedent("""
        import os, sys
        from pathlib import Path
        import torch.distributed as dist
        from normviz.nets import device_worker as d
        if sys.argv[2] == "1":
            dist.barrier = lambda: os._exit(7)
        d.end_with_parent()
        d.work(Path(sys.argv[1]), int(sys.argv[2]))
    """),
)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process that is started."""
    found: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def watched(*args: object, **more: object) -> subprocess.Popen[bytes]:
        found.append(popen(*args, **more))  # type: ignore[call-overload]
        return found[-1]

    monkeypatch.setattr(subprocess, "Popen", watched)
    return found


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def until(true: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether this comes true in that time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_run_says_how_far_it_is_and_leaves_nothing(
    started: list[subprocess.Popen[bytes]], scratch: Path
) -> None:
    steps = list(run(X, UPSTREAM, shares(4, 2)))
    assert all(step.result is None for step in steps[:-1]) and steps[-1].result is not None
    for before, after in itertools.pairwise(steps):
        assert before.seconds <= after.seconds
        assert all(before.reached[stage] <= after.reached[stage] for stage in before.reached)
    assert set(steps[-1].reached.values()) == {2}
    assert len(started) == 2 and all(child.returncode is not None for child in started)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("worker", "code"),
    [
        ((sys.executable, "-c", "import sys; sys.exit(3)"), "died"),
        (DESERTS, "died"),
        (("/nowhere/python",), "start"),
    ],
    ids=["at once", "in the middle", "cannot start"],
)
def test_a_process_that_fails_is_one_error(
    worker: tuple[str, ...], code: str, started: list[subprocess.Popen[bytes]], scratch: Path
) -> None:
    with pytest.raises(DeviceProcessError) as failed:
        list(run(X, UPSTREAM, shares(4, 2), worker=worker))
    assert failed.value.code == code
    if code == "died":
        assert failed.value.details["exit"] == (7 if worker is DESERTS else 3)
    assert all(child.returncode is not None for child in started)
    assert list(scratch.iterdir()) == []


def test_a_process_that_hangs_is_given_up(started: list[subprocess.Popen[bytes]], scratch: Path) -> None:
    with pytest.raises(DeviceProcessError) as failed:
        list(run(X, UPSTREAM, shares(4, 2), worker=SLEEPS, timeout=0.3))
    assert failed.value.code == "timeout" and failed.value.details == {"seconds": 0.3}
    assert len(started) == 2 and all(child.returncode is not None for child in started)
    assert list(scratch.iterdir()) == []


def test_a_closed_run_is_over(started: list[subprocess.Popen[bytes]], scratch: Path) -> None:
    with closing(run(X, UPSTREAM, shares(4, 2), worker=SLEEPS)) as steps:
        assert isinstance(next(steps), Progress)
        assert [child.poll() for child in started] == [None, None]
    assert all(child.returncode is not None for child in started)
    assert list(scratch.iterdir()) == []


def test_one_run_at_a_time_and_the_next_one_waits() -> None:
    first = run(X, UPSTREAM, shares(4, 2), worker=SLEEPS)
    next(first)
    second = run(X, UPSTREAM, shares(4, 2), worker=SLEEPS)
    assert next(second).waiting
    first.close()
    assert any(not step.waiting for step, _ in zip(second, range(200), strict=False))
    second.close()
    third = run(X, UPSTREAM, shares(4, 2), worker=SLEEPS)
    next(third)
    with pytest.raises(DeviceProcessError, match="timeout"):
        list(run(X, UPSTREAM, shares(4, 2), worker=SLEEPS, timeout=0.1))
    third.close()


def test_runs_of_two_servers_do_not_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What two processes of the app would do at the same time: each gets its own numbers."""
    monkeypatch.setattr(device_processes, "_one_at_a_time", threading.Semaphore(2))
    found: dict[int, np.ndarray] = {}

    def compute(factor: int) -> None:
        *_, last = run(X * factor + factor, UPSTREAM, shares(4, 2))
        assert last.result is not None
        found[factor] = last.result.synchronised[0].running_mean

    threads = [threading.Thread(target=compute, args=(factor,)) for factor in (1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for factor in (1, 5):
        np.testing.assert_allclose(found[factor], 0.1 * (X * factor + factor).mean((0, 2)))


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """Not even a ``finally`` runs in a server that is killed: its processes see that their stdin closes."""
    code = """
        import numpy as np, sys
        from normviz.nets import device_processes as d
        worker = (sys.executable, "-c", "from normviz.nets.device_worker import end_with_parent as e;"
                  "import time; e(); time.sleep(600)")
        pids, popen = [], d.subprocess.Popen
        class Told(popen):
            def __init__(self, *a, **k):
                super().__init__(*a, **k)
                print(self.pid, flush=True)
        d.subprocess.Popen = Told
        for _ in d.run(np.zeros((4, 3, 2)), np.zeros((4, 3, 2)), ((0, 1), (2, 3)), worker=worker):
            pass
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},  # what it cannot tidy up goes with the test
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout as told:
        pids = [int(told.readline()) for _ in range(2)]
        assert all(alive(pid) for pid in pids)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    assert until(lambda: not any(alive(pid) for pid in pids))


@pytest.mark.parametrize("devices", [0, MOST + 1])
def test_none_and_too_many_are_refused(devices: int) -> None:
    with pytest.raises(ValueError, match="Try 4"):
        next(run(X, UPSTREAM, ((0,),) * devices))
