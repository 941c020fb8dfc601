"""Write the indices of the models that ship, from the models themselves."""

from pathlib import Path
from typing import Any

from groundtruth.files import to_json, write_whole
from groundtruth.store.file_names import MODEL
from groundtruth.store.read import read_circuits, read_model
from groundtruth.store.read_trained import read_certificate, read_trained_network
from groundtruth.store.summaries import INDEX
from groundtruth.store.summary_schema import SummaryData


def write_index(folder: Path) -> None:
    """Write the index of the models in a folder.

    Args:
        folder: One that holds a folder a model.
    """
    paths = sorted(path.parent for path in folder.glob(f"*/{MODEL}"))
    write_whole(folder / INDEX, to_json({"schema_version": 1, "models": [_summary(path) for path in paths]}))


def write_trained_index(folder: Path) -> None:
    """Write the index of the trained models in a folder.

    Args:
        folder: One that holds a folder a model.
    """
    paths = sorted(path.parent for path in folder.glob(f"*@*/{MODEL}"))
    write_whole(folder / INDEX, to_json({"schema_version": 1, "models": [_trained_summary(path) for path in paths]}))


def folder_summaries(folder: Path) -> list[dict[str, Any]]:
    """The same entry for each model in a folder without an index, from the models themselves."""
    return [
        SummaryData.model_validate(_summary(path.parent)).model_dump() for path in sorted(folder.glob(f"*/{MODEL}"))
    ]


def _summary(folder: Path) -> dict[str, Any]:
    model = read_model(folder)
    w = model.weights
    return {
        "name": model.name,
        "family": model.family,
        "description": model.description,
        "layers": w.n_layers,
        "heads": w.n_heads,
        "d_model": w.d_model,
        "d_mlp": w.d_mlp,
        "domain": str(model.domain),
        "inputs": model.check.inputs,
        "causal": model.causal,
        "pad_safe": model.pad_safe,
        "output": "categorical" if model.decoder.categorical else "numerical",
        "edges": len(model.graph.edges),
        "live": {f"{c.ablation}/{c.lengths}": len(c.edges) for c in read_circuits(folder, model.graph)},
    }


def _trained_summary(folder: Path) -> dict[str, Any]:
    network = read_trained_network(folder)
    found = read_certificate(folder, network)
    shape, margin = network.architecture, found.behaviour.margin
    return {
        "name": network.name,
        "program": network.name.partition("@")[0],
        "family": network.family,
        "description": network.description,
        "kind": network.training.kind,
        "seed": network.training.seed,
        "architecture": str(shape),
        "layers": shape.n_layers,
        "heads": shape.n_heads,
        "d_model": shape.d_model,
        "domain": str(network.domain),
        "inputs": found.inputs,
        "edges": len(network.graph.edges),
        "live": {record.ablation: len(record.of_status("live")) for record in found.records},
        "redundant": {
            record.ablation: sum(truth.redundant for truth in found.circuit(network, record.ablation).truths)
            for record in found.records
        },
        "margin": None if margin == float("inf") else margin,
        "interchange_accuracy": min((item.accuracy for item in found.interchanges), default=None),
        "certified": not found.unmet(network),
    }
