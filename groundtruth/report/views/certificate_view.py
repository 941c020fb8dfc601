"""What a trained model's certificate says, as a page of the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from math import isinf
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.rasp.expressions import readable_names
from groundtruth.trained.trained_model import TrainedModel


def certificate_view(model: TrainedModel, folder: Path | None = None) -> RenderableType:
    """Say what was shown of a trained model on its whole domain.

    Args:
        model: The model.
        folder: Folder that it was written to.
    """
    return Group(*(Text.assemble((f"{label:<12}", "faint"), text) for label, text in _lines(model, folder)))


def _lines(model: TrainedModel, folder: Path | None) -> Iterator[tuple[str, str]]:
    certificate, record = model.certificate, model.certificate.under("resample")
    names = readable_names(model.program)
    yield model.name, f"{model.architecture} · {model.domain}"
    yield "trained", f"{model.training.kind}, {model.training.steps:,} steps, seed {model.training.seed}"
    for unit in model.correspondence.units:
        held = ", ".join(names.get(label, label) for label in unit.expressions)
        yield "", f"{held} on {', '.join(unit.components)}{'' if unit.sharing == 'single' else f' ({unit.sharing})'}"
    yield "behaviour", f"all {certificate.inputs:,} inputs: {certificate.behaviour}"
    yield "circuit", str(model.circuit())
    if not model.correspondence.planned:
        yield "", "no circuit was planned; needless are the edges that none of the minimal circuits found has"
    yield "needless", f"cut together: {record.joint}; random sets of them: {record.subsets}"
    far = (
        "and no other edge moves any"
        if isinf(record.gap)
        else f"{record.gap:.3g} times as far as the loudest other edge"
    )
    yield "gap", f"the weakest live edge moves a logit {far}"
    for item in certificate.interchanges:
        held = ", ".join(names.get(label, label) for label in item.expressions)
        yield "variable", f"{held}: interchanges {item.accuracy:.4f} right"
    yield "runs", f"{certificate.cells:,} with one edge cut, {certificate.rechecked:,} of them again in float64"
    if folder is not None:
        yield "written", f"{folder}  (groundtruth show {folder})"


def certificate_data(model: TrainedModel) -> dict[str, Any]:
    """The certificate as JSON has it."""
    certificate, circuit = model.certificate, model.circuit()
    record = certificate.under("resample")
    return {
        "name": model.name,
        "architecture": str(model.architecture),
        "kind": model.training.kind,
        "seed": model.training.seed,
        "steps": model.training.steps,
        "inputs": certificate.inputs,
        "margin": certificate.behaviour.margin,
        "edges": circuit.counts,
        "live": [str(edge) for edge in circuit.edges],
        "joint": {"runs": record.joint.runs, "wrong": record.joint.wrong, "margin": record.joint.margin},
        "subsets": {"runs": record.subsets.runs, "wrong": record.subsets.wrong, "margin": record.subsets.margin},
        "gap": None if isinf(record.gap) else record.gap,
        "interchanges": {", ".join(item.expressions): item.accuracy for item in certificate.interchanges},
    }
