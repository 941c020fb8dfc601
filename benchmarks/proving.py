"""How long it takes to re-prove everything that is shipped, and how much of it is decided.

Run: ``python benchmarks/proving.py [--processes 2]``. The limit is 3 minutes on 2 cores.
"""

import argparse
import time

from groundtruth.executors import Processes
from groundtruth.model import load
from groundtruth.store.catalog import shipped
from groundtruth.verification.verify_many import verify_many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    names = shipped()
    start = time.perf_counter()
    outcomes = list(verify_many(names, executor=Processes(given.processes)))
    seconds = time.perf_counter() - start
    slowest = sorted(outcomes, key=lambda outcome: -outcome.seconds)[:5]
    circuits = [circuit for name in names for circuit in _circuits(name)]
    structural = sum(len(circuit.structural) for circuit in circuits)
    undecided = sum(circuit.counts["undecided"] for circuit in circuits)
    by = {how: sum(c.sufficiency.by == how for c in circuits) for how in ("induction", "local", "exhaustive", "sample")}
    print(f"{len(names)} models verified in {seconds:.0f} s with {given.processes} processes (limit 180 s)")
    print(f"failed: {[outcome.name for outcome in outcomes if not outcome.ok] or 'none'}")
    print("slowest: " + ", ".join(f"{outcome.name} {outcome.seconds:.1f} s" for outcome in slowest))
    print(f"{len(circuits)} circuits, {sum(len(c.truths) for c in circuits):,} edges, {structural:,} structural")
    print(f"undecided: {undecided} of {structural:,} structural ({undecided / structural:.2%}, limit 1 %)")
    print("joint sufficiency shown by " + ", ".join(f"{how} {count}" for how, count in by.items()))
    together = sum(circuit.sufficiency.holds is False for circuit in circuits)
    print(f"circuits in which edges that are inert alone are needed together: {together}")


def _circuits(name: str):
    model = load(name)
    model.circuit()
    return model.known_circuits


if __name__ == "__main__":
    main()
