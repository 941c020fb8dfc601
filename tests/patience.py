"""How long tests wait for something else: long enough for a machine ten times as slow that does other things too."""

import time
from collections.abc import Callable

PATIENCE = 1800.0
"""Seconds after which a process, a file or a browser is taken to be stuck. No test measures anything by it."""


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds; fail, saying what did not come, if it never does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE:g} s for {what}"
        time.sleep(0.05)
