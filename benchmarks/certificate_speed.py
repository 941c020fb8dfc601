"""How long a certificate takes: every edge of a network of random weights cut on every pair, on one thread.

Run it with `python benchmarks/certificate_speed.py [LENGTH]`; by default 137 edges on 59,049 pairs.
"""

import sys
import time

import torch

from groundtruth.programs import get
from groundtruth.trained.certify_network import Certifier
from groundtruth.trained.prepare_network import Plan, fixed_length, prepare_network


def main(length: int = 5) -> None:
    """Print edges, pairs, CPU seconds, and runs a second."""
    torch.set_num_threads(1)
    program = get("second_step")
    domain = fixed_length(program.domain, max_seq_len=length)
    network = prepare_network("second_step", program.build(), domain, Plan({"n_layers": 2}), causal=True)
    certifier = Certifier(network, n_subsets=0)
    start = time.process_time()
    for edge in network.graph.edges:
        certifier.edge(edge, "resample")
    seconds, pairs = time.process_time() - start, len(certifier.runs) ** 2
    rate, again = certifier.cells / seconds, certifier.runs.rechecked
    print(f"{len(network.graph.edges)} edges x {pairs:,} pairs; those that carry constants need no runs")
    print(f"{certifier.cells:,} runs in {seconds:.1f} CPU s, {rate:,.0f} a second; {again:,} again in float64")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
