"""A circuit as a tree that grows from the logits backwards, one line an edge, with what travels and a witness."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from groundtruth.circuit import Circuit, EdgeTruth
from groundtruth.report import style
from mib.graph import Edge


@dataclass(frozen=True)
class Branch:
    """One line of the tree.

    Attributes:
        stem: The lines that join it to what reads it.
        letter: Which input of a head it feeds; empty elsewhere.
        truth: The edge.
        again: Whether its source was drawn above, with all that it reads.
        above: What travels on the line that it hangs from.
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
        edges: Those to draw.
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


def circuit_tree(circuit: Circuit, edges: Sequence[Edge]) -> Table:
    """The tree with its columns: what travels, and an input where cutting the edge shows."""
    resampled = circuit.ablation == "resample"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="faint")
    table.add_column("logits", no_wrap=True, header_style="node")
    table.add_column("what travels", max_width=36, no_wrap=True, overflow="ellipsis")
    table.add_column("on input", no_wrap=True)
    if resampled:
        table.add_column("swapped for", no_wrap=True)
    table.add_column("output → cut", no_wrap=True)
    for branch in branches(circuit, edges):
        witness = branch.truth.witness
        cells = [_label(branch), _travels(branch)]
        if witness is None:
            cells += [Text("alone: no change", "faint")] + [Text()] * (1 + resampled)
        else:
            cells.append(Text(style.spell(witness.clean), "faint"))
            if resampled:
                cells.append(Text(style.spell(witness.counterfactual or ()), "faint"))
            cells.append(_change(witness.output, witness.cut_output))
        table.add_row(*cells)
    return table


def _label(branch: Branch) -> Text:
    text = Text(branch.stem, "faint")
    if branch.letter:
        text.append(f"{branch.letter} ", "warn")
    text.append(branch.truth.edge.source, "node")
    return text.append(" ↑", "faint") if branch.again else text


def _travels(branch: Branch) -> Text:
    """What travels, and what for where the line above does not say it."""
    reason = branch.truth.reason
    told_first = sorted(reason.travels, key=lambda name: name in ("one", "BOS"))
    text = Text(", ".join(told_first), "" if reason.carries == "nothing" else reason.carries)
    told = {name.removeprefix("1/(1+").removesuffix(")") for name in (*branch.above, *reason.travels)}
    untold = [name for name in reason.used_for if name not in told]
    return text.append(f" for {', '.join(reason.used_for)}", "faint") if untold else text


def _change(output: Sequence[object], cut: Sequence[object]) -> Text:
    """Output and what it becomes, with the values that change marked."""
    text = Text(style.spell(output) + " → ", "faint")
    for index, (old, new) in enumerate(zip(output, cut, strict=True)):
        text.append((" " if index else "") + style.spell_one(new), "faint" if old == new else "bad")
    return text
