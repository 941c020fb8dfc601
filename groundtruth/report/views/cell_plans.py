"""What cells will take, before they are run."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.bench.cell_plan import POSITIONS, CellPlan
from groundtruth.report import notation
from groundtruth.report.terminal import fact_table


def plans_table(plans: Sequence[CellPlan]) -> RenderableType:
    """One line a cell."""
    columns = ("place", "method", "ablation", "forward", "backward", "model", "beside it", "")
    table = fact_table(*columns, right=("forward", "backward", "model", "beside it"), wraps=("",), goes=("ablation",))
    for plan in plans:
        way = "a sublayer at a time" if plan.streaming else ""
        table.add_row(
            plan.place, Text(plan.method, "name"), plan.ablation, _passes(plan.forward, plan.certainty),
            _passes(plan.backward, plan.certainty), _size(plan.model_bytes), _size(plan.run_bytes), plan.note or way,
        )  # fmt: skip
    most = max((plan.model_bytes + plan.run_bytes for plan in plans), default=0)
    told = (
        f"{notation.plural(len(plans), 'cell')}, none run. Passes are of the method over its examples (<= at most); "
        f"measuring what it finds comes to them. Language models: for prompts of {POSITIONS} tokens. "
        f"The largest cell takes {_size(most) or 'nothing that is known'}."
    )
    return Group(table, Text(told, "faint"))


def plans_data(plans: Sequence[CellPlan]) -> list[dict[str, Any]]:
    """All cells as JSON has them."""
    return [asdict(plan) for plan in plans]


def _passes(count: float | None, certainty: str) -> str:
    if count is None:
        return "?"
    return f"<= {count:,.4g}" if certainty == "at most" and count else f"{count:,.4g}"


def _size(count: int) -> str:
    if not count:
        return ""
    return f"{count / 2**30:.2f} GiB" if count >= 2**28 else f"{count / 2**20:.1f} MiB"
