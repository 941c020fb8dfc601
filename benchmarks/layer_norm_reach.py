"""How many shipped models can stand behind LayerNorm: by a constant scale, by a varying one, or not at all.

Run it with `python benchmarks/layer_norm_reach.py [MODEL ...]`. With `--certify N` the circuits of models with at most
N edges are certified too, under resampling, and compared with those that were proven of the compiled models.
"""

import argparse
from collections import Counter

import torch

from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel, load_compiled
from groundtruth.store.catalog import shipped
from groundtruth.trained.certify_network import Certifier
from groundtruth.variants.layer_norm.constant_norm import CONSTANT
from groundtruth.variants.layer_norm.normed_model import normed_networks

N_SUBSETS = 1000


def main() -> None:
    """Print a line a model, and how many there are of each kind."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--certify", type=int, default=0, metavar="N")
    given = parser.parse_args()
    counts: Counter[str] = Counter()
    for name in given.models or shipped():
        model = load_compiled(name)
        try:
            kind, told = certified(model) if len(model.graph.edges) <= given.certify else reached(model)
        except VariantError as error:
            kind, told = "refused", str(error)
        counts[kind] += 1
        print(f"{name:24}{kind:32}{told}", flush=True)
    print(f"{counts.total()} models: " + ", ".join(f"{count} {kind}" for kind, count in counts.most_common()))


def reached(model: CompiledModel) -> tuple[str, str]:
    """Say by which norm every answer of a model is right, and how far its scale varies."""
    settings = next(normed_networks(model)).training.settings
    kind = "constant" if settings["spread"] <= CONSTANT else "varying"
    return kind, f"share {settings['share']:g}, scale within {settings['spread']:.2g}"


def certified(model: CompiledModel) -> tuple[str, str]:
    """The same, of the first network that is certified under resampling; are its live edges those proven?."""
    unmet: list[str] = []
    proven = set(model.circuit("resample", "fixed").edges)
    for network in normed_networks(model):
        certificate = Certifier(network, n_subsets=N_SUBSETS).certify(("resample",))
        if unmet := certificate.unmet(network):
            continue
        settings = network.training.settings
        kind = "constant" if settings["spread"] <= CONSTANT else "varying"
        live = {record.edge for record in certificate.records[0].of_status("live")}
        same = "same live edges" if live == proven else f"{len(live)} live edges, not {len(proven)}"
        return f"{kind}, {same}", f"share {settings['share']:g}, scale within {settings['spread']:.2g}"
    return "not certified", unmet[0]


if __name__ == "__main__":
    main()
