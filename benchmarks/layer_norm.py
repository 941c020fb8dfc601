"""Does LayerNorm hurt attribution patching? Compiled models with and without it, all else equal, against exact truth.

Run it with `python benchmarks/layer_norm.py [MODEL ...]`. Each model is put into two networks that differ in the norm
alone (`groundtruth.interpbench.layer_norm_pair`); both circuits are certified on every input, pair and edge, and every
method is scored on both. Printed are AUROC without and with the norm, model by model, and their means.
"""

import argparse
import statistics

import torch

from groundtruth import score
from groundtruth.errors import GroundTruthError
from groundtruth.interpbench.layer_norm_pair import layer_norm_pair
from groundtruth.model import load
from groundtruth.store.catalog import shipped
from groundtruth.trained.certify_network import Certifier
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_network import TrainedNetwork

METHODS = (
    "exact", "eap", "clean-corrupted", "atp-star", "eap-ig-inputs", "eap-ig-activations", "relp", "gim", "ifr",
    "activation-norm",
)  # fmt: skip
MAX_INPUTS, PAIRS = 128, 64
LEAST_LIVE = 3
"""Circuits of one head are found by every method, with the norm and without."""

MOST_BULK = 1.0
"""A constant above this times the length of the stream leaves a norm nearly linear: such models are left out."""


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    wanted = parser.parse_args().models or shipped()
    print(f"{'model':24}{'bulk':>5}{'spread':>8}{'edges':>6}{'live':>9} " + "".join(f"{m[:17]:>18}" for m in METHODS))
    found: list[dict[str, tuple[float, float]]] = []
    for name in wanted:
        try:
            row = compare(name)
        except GroundTruthError as error:
            if name in parser.parse_args().models:
                print(f"{name:24}{error}")
            continue
        if row:
            found.append(row)
    means = {m: [statistics.fmean(row[m][i] for row in found) for i in (0, 1)] for m in METHODS} if found else {}
    print(f"{f'mean of {len(found)}':52}" + "".join(f"{a:9.2f}{b:9.2f}" for a, b in means.values()))
    worse = {m: sum(row[m][1] < row[m][0] - 0.05 for row in found) for m in METHODS}
    print(f"{'lower by .05 or more with the norm':52}" + "".join(f"{count:18}" for count in worse.values()))


def compare(name: str) -> dict[str, tuple[float, float]] | None:
    """Score every method on a pair of networks; nothing if the norm is nearly linear or the circuit trivial."""
    compiled = load(name)
    sizes = [length for length in compiled.domain.lengths if len(compiled.domain.vocab) ** length <= MAX_INPUTS]
    pair = layer_norm_pair(compiled, length=max(sizes, default=compiled.domain.min_seq_len))
    if pair.bulk > MOST_BULK:
        return None
    plain, normed = certified(pair.plain), certified(pair.normed)
    live = [set(model.circuit("resample").edges) for model in (plain, normed)]
    if min(map(len, live)) < LEAST_LIVE:
        return None
    row = {method: (auroc(method, plain), auroc(method, normed)) for method in METHODS}
    counts = f"{len(live[0])}/{len(live[1])}{'' if live[0] == live[1] else '*'}"
    edges = len(pair.plain.graph.edges)
    cells = "".join(f"{a:9.2f}{b:9.2f}" for a, b in row.values())
    print(f"{name:24}{pair.bulk:5.1f}{pair.spread:8.2f}{edges:6}{counts:>9} {cells}", flush=True)
    return row


def certified(network: TrainedNetwork) -> TrainedModel:
    """The network with its circuit under resampling, enumerated."""
    certificate = Certifier(network, n_subsets=200).certify(("resample",))
    return TrainedModel.of(network, certificate=certificate)


def auroc(method: str, model: TrainedModel) -> float:
    """AUROC of a method against the certified circuit."""
    scored = score(method, model, n_pairs=PAIRS, dtype=torch.float64)
    return scored.truth.live.auroc


if __name__ == "__main__":
    main()
