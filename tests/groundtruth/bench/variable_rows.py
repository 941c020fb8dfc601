"""Scores and results of the variable track, made up."""

from dataclasses import replace
from typing import Any

from groundtruth.results.cell import Cell, Outcome
from groundtruth.results.result import Result, result_of
from groundtruth.results.variable_scores import (
    Control,
    Energy,
    ExactVariableScores,
    FamilyScore,
    Movement,
    Overlap,
    VariableScores,
)
from tests.groundtruth.bench.cell_makers import variable_cell


def row(
    method: str,
    accuracy: float,
    *,
    recall: float | None = 1.0,
    precision: float | None = 1.0,
    inside: float | None = 1.0,
    variable: str = "opposite",
    site: str = "residual.2.post",
    seed: int = 0,
    validation: float | None = None,
    controls: tuple[Control, ...] = (),
    linear: bool = True,
) -> VariableScores:
    energy = Energy(0.4, 0.3, 0.0, 0.3, 0.0)
    return VariableScores(
        method=method,
        model="reverse",
        variable=variable,
        site=site,
        seed=seed,
        n_train=10,
        n_test=10,
        accuracy=accuracy,
        interval=(accuracy, accuracy),
        all_pairs=accuracy,
        cause=accuracy,
        isolation=0.5,
        disentangle=(accuracy + 0.5) / 2,
        validation=validation,
        linear=linear,
        rank=8,
        controls=controls,
        seconds=0.5,
        truth=ExactVariableScores(
            state="live",
            minimal_rank=4,
            overlap=Overlap(recall, precision, energy, (0.0, 90.0), 2) if linear else None,
            movement=Movement(inside, 0.5, 0.25),
        ),
    )


def language_model_row(
    method: str,
    accuracy: float,
    *,
    families: tuple[tuple[str, float, float], ...] = (("random", 0.5, 0.5),),
    variable: str = "ones_carry",
    site: str = "residual.1.post@last",
    seed: int = 0,
    controls: tuple[Control, ...] = (),
) -> VariableScores:
    return replace(
        row(method, accuracy, variable=variable, site=site, seed=seed, controls=controls),
        model="learned",
        task="arithmetic-addition",
        truth=None,
        families=tuple(FamilyScore(*family) for family in families),
    )


def result(*rows: VariableScores, others: tuple[tuple[Cell, Outcome], ...] = (), **settings: Any) -> Result:
    cells = [(variable_cell(r.method, r.model, r.variable, r.site, r.seed, task=r.task), r) for r in rows]
    return result_of([*cells, *others], seconds=1.0, **settings)
