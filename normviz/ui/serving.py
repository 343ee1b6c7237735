"""Serving many people from one process: torch's import, garbage collection, threads, file descriptors.

Three names are for pages and caches, one for `app.py`:

- `lifespan`: `st.App(…, lifespan=lifespan)` tunes the process before the first visitor comes.
- `warm_up()`: the last line of the frame script; imports torch in the background once a page has been drawn.
- `load_torch()`: before anything of `normviz.nets` that needs torch; waits if the import is under way.
- `compute_slot()`: `with compute_slot(): …` around every heavy pass; it calls `load_torch()` itself.

Why each is needed: torch takes about as long to import as the rest of the app takes to start, so the first
page does not wait for it. With torch's hundreds of thousands of objects alive, a full collection stops
every thread for tens of milliseconds: those objects are frozen out of it once, Streamlit's collection after
every rerun is off (`runner.postScriptGC`), and a thread collects every `COLLECT_SECONDS`. Each script thread
would get its own team of OpenMP threads: torch is held to one. Each session holds several descriptors.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

_LOG = logging.getLogger(__name__)

COLLECT_SECONDS = 10.0
COMPUTE_SLOTS = 2
OPEN_FILES = 65_536
# What macOS allows when its hard limit says "unlimited".
OPEN_FILES_FALLBACK = 10_240
# The last messages of the first page are sent while torch would already fight for the interpreter.
PAINT_SECONDS = 0.3

_tuned = threading.Event()
_loaded = threading.Event()
_load_lock = threading.Lock()
_start_lock = threading.Lock()
_warming: threading.Thread | None = None
_slots = threading.BoundedSemaphore(COMPUTE_SLOTS)
_held = threading.local()


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    """Tune the process when the server starts (for `st.App`)."""
    del app
    tune()
    yield


def tune() -> None:
    """Raise the limit of open files, prepare torch's environment, start the collector. Once per process."""
    with _start_lock:
        if _tuned.is_set():
            return
        # Before any import of torch, or of what links OpenMP on its own.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        raise_open_files()
        threading.Thread(target=_collect_for_ever, name="normviz-gc", daemon=True).start()
        _tuned.set()


def raise_open_files(wanted: int = OPEN_FILES) -> int | None:
    """Raise the soft limit of open files towards `wanted`; return what holds now (None on Windows).

    Never lowers the limit and never asks for more than the hard one. Where the system refuses, the old
    limit stays, which is enough for some hundred visitors.
    """
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for target in (wanted, min(wanted, OPEN_FILES_FALLBACK)):
        if hard != resource.RLIM_INFINITY:
            target = min(target, hard)
        if soft == resource.RLIM_INFINITY or soft >= target:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
            break
        except (ValueError, OSError) as refused:
            _LOG.warning("a limit of %d open files was refused: %s", target, refused)
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def warm_up() -> None:
    """Import torch in a background thread, once per process; returns at once. Call it when the page is drawn.

    It does nothing where no server was tuned, as in a test that runs the frame script alone.
    """
    global _warming
    if not _tuned.is_set() or _loaded.is_set():
        return
    with _start_lock:
        if _warming is None:
            _warming = threading.Thread(target=_load_in_background, name="normviz-torch", daemon=True)
            _warming.start()


def torch_is_loaded() -> bool:
    """Whether torch is there, without waiting for it."""
    return _loaded.is_set()


def load_torch() -> None:
    """Make sure that torch is imported and set up: at once when it is, waiting when another thread is at it.

    All imports of torch go through this lock. Python's own import locks give up where two threads import
    parts of one package in different orders, and hand out half-initialised modules.

    Raises:
        ImportError: torch, or something it needs, is missing or broken; the next call tries again.
    """
    if _loaded.is_set():
        return
    with _load_lock:
        if _loaded.is_set():
            return
        from normviz.nets import runtime

        if _tuned.is_set():
            runtime.load(threads=1)
            gc.collect()
            gc.freeze()
        else:
            runtime.load()
        _loaded.set()


@contextmanager
def compute_slot() -> Iterator[None]:
    """Hold one of the `COMPUTE_SLOTS` places for heavy work, waiting for it; torch is ready inside.

    More passes at a time than cores make every one slower and multiply their memory. A thread that holds a
    place already may enter again (a cached function that calls another one) and takes no second one.

        >>> with compute_slot():
        ...     pass
    """
    load_torch()
    depth = getattr(_held, "depth", 0)
    if depth == 0:
        _slots.acquire()
    _held.depth = depth + 1
    try:
        yield
    finally:
        _held.depth = depth
        if depth == 0:
            _slots.release()


def _load_in_background() -> None:
    threading.Event().wait(PAINT_SECONDS)
    try:
        load_torch()
    except (ImportError, OSError):
        # A page that needs torch raises the same error where a visitor sees a sentence.
        _LOG.exception("torch could not be imported")


def _collect_for_ever() -> None:
    pause = threading.Event()
    while not pause.wait(COLLECT_SECONDS):
        gc.collect()
