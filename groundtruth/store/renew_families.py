"""Find the minimal circuits of stored models anew: ``python -m groundtruth.store.renew_families NAME ...``.

Weights, statuses of edges and variables stay as they are; only ``truth.json`` is written, and only where it changes.
Run ``groundtruth verify`` on what it names.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from groundtruth.compiled.network import CompiledNetwork
from groundtruth.files import from_json, to_json, write_beside
from groundtruth.store.catalog import find_folder
from groundtruth.store.read import read_circuits, read_model
from groundtruth.store.write import TRUTH, circuit_data
from groundtruth.truth.circuits.circuit import Circuit
from groundtruth.truth.circuits.prover import family_of, ground, with_redundant
from groundtruth.workers import run_in_order


def renew(name: str | Path) -> int:
    """Find the minimal circuits of a stored model anew and write them.

    Args:
        name: A shipped model, or the folder of a stored one.

    Returns:
        Number of its circuits that changed.
    """
    folder = find_folder(name)
    model = read_model(folder)
    before = read_circuits(folder, model.graph)
    after = [_renewed(model, circuit) for circuit in before]
    changed = sum(old != new for old, new in zip(before, after, strict=True))
    if changed:
        data: dict[str, Any] = from_json((folder / TRUTH).read_bytes())
        data["circuits"] = [circuit_data(circuit) for circuit in after]
        with ExitStack() as waiting:
            write_beside(folder / TRUTH, to_json(data), waiting)
    return changed


def _renewed(model: CompiledNetwork, circuit: Circuit) -> Circuit:
    # On a sample of the domain the inputs that show its live edges are run, as when it is verified.
    shown = {x for t in circuit.truths if t.witness for x in (t.witness.clean, t.witness.counterfactual) if x}
    given = [] if circuit.exhaustive else sorted(shown, key=str)
    # One ground for statuses that stay and families that are new: they must speak of the same inputs.
    base = ground(model, circuit.ablation, circuit.lengths, inputs=given)
    circuits, complete = family_of(base, circuit.truths, circuit.sufficiency)
    truths = tuple(with_redundant(circuit.truths, circuits))
    return replace(circuit, truths=truths, minimal_circuits=circuits, complete=complete)


def main(arguments: Sequence[str] | None = None) -> int:
    """Renew the models named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", help="shipped models, or folders of stored ones")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args(arguments)
    for name, changed in run_in_order(renew, given.names, processes=given.processes):
        sys.stdout.write(f"{name}  {changed} circuits changed\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
