"""What ``mib.score`` tells is what the metrics say of what the method returns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import mib
from mib.errors import MethodError, TaskError
from mib.localization.task import LocalizationTask
from mib.metrics.answer_metrics import LogitDifference
from mib.metrics.faithfulness import areas, mib_areas
from mib.metrics.interchange_scores import interchange_scores
from tests.mib.featurization import adder
from tests.mib.small_models import golden_relu, random_model


def pairs(seed: int, *, n: int = 4) -> LocalizationTask:
    """Random pairs of inputs of a small model."""
    drawn = torch.Generator().manual_seed(seed)
    clean, counterfactual = (torch.randint(0, 7, (n, 5), generator=drawn) for _ in range(2))
    metric = LogitDifference.at_position(
        torch.zeros(n, dtype=torch.long), torch.ones(n, dtype=torch.long), n_positions=5
    )
    return LocalizationTask(model=golden_relu(torch.float64), clean=clean, counterfactual=counterfactual, metric=metric)


def by_place(task, *, first=1.0):
    """Score edges by their place."""
    task.engine.logits()
    return mib.EdgeScores(task.graph, [first + i for i in range(len(task.graph.edges))])


def test_a_circuit_is_measured_on_what_is_held_out_and_costs_are_the_method_s_own() -> None:
    search, held_out = pairs(1), pairs(2)
    mib.localization.get("eap")(search)  # what was run before is not counted
    found = mib.score("eap", search, held_out=held_out, n_bootstrap=20)
    scores = mib.localization.get("eap")(pairs(1))
    np.testing.assert_array_equal(found.scores.values, scores.values)
    expected, at_ten = areas(held_out, scores, n_bootstrap=20), mib_areas(held_out, scores)
    assert found.every_size == expected
    assert found.columns == {
        "cpr": expected.cpr.value,
        "cmd": expected.cmd.value,
        "mib_cpr": at_ten.cpr,
        "mib_cmd": at_ten.cmd,
        "passes": 3.0,  # 2F+1B
        "seconds": found.seconds,
    }


def test_a_function_is_a_method_and_its_line_and_table_have_every_column() -> None:
    found = mib.score(by_place, pairs(1), parameters={"first": 2.0}, max_sizes=5, n_bootstrap=0)
    assert found.scores.top(1)[0][1] == 1 + len(found.scores.graph.edges)
    assert str(found).startswith("by-place: cpr ")
    assert all(f"<th>{name}</th>" in found._repr_html_() for name in ("method", *found.columns))


def test_a_featurizer_is_scored_on_the_test_split() -> None:
    everything = torch.arange(len(adder.PAIRS))
    split = mib.featurization.splits.Split(everything[::3], everything[1::3], everything[2::3])
    task = adder.task(split=split)
    found = mib.score("full-vector", task)
    expected = interchange_scores(task, found.featurizer)
    assert found.interchanges == expected and found.columns["accuracy"] == expected.distinguishing.value
    assert found.columns["isolation"] is None and found.columns["rank"] == adder.WIDTH


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(MethodError, match="eapp"):
        mib.score("eapp", pairs(1))
    other = replace(pairs(1), model=random_model(n_layers=1), graph=None)
    with pytest.raises(TaskError, match="give two tasks of one model"):
        mib.score("eap", pairs(1), held_out=other)
    with pytest.raises(TaskError, match="held_out is given, but a featurizer is scored on the test split"):
        mib.score("full-vector", adder.task(), held_out=pairs(1))
