"""A circuit as a tree that grows from the logits backwards, one line an edge, with what travels and a witness."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from groundtruth.report import notation
from groundtruth.report.fitted_table import FittedTable, TableColumn
from groundtruth.truth.circuits.circuit import Circuit, EdgeTruth
from mib.graph import Edge

TRAVELS = "what travels"

CHANGE = "output → cut"


@dataclass(frozen=True)
class Branch:
    """One line of the tree.

    Attributes:
        stem: The lines that join it to what reads it.
        letter: Input of a head that it feeds; empty elsewhere.
        truth: The edge.
        again: True if its source was drawn above, with all that it reads.
        above: Values that travel on the line that it hangs from.
    """

    stem: str
    letter: str
    truth: EdgeTruth
    again: bool
    above: tuple[str, ...]


def branches(circuit: Circuit, edges: Sequence[Edge]) -> Iterator[Branch]:
    """The lines below ``logits``, depth first; a source that is read twice is drawn out once.

    Args:
        circuit: Whose edges they are.
        edges: Edges to draw.
    """
    into: dict[str, list[tuple[str, Edge]]] = {}
    for edge in edges:
        node, _, rest = edge.destination.partition("<")
        into.setdefault(node, []).append((rest.removesuffix(">"), edge))
    yield from _below("logits", "", (), into, circuit, set())


def _below(
    node: str,
    stem: str,
    above: tuple[str, ...],
    into: dict[str, list[tuple[str, Edge]]],
    circuit: Circuit,
    drawn: set[str],
) -> Iterator[Branch]:
    order = {"v": 0, "q": 1, "k": 2}
    children = sorted(into.get(node, ()), key=lambda child: order.get(child[0], 3))
    for index, (letter, edge) in enumerate(children):
        last = index == len(children) - 1
        again = edge.source in drawn and edge.source in into
        truth = circuit[edge]
        yield Branch(stem + ("└─ " if last else "├─ "), letter, truth, again, above or truth.reason.used_for)
        if not again:
            drawn.add(edge.source)
            deeper = stem + ("   " if last else "│  ")
            yield from _below(edge.source, deeper, truth.reason.travels, into, circuit, drawn)


@dataclass(frozen=True)
class CircuitTree:
    """The tree with its columns: what travels, and an input where cutting the edge shows.

    Where space is short, what travels is shortened first; then the inputs drop out. The changed output is the point of
    a line and stays.

    Attributes:
        circuit: Whose edges they are.
        edges: Edges to draw.
    """

    circuit: Circuit
    edges: Sequence[Edge]

    @property
    def headings(self) -> tuple[str, ...]:
        """Words above the columns."""
        swapped = ("swapped for",) if self.circuit.ablation == "resample" else ()
        return ("logits", TRAVELS, "on input", *swapped, CHANGE)

    def rows(self) -> list[tuple[Text, ...]]:
        """Draw the lines, a text a column."""
        resampled = self.circuit.ablation == "resample"
        return [tuple(_cells(branch, resampled)) for branch in branches(self.circuit, self.edges)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Fit the columns into the width that there is."""
        priorities = {"swapped for": 2, "on input": 1}
        table = FittedTable(
            [
                TableColumn(
                    heading,
                    yields="shortens" if heading == TRAVELS else "never",
                    least=len(TRAVELS),
                    priority=priorities.get(heading, 0),
                    style="node" if heading == "logits" else "faint",
                )
                for heading in self.headings
            ],
            rule=False,
        )
        for row in self.rows():
            table.add_row(*row)
        yield table


def _cells(branch: Branch, resampled: bool) -> list[Text]:
    witness = branch.truth.witness
    if witness is None:
        return [_label(branch), _travels(branch), *[Text()] * (1 + resampled), Text("none alone", "faint")]
    swapped = [Text(notation.spell(witness.counterfactual or ()), "faint")] if resampled else []
    inputs = [Text(notation.spell(witness.clean), "faint"), *swapped]
    return [_label(branch), _travels(branch), *inputs, _change(witness.output, witness.cut_output)]


def _label(branch: Branch) -> Text:
    # Appended, not Text(stem, "faint"): what is appended to a styled text inherits its style, and turns dim.
    text = Text().append(branch.stem, "faint")
    if branch.letter:
        text.append(f"{branch.letter} ", "warn")
    text.append(branch.truth.edge.source, "node")
    return text.append(" ↑", "faint") if branch.again else text


def _travels(branch: Branch) -> Text:
    """Say what travels, and what for where the line above does not say it."""
    reason = branch.truth.reason
    if reason.carries == "other":
        return Text(str(reason), "faint")
    told_first = sorted(reason.travels, key=lambda name: name in ("one", "BOS"))
    text = Text().append(", ".join(told_first), "" if reason.carries in ("nothing", "unplanned") else reason.carries)
    told = {name.removeprefix("1/(1+").removesuffix(")") for name in (*branch.above, *reason.travels)}
    untold = [name for name in reason.used_for if name not in told]
    return text.append(f" for {', '.join(reason.used_for)}", "faint") if untold else text


def _change(output: Sequence[object], cut: Sequence[object]) -> Text:
    """Output and what it becomes, with the values that change marked."""
    text = Text().append(notation.spell(output) + " → ", "faint")
    for index, (old, new) in enumerate(zip(output, cut, strict=True)):
        text.append((" " if index else "") + notation.spell_one(new), "faint" if old == new else "bad")
    return text
