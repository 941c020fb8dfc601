"""Why a featurizer is wrong on one variable, on a terminal: what its directions hold, and the pairs that fail."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from groundtruth.evaluation.variables.variable_diagnosis import FailedPair, FoundDirection, VariableDiagnosis
from groundtruth.report import notation
from groundtruth.report.fitted_table import FittedTable, TableColumn
from groundtruth.report.terminal import bullets
from groundtruth.results.variable_scores import Energy

HOLDS: dict[str, str] = {
    "live": "the variable",
    "others": "other live variables",
    "dormant": "directions that are read and never vary",
    "dead": "copies that nothing reads any more",
    "null": "directions that are neither written nor read",
}
"""Contents of each part of a site, by the name of its share."""

N_PAIRS = 6
"""Number of kinds of failing pairs that are shown."""


def variable_diagnosis_view(found: VariableDiagnosis, *, wide: bool = False) -> RenderableType:
    """Print where the found subspace lies, direction by direction, and the worst pairs.

    Args:
        found: Findings.
        wide: Keep every column and every kind of pair.
    """
    scores = found.scores
    place = f"{scores.model}:{scores.variable}@{scores.site}"
    told = f" · {scores.n_train} pairs to learn from, {scores.n_test} to be scored on"
    title = Text.assemble((notation.method_name(scores.method), "name"), " on ", (place, "name"), told)
    n_shown = len(found.failed) if wide else N_PAIRS
    parts: list[RenderableType] = [title, Padding(bullets(tuple(_sentences(found))), (0, 0, 1, 0))]
    if found.directions:
        parts += [_directions(found.directions, wide), Text()]
    if found.failed:
        parts += [_pairs(found.failed[:n_shown], wide), Text()]
        if len(found.failed) > n_shown:
            parts.append(Text(f"{len(found.failed) - n_shown} more kinds of pairs fail; --wide shows them.", "faint"))
    return Group(*parts)


def variable_diagnosis_data(found: VariableDiagnosis) -> dict[str, Any]:
    """Write it as JSON has it."""
    return {
        "schema_version": 1,
        "scores": asdict(found.scores),
        "cosines": _cosines(found),
        "directions": [{"cosine": one.cosine, **asdict(one)} for one in found.directions],
        "failed": [asdict(one) for one in found.failed],
    }


def _cosines(found: VariableDiagnosis) -> list[float]:
    """Show cosines of principal angles between the variable and what later components read of the found subspace."""
    overlap = found.scores.overlap
    return [math.cos(math.radians(angle)) for angle in overlap.angles] if overlap else []


def _sentences(found: VariableDiagnosis) -> Iterator[Text]:
    scores, overlap, movement = found.scores, found.scores.overlap, found.scores.movement
    accuracy = f"interchange accuracy {scores.accuracy:.2f}"
    if scores.truth is not None and scores.truth.reason:
        yield Text(f"{accuracy}; recall and precision are not defined: {scores.truth.reason}")
        return
    if overlap is None:
        inside = movement and movement.inside
        told = "nothing is moved" if inside is None else f"{inside:.0%} of what it moves is the variable"
        yield Text(f"{accuracy}; what was found is no subspace: {told}")
        return
    recall, precision = notation.number(overlap.recall), notation.number(overlap.precision)
    yield Text(f"{accuracy}, recall {recall}, precision {precision}; rank {scores.rank} for {scores.minimal_rank}")
    if scores.illusion:
        yield Text("an illusion: the accuracy is that of a find, and most of what was found is not the variable", "bad")
    if overlap.energy is not None:
        yield Text(f"of what was found lies {_shares(overlap.energy)}")
    shown = " ".join(notation.number(cosine) for cosine in _cosines(found))
    if shown:
        yield Text(f"cosines of the principal angles between the variable and what is read of it: {shown}")
    missing = (scores.minimal_rank or 0) - len(_cosines(found))
    if missing > 0:
        yield Text(f"{notation.plural(missing, 'dimension')} of the variable can have no counterpart: too low a rank")


def _shares(energy: Energy) -> str:
    shares = sorted(asdict(energy).items(), key=lambda item: -item[1])
    return ", ".join(f"{share:.0%} in {HOLDS[name]}" for name, share in shares if share >= 0.005)


def _directions(directions: Sequence[FoundDirection], wide: bool) -> FittedTable:
    names = tuple(Energy.__dataclass_fields__)
    columns = [
        TableColumn("direction", right=True),
        TableColumn("cosine", right=True),
        *(TableColumn(name, right=True, priority=place + 1) for place, name in enumerate(names)),
        TableColumn("it lies in the span of", yields="wraps", least=24, name="spans"),
    ]
    table = FittedTable(columns, wide=wide, more="--wide shows them.")
    for number, one in enumerate(directions, 1):
        held = ", ".join(f"{name} {share:.2f}" for name, share in one.holds)
        shares = [notation.number(getattr(one.energy, name)) for name in names]
        table.add_row(str(number), notation.number(one.cosine), *shares, Text(held, "variable"))
    return table


def _pairs(failed: Sequence[FailedPair], wide: bool) -> FittedTable:
    columns = [
        TableColumn("worst pairs", name="values"),
        TableColumn("wrong", right=True),
        TableColumn("base", yields="wraps", least=10),
        TableColumn("source", yields="wraps", least=10),
        TableColumn("expected", yields="wraps", least=10),
        TableColumn("given", yields="wraps", least=10),
    ]
    table = FittedTable(columns, wide=wide, more="--wide shows them.")
    for one in failed:
        before, after = map(notation.spell, one.values)
        values = f"{before} stays" if one.isolation else f"{before} → {after}"
        table.add_row(
            values,
            f"{one.n_wrong}/{one.n_pairs}",
            *map(notation.spell, (one.base, one.source, one.expected, one.given)),
        )
    return table
