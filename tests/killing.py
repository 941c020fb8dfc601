"""Kill processes that the code under test starts, as the system does where memory runs out."""

import os
import signal
from collections.abc import Collection
from multiprocessing.process import BaseProcess

import pytest


def kill_workers(monkeypatch: pytest.MonkeyPatch, which: Collection[int]) -> list[int]:
    """Have workers killed by SIGKILL as soon as they are started.

    Args:
        monkeypatch: Undoes it.
        which: The workers, counted from 0 in the order in which they start.

    Returns:
        The numbers of all that were started, filled as they are.
    """
    start, started = BaseProcess.start, list[int]()

    def start_and_kill(process: BaseProcess) -> None:
        start(process)
        if len(started) in which:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
        started.append(len(started))

    monkeypatch.setattr(BaseProcess, "start", start_and_kill)
    return started
