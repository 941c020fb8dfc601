"""The columns of a score of the variable track, one by one and over variables, sites and seeds."""

import statistics
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from groundtruth.results.summary import Spread
from groundtruth.results.variable_scores import CONTROL_KINDS, VariableScores
from mib.metrics.site_aggregate import mib_aggregate
from mib.site import Site


def average_variables(rows: Sequence[VariableScores]) -> dict[str, Spread]:
    """Average every column that has a value over places and seeds, MIB's summary over sites among them."""
    by_place: dict[tuple[str, ...], list[dict[str, float | None]]] = {}
    by_variable: dict[tuple[str, str], dict[int, list[VariableScores]]] = {}
    for row in rows:
        by_place.setdefault((row.subject, row.variable, row.site), []).append(variable_values(row))
        by_variable.setdefault((row.subject, row.variable), {}).setdefault(row.seed, []).append(row)
    names = next(iter(by_place.values()))[0] if by_place else ()
    spreads = {name: _spread([[row[name] for row in seeds] for seeds in by_place.values()]) for name in names}
    summaries = [[mib_values(own) for own in seeds.values()] for seeds in by_variable.values()]
    for name in summaries[0][0] if summaries else ():
        spreads[name] = _spread([[found[name] for found in seeds] for seeds in summaries])
    return {name: spread for name, spread in spreads.items() if spread is not None}


def variable_values(row: VariableScores) -> dict[str, float | None]:
    """Give the columns: interchange accuracies, exact scores, controls, costs."""
    overlap, energy = row.overlap, row.overlap and row.overlap.energy
    controls = {control.kind: control.accuracy for control in row.controls}
    movement = row.movement
    exact = None if overlap is None else (overlap.recall, overlap.precision)
    return {
        "accuracy": row.accuracy,
        "all_pairs": row.all_pairs,
        "cause": row.cause,
        "isolation": row.isolation,
        "disentangle": row.disentangle,
        "validation": row.validation,
        "recall": exact and exact[0],
        "precision": exact and exact[1],
        "f1": exact and _f1(*exact),
        "inside": movement and movement.inside,
        "carried": movement and movement.carried,
        "domain_accuracy": row.truth and row.truth.domain_accuracy,
        "natural": movement and movement.natural,
        "energy_live": energy and energy.live,
        "energy_others": energy and energy.others,
        "energy_dormant": energy and energy.dormant,
        "energy_dead": energy and energy.dead,
        "energy_null": energy and energy.null,
        **{kind: controls.get(kind) for kind in CONTROL_KINDS},
        "selectivity": row.selectivity,
        "mib": row.mib,
        "illusion": float(row.illusion) if row.minimal_rank is not None else None,
        "rank": float(row.rank),
        "minimal_rank": None if row.minimal_rank is None else float(row.minimal_rank),
        "seconds": row.seconds,
    }


def mib_values(rows: Sequence[VariableScores]) -> dict[str, float]:
    """Summarize one method on one variable over sites as MIB does.

    ``mib_mean`` and ``mib_best`` choose positions and layer on the validation split; ``mib_best_on_test`` on the scored
    one, as MIB does. Places behind one block are its positions. Of compiled models these are accuracies on
    distinguishing pairs; of language models those on all pairs, the mean over families, as in MIB.

    Args:
        rows: Rows of one method, variable and seed, one a site.
    """
    layers: dict[int, list[VariableScores]] = {}
    for row in rows:
        layers.setdefault(Site.parse(row.site.partition("@")[0]).layer, []).append(row)
    shared = set.intersection(*({family.name for family in row.families} for row in rows))
    scores, chosen = (
        np.full((max(1, len(shared)), len(layers), max(map(len, layers.values()))), np.nan) for _ in range(2)
    )
    for i, layer in enumerate(sorted(layers)):
        for j, row in enumerate(layers[layer]):
            scores[:, i, j], chosen[:, i, j] = zip(*_by_data_set(row, shared), strict=True)
    fair, as_mib = mib_aggregate(scores, choose_by=chosen), mib_aggregate(scores)
    return {"mib_mean": fair.mean, "mib_best": fair.best, "mib_best_on_test": as_mib.best}


def _by_data_set(row: VariableScores, families: Collection[str]) -> list[tuple[float, float]]:
    """Scores with what sites are chosen by: a family each, or one where a model is compiled."""
    if not families:
        return [(row.accuracy, row.accuracy if row.validation is None else row.validation)]
    return [(family.accuracy, family.validation) for family in row.families if family.name in families]


def count_illusions(scores: Sequence[VariableScores]) -> dict[str, tuple[int, int]]:
    """Count the scores in which accuracy is high and precision low, where the exact span is known."""
    known = [one for one in scores if one.minimal_rank is not None]
    return {"illusion": (sum(one.illusion for one in known), len(known))} if known else {}


def group_by_kind(scores: Sequence[VariableScores]) -> str:
    """Name the kind of a method: empty if it finds subspaces, so that these are sorted above the others."""
    return "" if all(one.linear for one in scores) else "other features"


def variable_record(row: VariableScores) -> dict[str, Any]:
    """Give one score as a flat record, for CSV."""
    return {
        "method": row.method,
        "model": row.model,
        "task": row.task,
        "variable": row.variable,
        "site": row.site,
        "state": row.truth.state if row.truth else "",
        "seed": row.seed,
        "train": row.n_train,
        "test": row.n_test,
        "linear": row.linear,
        **variable_values(row),
        "accuracy_low": row.interval[0],
        "accuracy_high": row.interval[1],
    }


def _f1(recall: float | None, precision: float | None) -> float | None:
    """Harmonic mean; 0 if nothing was found."""
    if recall is None:
        return None
    total = recall + (precision or 0.0)
    return 2 * recall * (precision or 0.0) / total if total else 0.0


def _spread(values: Sequence[Sequence[float | None]]) -> Spread | None:
    """Summarize values by variable and seed."""
    known = [[value for value in seeds if value is not None] for seeds in values]
    known = [seeds for seeds in known if seeds]
    if not known:
        return None
    stds = [statistics.stdev(seeds) if len(seeds) > 1 else 0.0 for seeds in known]
    freedom = sum(len(seeds) - 1 for seeds in known)
    return Spread(statistics.fmean(map(statistics.fmean, known)), statistics.fmean(stds), len(known), freedom)
