"""Compile and prove the library of programs: ``python -m groundtruth.compiler.build_models`` (or ``make models``)."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from groundtruth import programs
from groundtruth.compiler.compile_program import compile
from groundtruth.errors import GroundTruthError
from groundtruth.model import load_compiled
from groundtruth.programs.rare_conditions import RARE_PROGRAMS
from groundtruth.store.catalog import library
from groundtruth.store.file_names import MODEL
from groundtruth.store.write_index import write_index
from groundtruth.workers import Lost, run_in_order

Job = tuple[str, Path, bool]
"""Name of a program, the folder of all models, and whether to keep what is stored of it there already."""

AnyJob = TypeVar("AnyJob")


@dataclass(frozen=True)
class NotBuilt:
    """A model that could not be built.

    Attributes:
        why: Exception that was raised.
    """

    why: str

    def __str__(self) -> str:
        return self.why


def build(job: Job) -> str:
    """Compile, check, prove and store one program of the library.

    Args:
        job: The model gets a folder of its name in the folder of all models. If what is stored there is kept, only
            what it lacks (circuits of an ablation, the variables) is proven and added; its weights stay as they are.

    Returns:
        A line: the name, the seconds it took, and how many edges stayed undecided over all circuits.
    """
    name, folder, keep = job
    start = time.perf_counter()
    stored = folder / name
    kept = keep and (stored / MODEL).is_file()
    model = load_compiled(stored) if kept else compile(RARE_PROGRAMS.get(name) or programs.get(name))
    model.save(stored)
    undecided = sum(model.circuit(c.ablation, c.lengths).counts["undecided"] for c in model.known_circuits)
    return f"{name}  {time.perf_counter() - start:.1f} s  {undecided} undecided"


def build_all(
    function: Callable[[AnyJob], str], jobs: Sequence[AnyJob], names: Sequence[str], processes: int
) -> list[AnyJob]:
    """Build models side by side, with a line for each.

    Args:
        function: Builds one and returns its line.
        jobs: Arguments of the function, one for each job.
        names: Name of the model that each of them builds, for the line of one that fails or is killed.
        processes: Number of processes at once.

    Returns:
        The jobs that were not done; what they were to build stays as it was.
    """
    missing: list[AnyJob] = []
    outcomes = run_in_order(partial(_tried, function), jobs, processes=processes)
    for name, job, (_, told) in zip(names, jobs, outcomes, strict=True):
        if isinstance(told, Lost | NotBuilt):
            missing.append(job)
        sys.stdout.write(f"{name}  NOT BUILT: {told}\n" if isinstance(told, Lost | NotBuilt) else f"{told}\n")
        sys.stdout.flush()
    return missing


def tell_missing(missing: Sequence[object], n_jobs: int, arguments: str) -> int:
    """Say how to build what was not built.

    Args:
        missing: Jobs that were not done.
        n_jobs: Number of jobs in all.
        arguments: Command to run again, module and arguments.

    Returns:
        The exit code: 0 if nothing is missing.
    """
    if missing:
        sys.stdout.write(f"{len(missing)} of {n_jobs} were not built. Run again: python -m {arguments}\n")
    return 1 if missing else 0


def _tried(function: Callable[[AnyJob], str], job: AnyJob) -> str | NotBuilt:
    import torch

    # Processes side by side: threads of each would fight for the same cores.
    torch.set_num_threads(1)
    try:
        return function(job)
    except GroundTruthError as error:
        return NotBuilt(str(error))


def main() -> int:
    """Build the programs named on the command line, or all, and the index; 1 if one could not be built."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="programs to build; default: the whole library")
    parser.add_argument("--out", type=Path, default=library(), help="folder of all models")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="keep stored models, and prove only what they lack")
    given = parser.parse_args()
    names = given.names or [*programs.names(), *RARE_PROGRAMS]
    jobs = [(name, given.out / "large" if name in RARE_PROGRAMS else given.out, given.keep) for name in names]
    missing = build_all(build, jobs, names, given.processes)
    write_index(given.out)
    again = " ".join(name for name, _, _ in missing)
    return tell_missing(missing, len(names), f"groundtruth.compiler.build_models {again}")


if __name__ == "__main__":
    sys.exit(main())
