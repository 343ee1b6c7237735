"""Serving: limits, one import of torch, slots. What changes the whole process runs in one of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from normviz.nets import runtime
from normviz.ui import serving

ROOT = Path(__file__).parents[2]
on_unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")


def in_a_process(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Serving as in a process where torch was never asked for; the list grows with every import of it."""
    imports: list[str] = []
    monkeypatch.setattr(serving, "_loaded", threading.Event())
    monkeypatch.setattr(serving, "_tuned", threading.Event())
    monkeypatch.setattr(serving, "_warming", None)
    monkeypatch.setattr(runtime, "load", lambda threads=None: imports.append(f"threads={threads}"))
    return imports


@on_unix
@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "after"),
    [(64, 512, 256, 256), (64, 512, 4096, 512), (300, 512, 256, 300)],
    ids=["raised", "never over the hard limit", "never lowered"],
)
def test_open_files(soft: int, hard: int, wanted: int, after: int) -> None:
    program = f"""
import resource
from normviz.ui import serving
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
assert serving.raise_open_files({wanted}) == {after}
print(*resource.getrlimit(resource.RLIMIT_NOFILE))"""
    assert in_a_process(program) == f"{after} {hard}"


def test_importing_and_tuning_leave_torch_alone() -> None:
    program = """
import os, sys, threading
os.environ.pop("OMP_WAIT_POLICY", None)
from normviz.ui import serving
serving.tune(); serving.tune()
names = [thread.name for thread in threading.enumerate()]
print("torch" in sys.modules, os.environ["OMP_WAIT_POLICY"], names.count("normviz-gc"))"""
    assert in_a_process(program) == "False PASSIVE 1"


def test_warm_up_imports_torch_in_the_background_and_freezes_it() -> None:
    program = """
import gc, sys
from normviz.ui import serving
serving.tune()
serving.warm_up(); serving.warm_up()
assert "torch" not in sys.modules
with serving.compute_slot():
    import torch
    print(torch.get_num_threads(), gc.get_freeze_count() > 10_000)"""
    assert in_a_process(program) == "1 True"


def test_without_a_server_warm_up_does_nothing(fresh: list[str]) -> None:
    serving.warm_up()
    assert serving._warming is None and fresh == []


def test_many_threads_import_once(fresh: list[str]) -> None:
    threads = [threading.Thread(target=serving.load_torch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fresh == ["threads=None"]


def test_a_failed_import_is_raised_and_tried_again(fresh: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(threads: int | None = None) -> None:
        raise ImportError("no torch here")

    with monkeypatch.context() as patched:
        patched.setattr(runtime, "load", broken)
        with pytest.raises(ImportError, match="no torch here"):
            serving.load_torch()
    serving.load_torch()
    assert fresh == ["threads=None"]


def test_no_more_than_the_slots_compute_at_a_time(fresh: list[str]) -> None:
    inside = threading.Semaphore(0)
    leave = threading.Event()
    third = threading.Event()

    def work(entered: threading.Event | None = None) -> None:
        with serving.compute_slot(), serving.compute_slot():  # entering again takes no second place
            if entered:
                entered.set()
            inside.release()
            leave.wait()

    holders = [threading.Thread(target=work) for _ in range(serving.COMPUTE_SLOTS)]
    for holder in holders:
        holder.start()
    for _ in holders:
        assert inside.acquire(timeout=10)
    late = threading.Thread(target=work, args=(third,))
    late.start()
    assert not third.wait(0.2)
    leave.set()
    assert third.wait(10)
    for thread in [*holders, late]:
        thread.join(10)


def test_a_slot_is_given_back_after_an_error(fresh: list[str]) -> None:
    for _ in range(serving.COMPUTE_SLOTS + 1):
        with pytest.raises(ZeroDivisionError), serving.compute_slot():
            _ = 1 / 0
    with serving.compute_slot():
        pass
