"""The interface of whatever runs jobs, and what a worker needs."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from groundtruth.workers import Lost

Function = Callable[[str, str], str]
"""A module's own function of what all jobs have in common and of one job, for its result.

All three are texts, JSON where they hold more than a word: nothing that another version of the code has written is
unpickled by a worker, or by us.
"""

Outcomes = Generator[tuple[str, str | Lost], None, None]
"""Jobs with their results, or with how they were lost, as they come."""


@dataclass(frozen=True)
class Needs:
    """What one worker asks a cluster for; processes of this machine take what there is.

    Attributes:
        memory: Bytes.
        gpus: Number of GPUs.
    """

    memory: int
    gpus: int = 0


class Executor(Protocol):
    """Whatever runs jobs."""

    @property
    def is_remote(self) -> bool:
        """True if a worker may be on another machine, with another disk and other code."""
        ...

    def run_batches(
        self,
        function: Function,
        common: str,
        batches: Sequence[Sequence[str]],
        *,
        needs: Needs,
        timeout: float | None = None,
        apart: bool = False,
    ) -> Outcomes:
        """Run jobs, and yield each result as it comes. Closing the generator ends all workers.

        Args:
            function: Runs one job.
            common: The first argument of ``function``, the same for all jobs.
            batches: Jobs, all different. Those of a batch are run one after the other by one worker; what a lost worker
                leaves of its batch is run by another.
            needs: Resources that a worker needs.
            timeout: Seconds for each job; one that takes longer is stopped, counts as lost and is not tried again.
            apart: True if this process must not run jobs itself.

        Yields:
            A job with its result, or with how it was lost.

        Raises:
            WorkerError: If no worker can start, or the executor cannot do what is asked.
        """
        ...
