"""One model on one screen: program, layers, exact circuit with reasons, and a run with every variable's values."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from groundtruth.compiled.domain import Tokens
from groundtruth.compiled.provenance import Head
from groundtruth.generated.original_program import program_lines
from groundtruth.model import CompiledModel, KnownModel
from groundtruth.rasp.expressions import walk
from groundtruth.report import notation
from groundtruth.report.terminal import fact_table
from groundtruth.report.views.circuit_tree import CircuitTree
from groundtruth.report.views.implicit_variables_table import implicit_variable_data, implicit_variables_table
from groundtruth.report.views.measured_view import measured_view
from groundtruth.report.views.trained_variables_table import trained_variable_data, trained_variables_table
from groundtruth.report.views.trained_view import claims_view, components_table, trained_data, trained_facts
from groundtruth.report.views.variables_table import variable_data, variables_table
from groundtruth.store.measurements import measurements
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.truth.circuits.circuit import ABLATIONS, LENGTHS, Circuit, EdgeTruth
from mib.counted_nouns import layers_by_heads
from mib.errors import shorten

BETWEEN = 2
"""Blanks between positions of a run."""

NARROW, NARROW_INDENT = 80, 2
"""Columns of the screen below which titles stand above their sections, and the indent of these."""

INDENT = 10
"""Columns before the text of a section."""


def model_view(
    model: KnownModel,
    circuit: Circuit,
    tokens: Sequence[Any] | None = None,
    *,
    every_edge: bool = False,
    source: bool = False,
    variables: bool = False,
    implicit: bool = False,
) -> RenderableType:
    """All that is known about a model, for a reader.

    Args:
        model: The model.
        circuit: One of its circuits.
        tokens: The input of the run; by default a telling one.
        every_edge: List every edge with status and proof, instead of the tree.
        source: Print the Python text of the program too.
        variables: List its variables too, with where each is written, held and read.
        implicit: List its variables where they are yet to be computed, too.

    Raises:
        DomainError: If the tokens are no input of the model.
    """
    parts: list[RenderableType] = [_title(model), _Titled("program", _program(model), gap=0)]
    if source:
        parts.append(_Titled("source", Text(model.rasp_source or "not known")))
    trained = isinstance(model, TrainedModel)
    parts.append(_Titled("layers", components_table(model) if trained else _layers(model)))
    # The first minimal circuit: where the live edges are one, as they mostly are, that is what they are.
    drawn = _edge_table(circuit) if every_edge else CircuitTree(circuit, circuit.minimal_circuits[0])
    parts.append(_Titled("circuit", Group(Text(str(circuit)), drawn, *_below_the_tree(model, circuit))))
    if trained:
        parts.append(_Titled("shown", claims_view(model, circuit.ablation)))
    elif model.certainty == "measured":
        parts.append(
            _Titled("measured", measured_view(measurements(model, model.folder), circuit, every_edge=every_edge))
        )
    if inert := list(_inert(circuit)):
        parts.append(_Titled("inert", Group(*inert)))
    if variables:
        known = trained_variables_table(model.variables()) if trained else variables_table(model.variables())
        parts.append(_Titled("variables", known))
    if implicit:
        parts.append(_Titled("implicit", implicit_variables_table(model.implicit_variables())))
    parts.append(_Titled("run", _run(model, example(model) if tokens is None else tokens)))
    return Group(*parts)


def _title(model: KnownModel) -> Table:
    facts = trained_facts(model) if isinstance(model, TrainedModel) else _facts(model)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=INDENT - 2, no_wrap=True)
    grid.add_row(Text(model.name, "name"), Text(model.description).append("\n").append(facts))
    return grid


def _facts(model: CompiledModel) -> Text:
    w = model.weights
    sizes = f"{model.family} · {layers_by_heads(w.n_layers, w.n_heads)} · d_model {w.d_model}"
    causal = " · causal" if model.causal else ""
    text = Text(f"{sizes}{causal}\n{model.domain}", "faint")
    text.append(f" · equal to its program on {model.check}", "faint")
    if model.recipe:
        text.append(f"\n{model.certainty} truth of a variant · {' · '.join(map(str, model.recipe))}", "faint")
    return text


@dataclass(frozen=True)
class _Titled:
    """A part of the screen with its title at the left; on a narrow screen the title stands above it.

    Lines are never cropped: what does not fit however it is laid out is longer than the screen, not cut.

    Attributes:
        title: One word.
        body: Text that stands beside it.
        gap: Blank lines below it.
    """

    title: str
    body: RenderableType
    gap: int = 1

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Indent the body."""
        beside = options.max_width >= NARROW
        indent = INDENT if beside else NARROW_INDENT
        room = options.max_width - indent
        lines = list(Segment.split_lines(console.render(self.body, options.update(width=room, max_width=room))))
        heading = console.get_style("heading")
        if not beside:
            yield from (Segment(self.title, heading), Segment.line())
        for index, line in enumerate(lines):
            named = self.title if beside and not index else ""
            yield from (Segment(named, heading), Segment(" " * (indent - len(named))), *line, Segment.line())
        yield from [Segment.line()] * self.gap


