"""The interpretability illusion of subspaces, constructed exactly."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from groundtruth.evaluation.variables import Sizes, VariableEvaluator, oracle
from groundtruth.model import CompiledModel, load_compiled
from groundtruth.pitfalls.pitfall import Demonstration, Exhibit, Finding, pitfall
from groundtruth.pitfalls.widened_model import widened, with_weights
from groundtruth.truth.variables.variable import Variable
from groundtruth.variants.symmetries import SYMMETRIES
from mib.featurization import FeaturizationTask, Featurizer
from mib.metrics.interchange_scores import interchange_scores

HALVED = 2.0
"""The interchange writes half of a difference to the dormant directions; so strongly they are read."""

LOUDER = 2.0
"""Factor by which the second head says more than the first, which goes on saying the base's answer."""


@pitfall(
    "dormant-pathway",
    why=(
        "Half of each direction is a dead copy that follows the variable, half a dormant direction that is read but "
        "never written: the interchange carries the one into the other."
    ),
    instead="Ask how much of the subspace is the variable's own, and whether patched states ever occur.",
    source="Makelov, Lange and Nanda 2023, arXiv 2311.17030; reply: Wu et al. 2024, arXiv 2401.12631",
)
def dormant_pathway(*, seed: int = 0) -> Demonstration:
    """A subspace orthogonal to the variable reaches an interchange accuracy of 1.

    ``reverse`` gets a second head beside the one that reads ``opposite``. It does the same, twice as strongly, but
    reads dimensions that nothing writes, so that it is silent on every input and no output changes. Beside
    ``opposite`` the residual stream holds ``remaining``, of which ``opposite`` was computed and which nothing reads
    any more. Each direction of the subspace is the sum of a value's dead direction and of its dormant one. Pairs
    after which a position selects nothing are left out: there the second head has nothing to say.

    Args:
        seed: Seed of the pairs.
    """
    model, dormant = _with_a_dormant_head(load_compiled("reverse"))
    opposite, remaining = (model.variable(name).variable for name in ("opposite", "remaining"))
    dead = _directions(remaining, [value + 1 for value in opposite.values])
    illusion = Featurizer.subspace((dead + dormant) / 2**0.5)
    sizes = Sizes(train=1, validation=1, test=1_000)
    evaluator = VariableEvaluator.of(model, "opposite", "resid_pre3", sizes=sizes, controls=False, seed=seed)
    evaluator = replace(evaluator, task=_selecting(evaluator.task, n_outputs=len(model.decoder.values)))
    row = evaluator.score(illusion)
    parts = {"dead": Featurizer.subspace(dead), "dormant": Featurizer.subspace(dormant)}
    halves = [interchange_scores(evaluator.task, half).distinguishing.value for half in parts.values()]
    swapped = {"variable": oracle(model, "opposite", "resid_pre3"), "illusion": illusion, **parts}
    if row.recall is None or row.precision is None or row.movement is None:
        raise RuntimeError("a subspace has an overlap with a live variable")
    return Demonstration(
        naive=(Finding("interchange accuracy", row.accuracy, least=0.999),),
        truth=(
            Finding("recall of the variable", row.recall, most=0.001),
            Finding("precision", row.precision, most=0.001),
            Finding("accuracy of each half alone", max(halves), most=0.001),
            Finding("patched states that occur", row.movement.natural, most=0.001),
        ),
        model=model,
        exhibits={name: Exhibit(evaluator.task, featurizer) for name, featurizer in swapped.items()},
    )


def _with_a_dormant_head(model: CompiledModel) -> tuple[CompiledModel, Tensor]:
    """The model with the second head, and the directions that it reads [d_model, value of ``opposite``]."""
    opposite, answer = (model.variable(name).variable for name in ("opposite", "reverse"))
    roomy = SYMMETRIES["insert_heads"](model)
    heads = [head for head in roomy.provenance.heads if head.layer == 3]
    busy, idle = (next(h.head for h in heads if (h.role == "idle") == unused) for unused in (False, True))
    n_read, n_written = len(opposite.values), len(answer.dimensions)
    asked, said = slice(-n_read - n_written, -n_written), slice(-n_written, None)
    wide = widened(roomy.weights, n_read + n_written)
    own, W_U = list(answer.dimensions), wide.W_U.clone()
    W_Q, W_K, W_V, W_O = (getattr(wide, name).clone() for name in ("W_Q", "W_K", "W_V", "W_O"))
    W_Q[3, idle] = W_Q[3, busy]
    W_Q[3, idle, list(opposite.dimensions)] = 0.0
    W_Q[3, idle, asked] = HALVED * _directions(opposite, opposite.values).T @ roomy.weights.W_Q[3, busy]
    W_K[3, idle], W_V[3, idle] = W_K[3, busy], W_V[3, busy]
    W_O[3, idle, :, said] = W_O[3, busy][:, own]
    W_U[said] = LOUDER * W_U[own]
    made = with_weights(roomy, replace(wide, W_Q=W_Q, W_K=W_K, W_V=W_V, W_O=W_O, W_U=W_U), "dormant")
    return made, torch.eye(wide.d_model, dtype=torch.float64)[:, asked]


def _selecting(task: FeaturizationTask, *, n_outputs: int) -> FeaturizationTask:
    """The scored pairs after which every position has an output."""
    said = ((task.expected < n_outputs) | ~task.mask).all(1)
    test = task.split.test[said[task.split.test]]
    return replace(task, split=replace(task.split, test=test))


def _directions(variable: Variable, values: Sequence[Any]) -> Tensor:
    """The directions of some values of a one-hot variable [d_model, value]."""
    return torch.stack([variable.state(value) for value in values], dim=1)
