"""The columns of a score of the circuit track, one by one and over models."""

import statistics
from collections.abc import Sequence
from typing import Any

from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.stability import stabilities
from groundtruth.results.summary import Spread, column_mean


def circuit_values(scores: CircuitScores) -> dict[str, float | None]:
    """Give the columns: exact scores against the minimal circuits (none in superposition), metrics, costs."""
    truth = scores.truth
    measured = truth.live if truth and truth.certainty == "measured" else None
    live = None if measured else scores.live
    return {
        "auroc": live and live.auroc,
        "rounded_auroc": live and live.rounded_auroc,
        "average_precision": live and live.average_precision,
        "precision": live and live.precision,
        "recall": live and live.recall,
        "f1": live and live.f1,
        "gap": live and live.gap,
        "size_to_sufficiency": live and truth and truth.size_to_sufficiency,
        "interactions": live and truth and truth.interactions,
        "variables_auroc": live and truth and truth.variables and truth.variables.auroc,
        "structural_auroc": live and truth and truth.structural and truth.structural.auroc,
        "measured_auroc": measured and measured.auroc,
        "mib_cpr": scores.mib_cpr,
        "mib_cmd": scores.mib_cmd,
        "cpr": scores.cpr,
        "cmd": scores.cmd,
        "true_cpr": truth and truth.true_cpr,
        "true_cmd": truth and truth.true_cmd,
        "passes": scores.passes,
        "seconds": scores.seconds,
    }


def average_circuits(scores: Sequence[CircuitScores]) -> dict[str, Spread]:
    """Average every column over the models that have a value; stability needs several seeds of a model."""
    table = [circuit_values(one) for one in scores]
    names = table[0] if table else ()
    values = {name: [value for row in table if (value := row[name]) is not None] for name in names}
    values["stability"] = stabilities(scores)
    return {
        name: Spread(column_mean(name, found), statistics.stdev(found) if n > 1 else 0.0, n, n - 1)
        for name, found in values.items()
        if (n := len(found))
    }


def exact_fraction(scores: Sequence[CircuitScores]) -> dict[str, tuple[int, int]]:
    """Count the models of which a minimal circuit is recovered exactly."""
    if not any(one.live for one in scores):
        return {}
    return {"exact": (sum(bool(is_exact(one)) for one in scores), len(scores))}


def is_exact(scores: CircuitScores) -> bool | None:
    """Say whether a minimal circuit was recovered exactly; ``None`` where they are not known exactly."""
    return scores.live.exact if scores.live and scores.truth and scores.truth.certainty == "exact" else None


def circuit_record(scores: CircuitScores) -> dict[str, Any]:
    """Give one score as a flat record, for CSV."""
    return {
        "method": scores.method,
        "model": scores.model,
        "task": scores.task,
        "ablation": scores.ablation,
        "lengths": scores.truth.lengths if scores.truth else "",
        "level": scores.level,
        "seed": scores.seed,
        "examples": scores.n_examples,
        "true": scores.live and scores.live.true,
        "judged": scores.live and scores.live.judged,
        "exact": is_exact(scores),
        "minimal_circuits": scores.truth and scores.truth.minimal_circuits,
        **circuit_values(scores),
        "cpr_low": scores.cpr_interval[0],
        "cpr_high": scores.cpr_interval[1],
        "cmd_low": scores.cmd_interval[0],
        "cmd_high": scores.cmd_interval[1],
    }
