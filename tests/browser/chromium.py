"""Finding, installing and launching Chromium: for the browser tests, the pictures and the benchmarks.

`python -m tests.browser.chromium` finds one, and installs one where none is; `make test` calls it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

CANDIDATES = (
    "/usr/bin/chromium",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# Without them Chromium phones home, looks for updates, or needs a sandbox that containers do not give.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
DEBIAN_PACKAGES = ("chromium", "fonts-noto-cjk")
NOT_FOUND = "no Chromium was found, and none could be installed (python -m playwright install chromium)"


def in_ci() -> bool:
    """Whether a missing browser is a failure: the environment's CI is set and says neither 0 nor false."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


@cache
def find() -> str | None:
    """The path of a Chromium or Chrome that starts, the system's first, then Playwright's own."""
    return next((path for path in _paths() if _starts(path)), None)


def launch(playwright: Playwright) -> Browser:
    """Start the Chromium that `find` found, headless. RuntimeError where there is none."""
    path = find()
    if path is None:
        raise RuntimeError(NOT_FOUND)
    return playwright.chromium.launch(executable_path=path, args=list(FLAGS))


def _paths() -> Iterator[str]:
    for name in CANDIDATES:
        path = shutil.which(name)
        if path is not None:
            yield path
    # Playwright knows where its own would lie; asked in a process of its own, because its synchronous
    # interface cannot be started a second time where the tests are already using it.
    asked = subprocess.run(
        [sys.executable, "-m", __name__, "--playwright"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    if asked.returncode == 0:
        yield asked.stdout.strip()


def _starts(path: str) -> bool:
    """Ubuntu's package is a stub that only tells how to get the snap, so being there is not enough."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _install() -> None:
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *DEBIAN_PACKAGES]
        for command in (["apt-get", "update", "-qq"], install):
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL)
        find.cache_clear()
    if find() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], stdin=subprocess.DEVNULL)
        find.cache_clear()


def main() -> int:
    """Say which browser the tests will use; 1 where there is none although CI asks for one."""
    if "--playwright" in sys.argv:
        with sync_playwright() as playwright:
            print(playwright.chromium.executable_path)
        return 0
    if find() is None:
        print("No Chromium found: installing one …", flush=True)
        _install()
    path = find()
    if path is not None:
        print(f"The browser tests use {path}")
        return 0
    if in_ci():
        print(f"FAILED: {NOT_FOUND}; with CI set, browser tests are not skipped.", file=sys.stderr)
        return 1
    print(f"The browser tests will be skipped: {NOT_FOUND}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
