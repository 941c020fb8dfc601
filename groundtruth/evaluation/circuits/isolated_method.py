"""Run a localization method in a process of its own, which is sent the task and never holds the truth.

What comes back is JSON, not a pickle: whoever reads one runs what its writer put there.
"""

import json
import pickle
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from groundtruth.evaluation.circuits import method_process
from mib.errors import MethodError
from mib.levels import Scores
from mib.localization.registry import RESULT
from mib.localization.task import LocalizationTask


@dataclass(frozen=True)
class IsolatedMethod:
    """A method that is only named here: its file is run by the process that runs the method.

    Attributes:
        name: ``my_file.py:my_method``, or the name of a registered method.
    """

    name: str

    def run(self, task: LocalizationTask, parameters: Mapping[str, Any]) -> tuple[Scores, float]:
        """Run the method, and count on the task what it cost.

        Returns:
            Its scores, and the seconds that it took, without the start of the process.

        Raises:
            MethodError: If it cannot run on the task, fails, breaks its contract or ends its process.
            ScoreError: If a score is missing, NaN or infinite.
        """
        answer = self._answer(pickle.dumps(self.question(task, parameters)))
        if "error" in answer:
            raise MethodError(answer["error"])
        cost = task.engine.cost
        cost.forward, cost.backward, cost.rows = answer["cost"]
        scores = RESULT[task.level](task.graph, answer["scores"])
        return scores.require_complete(by=self.name), float(answer["seconds"])

    def question(self, task: LocalizationTask, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Put into words what the process is asked, as ``method_process.run_method`` takes it."""
        # Not the task itself, which would bring what it has cached.
        of_task = {field.name: getattr(task, field.name) for field in fields(task)}
        return {"method": self.name, "parameters": dict(parameters), "task": of_task}

    def _answer(self, asked: bytes) -> dict[str, Any]:
        command = [sys.executable, "-m", method_process.__name__]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the process was started without its pipes")
            try:
                method_process.send(process.stdin, asked)
                # Its input stays open while it works: that it closes tells it that we are gone.
                answer = process.stdout.read()
            finally:
                # Also after an error or Ctrl-C: nobody waits for its answer any more.
                process.kill()
        try:
            return json.loads(answer)
        except ValueError:
            raise MethodError(_describe_end(process.wait())) from None


def _describe_end(code: int) -> str:
    if code == -signal.SIGKILL:
        return "its process was killed (signal 9): most likely out of memory"
    if code < 0:
        return f"its process was killed by signal {-code}"
    return f"it ends the process, with exit code {code}: a method returns scores or raises"
