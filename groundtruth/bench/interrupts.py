"""Ctrl-C that nothing can swallow: a method with a bare ``except``, or a library that is imported in that moment."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def watch_interrupts() -> Generator[Callable[[], bool]]:
    """Note every Ctrl-C while it acts as before.

    Yields:
        A function that says whether there was one. Outside the main thread, and where Ctrl-C is ignored, there is none.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: False
        return
    heard = False

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        heard = True
        before(number, frame)

    signal.signal(signal.SIGINT, hear)
    try:
        yield lambda: heard
    finally:
        if signal.getsignal(signal.SIGINT) is hear:
            signal.signal(signal.SIGINT, before)
