"""Metrics give one number an example, and higher is better."""

import pytest
import torch

from mib.errors import TaskError
from mib.metrics import Accuracy, KLDivergence, LogitDifference, NegativeSquaredDistance

MASK = torch.tensor([[True, False, True], [False, True, False]])
LOGITS = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
CORRECT, INCORRECT = torch.tensor([[0, 1, 2], [3, 2, 1]]), torch.tensor([[1, 0, 3], [3, 0, 1]])
BOTH = torch.tensor([0, 1])


def test_logit_difference_averages_over_the_positions_that_count() -> None:
    metric = LogitDifference(CORRECT, INCORRECT, MASK)
    first = (LOGITS[0, 0, 0] - LOGITS[0, 0, 1] + LOGITS[0, 2, 2] - LOGITS[0, 2, 3]) / 2
    second = LOGITS[1, 1, 2] - LOGITS[1, 1, 0]
    torch.testing.assert_close(metric(LOGITS, BOTH), torch.stack((first, second)))


def test_rows_are_told_which_example_they_are() -> None:
    metric = LogitDifference(CORRECT, INCORRECT, MASK)
    examples = torch.tensor([1, 0, 1])
    expected = metric(LOGITS, BOTH)[examples]
    torch.testing.assert_close(metric(LOGITS[examples], examples), expected)


def test_logit_difference_at_one_position() -> None:
    correct, incorrect = torch.tensor([0, 1]), torch.tensor([2, 3])
    last = LogitDifference.at_position(correct, incorrect, n_positions=3)
    torch.testing.assert_close(last(LOGITS, BOTH), LOGITS[BOTH, 2, correct] - LOGITS[BOTH, 2, incorrect])
    where = torch.tensor([0, -2])
    each = LogitDifference.at_position(correct, incorrect, n_positions=3, position=where)
    torch.testing.assert_close(each(LOGITS, BOTH), LOGITS[BOTH, where, correct] - LOGITS[BOTH, where, incorrect])


def test_negative_squared_distance() -> None:
    metric = NegativeSquaredDistance(torch.tensor([[1.0, 9.0, 3.0], [9.0, 0.5, 9.0]]), MASK)
    outputs = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.5, 0.0]])[..., None]
    assert metric(outputs, BOTH).tolist() == [-5.0, 0.0]
    with pytest.raises(TaskError, match="for one numerical output; the model has 4"):
        metric(LOGITS, BOTH)


def test_kl_divergence_is_zero_at_the_full_model_and_negative_elsewhere() -> None:
    metric = KLDivergence(LOGITS, MASK)
    torch.testing.assert_close(metric(LOGITS + 3, BOTH), torch.zeros(2), atol=1e-6, rtol=0)
    other = LOGITS.flip(-1)
    kl = torch.nn.functional.kl_div(
        other.log_softmax(-1), LOGITS.log_softmax(-1), reduction="none", log_target=True
    ).sum(-1)
    expected = -torch.stack((kl[0, [0, 2]].mean(), kl[1, 1]))
    torch.testing.assert_close(metric(other, BOTH), expected)
    assert (expected < 0).all()


def test_accuracy() -> None:
    logits = torch.nn.functional.one_hot(torch.tensor([[0, 0, 0], [0, 2, 0]]), 4).float()
    assert Accuracy(CORRECT, MASK)(logits, BOTH).tolist() == [0.5, 1.0]


def test_masks_that_count_nothing_and_shapes_that_differ_are_refused() -> None:
    nothing = MASK & torch.tensor([[True], [False]])
    with pytest.raises(TaskError, match="mask counts no position in 1 of 2 examples: '1'. Leave out pairs"):
        LogitDifference(CORRECT, INCORRECT, nothing)
    with pytest.raises(TaskError, match="mask has dtype torch.int64; expected bool"):
        Accuracy(CORRECT, MASK.long())
    with pytest.raises(TaskError, match=r"got \{'correct': \(2, 3\), 'mask': \(1, 3\)\}"):
        Accuracy(CORRECT, MASK[:1])
