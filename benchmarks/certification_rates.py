"""How often a planned circuit is certified, by kind, architecture and size, from the log beside the models that ship.

    python benchmarks/certification_rates.py            # a Markdown table: certified, tried, CPU seconds of both
    python benchmarks/certification_rates.py program    # by program
    python benchmarks/certification_rates.py models     # what ships with a planned circuit, one model a row

Every attempt counts, those at recipes that were refused too. Recipes were chosen by trial, so these rates are those of
a search and not of one recipe over seeds.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from groundtruth import load
from groundtruth.build_trained import LOG
from groundtruth.files import from_json
from groundtruth.store.catalog import shipped_trained, trained_folder
from groundtruth.trained.trained_model import TrainedModel


def group_of(attempt: Mapping[str, Any]) -> str:
    """Kind, architecture and size of an attempt, from its name and its sizes."""
    parts = attempt["name"].partition("@")[2].split("-")
    style = "Llama, RMSNorm" if "llama" in parts else "GPT-2, no norm" if "unnormed" in parts else "GPT-2, LayerNorm"
    copies = next((f", {told}" for part, told in (("vote", "votes"), ("backup", "a backup")) if part in parts), "")
    return f"`{parts[0]}` | {style}{copies} | {attempt.get('edges', '?')}"


def program_of(attempt: Mapping[str, Any]) -> str:
    """The program of an attempt."""
    return f"`{attempt['name'].partition('@')[0]}`"


def print_rates(attempts: Sequence[Mapping[str, Any]], grouping: str) -> None:
    """Print one row a group."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for attempt in attempts:
        key = program_of(attempt) if grouping == "program" else group_of(attempt)
        groups.setdefault(key, []).append(attempt)
    for key, members in sorted(groups.items()):
        certified = [a["seconds"] for a in members if a["certified"]]
        refused = [a["seconds"] for a in members if not a["certified"]]
        times = [f"{median(some):.0f}" if some else "-" for some in (certified, refused)]
        print(f"| {key} | {len(certified)} / {len(members)} | {' | '.join(times)} |")


def print_models() -> None:
    """Print what was certified of each model that ships, under resample."""
    for name in shipped_trained():
        model = load(name)
        if not isinstance(model, TrainedModel) or model.training.kind == "sparse":
            continue  # docs/own-circuits.md has those that chose their circuit
        shape, record = model.architecture, model.certificate.under("resample")
        live = {found.edge for found in record.of_status("live")}
        sizes = [str(len(circuit)) for circuit in record.minimal_circuits if {*circuit} != live]
        kilobytes = sum(path.stat().st_size for path in (trained_folder() / name).iterdir()) / 1e3
        print(
            f"| `{name}` | {shape.n_layers} x {shape.n_heads}, {shape.d_model} {shape.d_mlp} | "
            f"{len(record.of_status('live'))} of {len(record.edges)} | {sizes[0] if sizes else ''} | "
            f"{model.certificate.behaviour.margin:.1f} | {record.subsets.wrong} | {record.gap:.1f} | {kilobytes:.0f} |"
        )


def main(arguments: Sequence[str]) -> None:
    """Print the rates, and that of all attempts together."""
    if [*arguments] == ["models"]:
        return print_models()
    logged = from_json(Path(trained_folder() / LOG).read_bytes())
    attempts = [one for one in logged if "@sparse" not in one["name"]]
    print_rates(attempts, arguments[0] if arguments else "architecture")
    print(f"| all | {sum(a['certified'] for a in attempts)} / {len(attempts)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
