"""Call something again and again beside what this thread does."""

import contextlib
import threading
from collections.abc import Callable, Generator


@contextlib.contextmanager
def called_repeatedly(function: Callable[[], object], *, seconds: float) -> Generator[None]:
    """Call a function from a thread of its own as long as the block runs; no call is under way after it.

    Args:
        function: Called without arguments; what it raises ends the calls.
        seconds: Time from one call to the next, and before the first.
    """
    over = threading.Event()

    def call_until_over() -> None:
        while not over.wait(seconds):
            function()

    # A daemon: a process that is told to end does not wait for a call.
    beside = threading.Thread(target=call_until_over, daemon=True)
    beside.start()
    try:
        yield
    finally:
        over.set()
        beside.join()
