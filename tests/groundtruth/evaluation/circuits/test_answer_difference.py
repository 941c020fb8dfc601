import torch

from groundtruth.evaluation.circuits.answer_difference import AnswerDifference


def test_the_logit_of_none_is_zero() -> None:
    logits = torch.tensor([[[0.0, 0.0], [0.7, 0.2], [0.1, 0.9]]])
    correct, incorrect = torch.tensor([[0, 0, -1]]), torch.tensor([[1, -1, 1]])
    mask = torch.tensor([[False, True, True]])
    metric = AnswerDifference.of(correct, incorrect, mask, n_outputs=2)
    # Position 1: 0.7 - 0 (None); position 2: 0 (None) - 0.9.
    assert torch.allclose(metric(logits, torch.tensor([0])), torch.tensor([(0.7 - 0.9) / 2]))


def test_it_is_differentiable_in_the_logits_that_it_compares() -> None:
    logits = torch.zeros(1, 1, 3, requires_grad=True)
    metric = AnswerDifference.of(torch.tensor([[2]]), torch.tensor([[-1]]), torch.tensor([[True]]), n_outputs=3)
    metric(logits, torch.tensor([0])).sum().backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == [[[0.0, 0.0, 1.0]]]
