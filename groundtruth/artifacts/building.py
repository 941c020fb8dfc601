"""Compile and prove the library of programs: ``python -m groundtruth.artifacts.building`` (or ``make models``)."""

import argparse
import multiprocessing
import sys
import time
from pathlib import Path

from groundtruth.artifacts import library, write_index


def build(job: tuple[str, Path]) -> tuple[str, float, int]:
    """Compile, check, prove and store one program of the library.

    Args:
        job: Name of the program, and the folder of all models; the model gets a folder of its name in it.

    Returns:
        The name, the seconds it took, and how many edges stayed undecided over all circuits.
    """
    import torch

    from groundtruth import programs
    from groundtruth.compiling import compile

    name, folder = job
    torch.set_num_threads(1)
    start = time.perf_counter()
    model = compile(programs.get(name))
    model.save(folder / name)
    undecided = sum(model.circuit(c.ablation, c.lengths).counts["undecided"] for c in model.known_circuits)
    return name, time.perf_counter() - start, undecided


def main() -> None:
    """Build the programs named on the command line, or all, and the index."""
    from groundtruth import programs

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="programs to build; default: the whole library")
    parser.add_argument("--out", type=Path, default=library(), help="folder of all models")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    jobs = [(name, given.out) for name in given.names or programs.names()]
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        for name, seconds, undecided in pool.imap_unordered(build, jobs):
            sys.stdout.write(f"{name}  {seconds:.1f} s  {undecided} undecided\n")
            sys.stdout.flush()
    write_index(given.out)


if __name__ == "__main__":
    main()
