"""What a circuit is to reproduce: the whole model's output, or the task's metric; shared by the methods that search."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from mib.engine.metric import Examples, Logits
from mib.errors import MethodError, did_you_mean
from mib.localization.task import LocalizationTask

Objective = Literal["kl", "task"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)


@dataclass(frozen=True, eq=False)
class Loss:
    """How far a circuit is from the whole model, an example at a time, where the metric looks.

    It is 0 for the whole model and 1 on average for the empty circuit, so that one threshold or penalty means the
    same for every model and metric. Called as a metric is.

    Attributes:
        task: The model and its inputs.
        objective: ``kl``: KL(model || circuit), averaged over the positions that the metric reads; for a model with a
            single, numerical output, whose softmax says nothing, the squared difference. ``task``: by how much the
            metric differs, above or below.
        reads: Positions that the metric reads, [example, position].
        empty: The mean over examples for the empty circuit, before it is divided by.
    """

    task: LocalizationTask
    objective: Objective
    reads: Bool[Tensor, "example position"]
    empty: float = 1.0

    def __call__(self, logits: Logits, examples: Examples) -> Float[Tensor, "batch"]:
        """The loss of each row; differentiable in the logits."""
        unique, place = torch.unique(examples, return_inverse=True)
        wanted = self.task.engine.logits(unique)
        if self.objective == "task":
            loss = (self.task.metric(wanted, unique)[place] - self.task.metric(logits, examples)).abs()
        else:
            reads = self.reads[examples]
            loss = torch.where(reads, _divergence(wanted[place], logits), 0.0).sum(1) / reads.sum(1)
        return loss / self.empty

    @classmethod
    def of(cls, task: LocalizationTask, objective: Objective, *, by: str) -> "Loss":
        """The loss for a task.

        Args:
            task: The model and its inputs.
            objective: Quantity to reproduce.
            by: The method that asks, for the error.

        Raises:
            MethodError: If the objective is unknown, or the empty circuit does what the whole model does.
        """
        if objective not in OBJECTIVES:
            hint = did_you_mean(objective, OBJECTIVES)
            raise MethodError(f"{by}: objective='{objective}'.{hint} Allowed: {', '.join(OBJECTIVES)}.")
        loss = cls(task, objective, positions_read(task))
        nothing = torch.zeros(1, *task.graph.edge_mask.shape, dtype=torch.bool)
        pairs = task.everything
        empty = float(task.engine.measure(loss, nothing, pairs.clean, pairs.counterfactual).double().mean())
        if not empty > 0:
            raise MethodError(
                f"{by}: the empty circuit has the output of the whole model (objective '{objective}'), so there is "
                "nothing to find. Use pairs whose answers differ, or another ablation."
            )
        return replace(loss, empty=empty)


def positions_read(task: LocalizationTask) -> Bool[Tensor, "example position"]:
    """Return which positions' logits a task's metric depends on; all real ones if it has no gradient that tells.

    The gradient is taken beside the model's own logits, where that of a squared distance would vanish.
    """
    reads: list[Tensor] = []
    generator = task.generator()
    for batch in task.batches():
        logits = task.engine.logits(batch.clean)
        noise = torch.randn(logits.shape, generator=generator, dtype=torch.float64).to(logits)
        logits = logits.nan_to_num()  # of positions that the metric says it does not read
        real = task.engine.position_weights(batch.clean) > 0
        slope = slope_of(task, logits + noise, batch.examples)
        reads.append(real if slope is None else real & (slope != 0).any(-1))
    read = torch.cat(reads)
    return torch.where(read.any(1, keepdim=True), read, torch.ones_like(read))


@torch.enable_grad()
def slope_of(task: LocalizationTask, logits: Logits, examples: Examples) -> Logits | None:
    """The metric's gradient at some logits, or None if it has none (accuracy, for instance)."""
    logits = logits.detach().requires_grad_()
    value = task.metric(logits, examples).sum()
    return torch.autograd.grad(value, logits)[0] if value.requires_grad else None


def require_gradient(task: LocalizationTask, *, by: str) -> None:
    """Refuse a metric that a method cannot differentiate; no model is run to find out.

    Raises:
        MethodError: If the metric has no gradient.
    """
    first, anatomy = task.everything.examples[:1], task.engine.anatomy
    if slope_of(task, anatomy.W_U.new_zeros(1, task.clean.shape[1], anatomy.W_U.shape[1]), first) is None:
        kind = type(task.metric).__name__
        raise MethodError(f"{by} needs the gradient of the metric; {kind} has none. Use a logit difference or a KL.")


def _divergence(wanted: Logits, got: Logits) -> Float[Tensor, "batch position"]:
    if got.shape[-1] == 1:
        return (wanted - got).square()[..., 0]
    model, circuit = F.log_softmax(wanted, dim=-1), F.log_softmax(got, dim=-1)
    return (model.exp() * (model - circuit)).sum(-1)
