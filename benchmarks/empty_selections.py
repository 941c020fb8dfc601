"""What interchanges do in trained models where an Aggregate selects nothing, which certificates do not ask.

An interchange is certified on every pair of inputs on which the program, so changed, has a value that a compiled model
could hold. Where an Aggregate over numbers selects nothing, a head of Tracr's reads BOS and not the default; a trained
model has no such reason, and RASP gives the default. This asks those pairs too.

Run it with `python benchmarks/empty_selections.py [MODEL ...]`; by default all trained models for which it matters.
"""

import sys

import torch

from groundtruth.store.catalog import find_folder, shipped_trained
from groundtruth.store.read_trained import read_trained_network
from groundtruth.trained.certify_network import Certifier


def main() -> None:
    """Print, for every unit of every model, how many pairs are certified, and how many go wrong among all of them."""
    torch.set_num_threads(1)
    for name in sys.argv[1:] or shipped_trained():
        network = read_trained_network(find_folder(name))
        asked, all_pairs = Certifier(network), Certifier(network, defaults=True)
        for unit in network.correspondence.units:
            known = asked.interchange_tally(unit).claim(asked.runs, donor=True)
            every = all_pairs.interchange_tally(unit).claim(all_pairs.runs, donor=True)
            if known != every:
                print(f"{name:28}{', '.join(unit.components):10}{known.runs:6} certified{every.runs:6} in all", end="")
                print(f"{every.wrong:6} wrong", flush=True)


if __name__ == "__main__":
    main()
