"""Jobs that need neither torch nor a model: words that say what happens to their worker."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

from groundtruth.errors import WorkerError
from tests.patience import PATIENCE


def run_word(folder: str, word: str) -> str:
    """Double a number; do what a word says."""
    if word == "kill always":
        os.kill(os.getpid(), signal.SIGKILL)
    if word.startswith("kill once") and not (Path(folder) / word).exists():
        (Path(folder) / word).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    job = multiprocessing.parent_process()  # a job of Slurm runs cells in a process beside it
    if word == "kill job always" or word == "kill job once" and not (Path(folder) / word).exists():
        (Path(folder) / word).touch()
        os.kill(job.pid if job else os.getppid(), signal.SIGKILL)
        time.sleep(PATIENCE)
    if word == "sleep":
        time.sleep(PATIENCE)
    if word == "refuse":
        raise WorkerError("this worker has another code")
    if word == "divide":
        return str(1 / 0)
    return word * 2
