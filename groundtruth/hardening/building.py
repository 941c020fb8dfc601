"""Build the ladder of some shipped models: ``python -m groundtruth.hardening.building`` (or ``make ladder``)."""

import argparse
import sys
import time
from pathlib import Path

from groundtruth.artifacts import ladder_folder, load
from groundtruth.artifacts.building import build_all, tell_missing
from groundtruth.hardening.ladder import LADDER, SUPERPOSED

MODELS = (
    "hist",
    "seen_before",
    "follow_pointer_twice",
    "first_letters",
    "contains_x",
    "previous_token",
    "frac_prevs",
    "odd_one_out",
)
"""The models that ship on every rung: small ones of every family that has small ones."""

RUNGS = {**LADDER, SUPERPOSED.name: SUPERPOSED}

NEED_EVERY_DIMENSION = ("frac_prevs", "odd_one_out")
"""Models of which no fewer dimensions were found that decode exactly; they do not ship superposed."""


def build(job: tuple[str, str, Path]) -> str:
    """Put a shipped model on a rung, prove it there, and store it.

    Args:
        job: Name of the model, the rung of the ladder, and the folder of all twins; this one gets a folder of its name
            in it.

    Returns:
        A line about what came of it.
    """
    name, rung, folder = job
    start = time.perf_counter()
    model = RUNGS[rung].apply(load(name)).model
    model.save(folder / model.name)
    counts = {status: sum(c.counts[status] for c in model.known_circuits) for status in ("live", "undecided")}
    size = sum(path.stat().st_size for path in (folder / model.name).iterdir())
    return f"{model.name}  {time.perf_counter() - start:.1f} s  {size // 1024} KiB  {counts}  {model!r}"


def main() -> int:
    """Build the rungs named on the command line, or all, of the models named there, or of all that ship.

    Returns:
        0, or 1 if one could not be built.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=MODELS, help="models; default: those that ship on the ladder")
    parser.add_argument("--rungs", nargs="*", default=list(RUNGS), choices=list(RUNGS), help="rungs; default: all")
    parser.add_argument("--out", type=Path, default=ladder_folder(), help="folder of all twins")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    jobs = [
        (name, rung, given.out)
        for name in given.names
        for rung in given.rungs
        if rung != SUPERPOSED.name or name not in NEED_EVERY_DIMENSION
    ]
    missing = build_all(build, jobs, [f"{name}@{rung}" for name, rung, _ in jobs], given.processes)
    names, rungs = (" ".join(dict.fromkeys(job[part] for job in missing)) for part in (0, 1))
    return tell_missing(missing, len(jobs), f"groundtruth.hardening.building {names} --rungs {rungs}")


if __name__ == "__main__":
    sys.exit(main())
