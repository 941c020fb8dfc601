"""The variable track on trained models: exact scores where spans are exact, and why there are none elsewhere."""

import json
from functools import cache

import numpy as np
import pytest
import torch

from groundtruth.bench.request import Request
from groundtruth.bench.run_cell import run_cell
from groundtruth.bench.variable_subjects import VARIABLE_PROFILES, places_of, variable_subjects
from groundtruth.cli.main import main
from groundtruth.errors import DomainError
from groundtruth.evaluation.variables import Sizes, VariableEvaluator, featurization_task
from groundtruth.evaluation.variables.featurization_tasks import program_ground_of
from groundtruth.evaluation.variables.informative_variables import full_vector_share
from groundtruth.evaluation.variables.interchange_pairs import every_pair
from groundtruth.evaluation.variables.predictor import Predictor
from groundtruth.evaluation.variables.variable_diagnosis import diagnose_variable
from groundtruth.model import load
from groundtruth.results.cell import Cell, Skipped
from groundtruth.results.cell_settings import VariableSetting
from groundtruth.results.variable_values import variable_values
from groundtruth.store.save_trained import save_trained
from groundtruth.trained.certify_network import Certifier, certify
from groundtruth.trained.trained_model import TrainedModel
from mib import featurization
from tests.groundtruth.trained.wired_by_hand import copying_network

SMALL = Sizes(60, 20, 60)


@cache
def by_hand(kind="wired") -> TrainedModel:
    network = copying_network(kind=kind)
    return TrainedModel.of(network, certificate=Certifier(network, n_subsets=0).certify(("resample",)))


@cache
def evaluator(kind="wired", site="resid_post0") -> VariableEvaluator:
    return VariableEvaluator.of(by_hand(kind), "previous", site, sizes=SMALL, controls=False, dtype=torch.float64)


def test_the_oracle_of_a_wired_model_is_exact():
    row = evaluator().score("oracle")
    assert (row.accuracy, row.truth.domain_accuracy, row.truth.state, row.truth.reason) == (1.0, 1.0, "live", "")
    assert (row.rank, row.minimal_rank) == (2, 2)
    assert (row.recall, row.precision, row.movement.carried, row.movement.natural) == pytest.approx((1, 1, 1, 1))


def test_what_is_read_and_never_varies_costs_precision():
    """The logits read three dimensions, between two of which and the third's mean the head moves."""
    row = evaluator().score("full-vector")
    assert (row.accuracy, row.recall) == pytest.approx((1.0, 1.0))
    assert row.precision == pytest.approx(2 / 3)
    assert row.overlap.energy.dormant == pytest.approx(1 / 12)
    assert row.overlap.energy.dead == pytest.approx(2 / 12)  # the token's own differences, which nothing reads
    noop = evaluator().score("no-op")
    assert (noop.accuracy, noop.recall, noop.truth.domain_accuracy) == pytest.approx((0.0, 0.0, 81 / 729))


def test_recall_and_precision_of_a_free_model_are_none_and_not_zero():
    row = evaluator("free").score("oracle")
    assert (row.accuracy, row.truth.domain_accuracy, row.rank) == (1.0, 1.0, 2)
    assert (row.recall, row.precision, row.minimal_rank, row.movement) == (None,) * 4
    assert "one of many" in row.truth.reason and not row.illusion
    assert variable_values(row)["illusion"] is None
    with pytest.raises(DomainError, match="'previous' at 'resid_post0' of 'previous_token@free-7': everything reads"):
        _ = evaluator("free").landscape


def test_a_task_swaps_every_position_and_no_other_kind_of_pairs():
    task = featurization_task(by_hand(), "previous", "a0.h1", sizes=SMALL)
    assert task.base_positions.unique(dim=0).tolist() == [[0, 1, 2, 3]]
    assert set(task.base_values[:, 0].tolist()) == {-1}
    with pytest.raises(DomainError, match="pairs='moved': interchanges of .* are known at all positions.*Leave out p"):
        featurization_task(by_hand(), "previous", "a0.h1", pairs="moved")
    with pytest.raises(DomainError, match="site 'residual.0.mid@2': .*Leave out the positions"):
        featurization_task(by_hand(), "previous", "resid_mid0@2")


