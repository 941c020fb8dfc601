"""Jobs on any executor, with their results in the order of the jobs."""

import contextlib
from collections.abc import Sequence

from groundtruth.executors.executor import Executor, Function, Needs, Outcomes
from groundtruth.workers import Lost, put_in_order


def run_ordered(
    executor: Executor,
    function: Function,
    common: str,
    jobs: Sequence[str],
    *,
    needs: Needs,
    timeout: float | None = None,
    again: bool = False,
) -> Outcomes:
    """Run jobs side by side, and yield their results in the order of the jobs. Closing the generator ends all workers.

    Args:
        executor: Runs the jobs.
        function: Runs one job.
        common: The first argument of ``function``, the same for all jobs.
        jobs: All different.
        needs: Resources that a worker needs.
        timeout: Seconds for each job; one that takes longer is stopped and counts as lost.
        again: True if jobs that were lost are run once more after all others, one at a time: then each has the whole
            memory.

    Yields:
        A job with its result, or with how it was lost.

    Raises:
        WorkerError: If no worker can start, or the executor cannot do what is asked.
    """
    tries = _run_and_retry(executor, function, common, jobs, needs=needs, timeout=timeout, again=again)
    with contextlib.closing(tries) as outcomes:
        yield from put_in_order(jobs, outcomes)


def _run_and_retry(
    executor: Executor,
    function: Function,
    common: str,
    jobs: Sequence[str],
    *,
    needs: Needs,
    timeout: float | None,
    again: bool,
) -> Outcomes:
    """Run jobs, and then those that were lost, as they come."""
    if not jobs:
        return
    lost = set[str]()
    run = executor.run_batches(function, common, [[job] for job in jobs], needs=needs, timeout=timeout)
    with contextlib.closing(run) as outcomes:
        for job, result in outcomes:
            if isinstance(result, Lost) and again:
                lost.add(job)
            else:
                yield job, result
    if lost:
        # One batch, so that one worker runs it, job by job; not this process, which the jobs may kill.
        batch = [job for job in jobs if job in lost]
        run = executor.run_batches(function, common, [batch], needs=needs, timeout=timeout, apart=True)
        with contextlib.closing(run) as outcomes:
            yield from outcomes
