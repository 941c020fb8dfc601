"""A task refuses a metric whose scores would depend on the batch, before anything is scored."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import mib
from mib.errors import TaskError
from mib.metrics import LogitDifference
from mib.metrics.probability_difference import ProbabilityDifference
from tests.mib.localization.test_methods import N, make_task

ANSWERS = torch.tensor([0, 1, 2, 3])
Metric = Callable[[Tensor, Tensor], Any]


def last(logits: Tensor, examples: Tensor) -> Tensor:
    """A sound metric: the logit of each example's answer."""
    return logits[:, -1].gather(1, ANSWERS[examples][:, None])[:, 0]


def test_a_sound_metric_is_taken_in_every_shape_of_batch() -> None:
    assert make_task(metric=last).metric is last
    assert len(make_task(metric=last, clean=torch.ones(1, 6).long(), counterfactual=torch.zeros(1, 6).long())) == 1


def test_a_metric_that_depends_on_rounding_only_is_taken() -> None:
    task = make_task(metric=lambda logits, examples: (logits[:, -1] - logits[:, -1]).sum(1) + 1e-15 * len(examples))
    assert len(task) == N


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (lambda logits, examples: last(logits, examples).mean(), "one number for the whole batch for 2 rows"),
        (lambda logits, examples: last(logits, examples).sum(), "Leave the last .mean.. or .sum.. out"),
        (lambda logits, examples: last(logits, examples)[:, None], r"returned shape \(2, 1\) for 2 rows"),
        (lambda logits, examples: last(logits, examples).squeeze(), "one number for the whole batch for 1 rows"),
        (lambda logits, examples: last(logits, examples).tolist(), "returned a list; expected a tensor"),
        (lambda logits, examples: float(last(logits, examples).mean()), "returned a float; expected a tensor"),
        (lambda logits, examples: logits[:, -1].argmax(-1) == ANSWERS[examples], r"returned torch.bool; .*use .to\("),
        (lambda logits, examples: logits[:, -1].argmax(-1), "returned torch.int64"),
        (lambda logits, examples: last(logits, examples) * torch.nan, "is nan on the clean input of example 0"),
        (lambda logits, examples: last(logits, examples).abs().log() - torch.inf, "is -inf on the clean input"),
        (lambda logits, examples: last(logits, examples).mean().expand(len(examples)), "gives example . .* alone and"),
        (lambda logits, examples: logits[:, -1].gather(1, ANSWERS[: len(logits), None])[:, 0], "index answers by"),
        (lambda logits, examples: last(logits, examples + 1), "failed on the logits of examples .0, 3.*IndexError"),
    ],
)
def test_faults_are_named(metric: Metric, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        make_task(metric=metric)


def test_answers_of_other_inputs_are_refused() -> None:
    correct = torch.zeros(N + 1, dtype=torch.long)
    with pytest.raises(TaskError, match="LogitDifference holds answers of 5 examples; the task has 4"):
        make_task(metric=LogitDifference.at_position(correct, correct + 1, n_positions=6))
    with pytest.raises(TaskError, match="LogitDifference holds answers of 5 positions; the task has 6"):
        make_task(metric=LogitDifference.at_position(correct[:N], correct[:N] + 1, n_positions=5))
    right = torch.eye(5).bool()
    with pytest.raises(TaskError, match="ProbabilityDifference holds answers of 5 examples; the task has 4"):
        make_task(metric=ProbabilityDifference(torch.arange(5), right))


@pytest.mark.parametrize("first", [6, -7, 1.5, None])
def test_a_first_position_that_the_inputs_do_not_have_is_refused(first: object) -> None:
    def metric(logits: Tensor, examples: Tensor) -> Tensor:
        return last(logits, examples)

    metric.first_position = first  # type: ignore[attr-defined]
    with pytest.raises(TaskError, match=f"first_position={first}; the inputs have positions 0 to 5"):
        make_task(metric=metric)


def test_a_first_position_that_is_not_true_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def metric(logits: Tensor, examples: Tensor) -> Tensor:
        return logits[:, 0, 0]

    metric.first_position = -1  # type: ignore[attr-defined]
    monkeypatch.setattr("mib.localization.task.WORTH_SKIPPING", 1)
    with pytest.raises(TaskError, match="is nan on the clean input of example 0. It says that it reads no logits"):
        make_task(metric=metric)


def test_the_engine_refuses_one_number_a_batch_too() -> None:
    task = make_task()
    pairs, every = task.everything, torch.ones(1, 7, 15, dtype=torch.bool)
    calls: list[Callable[[Any], Any]] = [
        lambda metric: task.engine.measure(metric, every, pairs.clean, pairs.counterfactual),
        lambda metric: task.engine.measure_single_cuts(metric, pairs.clean, pairs.counterfactual),
        lambda metric: task.engine.measure_node_cuts(metric, pairs.clean, pairs.counterfactual),
        lambda metric: task.engine.measure_neuron_cuts(metric, pairs.clean, pairs.counterfactual),
    ]
    for call in calls:
        call(last)
        with pytest.raises(TaskError, match="one number for the whole batch for 4 rows"):
            call(lambda logits, examples: last(logits, examples).mean())


def test_a_tokenizer_s_mask_of_ones_and_zeros_is_taken() -> None:
    mask = torch.ones(N, 6, dtype=torch.long)
    mask[0, :2] = 0
    task, same = (
        make_task(attention_mask=mask, counterfactual_mask=mask.flip(0)),
        make_task(attention_mask=mask.bool(), counterfactual_mask=mask.flip(0).bool()),
    )
    method = mib.localization.get("eap")
    assert task.attention_mask is not None
    assert task.attention_mask.dtype == torch.bool
    torch.testing.assert_close(method(task).flat, method(same).flat)
    engine = mib.Engine(task.model, task.clean, attention_mask=mask)
    torch.testing.assert_close(engine.logits(), task.engine.logits(task.everything.clean))
