"""Waiting until a page stands still."""

from __future__ import annotations

from playwright.sync_api import Page

# How long nothing may happen before the page counts as idle: longer than Streamlit waits before it sends a
# moved slider or a typed text.
QUIET_MS = 350

_IDLE = """([cube, quiet]) => {
  const app = document.querySelector('[data-testid="stApp"]');
  const idle = app !== null
    && app.dataset.testScriptState === 'notRunning'
    && app.dataset.testConnectionState !== 'CONNECTING'
    && document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]') === null
    && (!cube || document.querySelector('.nv-cube[data-ready]') !== null || deep(document));
  function deep(root) {  // a component's canvas may live in a shadow root
    return [...root.querySelectorAll('*')].some(element => element.shadowRoot
      && (element.shadowRoot.querySelector('.nv-cube[data-ready]') !== null || deep(element.shadowRoot)));
  }
  const now = performance.now();
  if (!idle) { window.normvizIdleSince = undefined; return false; }
  window.normvizIdleSince ??= now;
  return now - window.normvizIdleSince >= quiet;
}"""


def wait_ready(page: Page, *, cube: bool = False, timeout: float = 30_000) -> None:
    """Wait until no script runs, nothing is stale and all has been still for `QUIET_MS`.

    With `cube=True` also until a `.nv-cube[data-ready]` is there. `timeout` in ms; Playwright's TimeoutError
    where the page does not come to rest.
    """
    page.evaluate("window.normvizIdleSince = undefined")
    page.wait_for_function(_IDLE, arg=[cube, QUIET_MS], timeout=timeout)
