"""What a proof costs: CPU seconds of proving one circuit, against layers, edges and inputs.

    OMP_NUM_THREADS=1 python benchmarks/proof_cost.py [NAME | PROGRAM:LENGTHS ...] [--ablation resample]

Each row proves a circuit of a model from its weights: the status of every edge, what suffices, and the family
of minimal circuits. CPU time of this process, one thread, the least of two runs; docs/clusters.md shows what came out.
"""

import argparse
import time

import torch
from rich.console import Console
from rich.table import Table

from groundtruth.cli.compile_options import compile_as_given
from groundtruth.model import CompiledModel, load_compiled
from groundtruth.truth.circuits.circuit import Circuit
from groundtruth.truth.circuits.prover import prove

NAMES = (
    "hist", "a_before_b", "add_bit_pairs", "reverse_words", "add_with_hints", "dyck2_prefix", "dyck3_prefix",
    "shuffle_dyck2", "reverse:1-4", "reverse:1-5", "reverse:1-6", "reverse:1-7",
)  # fmt: skip
"""Models with few edges and with many; and one program, compiled for inputs of more and more lengths."""

TOKENS = "1 2 3"
"""The vocabulary of programs that are compiled here."""


def cpu_seconds(name: str, ablation: str) -> tuple[float, Circuit]:
    """The least CPU time of two proofs, each of a model that was made anew, and the circuit."""
    proofs = list[tuple[float, Circuit]]()
    for _ in range(2):
        model = _make(name)
        start = time.process_time()
        circuit = prove(model, ablation=ablation)
        proofs.append((time.process_time() - start, circuit))
    return min(proofs, key=lambda proof: proof[0])


def _make(name: str) -> CompiledModel:
    program, colon, length = name.partition(":")
    if not colon:
        return load_compiled(name)
    return compile_as_given(program, vocab=TOKENS, length=length, causal=None, inputs=None, check_limit=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES, help="shipped models, or such as reverse:1-6")
    parser.add_argument("--ablation", default="resample")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(
        "model", "layers", "edges", "inputs", "undecided", "CPU s", "us an edge and input", title=given.ablation
    )
    for name in given.names:
        seconds, circuit = cpu_seconds(name, given.ablation)
        edges, inputs = len(circuit.graph.edges), circuit.inputs
        table.add_row(
            name, str(circuit.graph.n_layers), f"{edges:,}", f"{inputs:,}", str(circuit.counts["undecided"]),
            f"{seconds:.2f}", f"{1e6 * seconds / edges / inputs:.1f}",
        )  # fmt: skip
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
