"""The outcome of re-proving stored models."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.report import notation
from groundtruth.report.terminal import fact_table
from groundtruth.verification.verify_model import Verification


def verifications_table(found: Sequence[Verification]) -> RenderableType:
    """One line a model, and one for each claim that does not hold."""
    columns = ("model", "", "claims", "what was proven", "s")
    table = fact_table(*columns, right=("claims", "s"), wraps=("what was proven",), goes=("s", "claims"))
    for outcome in found:
        mark = Text("ok", "good") if outcome.ok else Text("FAILED", "bad")
        n_claims, seconds = str(len(outcome.checks)), f"{outcome.seconds:.1f}"
        table.add_row(Text(outcome.name, "name"), mark, n_claims, _proven(outcome), seconds)
    failed = [outcome for outcome in found if not outcome.ok]
    total = sum(outcome.seconds for outcome in found)
    claims = sum(len(outcome.checks) for outcome in found)
    if failed:
        end = Text(f"{len(failed)} of {notation.plural(len(found), 'model')} failed: ", "bad")
        end.append(", ".join(outcome.name for outcome in failed))
    else:
        end = Text(f"All {claims:,} claims about {notation.plural(len(found), 'model')} proven again", "good")
        end.append(f" · {notation.duration(total)} of work", "faint")
    return Group(table, end)


def _proven(outcome: Verification) -> Text:
    if outcome.ok:
        circuits = sum(check.what.startswith("circuit") for check in outcome.checks)
        first = next((check.detail for check in outcome.checks if check.what == "weights = program"), "")
        variables = [check.detail.partition(" at ")[0] for check in outcome.checks if check.what == "variables"]
        return Text(" · ".join((f"weights = program on {first}", notation.plural(circuits, "circuit"), *variables)))
    wrong = [check for check in outcome.checks if not check.ok]
    return Text("\n".join(f"{check.what}: {check.detail}" for check in wrong), "bad")


def verification_data(found: Sequence[Verification]) -> list[dict[str, Any]]:
    """The outcomes as JSON has them."""
    return [{"ok": outcome.ok, **asdict(outcome)} for outcome in found]
