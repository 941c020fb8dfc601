"""A limit in seconds for a proof, which whatever takes long looks at between two batches of runs."""

import contextlib
import time
from collections.abc import Generator

from groundtruth.errors import DomainError


class OutOfTimeError(Exception):
    """A proof has had its seconds."""


class Deadline:
    """When a proof has had its seconds. What it decides depends on the machine, unlike with a limit in runs.

    Args:
        seconds: Number of seconds from now on.

    Raises:
        DomainError: If they are not more than 0.
    """

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise DomainError(
                f"budget_seconds={seconds!r} leaves a proof no time; give seconds above 0, or None for no limit."
            )
        self.seconds = seconds
        self._end = self._until = time.monotonic() + seconds

    @contextlib.contextmanager
    def share(self, n: int) -> Generator[None]:
        """Give what is done meanwhile one n-th of what is left, so that it leaves something for the others."""
        now = time.monotonic()
        self._until = now + (self._end - now) / n
        try:
            yield
        finally:
            self._until = self._end

    def require_time(self) -> None:
        """Go on only if there is time left.

        Raises:
            OutOfTimeError: If there is none.
        """
        if time.monotonic() >= self._until:
            raise OutOfTimeError
