"""One model on one screen: program, layers, exact circuit with reasons, and a run with every variable's values."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from groundtruth.compiled.domain import Tokens
from groundtruth.compiled.provenance import Head
from groundtruth.generated.original_program import program_lines
from groundtruth.model import CompiledModel
from groundtruth.rasp.expressions import walk
from groundtruth.report import style
from groundtruth.report.measured import measured_view
from groundtruth.report.tree import CircuitTree
from groundtruth.report.variables import variable_data, variables_table
from groundtruth.store.measurements import measurements
from groundtruth.truth.circuits.circuit import ABLATIONS, LENGTHS, Circuit, EdgeTruth
from mib.errors import shorten

INDENT = 10
"""Columns before the text of a section."""


def model_view(
    model: CompiledModel,
    circuit: Circuit,
    tokens: Sequence[Any] | None = None,
    *,
    every_edge: bool = False,
    source: bool = False,
    variables: bool = False,
) -> RenderableType:
    """All that is known about a model, for a reader.

    Args:
        model: The model.
        circuit: One of its circuits.
        tokens: The input of the run; by default a telling one.
        every_edge: List every edge with status and proof, instead of the tree.
        source: Print the Python text of the program too.
        variables: List its variables too, with where each is written, held and read.

    Raises:
        DomainError: If the tokens are no input of the model.
    """
    parts: list[RenderableType] = [_title(model), _section("program", _program(model))]
    if source:
        parts.append(_section("source", Text(model.rasp_source or "not known")))
    parts.append(_section("layers", _layers(model)))
    drawn = _edge_table(circuit) if every_edge else CircuitTree(circuit, _drawn(circuit))
    parts.append(_section("circuit", Group(Text(str(circuit)), drawn, *_below_the_tree(model, circuit))))
    if model.certainty == "measured":
        parts.append(
            _section("measured", measured_view(measurements(model, model.folder), circuit, every_edge=every_edge))
        )
    if inert := list(_inert(circuit)):
        parts.append(_section("inert", Group(*inert)))
    if variables:
        parts.append(_section("variables", variables_table(model.variables())))
    parts.append(_section("run", _run(model, example(model) if tokens is None else tokens)))
    return Group(*parts)


def _title(model: CompiledModel) -> Table:
    w = model.weights
    layers, heads = style.plural(w.n_layers, "layer"), style.plural(w.n_heads, "head")
    sizes = f"{model.family} · {layers} x {heads} · d_model {w.d_model}"
    causal = " · causal" if model.causal else ""
    text = Text(model.description).append(f"\n{sizes}{causal}\n{model.domain}", "faint")
    text.append(f" · equal to its program on {model.check}", "faint")
    if model.recipe:
        text.append(f"\n{model.certainty} truth of a variant · {' · '.join(map(str, model.recipe))}", "faint")
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=INDENT - 2, no_wrap=True)
    grid.add_row(Text(model.name, "name"), text)
    return grid


def _section(title: str, body: RenderableType) -> Table:
    grid = Table.grid(padding=0)
    grid.add_column(width=INDENT)
    grid.add_column(ratio=1)
    grid.expand = True
    grid.add_row(Text(title, "heading"), Padding(body, (0, 0, 1 if title != "program" else 0, 0)))
    return grid


def _program(model: CompiledModel) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    for line in program_lines(model):
        table.add_row(Text(line.name, "variable"), "=", Text(line.formula))
    return table


def _layers(model: CompiledModel) -> Table:
    """What each head and each MLP computes, one line a layer."""
    spelt = {expression.label: expression.name for expression in walk(model.program)}
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    for layer in range(model.weights.n_layers):
        heads = [head for head in model.provenance.heads if head.layer == layer and head.role != "idle"]
        left = Text("\n").join(
            Text.assemble((f"a{layer}.h{head.head}", "node"), "  ", _of_head(head, spelt)) for head in heads
        )
        owners = dict.fromkeys(
            "decoys" if neuron.role == "decoy" else f"{_BACKUP * (neuron.role == 'backup')}{spelt[neuron.expression]}"
            for neuron in model.provenance.neurons_in(layer)
        )
        right = Text.assemble((f"m{layer}", "node"), "  ", ", ".join(owners)) if owners else Text()
        table.add_row(Text(str(layer), "faint"), left or Text("–", "faint"), right or Text("–", "faint"))
    return table


_BACKUP = "backup of "


def _of_head(head: Head, spelt: Mapping[str, str]) -> Text:
    if head.expression is None:
        return Text("decoy", "faint")
    name = spelt[head.expression]
    return Text(f"1/(1+{name})" if head.role == "width" else f"{_BACKUP * (head.role == 'backup')}{name}")


def _drawn(circuit: Circuit) -> Sequence[Any]:
    """The live edges; where these do not suffice, the first minimal circuit."""
    return circuit.minimal_circuits[0] if circuit.redundant else circuit.edges


def _below_the_tree(model: CompiledModel, circuit: Circuit) -> Iterator[RenderableType]:
    if circuit.redundant:
        n, all_of_them = len(circuit.minimal_circuits), "" if circuit.complete else "at least "
        yield Text(f"drawn: the first of {all_of_them}{n} minimal circuits", "warn").append(
            f"; copies stand in for each other: {shorten(circuit.redundant, limit=6)}", "faint"
        )
    yield Text(
        f"{style.spell_one(None)} nothing selected · ↑ drawn out above · q, k, v: which input of a head", "faint"
    )
    yield _live_counts(model, circuit)


def _live_counts(model: CompiledModel, shown: Circuit) -> Table:
    """How many edges are live, by ablation and lengths."""
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(style="faint")
    for _ in (*ABLATIONS, "structural"):
        table.add_column(justify="right", style="faint")
    table.add_row("live edges", *ABLATIONS, "structural")
    for lengths in LENGTHS:
        found = [_n_live(model, ablation, lengths, shown) for ablation in ABLATIONS]
        if any(n is not None for n in found):
            counts = ["–" if n is None else str(n) for n in found]
            table.add_row(f"{lengths} lengths", *counts, f"{len(shown.structural)} of {len(shown.truths)}")
    return table


def _n_live(model: CompiledModel, ablation: str, lengths: str, shown: Circuit) -> int | None:
    """How many edges are live under another ablation, if that is known without proving it now."""
    if (ablation, lengths) == (shown.ablation, shown.lengths):
        return len(shown.edges)
    known = model.folder is not None and (lengths == "fixed" or (model.pad_safe and len(model.domain.lengths) > 1))
    return len(model.circuit(ablation=ablation, lengths=lengths).edges) if known else None


def _inert(circuit: Circuit) -> Iterator[Text]:
    """The edges that are read but change nothing, by what travels on them."""
    why = {
        "constant": "the same on every input" if circuit.ablation == "resample" else "what the ablation puts there",
        "unread": "only decoys read it",
        "absorbed": "differs, but what reads it does not",
        "exhaustive": "differs, but no output does",
    }
    drawn = {str(edge) for edge in circuit.redundant}
    for proof, words in why.items():
        found = [t for t in circuit.truths if t.status == "inert" and t.proof == proof and str(t.edge) not in drawn]
        for carries in ("variable", "position", "constant"):
            own = [t for t in found if t.reason.carries == carries]
            if own:
                yield Text.assemble((carries, carries), f", {words}: ", (_named(own), "faint"))
    if undecided := [t for t in circuit.truths if t.status == "undecided"]:
        yield Text.assemble(("undecided", "bad"), ": ", _named(undecided))


def _named(truths: Sequence[EdgeTruth], *, limit: int = 8) -> str:
    shown = ", ".join(str(truth.edge) for truth in truths[:limit])
    return shown + (f" and {len(truths) - limit} more" if len(truths) > limit else "")


def example(model: CompiledModel) -> Tokens:
    """An input that shows much: long, and of many different tokens."""
    drawn = model.domain.sample(64, seed=0)
    random.Random(0).shuffle(drawn)
    return max(drawn, key=lambda tokens: (len(set(model.run(tokens))), len(set(tokens)), len(tokens)))


def _run(model: CompiledModel, tokens: Sequence[Any]) -> Table:
    values = model.trace(tokens)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    for _ in tokens:
        table.add_column(justify="right", no_wrap=True)
    table.add_row(Text("tokens", "heading"), *(Text(style.spell_one(token), "heading") for token in tokens))
    for line in program_lines(model):
        if line.expression.label in values:
            found = values[line.expression.label]
            table.add_row(Text(line.name, "variable"), *(style.spell_one(value) for value in found))
    output = model.run(tokens)
    table.add_row(Text("the model", "heading"), *(Text(style.spell_one(value), "good") for value in output))
    return table


def _edge_table(circuit: Circuit) -> Table:
    table = style.table("edge", "status", "proof", "tried", "carries", "reason", right=("tried",))
    colours = {"live": "good", "undecided": "bad"}
    for truth in circuit.truths:
        if truth.structural:
            status = Text("redundant" if truth.redundant else truth.status, colours.get(truth.status, "faint"))
            reason = truth.reason
            table.add_row(str(truth.edge), status, truth.proof, f"{truth.tried:,}", reason.carries, str(reason))
    absent = len(circuit.truths) - len(circuit.structural)
    table.caption = f"the other {absent} edges are absent: what the source writes is not read"
    return table


def model_data(
    model: CompiledModel, circuit: Circuit, tokens: Sequence[Any] | None, *, variables: bool = False
) -> dict[str, Any]:
    """The same as JSON has it, with every edge."""
    w = model.weights
    shown = example(model) if tokens is None else tokens
    return {
        "name": model.name,
        "family": model.family,
        "description": model.description,
        "layers": w.n_layers,
        "heads": w.n_heads,
        "d_model": w.d_model,
        "domain": str(model.domain),
        "check": asdict(model.check),
        "certainty": model.certainty,
        "measured": asdict(measurements(model, model.folder)) if model.certainty == "measured" else None,
        "program": [str(line) for line in program_lines(model)],
        "rasp_source": model.rasp_source,
        "provenance": {
            "heads": [asdict(head) for head in model.provenance.heads],
            "neurons": [asdict(neuron) for neuron in model.provenance.neurons],
        },
        "circuit": {
            "ablation": circuit.ablation,
            "lengths": circuit.lengths,
            "inputs": circuit.inputs,
            "exhaustive": circuit.exhaustive,
            "counts": circuit.counts,
            "sufficiency": asdict(circuit.sufficiency),
            "live": [str(edge) for edge in circuit.edges],
            "minimal_circuits": [[str(edge) for edge in edges] for edges in circuit.minimal_circuits],
            "edges": {str(truth.edge): _truth_data(truth) for truth in circuit.truths},
        },
        "variables": [variable_data(truth) for truth in model.variables()] if variables else None,
        "run": {"tokens": list(shown), "output": model.run(shown), "values": model.trace(shown)},
    }


def _truth_data(truth: EdgeTruth) -> dict[str, Any]:
    data = asdict(truth)
    del data["edge"]
    return data
