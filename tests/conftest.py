"""What holds for every test: torch's environment, hypothesis's profiles, and the browser tests last."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Before anything imports torch: a waiting OpenMP thread must not steal the core from its neighbour.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Whether a machine is busy says nothing about the code, so there is no deadline. CI tries the same examples
# every time and prints how to repeat a failure.
settings.register_profile("normviz", deadline=None)
settings.register_profile(
    "normviz-ci", parent=settings.get_profile("normviz"), derandomize=True, print_blob=True
)
settings.load_profile("normviz-ci" if os.environ.get("CI") else "normviz")

# Pages that tests run: nothing to import, they need a session.
collect_ignore = ["pages/layer_script.py", "pages/network_views.py"]

BROWSER_TESTS = Path(__file__).parent / "browser"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in tests/browser and run it last.

    Quick tests then fail first; and Playwright leaves its event loop in the main thread, where other tests
    could not start one of their own any more. With pytest-xdist every process keeps this order (``--dist load``,
    its default), and has a server and a browser of its own.
    """
    for item in items:
        if BROWSER_TESTS in item.path.parents:
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: BROWSER_TESTS in item.path.parents)
