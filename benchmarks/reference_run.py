"""Runs a public implementation beside ours, in an interpreter of its own where it is installed.

References need other versions of the same packages than we do (EAP-IG's hooks are gone from TransformerLens 4), and
nothing of theirs is part of this project. So a script in ``references/`` is run by the interpreter that the user
names; it is given a job as a JSON file and prints what it measured as JSON.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MARK = "MEASURED "
"""Start of the line with the measurements: libraries print lines of their own."""


def run_reference(python: Path, package: str, install: str, script: str, job: Mapping[str, Any]) -> Any:
    """Measure a reference.

    Args:
        python: The interpreter.
        package: Package that it must be able to import.
        install: Advice if it cannot.
        script: Name of the file in ``references/`` that it runs.
        job: Arguments of the script.

    Raises:
        SystemExit: If there is no such interpreter, it cannot import the package, or the script fails.
    """
    try:
        found = subprocess.run([python, "-c", f"import {package}"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise SystemExit(f"--reference {python}: no interpreter there ({error.strerror}). {install}") from error
    if found.returncode:
        told = (found.stderr.strip().splitlines() or ["no more is known"])[-1]
        raise SystemExit(f"--reference {python} cannot import '{package}': {told}. {install}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(job))
        here = Path(__file__).parent
        command = [python, here / "references" / script, path]
        # The script imports this file; what the user has put on the path stays there.
        paths = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), os.environ.get("PYTHONPATH", "")])}
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=paths)
    lines = [line for line in ran.stdout.splitlines() if line.startswith(MARK)]
    if ran.returncode or not lines:
        raise SystemExit(f"{script} failed in {python} with exit code {ran.returncode}; its error is above.")
    return json.loads(lines[-1].removeprefix(MARK))


def read_job() -> Any:
    """Read the job that a script was started with."""
    return json.loads(Path(sys.argv[1]).read_text())


def print_measured(measured: Any) -> None:
    """Print what a script measured."""
    print(MARK + json.dumps(measured), flush=True)


def time_in_units(work: Callable[[], object], unit: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Time some work by CPU time: as a multiple of a unit that is timed just before it, and in seconds; medians."""
    work()
    units, seconds = list[float](), list[float]()
    for _ in range(repeats):
        one = statistics.median(cpu_seconds(unit) for _ in range(5))
        seconds.append(cpu_seconds(work))
        units.append(seconds[-1] / one)
    return statistics.median(units), statistics.median(seconds)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time that some work takes."""
    start = time.process_time()
    work()
    return time.process_time() - start