def test_expressions_of_one_unit_are_swapped_together():
    model = load("waiting_pair@wired-0")
    both = model.variable("waits")
    row = VariableEvaluator.of(model, both, "m0", controls=False, sizes=SMALL, dtype=torch.float64).score("oracle")
    assert (row.variable, row.accuracy, row.truth.domain_accuracy) == ("waits+both", 1.0, 1.0)
    ground = program_ground_of(model)
    joint, single = (Predictor(ground, labels, None) for labels in (both.variable.labels, both.variable.labels[:1]))
    swaps = every_pair(joint)
    assert not np.array_equal(joint.predict(swaps).changed, single.predict(swaps).changed)
    assert (single.predict(swaps).same >= joint.predict(swaps).same).all()


def test_where_no_span_passes_the_oracle_is_left_out_and_methods_are_judged_by_interchange():
    setting = VariableSetting("previous_step", "residual.1.mid", SMALL, False)
    cell = Cell(method="oracle", model="second_step@wired-0", setting=setting, dtype="float64")
    outcome = run_cell(cell)
    assert isinstance(outcome, Skipped) and outcome.scope == "method"
    assert "no span of 'previous_step' of 'second_step@wired-0' passes on every pair" in outcome.reason
    row = VariableEvaluator.of(load("second_step@wired-0"), "previous_step", "resid_mid1", controls=False).score(
        "no-op"
    )
    assert (row.accuracy, row.recall) == (0.0, None)
    assert row.truth.reason == "other variables lie in the directions that its reader reads"


def test_places_that_are_sought_have_a_span_and_where_the_full_vector_does_least_comes_first():
    assert places_of("second_step@wired-0") == [
        ("second_step@wired-0", "previous", "residual.0.mid"),
        ("second_step@wired-0", "step", "residual.0.post"),
    ]
    model = load("second_step@wired-0")
    assert full_vector_share(model, "previous", "residual.0.mid") == 0.0
    assert full_vector_share(model, "step", "residual.0.post") == 1.0
    # has_a is nowhere written: it is sought where it is implicit.
    assert places_of("waiting_pair@free-0")[0] == ("waiting_pair@free-0", "has_a", "residual.0.mid")
    request = Request(models=["hist@*-0"])
    sought = {subject.model for subject in variable_subjects(VARIABLE_PROFILES["smoke"], request)}
    assert sought == {"hist@wired-0", "hist@free-0"}  # and not the sparse one, whose units nobody planned
    with pytest.raises(DomainError, match="'hist@sparse-0' has no residual stream where a variable has a span"):
        places_of("hist@sparse-0")
    with pytest.raises(DomainError, match=r"none of the [0-9]+ models of '\*@sparse-0' has a variable"):
        variable_subjects(VARIABLE_PROFILES["smoke"], Request(models=["*@sparse-0"]))
    with pytest.raises(DomainError, match="'hist@wired-0:hist' names no site: write hist@wired-0:hist@residual"):
        places_of("hist@wired-0:hist")


def test_a_table_says_why_there_is_a_dash(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    network = copying_network(kind="free")
    save_trained(TrainedModel.of(network, certificate=certify(network, n_subsets=0)), tmp_path / "model")
    place = f"{tmp_path / 'model'}:previous@residual.0.post"
    with pytest.raises(SystemExit) as ended:
        main(["bench", "--track", "variables", "--models", place, "--methods", "pca", "--resamples", "1", "--executor",
              "serial", "--out", str(tmp_path / "out")])  # fmt: skip
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Recall and precision are not defined at" in text and "one of many" in text
    (result,) = (tmp_path / "out").glob("*.json")
    summaries = {one["method"]: one["columns"] for one in json.loads(result.read_text())["summaries"]}
    assert summaries["oracle"]["domain_accuracy"]["mean"] == 1.0
    assert "recall" not in summaries["pca"] and "precision" not in summaries["pca"]


def test_a_diagnosis_names_the_directions_of_a_wired_model():
    found = diagnose_variable(featurization.get("full-vector"), evaluator(site="a0.h1"))
    assert [direction.holds[0] for direction in found.directions[:2]] == [("previous", pytest.approx(1.0))] * 2
    assert not found.failed
