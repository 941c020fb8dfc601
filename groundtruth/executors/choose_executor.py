"""Find an executor by name."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundtruth.errors import ExecutorError
from groundtruth.executors.executor import Executor
from groundtruth.executors.local_executors import Processes, Serial
from mib.errors import did_you_mean

EXECUTORS: Mapping[str, str] = {
    "serial": "this process, for debugging",
    "processes": "processes of this machine",
    "ray": "a Ray cluster, by default one that is started on this machine",
    "submitit": "jobs of Slurm",
}
"""Machines that each executor runs on."""


def choose_executor(
    name: str = "processes",
    *,
    jobs: int | None = None,
    address: str | None = None,
    folder: Path = Path("results/jobs"),
    options: Mapping[str, Any] | None = None,
) -> Executor:
    """Find an executor by name.

    Args:
        name: One of ``EXECUTORS``.
        jobs: Number of workers, at most; ``None``: one a CPU of the machine or the cluster.
        address: Ray: a running cluster, as ``auto`` or ``HOST:PORT``; ``None`` starts one on this machine.
            Submitit: ``slurm``, or ``local`` for processes of this machine; ``None`` takes Slurm where there is one.
        folder: Folder in which jobs of submitit leave what they found, on a disk that all machines see.
        options: Further options of submitit, in the words of its ``AutoExecutor``, such as ``slurm_partition``.

    Raises:
        ExecutorError: If there is none of that name, its package is not installed, or an option is not its own.
    """
    _require_own_options(name, jobs, address, options or {})
    if name == "serial":
        return Serial()
    if name == "processes":
        return Processes(jobs or os.cpu_count() or 1)
    if name == "ray":
        from groundtruth.executors.ray_executor import RayWorkers

        return RayWorkers(jobs, address)
    from groundtruth.executors.submitit_executor import SubmititJobs

    return SubmititJobs(jobs or os.cpu_count() or 1, address, folder, options or {})


def _require_own_options(name: str, jobs: int | None, address: str | None, options: Mapping[str, Any]) -> None:
    """Refuse a name that is none, and what is not an option of it."""
    if name not in EXECUTORS:
        hint = did_you_mean(name, EXECUTORS)
        listed = ", ".join(f"{known} ({what})" for known, what in EXECUTORS.items())
        raise ExecutorError(f"unknown executor '{name}'.{hint} Choose from {listed}.")
    if address is not None and name not in ("ray", "submitit"):
        raise ExecutorError(
            f"an address ('{address}') is for the executors ray and submitit, not for {name}. Leave it out."
        )
    if options and name != "submitit":
        raise ExecutorError(f"options of Slurm ({', '.join(options)}) are for the executor submitit, not for {name}.")
    if name == "serial" and jobs not in (None, 1):
        raise ExecutorError(
            f"the executor 'serial' is one process, not {jobs}. Leave the number out, or use processes."
        )
