"""The process of an isolated method: reads a task, runs the method on it, writes its scores, and knows nothing else."""

import json
import os
import pickle
import struct
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import IO, Any

from groundtruth.user_methods import find_localizer
from mib.errors import MibError
from mib.graph import EdgeScores
from mib.localization.task import LocalizationTask

_LENGTH = struct.Struct(">Q")


def send(stream: IO[bytes], message: bytes) -> None:
    """Write a message for ``receive``; a reader that is gone is noticed when it should answer."""
    try:
        stream.write(_LENGTH.pack(len(message)) + message)
        stream.flush()
    except BrokenPipeError:
        return


def receive(stream: IO[bytes]) -> bytes:
    """Read a message that ``send`` wrote."""
    (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
    return stream.read(length)


def run_method(asked: dict[str, Any]) -> dict[str, Any]:
    """Run a method on a task, and give its scores, cost and seconds, or its error.

    Args:
        asked: The name of the method, its parameters and the fields of the task.
    """
    name, task = asked["method"], LocalizationTask(**asked["task"])
    try:
        method = find_localizer(name, level=task.level)
        start = time.perf_counter()
        scores = method(task, **asked["parameters"])
        seconds = time.perf_counter() - start
    except MibError as error:
        return {"error": str(error)}
    except Exception as error:  # whatever a user's method raises
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return {"error": f"{type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno})"}
    cost = task.engine.cost
    values = scores.flat if isinstance(scores, EdgeScores) else scores.values  # else NaN where there is no edge
    return {"scores": values.tolist(), "seconds": seconds, "cost": [cost.forward, cost.backward, cost.rows]}


def main() -> None:
    """Answer the one question that comes by standard input."""
    # Before anything of a user is run, which may print or close what it finds.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the method prints is no answer
    asked = pickle.loads(receive(sys.stdin.buffer))  # written by our own parent
    # Else a killed parent leaves a method behind that runs for hours.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    json.dump(run_method(asked), answer)
    answer.close()


def _end_with_parent() -> None:
    """End this process when the other end of its input is closed, in the midst of the method."""
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    main()
