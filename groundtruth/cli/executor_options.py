"""Options that say where jobs run, shared by all commands that run many."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import Parameter

from groundtruth.cli.options import ExecutorName, Jobs, SlurmOptions, read_slurm_options

if TYPE_CHECKING:
    from groundtruth.executors import Executor


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ExecutorOptions:
    """Where jobs run.

    Attributes:
        jobs: Workers, at most; by default one a CPU, of the machine or of the whole cluster. Fewer take less memory.
        executor: Executor of the jobs: processes of this machine, serial (this process, for debugging), ray (a cluster;
            pip install 'mechinterp-groundtruth[ray]') or submitit (Slurm; [slurm]). See docs/clusters.md.
        address: Ray: a running cluster, auto or HOST:PORT; without it one is started on this machine. Submitit:
            slurm or local.
        slurm: An option of submitit's AutoExecutor, such as slurm_partition=gpu or timeout_min=60; more than once for
            several. By default a job may take 12 hours.
    """

    jobs: Jobs = None
    executor: ExecutorName = "processes"
    address: str | None = None
    slurm: SlurmOptions = None

    def choose_executor(self, folder: Path) -> "Executor":
        """Find what runs the jobs.

        Args:
            folder: Folder in which jobs of submitit leave what they found, on a disk that all machines see.

        Raises:
            WorkerError: If there is none of that name, its package is not installed, or an option is not its own.
        """
        from groundtruth.executors import choose_executor

        where: dict[str, Any] = {"address": self.address, "folder": folder, "options": read_slurm_options(self.slurm)}
        return choose_executor(self.executor, jobs=self.jobs, **where)


EXECUTOR_OPTIONS = ExecutorOptions()
"""Options unless the user says otherwise."""
