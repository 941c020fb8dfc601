"""What runs jobs: this process, processes beside it, a Ray cluster or Slurm, behind one interface."""

from groundtruth.executors.choose_executor import EXECUTORS, choose_executor
from groundtruth.executors.executor import Executor, Function, Needs
from groundtruth.executors.local_executors import Processes, Serial

__all__ = ["EXECUTORS", "Executor", "Function", "Needs", "Processes", "Serial", "choose_executor"]