def _program(model: KnownModel) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    for line in program_lines(model):
        table.add_row(Text(line.name, "variable"), "=", Text(line.formula))
    return table


def _layers(model: CompiledModel) -> Table:
    """Say what each head and each MLP computes, one line a layer."""
    spelt = {expression.label: expression.name for expression in walk(model.program)}
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    for layer in range(model.weights.n_layers):
        heads = [head for head in model.provenance.heads if head.layer == layer and head.role != "idle"]
        left = Text("\n").join(
            Text.assemble((f"a{layer}.h{head.head}", "node"), "  ", _of_head(head, spelt)) for head in heads
        )
        owners = dict.fromkeys(
            "decoys" if neuron.role == "decoy" else f"{_STANDING_BY.get(neuron.role, '')}{spelt[neuron.expression]}"
            for neuron in model.provenance.neurons_in(layer)
        )
        right = Text.assemble((f"m{layer}", "node"), "  ", ", ".join(owners)) if owners else Text()
        table.add_row(Text(str(layer), "faint"), left or Text("–", "faint"), right or Text("–", "faint"))
    return table


_STANDING_BY = {"backup": "backup of ", "voter": "a vote on ", "majority": "most votes on "}
"""Words before an expression that a part does not compute for good, by its role."""


def _of_head(head: Head, spelt: Mapping[str, str]) -> Text:
    if head.expression is None:
        words = {"cancelling": "half of a cancelling pair", "ignored": "a decoy that is read"}
        return Text(words.get(head.role, "decoy"), "faint")
    name = spelt[head.expression]
    return Text(f"1/(1+{name})" if head.role == "width" else f"{_STANDING_BY.get(head.role, '')}{name}")


def _below_the_tree(model: KnownModel, circuit: Circuit) -> Iterator[RenderableType]:
    if circuit.minimal_circuits != (circuit.edges,):
        at_least = "" if circuit.complete else "at least "
        known = notation.plural(len(circuit.minimal_circuits), "minimal circuit")
        text = Text().append(f"drawn: the first of {at_least}{known}", "warn")
        if circuit.redundant:
            text.append(f"; no single cut shows {shorten(circuit.redundant, limit=6)}", "faint")
        if circuit.dispensable:
            text.append(f"; live, but in none of them: {shorten(circuit.dispensable, limit=6)}", "faint")
        yield text
    yield Text().append(
        f"{notation.spell_one(None)} nothing selected · ↑ drawn out above · q, k, v: which input of a head", "faint"
    )
    yield from _live_counts(model, circuit)


def _live_counts(model: KnownModel, shown: Circuit) -> Iterator[Text]:
    """Count the live edges by ablation and lengths: sentences, because these wrap where a table would be cut."""
    for lengths in LENGTHS:
        found = {ablation: _n_live(model, ablation, lengths, shown) for ablation in ABLATIONS}
        if any(n is not None for n in found.values()):
            counts = " · ".join(f"{ablation} {n}" for ablation, n in found.items() if n is not None)
            yield Text().append(f"live edges, {lengths} lengths: {counts}", "faint")
    yield Text().append(f"structural edges: {len(shown.structural)} of {len(shown.truths)}", "faint")


def _n_live(model: KnownModel, ablation: str, lengths: str, shown: Circuit) -> int | None:
    """Count how many edges are live under another ablation, if that is known without proving it now."""
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
        for carries in ("variable", "position", "constant", "unplanned"):
            own = [t for t in found if t.reason.carries == carries]
            if own:
                style = "" if carries == "unplanned" else carries
                yield Text.assemble((carries, style), f", {words}: ", (_named(own), "faint"))
    if undecided := [t for t in circuit.truths if t.status == "undecided"]:
        why_open = "" if circuit.exhaustive else f", no witness on a sample of {circuit.inputs:,} inputs"
        if circuit.stopped_after is not None:
            why_open = f", not shown within {circuit.stopped_after:g} s"
        yield Text.assemble(("undecided", "bad"), why_open, ": ", (_named(undecided), "faint"))


def _named(truths: Sequence[EdgeTruth], *, limit: int = 8) -> str:
    shown = ", ".join(str(truth.edge) for truth in truths[:limit])
    return shown + (f" and {len(truths) - limit} more" if len(truths) > limit else "")


def example(model: KnownModel) -> Tokens:
    """An input that shows much: long, and of many different tokens."""
    drawn = model.domain.sample(64, seed=0)
    random.Random(0).shuffle(drawn)
    return max(drawn, key=lambda tokens: (len(set(model.run(tokens))), len(set(tokens)), len(tokens)))


