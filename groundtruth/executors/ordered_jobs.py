"""Jobs on any executor, with their results in the order of the jobs."""

import contextlib
from collections.abc import Generator, Sequence

from groundtruth.executors.executor import Executor, Function, Needs
from groundtruth.workers import Lost


def run_ordered(
    executor: Executor, function: Function, common: str, jobs: Sequence[str], *, needs: Needs, again: bool = False
) -> Generator[tuple[str, str | Lost], None, None]:
    """Run jobs side by side, and yield their results in the order of the jobs. Closing the generator ends all workers.

    Args:
        executor: Runs the jobs.
        function: Runs one job.
        common: The first argument of ``function``, the same for all jobs.
        jobs: All different.
        needs: What a worker needs.
        again: True if jobs that were lost are run once more after all others, one at a time: then each has the whole
            memory.

    Yields:
        A job with its result, or with how it was lost.

    Raises:
        WorkerError: If no worker can start, or the executor cannot do what is asked.
    """
    held = dict[str, str | Lost]()
    due = 0
    for some in ([*jobs], None):
        # Whatever was lost is one batch, so that one worker runs it, job by job.
        batches = [[job] for job in some] if some is not None else [[job for job in jobs[due:] if job not in held]]
        if not any(batches):
            continue
        run = executor.run_batches(function, common, batches, needs=needs, apart=some is None)
        with contextlib.closing(run) as outcomes:
            for job, result in outcomes:
                if isinstance(result, Lost) and again and some is not None:
                    continue
                held[job] = result
                while due < len(jobs) and jobs[due] in held:
                    yield jobs[due], held.pop(jobs[due])
                    due += 1
