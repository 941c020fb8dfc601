"""Networks that pass InterpBench's early stop, and what enumeration finds in them.

    python benchmarks/early_stop.py second_step@free-0 hist@free-0

A certified model is disturbed: normal noise on every matrix, relative to the spread of its entries. The three shares of
the published stop (accuracy, interchange accuracy, strict accuracy, as means over positions, pairs and nodes) are then
taken over all pairs of the domain, and every edge is cut on every pair. Shares of 99.5 % stop the published training.
"""

import argparse
from dataclasses import replace

import torch

from groundtruth.model import load
from groundtruth.trained.certify_network import Certifier
from groundtruth.trained.cut_forward import Cut, forward
from groundtruth.trained.swapped_programs import SwappedProgram
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_network import TrainedNetwork

NOISE = (0.01, 0.03, 0.2, 0.3)
STOP = 0.995
SEED = 0


def disturb(model: TrainedModel, noise: float) -> TrainedNetwork:
    """The network with noise on every matrix."""
    generator = torch.Generator().manual_seed(SEED)
    weights = model.weights.convert(
        lambda value: value + noise * value.std() * torch.randn(value.shape, generator=generator, dtype=value.dtype)
    )
    return replace(model, weights=weights, given=None)


@torch.no_grad()
def published_shares(network: TrainedNetwork) -> tuple[float, float, float]:
    """Accuracy, interchange accuracy and strict accuracy as InterpBench takes them, over all pairs."""
    inputs, graph = list(network.domain.enumerate()), network.graph
    n = len(inputs)
    rows, donors = torch.arange(n).repeat_interleave(n), torch.arange(n).repeat(n)
    ids, program = network.encode(inputs), SwappedProgram(network.numbered_program(), inputs)
    sources = forward(network.architecture, network.weights, ids).sources
    plain = program.codes(network.decoder, (), torch.arange(n), torch.arange(n))

    def share(components: tuple[str, ...], wanted: torch.Tensor) -> float:
        right = 0
        for some in torch.arange(n * n).split(1024):
            swap = torch.zeros(len(some), len(graph.sources), dtype=torch.bool)
            swap[:, [graph.source_index[name] for name in components]] = True
            cut = Cut(sources[:, donors[some]], swap=swap)
            logits = forward(network.architecture, network.weights, ids[rows[some]], cut).logits[:, 1:]
            right += int((network.decoder.codes(logits) == wanted[some]).sum())
        return right / wanted.numel()

    units = network.correspondence.units
    iia = [share(unit.components, program.codes(network.decoder, unit.expressions, rows, donors)) for unit in units]
    held = {name for unit in units for name in unit.components}
    outside = [name for name in graph.sources if name not in held | {"input", "pos"}]
    strict = [share((name,), plain[rows]) for name in outside]
    return share((), plain[rows]), sum(iia) / len(iia), sum(strict) / len(strict)


def main() -> None:
    """Print a line for each model and noise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="shipped trained models")
    print("| model, noise | accuracy, IIA, strict accuracy | stops | needless edges live | all needless cut: wrong |")
    print("|" + " --- |" * 5)
    for name in parser.parse_args().models:
        model = load(name)
        if not isinstance(model, TrainedModel):
            parser.error(f"{name} is no trained model")
        for noise in NOISE:
            network = disturb(model, noise)
            shares = published_shares(network)
            certifier = Certifier(network)
            needless = network.correspondence.needless(network.graph)
            records = [certifier.edge(edge, "resample") for edge in needless]
            live = sum(record.status == "live" for record in records)
            worst = max(records, key=lambda record: record.changed)
            told = f", the worst `{worst.edge}` on {worst.changed:.2%}" if live else ""
            joint = certifier.circuit_tally(needless, "resample")
            print(
                f"| `{name}`, {noise:.0%} | {', '.join(f'{share:.4f}' for share in shares)} | "
                f"{'yes' if min(shares) >= STOP else 'no'} | {live} of {len(needless)}{told} | "
                f"{joint.wrong:,} of {joint.runs:,} pairs |",
                flush=True,
            )


if __name__ == "__main__":
    main()
