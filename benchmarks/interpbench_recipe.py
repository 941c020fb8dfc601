"""Train models by InterpBench's published recipe, measure what their early stop hides, and print the table of the docs.

    python benchmarks/interpbench_recipe.py --out interpbench-models

Each program is trained by node-strict SIIT (groundtruth.interpbench.train_siit) with the published numbers until the
published stop at 99.5 %, or for as many epochs as are given; its folder is then read as ``groundtruth import
interpbench`` reads any, and enumerated. Beside it stands a network that was trained strictly (``kind="free"``) on the
same claimed circuit. What is in the folder already is not trained again.
"""

import argparse
from pathlib import Path

from groundtruth.compiler.compile_program import compile
from groundtruth.errors import TrainingError
from groundtruth.interpbench.claimed_circuit import ClaimedCircuit
from groundtruth.interpbench.import_model import import_interpbench, imported_network
from groundtruth.interpbench.model_folder import InterpBenchFolder, read_interpbench
from groundtruth.interpbench.train_siit import SiitSettings, train_siit
from groundtruth.model import CompiledModel, load
from groundtruth.programs import get
from groundtruth.store.save_trained import save_trained
from groundtruth.train_model import train
from groundtruth.trained.trained_model import TrainedModel

RUNS = {"previous_token": (3, 7), "second_step": (4, 1)}
"""The length of the inputs, and the epochs of which the docs tell."""

HEADER = (
    "| program, training | accuracy, IIA, strict accuracy as validated | claimed edges live | needless edges live | "
    "the worst: share of pairs | all needless cut: share of pairs wrong | random sets wrong | IIA, worst and best |"
)


def compiled_for(name: str) -> CompiledModel:
    """A program of the library compiled for inputs of one length."""
    program = get(name)
    return compile(
        program.build(),
        name=name,
        vocab=program.domain.vocab,
        min_seq_len=RUNS[name][0],
        max_seq_len=RUNS[name][0],
        causal=program.causal,
    )


def siit_folder(name: str, compiled: CompiledModel, out: Path, epochs: int) -> InterpBenchFolder:
    """The model trained as published, from its folder if it is there."""
    folder = out / name
    if not (folder / "ll_model.pth").exists():
        trained = train_siit(
            compiled,
            SiitSettings(epochs=epochs),
            progress=lambda epoch, found: print(f"{name} epoch {epoch}: {found}", flush=True),
        )
        trained.write(folder)
    return read_interpbench(folder)


def strict_model(name: str, compiled: CompiledModel, read: InterpBenchFolder, out: Path) -> TrainedModel | None:
    """A network trained strictly on the same claimed circuit, from its folder if it is there; None if it fails."""
    folder = out / f"{name}-strict"
    if folder.exists():
        model = load(folder)
        return model if isinstance(model, TrainedModel) else None
    claimed, shape = imported_network(read, compiled).correspondence, read.config.architecture
    sizes = {"n_layers": shape.n_layers, "n_heads": shape.n_heads, "causal": shape.causal, "norm": False}
    try:
        model = train(name, max_seq_len=RUNS[name][0], architecture=sizes, correspondence=claimed, kind="free")
    except TrainingError as error:
        print(f"{name}, strict: {error}", flush=True)
        return None
    save_trained(model, folder)
    return model


def line(label: str, validated: str, model: TrainedModel) -> str:
    """One line of the table."""
    found = ClaimedCircuit.of(model)
    shares = [item.accuracy for item in found.interchanges]
    worst = found.live[0] if found.live else None
    cells = [
        label,
        validated,
        f"{len(found.claimed) - len(found.not_live)} of {len(found.claimed)}",
        f"{len(found.live)} of {len(found.unclaimed)}",
        "–" if worst is None else f"`{worst.edge}`: {worst.changed:.2%}",
        f"{found.alone.wrong / max(1, found.alone.runs):.2%}",
        f"{found.subsets.wrong / max(1, found.subsets.runs):.2%}",
        f"{min(shares):.4f}, {max(shares):.4f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the models")
    parser.add_argument("--programs", nargs="+", default=list(RUNS), choices=list(RUNS))
    parser.add_argument("--epochs", type=int, help="the most epochs of each program; by default as in the docs")
    given = parser.parse_args()
    lines: list[str] = []
    for name in given.programs:
        compiled = compiled_for(name)
        read = siit_folder(name, compiled, given.out, given.epochs or RUNS[name][1])
        model = import_interpbench(read, compiled)
        last, epochs = read.meta["validation"], read.meta["epochs_run"]
        validated = f"{last['accuracy']:.4f}, {last['iia']:.4f}, {last['strict_accuracy']:.4f} after {epochs} epochs"
        lines.append(line(f"`{name}`, SIIT as published", validated, model))
        if (strict := strict_model(name, compiled, read, given.out)) is not None:
            lines.append(line(f"`{name}`, strict until certified", "–", strict))
    print("\n".join([HEADER, "|" + " --- |" * 8, *lines]))


if __name__ == "__main__":
    main()
