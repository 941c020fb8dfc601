"""A circuit that others claim, beside what was measured: a page of the terminal, and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.interpbench.claimed_circuit import ClaimedCircuit
from groundtruth.rasp.expressions import readable_names
from groundtruth.trained.certificate import Claim, EdgeRecord
from groundtruth.trained.trained_model import TrainedModel

_SHOWN = 6
"""Number of edges of each kind that are named; JSON names all."""


def claimed_circuit_view(model: TrainedModel, folder: Path | None = None) -> RenderableType:
    """Say what of a claimed circuit holds on every pair of inputs, under resample ablation.

    Args:
        model: An imported model.
        folder: Folder that it was written to.
    """
    return Group(
        *(
            Text.assemble((f"{label:<11}", "faint"), (text, "warn" if bad else ""))
            for label, text, bad in _lines(model, folder)
        )
    )


def _lines(model: TrainedModel, folder: Path | None) -> Iterator[tuple[str, str, bool]]:
    found, names = ClaimedCircuit.of(model), readable_names(model.program)
    n = model.certificate.inputs
    yield "model", f"{model.name} · {model.architecture} · {model.domain}", False
    yield "measured", f"all {n:,} inputs, each edge cut by resample on all {n * n:,} pairs", False
    yield "behaviour", str(found.behaviour), bool(found.behaviour.wrong)
    live = len(found.claimed) - len(found.not_live)
    yield "claimed", f"{live} of {len(found.claimed)} claimed edges are live", False
    if found.not_live:
        yield "", f"not live: {_edges(found.not_live)}", False
    yield "needless", f"{len(found.live)} of {len(found.unclaimed)} edges claimed needless are live", bool(found.live)
    if found.live:
        yield "", _edges(found.live, shares=True), True
    yield "alone", f"the claimed circuit alone: {found.alone}", bool(found.alone.wrong)
    yield "subsets", f"random sets of needless edges: {found.subsets}", bool(found.subsets.wrong)
    for item in found.interchanges:
        held = ", ".join(names.get(label, label) for label in item.expressions)
        coverage = model.certificate.coverage(item)
        share = f"{held} on {', '.join(item.components)}: interchanges {item.accuracy:.4f} right {coverage}"
        yield "variable", share, bool(item.claim.wrong) or not item.claim.runs
    yield "circuit", f"measured: {model.circuit()}", False
    verdict = (
        "what is claimed needless is, on every pair"
        if found.holds
        else "does NOT hold: what is claimed needless changes outputs; the measured circuit is the model's truth here"
    )
    yield "claim", verdict, not found.holds
    if folder is not None:
        yield "written", f"{folder}  (groundtruth show {folder})", False


def _edges(records: Sequence[EdgeRecord], *, shares: bool = False) -> str:
    told = [f"{item.edge} ({item.changed:.2%} of runs)" if shares else str(item.edge) for item in records[:_SHOWN]]
    more = len(records) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def claimed_circuit_data(model: TrainedModel) -> dict[str, Any]:
    """The same as JSON has it."""
    found = ClaimedCircuit.of(model)
    return {
        "name": model.name,
        "architecture": str(model.architecture),
        "inputs": model.certificate.inputs,
        "holds": found.holds,
        "behaviour": _claim(found.behaviour),
        "claimed": {str(item.edge): _record(item) for item in found.claimed},
        "unclaimed": {str(item.edge): _record(item) for item in found.unclaimed},
        "claimed_alone": _claim(found.alone),
        "random_subsets": _claim(found.subsets),
        "interchanges": [
            {
                "expressions": list(item.expressions),
                "components": list(item.components),
                "accuracy": item.accuracy,
                "runs": item.claim.runs,
                "pairs": model.certificate.pairs,
            }
            for item in found.interchanges
        ],
    }


def _record(record: EdgeRecord) -> dict[str, Any]:
    return {"status": record.status, "proof": record.proof, "changed": record.claim.wrong, "pairs": record.claim.runs}


def _claim(claim: Claim) -> dict[str, Any]:
    return {"runs": claim.runs, "wrong": claim.wrong}
