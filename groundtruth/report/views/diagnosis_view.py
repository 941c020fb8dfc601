"""Why a method is wrong on one model, on a terminal: the true circuit with what was found, missed and false."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from groundtruth.evaluation.circuits.causes import Diagnosis, EdgeFinding, Verdict
from groundtruth.report import notation
from groundtruth.report.fitted_table import FittedTable, TableColumn
from groundtruth.report.terminal import bullets

_STYLE: dict[Verdict, str] = {"found": "good", "tied": "warn", "missed": "bad", "false": "bad"}


def diagnosis_view(found: Diagnosis, *, wide: bool = False) -> RenderableType:
    """Print the edges by rank, each with what is true of it and why it is ranked wrongly.

    Args:
        found: Findings.
        wide: Keep every column, however long the lines become.
    """
    counts = Counter(finding.verdict for finding in found.findings)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in _STYLE if counts[verdict])
    where = f"{found.circuit.ablation}, {found.circuit.lengths} lengths · {found.n_examples} examples · {told}"
    n_circuits = len(found.circuit.minimal_circuits)
    if n_circuits > 1:
        where += f" · against minimal circuit {found.member + 1} of {n_circuits}, which it matches best"
    title = Text.assemble((notation.method_name(found.method), "name"), " on ", (found.model, "name"), f" · {where}")
    return Group(title, _table(found, wide), Padding(bullets(tuple(_common_causes(found))), (0, 0, 1, 0)))


def diagnosis_data(found: Diagnosis) -> dict[str, Any]:
    """Write it as JSON has it."""
    return {
        "schema_version": 1,
        "method": found.method,
        "model": found.model,
        "ablation": found.circuit.ablation,
        "lengths": found.circuit.lengths,
        "examples": found.n_examples,
        "minimal_circuit": found.member,
        "minimal_circuits": len(found.circuit.minimal_circuits),
        "edges": [
            {
                "edge": str(finding.edge),
                "verdict": finding.verdict,
                "score": finding.score,
                "rank": finding.rank,
                "status": finding.truth.status,
                "proof": finding.truth.proof,
                "reason": str(finding.truth.reason),
                "witness": finding.truth.witness and asdict(finding.truth.witness),
                "causes": list(finding.causes),
            }
            for finding in found.findings
        ],
    }


def _table(found: Diagnosis, wide: bool) -> FittedTable:
    columns = [
        TableColumn("edge"),
        TableColumn("", name="verdict"),
        TableColumn("rank", right=True, name="rank", priority=1),
        TableColumn("score", right=True, name="score", priority=2),
        TableColumn("what travels", yields="wraps", least=16, name="travels", priority=3),
        TableColumn("witness", yields="wraps", least=14, name="witness", priority=4),
        TableColumn("why", yields="wraps", least=24, name="why", priority=0),
    ]
    table = FittedTable(columns, wide=wide, more="--wide shows them.")
    for finding in found.findings:
        verdict = Text(finding.verdict, _STYLE[finding.verdict])
        table.add_row(
            Text(str(finding.edge), "node"), verdict, str(finding.rank), f"{finding.score:.3g}",
            str(finding.truth.reason), _witness(finding), "; ".join(finding.causes),
        )  # fmt: skip
    return table


def _witness(finding: EdgeFinding) -> str:
    witness = finding.truth.witness
    if witness is None:
        return ""
    swapped = "" if witness.counterfactual is None else f" with {notation.spell(witness.counterfactual)}"
    change = f"{notation.spell(witness.output)} → {notation.spell(witness.cut_output)}"
    return f"{notation.spell(witness.clean)}{swapped}: {change}"


def _common_causes(found: Diagnosis) -> list[Text]:
    """The causes that several edges share, most frequent first."""
    causes = Counter(cause for finding in found.findings for cause in finding.causes)
    return [Text(f"{notation.plural(n, 'edge')}: {cause}") for cause, n in causes.most_common() if n > 1]
