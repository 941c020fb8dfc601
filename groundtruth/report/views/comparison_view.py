"""Two results compared, on a terminal: what changed beyond its interval, where, and on which edges."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from groundtruth.report import notation
from groundtruth.report.fitted_table import FittedTable, TableColumn
from groundtruth.report.terminal import bullets
from groundtruth.results.compare_results import Change, Comparison

LEGEND = (
    "Means over the places that both have; of five places or more, changes whose 95 % interval by bootstrap over "
    "places leaves out 0."
)

N_EDGES = 12
"""Number of edges that are named."""

N_PLACES = 3
"""Number of places of a change that are named."""

N_CELLS = 5
"""Number of cells of a kind that are named."""


def comparison_view(found: Comparison, *, wide: bool = False) -> RenderableType:
    """Print what changed.

    Args:
        found: The comparison.
        wide: Keep every column, however long the lines become.
    """
    title = Text.assemble(
        ("Compared", "heading"), f" · {notation.plural(found.n_shared, 'cell')} that both results have"
    )
    parts: list[RenderableType] = [title]
    if found.changes:
        parts.append(_table(found, wide))
        parts.append(Text(LEGEND, "faint"))
    elif found.n_shared:
        parts.append(Text("Nothing changed beyond its interval.", "good"))
    else:
        same = "Results are compared where method, model, ablation and seed are the same."
        parts.append(Text(f"Nothing can be compared. {same}", "warn"))
    return Group(*parts, Padding(bullets(tuple(_sentences(found))), (0, 0, 1, 0)))


def comparison_data(found: Comparison) -> dict[str, Any]:
    """Write it as JSON has it."""
    return {"schema_version": 1, **asdict(found)}


def _table(found: Comparison, wide: bool) -> FittedTable:
    columns = [
        TableColumn("method", yields="wraps", least=12),
        TableColumn("column", name="column"),
        TableColumn("before", right=True, name="before", priority=1),
        TableColumn("after", right=True, name="after", priority=2),
        TableColumn("change", right=True, name="change", priority=0),
        TableColumn("95 %\ninterval", right=True, name="interval", priority=4),
        TableColumn("places that changed most", yields="wraps", least=20, name="places", priority=3),
    ]
    table = FittedTable(columns, wide=wide, more="--wide shows them.")
    for change in found.changes:
        signed = Text(f"{change.difference:+.3f}", "bad" if change.worse else "good")
        interval = (
            ""
            if change.interval[0] == change.interval[1]
            else f"{change.interval[0]:+.3f} to {change.interval[1]:+.3f}"
        )
        table.add_row(
            notation.method_name(change.method), change.column, f"{change.before:.3f}", f"{change.after:.3f}",
            signed, interval, _places(change),
        )  # fmt: skip
    return table


def _places(change: Change) -> str:
    told = ", ".join(f"{place} {difference:+.2f}" for place, difference in change.places[:N_PLACES])
    more = len(change.places) - N_PLACES
    return told + (f" and {more} more" if more > 0 else "")


def _sentences(found: Comparison) -> Iterator[Text]:
    for kind, cells in (
        ("fails now", found.failing),
        ("only in the first", found.missing),
        ("only in the second", found.new),
    ):
        if cells:
            more = f" and {len(cells) - N_CELLS} more" if len(cells) > N_CELLS else ""
            yield Text(f"{kind}: {'; '.join(cells[:N_CELLS])}{more}", "bad" if kind == "fails now" else "")
    by_method = Counter((edge.method, edge.now) for edge in found.edges)
    for method in dict.fromkeys(edge.method for edge in found.edges):
        own = [edge for edge in found.edges if edge.method == method]
        shown = ", ".join(
            f"{edge.place} {edge.edge} ({edge.kind}{'' if edge.now else ' before'})" for edge in own[:N_EDGES]
        )
        more = f" and {len(own) - N_EDGES} more" if len(own) > N_EDGES else ""
        text = Text().append(notation.method_name(method), "name")
        text.append(
            f": {by_method[method, True]} edges came to be wrong, {by_method[method, False]} right: {shown}{more}"
        )
        yield text
