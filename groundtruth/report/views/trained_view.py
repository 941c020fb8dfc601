"""A trained model: how it was trained, where its variables live, and what its certificate shows."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from groundtruth.rasp.expressions import readable_names
from groundtruth.report.terminal import bullets
from groundtruth.trained.certificate import Claim
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.truth.circuits.circuit import Ablation

CHOSEN = "the circuit was chosen before training and trained for; what the weights do was then enumerated"
"""Note on every trained model."""


UNPLANNED = "no circuit was planned: the network was trained on answers alone, and the edges that it uses enumerated"
"""Note on a network that chose its circuit."""


MEASURED = "its truth is what was enumerated, and not the circuit that was claimed with it"
"""Note on every imported model."""


def trained_facts(model: TrainedModel) -> Text:
    """Say what kind of transformer it is, how it was trained, and how its truth is known."""
    training, n = model.training, model.certificate.inputs
    text = Text(f"{model.family} · {model.architecture}\n{model.domain}", "faint")
    if training.kind == "imported":
        text.append(f"\nimported from {training.settings.get('source', 'elsewhere')} · {MEASURED}", "faint")
        return text.append(
            f"\nmeasured by enumeration: all {n:,} inputs, each edge cut on all {n * n:,} pairs", "faint"
        )
    if training.kind == "compiled":
        source, spread = (training.settings.get(name) for name in ("source", "spread"))
        text.append(
            f"\n{source} behind LayerNorm (gains: seed {training.seed}), whose scale varies by {spread:.2g} at most · "
            f"certified by enumeration: all {n:,} inputs, each edge cut on all {n * n:,} pairs",
            "faint",
        )
        return text
    told = CHOSEN if model.correspondence.planned else UNPLANNED
    text.append(f"\ntrained ({training.kind}, seed {training.seed}, {training.steps:,} steps) · {told}", "faint")
    if model.recipe:
        text.append(f"\nvariant that keeps the function · {' · '.join(map(str, model.recipe))}", "faint")
    unmet = model.certificate.unmet(model)
    text.append(f"\nNOT certified: {unmet[0]}; " if unmet else "\ncertified ", "bad" if unmet else "faint")
    return text.append(f"by enumeration: all {n:,} inputs, each edge cut on all {n * n:,} pairs", "faint")


def components_table(model: TrainedModel) -> Table:
    """Say what lives on each head and MLP, one line a layer; spare components are trained to hold something unread.

    In a network that chose its circuit no expression is known to live anywhere: its used components are named alone.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    names, correspondence = readable_names(model.program), model.correspondence
    used = {edge.source for edge in model.circuit().needed}
    spares = {spare.component: spare.variable for spare in correspondence.spares}
    backs_up = {unit.components[1]: unit.components[0] for unit in correspondence.backed_up}
    shape = model.architecture
    for layer in range(shape.n_layers):
        cells: list[Text] = []
        for component in [*(f"a{layer}.h{head}" for head in range(shape.n_heads)), f"m{layer}"]:
            held = ", ".join(names.get(label, label) for label in correspondence.held_by(component))
            if component in spares:
                held = f"spare: {spares[component]}"
            if component in backs_up:
                held += f", backing up {backs_up[component]}"
            if held or (not correspondence.planned and component in used):
                cells.append(Text.assemble((component, "node"), "  ", (held, "faint" if component in spares else "")))
        heads = Text("\n").join(cell for cell in cells if not cell.plain.startswith("m"))
        mlp = next((cell for cell in cells if cell.plain.startswith("m")), Text("–", "faint"))
        table.add_row(Text(str(layer), "faint"), heads or Text("–", "faint"), mlp)
    return table


def claims_view(model: TrainedModel, ablation: Ablation) -> RenderableType:
    """Say what was shown by enumeration, under one ablation: a line a claim."""
    return bullets(_claims(model, ablation))


def _claims(model: TrainedModel, ablation: Ablation) -> Iterator[Text]:
    certificate, names = model.certificate, readable_names(model.program)
    record = certificate.under(ablation)
    yield Text(f"behaviour: {certificate.behaviour}")
    needless = set(record.needless(model))
    live = sum(found.edge in needless for found in record.of_status("live"))
    if not model.correspondence.planned:
        yield Text("variables: none, for no expression was asked to live anywhere")
        yield Text("needless are the edges that none of the minimal circuits found has")
    yield _told(f"each needless edge alone: {live} of {len(needless)} change an output", bad=bool(live))
    yield _told(f"all needless edges together: {record.joint}", bad=bool(record.joint.wrong))
    yield _told(
        f"random sets of needless edges (seed {certificate.seed}): {record.subsets}", bad=bool(record.subsets.wrong)
    )
    loudest = "no other edge moves any" if record.gap == float("inf") else f"{record.gap:.3g} times the loudest other's"
    yield Text(f"gap, how far the weakest live edge moves a logit: {loudest}")
    for unit in model.correspondence.backed_up:
        without = [
            f"{sum(all(edge.source != name for edge in circuit) for circuit in record.minimal_circuits)} without {name}"
            for name in unit.components
        ]
        yield Text(f"backup, of {len(record.minimal_circuits)} minimal circuits: {', '.join(without)}")
    for item in certificate.interchanges:
        spelt = ", ".join(names.get(label, label) for label in item.expressions)
        yield _told(
            f"interchange of {spelt} on {', '.join(item.components)}, {certificate.coverage(item)}: "
            f"{item.accuracy:.4g} right; {item.claim}",
            bad=bool(item.claim.wrong) or not item.claim.runs,
        )


def _told(text: str, *, bad: bool) -> Text:
    return Text(text, "warn" if bad else "")


def trained_data(model: TrainedModel) -> dict[str, Any]:
    """Say what a trained model has and a compiled one has not, as JSON has it."""
    certificate = model.certificate
    return {
        "architecture": asdict(model.architecture),
        "training": asdict(model.training),
        "correspondence": asdict(model.correspondence),
        "certified_by_enumeration": not model.certificate.unmet(model),
        "certificate": {
            "inputs": certificate.inputs,
            "seed": certificate.seed,
            "behaviour": _claim_data(certificate.behaviour),
            "ablations": {
                record.ablation: {
                    "joint": _claim_data(record.joint),
                    "subsets": _claim_data(record.subsets),
                    "gap": _finite(record.gap),
                }
                for record in certificate.records
            },
            "interchanges": [
                {
                    "expressions": list(item.expressions),
                    "components": list(item.components),
                    "accuracy": item.accuracy,
                    "pairs": certificate.pairs,
                    "partly": item.partly,
                    **_claim_data(item.claim),
                }
                for item in certificate.interchanges
            ],
        },
    }


def _claim_data(claim: Claim) -> dict[str, Any]:
    return {"runs": claim.runs, "wrong": claim.wrong, "margin": _finite(claim.margin)}


def _finite(number: float) -> float | None:
    return None if number == float("inf") else number
