"""The outcome of checking a method's contract."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from groundtruth.testing.contract import Promise


def contract_table(name: str, promises: Sequence[Promise]) -> RenderableType:
    """One line a clause; what was broken stands below it."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for promise in promises:
        table.add_row(Text("ok", "good") if promise.ok else Text("BROKEN", "bad"), Text(promise.what))
        if promise.detail:
            table.add_row("", Text(promise.detail, "warn"))
    broken = sum(not promise.ok for promise in promises)
    verdict = (
        Text(f"{broken} of {len(promises)} promises broken", "bad") if broken else Text("keeps its contract", "good")
    )
    return Group(Text.assemble((name, "name"), "  ", verdict), table)


def contract_data(name: str, promises: Sequence[Promise]) -> dict[str, Any]:
    """The same as JSON has it."""
    return {"method": name, "ok": all(p.ok for p in promises), "promises": [asdict(p) for p in promises]}