@dataclass(frozen=True)
class PositionTable:
    """Values by position; where they do not fit side by side, the positions go on in another block below.

    Attributes:
        names: Names that stand before the rows.
        values: A text for each position of each row.
    """

    names: Sequence[Text]
    values: Sequence[Sequence[Text]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Break the positions into as few blocks as the width allows."""
        widths = [max(text.cell_len for text in column) for column in zip(*self.values, strict=True)]
        room = options.max_width - max(name.cell_len for name in self.names)
        for index, block in enumerate(_blocks(widths, room)):
            table = Table.grid(padding=(0, BETWEEN, 0, 0))
            for row, name in enumerate(self.names):
                table.add_row(name, *(self.values[row][place] for place in block))
            for column in table.columns:
                column.no_wrap = True
            for column in table.columns[1:]:
                column.justify = "right"
            yield from [Text(), table] if index else [table]


def _blocks(widths: Sequence[int], room: int) -> list[list[int]]:
    """Places in runs, each as long as fits; one at least."""
    blocks: list[list[int]] = [[]]
    left = room
    for place, width in enumerate(widths):
        if blocks[-1] and left < width + BETWEEN:
            blocks.append([])
            left = room
        blocks[-1].append(place)
        left -= width + BETWEEN
    return blocks


def _run(model: KnownModel, tokens: Sequence[Any]) -> PositionTable:
    values = model.trace(tokens)
    rows = [(Text("tokens", "heading"), [Text(notation.spell_one(token), "heading") for token in tokens])]
    for line in program_lines(model):
        if line.name in values:
            rows.append((Text(line.name, "variable"), [Text(notation.spell_one(value)) for value in values[line.name]]))
    output = [Text(notation.spell_one(value), "good") for value in model.run(tokens)]
    rows.append((Text("the model", "heading"), output))
    return PositionTable([name for name, _ in rows], [texts for _, texts in rows])


def _edge_table(circuit: Circuit) -> RenderableType:
    columns = ("edge", "status", "proof", "tried", "carries", "reason")
    table = fact_table(*columns, right=("tried",), wraps=("reason",), goes=("carries", "proof", "tried"))
    colours = {"live": "good", "undecided": "bad"}
    for truth in circuit.truths:
        if truth.structural:
            status = Text("redundant" if truth.redundant else truth.status, colours.get(truth.status, "faint"))
            reason = truth.reason
            table.add_row(str(truth.edge), status, truth.proof, f"{truth.tried:,}", reason.carries, str(reason))
    absent = len(circuit.truths) - len(circuit.structural)
    rest = f"the other {absent} edges are absent: what the source writes is not read"
    return Group(table, Text(rest, "faint"))


def model_data(
    model: KnownModel,
    circuit: Circuit,
    tokens: Sequence[Any] | None,
    *,
    variables: bool = False,
    implicit: bool = False,
) -> dict[str, Any]:
    """The same as JSON has it, with every edge."""
    graph, shown = model.graph, example(model) if tokens is None else tokens
    return {
        "name": model.name,
        "family": model.family,
        "description": model.description,
        "layers": graph.n_layers,
        "heads": graph.n_heads,
        "d_model": graph.d_model,
        "domain": str(model.domain),
        "certainty": model.certainty,
        **(trained_data(model) if isinstance(model, TrainedModel) else _compiled_data(model)),
        "program": [str(line) for line in program_lines(model)],
        "rasp_source": model.rasp_source,
        "circuit": {
            "ablation": circuit.ablation,
            "lengths": circuit.lengths,
            "inputs": circuit.inputs,
            "exhaustive": circuit.exhaustive,
            "coverage": circuit.coverage,
            "counts": circuit.counts,
            "sufficiency": asdict(circuit.sufficiency),
            "live": [str(edge) for edge in circuit.edges],
            "complete": circuit.complete,
            "stopped_after": circuit.stopped_after,
            "minimal_circuits": [[str(edge) for edge in edges] for edges in circuit.minimal_circuits],
            "edges": {str(truth.edge): _truth_data(truth) for truth in circuit.truths},
        },
        "variables": _variables_data(model) if variables else None,
        "implicit": [implicit_variable_data(one) for one in model.implicit_variables()] if implicit else None,
        "run": {"tokens": list(shown), "output": model.run(shown), "values": model.trace(shown)},
    }


def _variables_data(model: KnownModel) -> list[dict[str, Any]]:
    if isinstance(model, TrainedModel):
        return [trained_variable_data(truth) for truth in model.variables()]
    return [variable_data(truth) for truth in model.variables()]


def _compiled_data(model: CompiledModel) -> dict[str, Any]:
    return {
        "check": asdict(model.check),
        "measured": asdict(measurements(model, model.folder)) if model.certainty == "measured" else None,
        "provenance": {
            "heads": [asdict(head) for head in model.provenance.heads],
            "neurons": [asdict(neuron) for neuron in model.provenance.neurons],
        },
    }


def _truth_data(truth: EdgeTruth) -> dict[str, Any]:
    data = asdict(truth)
    del data["edge"]
    return data
