"""The families of minimal circuits of shipped models: how many, what single cuts miss, and whether every set agrees.

Run: ``PYTHONPATH=. python benchmarks/families.py [MODEL ...] [--check] [--search]``. With ``--check`` every set of
edges is tried in NumPy (``tests/groundtruth/every_subset.py``) wherever at most 14 edges are read; with ``--search``
each family is found anew and timed.
"""

import argparse
import time
from collections.abc import Iterator

import torch

from groundtruth import CompiledModel, load
from groundtruth.store.catalog import shipped, shipped_variants
from groundtruth.truth.circuits.circuit import Circuit
from groundtruth.truth.circuits.prover import family_of, ground


def circuits(names: list[str]) -> Iterator[tuple[CompiledModel, Circuit]]:
    """The stored circuits of some models."""
    for name in names:
        model = load(name)
        for circuit in model.known_circuits:
            yield model, circuit


def check(model: CompiledModel, circuit: Circuit) -> tuple[int, int]:
    """1 if every set of edges was tried, and how many differences that showed."""
    from tests.groundtruth.every_subset import MOST, family_differences

    if len(circuit.structural) > MOST:
        return 0, 0
    differences = family_differences(model, circuit)
    for told in differences:
        print(told, flush=True)
    return 1, len(differences)


def search(model: CompiledModel, circuit: Circuit) -> float:
    """Seconds of the processor in which the family is found anew; the seconds of the full runs do not count."""
    base = ground(model, circuit.ablation, circuit.lengths)
    start = time.process_time()
    found = family_of(base, circuit.truths, circuit.sufficiency)
    seconds = time.process_time() - start
    if found != (circuit.minimal_circuits, circuit.complete):
        print(f"{model.name} {circuit.ablation}/{circuit.lengths}: another family is found than is stored", flush=True)
    return seconds


def main() -> None:
    """Print a line for each family that single cuts do not give, and sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--search", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    counts = dict.fromkeys(("circuits", "complete", "several", "live edges in none", "tried", "differences"), 0)
    seconds: list[float] = []
    for model, circuit in circuits(given.names or [*shipped(), *shipped_variants()]):
        counts["circuits"] += 1
        counts["complete"] += circuit.complete
        counts["several"] += len(circuit.minimal_circuits) > 1
        counts["live edges in none"] += len(circuit.dispensable)
        if circuit.minimal_circuits != (circuit.edges,) or not circuit.complete:
            none = f"; live, in none: {', '.join(map(str, circuit.dispensable))}" if circuit.dispensable else ""
            print(f"{model.name}  {circuit}{none}", flush=True)
        if given.check:
            tried, wrong = check(model, circuit)
            counts["tried"] += tried
            counts["differences"] += wrong
        if given.search:
            seconds.append(search(model, circuit))
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    if seconds:
        print(f"search: {sum(seconds):.0f} s of the processor, {max(seconds):.1f} s at most")


if __name__ == "__main__":
    main()
