"""Tiers by the names of models: what stands on which, what a profile and --tier run, and AUROC tier by tier."""

import pytest

from groundtruth.bench.circuit_subjects import TRAINED_BY_DEFAULT
from groundtruth.bench.run_cell import run_cell
from groundtruth.cli.models import models
from groundtruth.errors import DomainError
from groundtruth.results.cell import Cell
from groundtruth.results.cell_settings import CircuitSetting
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.model_tiers import ALL_TIERS, base_and_tier, mixtures, models_on
from groundtruth.results.result import Result
from groundtruth.store.catalog import shipped_trained
from tests.groundtruth.bench.cell_makers import circuit_cell, planned
from tests.groundtruth.results.test_results import row


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("hist", ("hist", "raw")),
        ("hist@soft", ("hist", "soft")),
        ("hist@mixture", ("hist", "mixture")),
        ("gen:3f@decoys+rotate", ("gen:3f", "decoys+rotate")),
        ("second_step@free-0", ("second_step", "trained")),
        ("second_step@wired-llama-vote-7", ("second_step", "trained")),
        ("second_step@free-0@rotated", ("second_step", "trained")),
        ("hist@layernorm@embed", ("hist", "layernorm")),
        ("/some/where/second_step@scratch-1", ("/some/where/second_step", "trained")),
    ],
)
def test_a_name_says_on_which_tier_a_model_stands(model: str, expected: tuple[str, str]) -> None:
    assert base_and_tier(model) == expected


def test_the_default_runs_hard_tiers_and_trained_models_and_no_raw_one() -> None:
    compiled = [cell.model for cell in planned(methods=["eap"]) if not cell.task]
    tiers = [base_and_tier(model)[1] for model in compiled]
    assert "raw" not in tiers and set(tiers) <= set(ALL_TIERS)
    trained = [model for model in compiled if base_and_tier(model)[1] == "trained"]
    assert trained == [*TRAINED_BY_DEFAULT] and set(trained) < set(shipped_trained())
    assert len({base_and_tier(model)[0] for model in trained}) == len(trained) == 9
    assert {"cancelling", "votes"} <= set(tiers)  # where single cuts mislead
    by_default = {cell.method for cell in planned()}
    assert "cpr-gaming" not in by_default and {"oracle", "acdc", "activation-norm"} <= by_default
    assert {cell.method for cell in planned(methods=["cpr-gaming"])} == {"cpr-gaming"}
    assert min(tiers.count(tier) for tier in set(tiers) - {"trained"}) >= 3


def test_a_tier_is_run_alone_and_without_language_models() -> None:
    raw = planned(methods=["eap"], tiers=["raw"])
    assert len(raw) == 21 and not any(cell.task for cell in raw)
    both = planned(methods=["eap"], tiers=["soft", "trained"])
    assert [cell.model for cell in both] == [*models_on("soft"), *models_on("trained")]
    assert [cell.task for cell in planned(methods=["eap"], tiers=["soft"], tasks=["ioi"]) if cell.task] == ["ioi"]


def test_mixtures_are_a_tier_though_they_do_not_ship() -> None:
    cells = planned(methods=["eap"], tiers=["mixture"])
    assert [cell.model for cell in cells] == mixtures() == sorted(mixtures())
    outcome = run_cell(Cell("oracle", "hist@mixture", CircuitSetting(n_pairs=8, max_sizes=2), dtype="float64"))
    assert isinstance(outcome, CircuitScores) and outcome.live and outcome.truth
    # Both circuits and the switch.
    assert (outcome.live.auroc, outcome.live.true, outcome.truth.certainty) == (1.0, 11, "exact")


def test_a_list_of_mixtures_says_how_to_have_one() -> None:
    with pytest.raises(
        DomainError, match="mixtures do not ship: .* `groundtruth show contains_x@mixture`; `.*hist@mix"
    ):
        models(tier="mixture")


def test_unknown_tiers_and_models_beside_a_tier_are_refused() -> None:
    with pytest.raises(DomainError, match="unknown tier 'sotf'. Did you mean: soft"):
        planned(tiers=["sotf"])
    with pytest.raises(DomainError, match="--tier soft chooses among the models that ship, and --models names others"):
        planned(tiers=["soft"], models=["hist"])


def test_auroc_is_told_tier_by_tier_where_models_stand_on_several() -> None:
    aurocs = {"hist@soft": 1.0, "sort@soft": 0.5, "second_step@free-0": 0.25}
    outcomes = tuple((circuit_cell("a", model), row("a", model, auroc, 0.5, 0.5)) for model, auroc in aurocs.items())
    (summary,) = Result(outcomes, {}, 0.0).summaries("resample")
    assert {name: spread.mean for name, spread in summary.columns.items() if name.startswith("auroc")} == {
        "auroc": pytest.approx(1.75 / 3),
        "auroc_soft": 0.75,
        "auroc_trained": 0.25,
    }
    (alone,) = Result(outcomes[:2], {}, 0.0).summaries("resample")
    assert "auroc_soft" not in alone.columns
