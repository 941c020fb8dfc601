"""What is measured on a model in superposition, for a reader."""

from rich.console import Group, RenderableType
from rich.text import Text

from groundtruth.report import notation
from groundtruth.report.terminal import fact_table
from groundtruth.truth.circuits.circuit import Circuit
from groundtruth.truth.circuits.measured import Effect, Effects, Measurements

SHOWN = 4
"""Number of edges without a witness that are named, those that move the output most."""

QUIET = 0.005
"""Least movement of the output, in margins, that is worth naming."""


def measured_view(found: Measurements, circuit: Circuit, *, every_edge: bool = False) -> RenderableType:
    """The margin, and what cutting edges alone does under the ablation of a circuit.

    Args:
        found: Measurements.
        circuit: Whose ablation, and whose live edges.
        every_edge: List every edge, instead of those without a witness that move the output most.
    """
    effects = found.under(circuit.ablation)
    live = {str(edge) for edge in circuit.edges}
    cut = f"each edge cut alone, {circuit.ablation}, {effects.lengths} lengths, {notation.plural(effects.runs, 'run')}"
    margin = Text(
        f"least margin {found.margin:.2f} on {found.inputs:,} inputs: what logits are from decoding otherwise"
    )
    if every_edge:
        return Group(margin, Text(cut, "faint"), _table(effects, live))
    return Group(margin, Text(cut, "faint"), *_lines(effects, live))


def _lines(effects: Effects, live: set[str]) -> list[Text]:
    rest = sorted((e for e in effects.edges if e.edge not in live and e.moved >= QUIET), key=lambda e: -e.moved)
    loud = [e for e in effects.edges if e.edge in live]
    lines = [Text.assemble(("live by witness, share of runs changed: ", "faint"), ", ".join(map(_changed, loud)))]
    if rest:
        more = f" and {len(rest) - SHOWN} more" if len(rest) > SHOWN else ""
        told = "no witness found; moved by, at most, in margins: "
        lines.append(Text.assemble((told, "faint"), ", ".join(map(_moved, rest[:SHOWN])) + more))
    return lines


def _changed(effect: Effect) -> str:
    return f"{effect.edge} {effect.changed:.1%}"


def _moved(effect: Effect) -> str:
    return f"{effect.edge} {effect.moved:.2f}"


def _table(effects: Effects, live: set[str]) -> RenderableType:
    measured = ("outputs changed", "moved by margins")
    made = fact_table("edge", "witness", *measured, right=measured, goes=measured[:1])
    for effect in effects.edges:
        mark = Text("yes", "good") if effect.edge in live else Text("no", "faint")
        made.add_row(effect.edge, mark, f"{effect.changed:.1%}", f"{effect.moved:.3f}")
    return made
