"""What a task measures, one number an example; higher is better, that is: closer to the clean answer."""

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.engine.metric import Examples, Logits
from mib.errors import TaskError, shorten


class _Masked:
    """A metric of the positions of a mask."""

    mask: Bool[Tensor, "example position"]

    @property
    def first_position(self) -> int:
        """No example reads the logits of an earlier one."""
        return int(self.mask.any(0).nonzero()[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of examples and positions that the answers are of."""
        return self.mask.shape[0], self.mask.shape[1]


@dataclass(frozen=True, eq=False)
class LogitDifference(_Masked):
    """Logit of the clean answer minus logit of the counterfactual answer, averaged over positions.

    Attributes:
        correct: The clean answer at each position, [example, position].
        incorrect: The counterfactual answer.
        mask: Positions that count; usually those where the two differ. At least one an example.
    """

    correct: Int[Tensor, "example position"]
    incorrect: Int[Tensor, "example position"]
    mask: Bool[Tensor, "example position"]

    def __post_init__(self) -> None:
        _check_shapes(correct=self.correct, incorrect=self.incorrect, mask=self.mask)
        _check_mask(self.mask)

    @classmethod
    def at_position(
        cls,
        correct: Int[Tensor, "example"],
        incorrect: Int[Tensor, "example"],
        *,
        n_positions: int,
        position: int | Int[Tensor, "example"] = -1,
    ) -> Self:
        """The difference at one position; default: the last.

        Args:
            correct: The clean answer of each example.
            incorrect: The counterfactual answer.
            n_positions: Length of the inputs.
            position: Position of the answer, for all examples or for each.
        """
        # Modulo, so that -1 is the last.
        where = torch.as_tensor(position).expand(len(correct)) % n_positions
        mask = F.one_hot(where, n_positions).bool()

        def spread(answer: Tensor) -> Tensor:
            return answer[:, None].expand(-1, n_positions)

        return cls(spread(correct), spread(incorrect), mask)

    def __call__(self, logits: Logits, examples: Examples) -> Float[Tensor, "batch"]:
        """Mean over the positions that count of logit[correct] - logit[incorrect]."""
        correct, incorrect = (_take(answer, examples, logits)[..., None] for answer in (self.correct, self.incorrect))
        # Gathered before they are masked, so that answers must be valid indices also where they do not count.
        difference = logits.gather(-1, correct) - logits.gather(-1, incorrect)
        return _masked_mean(difference[..., 0], _take(self.mask, examples, logits))


@dataclass(frozen=True, eq=False)
class NegativeSquaredDistance(_Masked):
    """Minus the squared distance of a numerical output to the clean output, averaged over positions.

    Attributes:
        target: The clean output at each position, [example, position].
        mask: Positions that count.
    """

    target: Float[Tensor, "example position"]
    mask: Bool[Tensor, "example position"]

    def __post_init__(self) -> None:
        _check_shapes(target=self.target, mask=self.mask)
        _check_mask(self.mask)

    def __call__(self, logits: Logits, examples: Examples) -> Float[Tensor, "batch"]:
        """Mean over the positions that count of -(output - target)^2; the output axis has size one."""
        if logits.shape[-1] != 1:
            raise TaskError(f"NegativeSquaredDistance is for one numerical output; the model has {logits.shape[-1]}.")
        distance = -(logits[..., 0] - _take(self.target, examples, logits).to(logits)).square()
        return _masked_mean(distance, _take(self.mask, examples, logits))


@dataclass(frozen=True, eq=False)
class KLDivergence(_Masked):
    """Minus the Kullback-Leibler divergence from the full model's distribution, averaged over positions.

    Attributes:
        reference: Logits of the full model on the clean inputs, [example, position, output].
        mask: Positions that count.
    """

    reference: Float[Tensor, "example position output"]
    mask: Bool[Tensor, "example position"]

    def __post_init__(self) -> None:
        _check_shapes(reference=self.reference[..., 0], mask=self.mask)
        _check_mask(self.mask)

    def __call__(self, logits: Logits, examples: Examples) -> Float[Tensor, "batch"]:
        """Mean over the positions that count of -KL(full model || this run)."""
        wanted = F.log_softmax(_take(self.reference, examples, logits).to(logits), dim=-1)
        got = F.log_softmax(logits, dim=-1)
        divergence = (wanted.exp() * (wanted - got)).sum(-1)
        return _masked_mean(-divergence, _take(self.mask, examples, logits))


@dataclass(frozen=True, eq=False)
class Accuracy(_Masked):
    """The share of positions where the highest logit is the clean answer. Not differentiable.

    Attributes:
        correct: The clean answer at each position, [example, position].
        mask: Positions that count.
    """

    correct: Int[Tensor, "example position"]
    mask: Bool[Tensor, "example position"]

    def __post_init__(self) -> None:
        _check_shapes(correct=self.correct, mask=self.mask)
        _check_mask(self.mask)

    def __call__(self, logits: Logits, examples: Examples) -> Float[Tensor, "batch"]:
        """Share of the positions that count where the prediction is right."""
        right = logits.argmax(-1) == _take(self.correct, examples, logits)
        return _masked_mean(right.to(logits.dtype), _take(self.mask, examples, logits))


def _take(values: Tensor, examples: Examples, logits: Logits) -> Tensor:
    return values[examples.to(values.device)].to(logits.device)


def _masked_mean(values: Float[Tensor, "batch position"], mask: Tensor) -> Float[Tensor, "batch"]:
    return torch.where(mask, values, 0.0).sum(1) / mask.sum(1)


def _check_shapes(**tensors: Tensor) -> None:
    first = next(iter(tensors.values()))
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1 or first.ndim != 2:
        raise TaskError(f"expected one [example, position] shape for all of {[*shapes]}; got {shapes}.")


def _check_mask(mask: Tensor) -> None:
    if mask.dtype != torch.bool:
        raise TaskError(f"mask has dtype {mask.dtype}; expected bool, True where a position counts.")
    empty = (~mask.any(1)).nonzero()[:, 0].tolist()
    if empty:
        raise TaskError(
            f"mask counts no position in {len(empty)} of {len(mask)} examples: {shorten(empty)}. "
            "Leave out pairs whose answers agree everywhere."
        )
