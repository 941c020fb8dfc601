"""What the page of a result of the circuit track holds beside its tables: every model, wrong edges, true circuits."""

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote
from types import MappingProxyType
from urllib.parse import urlencode

from rich.text import Text

from groundtruth.model import load
from groundtruth.report import notation
from groundtruth.report.figure import Chart
from groundtruth.report.section import Details, Fold, HeatCell, HeatMap
from groundtruth.report.views.circuit_tree import CircuitTree
from groundtruth.report.views.result_figures import result_figures
from groundtruth.results.cell import Failed, Skipped
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.result import Result
from groundtruth.store.catalog import shipped, shipped_trained

NO_PAGES: Mapping[str, str] = MappingProxyType({})


def circuit_details(result: Result, *, pages: Mapping[str, str] = NO_PAGES) -> list[Details]:
    """Detail each section of ``circuit_sections``, in the same order.

    Args:
        result: Result of a run.
        pages: Address of the explorer's page of a model, where there is one: wrong edges are linked to it.
    """
    return [
        Details(
            heat_map=_heat_map(result, ablation),
            not_scored=tuple(dict.fromkeys(_not_scored(result, ablation))),
            folds=(
                ("Edges or nodes on the wrong side of the true size", tuple(_wrong(result.scores(ablation), pages))),
                ("The true circuits", tuple(_true_circuits(result.compiled_scores(ablation)))),
            ),
            charts=tuple(one for one in result_figures(result, ablation) if isinstance(one, Chart)),
        )
        for ablation in result.ablations
    ]


def _heat_map(result: Result, ablation: str) -> HeatMap:
    rows = result.scores(ablation)
    subjects = list(dict.fromkeys(map(_subject, rows)))
    found = {(row.method, _subject(row)): _cell(row) for row in rows}
    methods = [summary.method for summary in result.summaries(ablation)]
    lines = tuple((method, tuple(found.get((method, subject)) for subject in subjects)) for method in methods)
    return HeatMap("AUROC by model (CPR where there is no exact truth)", tuple(subjects), lines)


def _subject(row: CircuitScores) -> str:
    """A model; a language model with its task."""
    return f"{row.model}/{row.task}" if row.task else row.model


def _cell(row: CircuitScores) -> HeatCell:
    auroc = row.live.auroc if row.live else None
    value = row.cpr if auroc is None else auroc
    (low, high), (least, most) = row.cpr_interval, row.cmd_interval
    detail = f"CPR {row.cpr:.3f} ({low:.3f} to {high:.3f}), CMD {row.cmd:.3f} ({least:.3f} to {most:.3f}), "
    detail += f"{row.passes:.3g} passes, {row.seconds:.2f} s"
    # From chance (0.5) to 1, faint to full: nothing else is read off a colour that the number does not say.
    shade = round(55 * max(0.0, min(1.0, 2 * value - 1)))
    return HeatCell(_subject(row), notation.number(value), shade, detail)


def _not_scored(result: Result, ablation: str) -> Iterator[str]:
    for cell, outcome in result.outcomes:
        if cell.ablation == ablation and isinstance(outcome, Failed):
            yield f"failed: {cell.method} on {cell.subject}: {outcome.error}"
        elif cell.ablation == ablation and isinstance(outcome, Skipped):
            yield f"left out: {outcome.reason}"


def _wrong(rows: Sequence[CircuitScores], pages: Mapping[str, str]) -> Iterator[Fold]:
    for row in rows:
        if row.wrong:
            n_missed = sum(edge.kind == "missed" for edge in row.wrong)
            auroc = f", AUROC {notation.number(row.live.auroc)}" if row.live else ""
            edges = [
                tuple(map(Text, (edge.name, edge.kind, f"{edge.score:.3g}", edge.status, edge.reason)))
                for edge in row.wrong
            ]
            yield Fold(
                f"{row.method} on {_subject(row)}: {n_missed} missed{auroc}",
                ("edge or node", "kind", "score", "in truth", "what travels"),
                edges,
                links=_links(row, pages[row.model]) if row.model in pages and row.level == "edge" else (),
                commands=_commands(row),
            )


def _links(row: CircuitScores, page: str) -> tuple[str, ...]:
    """The explorer's page of the model, with the edge cut on its witness where it has one."""
    known = row.model in {*shipped(), *shipped_trained()} and row.truth is not None
    circuit = load(row.model).circuit(ablation=row.ablation, lengths=row.truth.lengths) if known and row.truth else None
    found: list[str] = []
    for edge in row.wrong:
        witness = circuit and circuit[edge.name].witness
        state = {"ablation": row.ablation, "cut": edge.name, "selected": f"edge:{edge.name}"}
        if witness:
            state["input"] = notation.spell(witness.clean)
            if witness.counterfactual is not None:
                state["second"] = notation.spell(witness.counterfactual)
        found.append(f"{page}#{urlencode(state)}")
    return tuple(found)


def _commands(row: CircuitScores) -> tuple[str, ...]:
    """Say what shows more of a wrong ranking: where the method goes wrong, and the model in a browser."""
    if row.level != "edge":
        return ()
    method, model = quote(row.method), quote(row.model)
    ablation = f" --ablation {row.ablation}" if row.ablation != "resample" else ""
    return (f"groundtruth why {method} {model}{ablation}", f"groundtruth explore {model} --method {method}")


def _true_circuits(rows: Sequence[CircuitScores]) -> Iterator[Fold]:
    """Each shipped model's true circuit, as the tree that ``groundtruth show`` prints."""
    known = {*shipped(), *shipped_trained()}
    for name, ablation, lengths in dict.fromkeys(
        (row.model, row.ablation, row.truth.lengths) for row in rows if row.truth
    ):
        if name in known:
            circuit = load(name).circuit(ablation=ablation, lengths=lengths)
            tree = CircuitTree(circuit, circuit.minimal_circuits[0])
            yield Fold(name, tree.headings, tree.rows(), note=str(circuit), anchor=f"circuit-{ablation}-{name}")
