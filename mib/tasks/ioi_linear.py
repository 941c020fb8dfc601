"""MIB's causal model of IOI: the difference of logits is linear in a token signal and a position signal.

``logit(IO) - logit(S) = bias + token * t + position * p``. t is 1 where the swapped-in output token is the base's own
answer and -1 where it is its subject; p is 1 where the swapped-in output position is the base's own and -1 where it is
the other. The three numbers are fitted on training pairs while some attention heads (for GPT-2 the S-inhibition
heads) give what they give on the counterfactual.

Source: Wang et al. (2022), appendix A, https://arxiv.org/abs/2211.00593; the fit follows MIB's causal-variable track,
https://arxiv.org/abs/2504.13151.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mib.errors import TaskError
from mib.leaderboard.formats import IoiParameters
from mib.localization.task import LocalizationTask
from mib.memory_budget import MEMORY
from mib.tasks.ioi import CAUSAL_MODEL
from mib.tasks.registry import get
from mib.tasks.task_causal_model import CausalModel
from mib.tasks.token_pairs import Data

GPT2_HEADS = ((7, 3), (7, 9), (8, 6), (8, 10))
"""The S-inhibition heads of GPT-2 small, on which MIB's baselines for IOI run."""

FAMILIES = ("s1_io_flip", "s2_io_flip", "s1_ioi_flip_s2_ioi_flip")
"""Counterfactuals that the fit needs beside the base itself: one signal flipped, the other, and both."""

_SIGNALS = {
    "same": (1, 1),
    "s1_io_flip": (1, -1),
    "s2_io_flip": (-1, -1),
    "s1_ioi_flip_s2_ioi_flip": (-1, 1),
}
"""Token and position signal of a counterfactual relative to its base."""


@dataclass(frozen=True)
class Fit:
    """A fitted causal model.

    Attributes:
        parameters: Bias and the two coefficients.
        r_squared: The share of the variance of the logit differences that they explain.
        n: Number of interchanges that they were fitted on.
    """

    parameters: IoiParameters
    r_squared: float
    n: int


def model(parameters: IoiParameters) -> CausalModel:
    """The causal model whose output is the difference of logits.

    Args:
        parameters: Fitted, or as a submission states them.
    """

    def difference(name_A: str, name_B: str, name_C: str, token: str, position: int) -> float:
        own = name_B if name_C == name_A else name_A
        if token not in (name_A, name_B):
            raise TaskError(
                f"the linear causal model of IOI has no signal for the name '{token}', which is not in the base. Use "
                f"families with the base's own names: {', '.join(FAMILIES)}."
            )
        t = 1 if token == own else -1
        p = 1 if position == (1 if name_C == name_A else 0) else -1
        return float(parameters.bias + parameters.token * t + parameters.position * p)

    kept = {name: CAUSAL_MODEL.mechanisms[name] for name in ("output_token", "output_position")}
    parents = (*CAUSAL_MODEL.inputs, "output_token", "output_position")
    return CausalModel(CAUSAL_MODEL.inputs, {**kept, "logit_difference": (parents, difference)}, "logit_difference")


def fit(
    model: Any,
    tokenizer: Any = None,
    *,
    heads: Sequence[tuple[int, int]] = GPT2_HEADS,
    n: int = 200,
    split: str = "train",
    seed: int = 0,
    data: Data = None,
    right_on: str = "both",
    answer_prefix: str | None = None,
    memory: int = MEMORY,
) -> Fit:
    """Fit the linear causal model to a model, by least squares.

    Args:
        model: A ``mib.LoadedModel``, or anything that ``mib.models.adapters.decompose`` takes apart.
        tokenizer: A fast tokenizer; default: the model's own.
        heads: (layer, head) of each head that gives what it gives on the counterfactual; others follow.
        n: Number of pairs of each family.
        split: The part of the data.
        seed: Seed of generated examples.
        data: As of ``Task.localization``.
        right_on: As of ``Task.localization``; MIB keeps pairs with the model right on ``both``.
        answer_prefix: As of ``Task.localization``.
        memory: As of ``Task.localization``.

    Raises:
        TaskError: If a head does not exist, or there are fewer pairs.
    """
    signals, differences = list[Float[Tensor, "example 3"]](), list[Float[Tensor, "example"]]()
    for family in FAMILIES:
        task = get("ioi").localization(
            model, tokenizer, family=family, n=n, split=split, seed=seed, data=data, right_on=right_on,
            answer_prefix=answer_prefix, memory=memory,
        )  # fmt: skip
        for name, patched in _measured(task, family, heads).items():
            token, position = _SIGNALS[name]
            differences.append(patched.double().cpu())
            signals.append(torch.tensor([1.0, token, position], dtype=torch.float64).expand(len(patched), 3))
    x, y = torch.cat(signals), torch.cat(differences)
    # The normal equations, whose matrix of signals is exact, with sums rounded once: the last digits of lstsq change
    # with the place of its copies in memory, and the same fit has to give the same file.
    moments = torch.tensor([math.fsum((column * y).tolist()) for column in x.T], dtype=torch.float64)
    bias, token, position = torch.linalg.solve(x.T @ x, moments).tolist()
    residual = y - x @ torch.tensor([bias, token, position], dtype=torch.float64)
    explained = 1 - float(residual.square().sum() / (y - y.mean()).square().sum())
    return Fit(IoiParameters(bias, token, position), explained, len(y))


def _measured(
    task: LocalizationTask, family: str, heads: Sequence[tuple[int, int]]
) -> Mapping[str, Float[Tensor, "example"]]:
    """Logit differences with the heads as on the counterfactual; beside the first family also those of the base."""
    graph = task.graph
    for layer, head in heads:
        if not (0 <= layer < graph.n_layers and 0 <= head < graph.n_heads):
            raise TaskError(
                f"heads names ({layer}, {head}); the model has layers 0 to {graph.n_layers - 1} with heads 0 to "
                f"{graph.n_heads - 1}."
            )
    kept = torch.ones(1, *graph.edge_mask.shape, dtype=torch.bool)
    everything = task.everything
    found = dict[str, Float[Tensor, "example"]]()
    if family == FAMILIES[0]:
        found["same"] = task.engine.measure(task.metric, kept, everything.clean, everything.counterfactual)
    for layer, head in heads:
        kept[:, graph.source_index[f"a{layer}.h{head}"]] = False
    found[family] = task.engine.measure(task.metric, kept, everything.clean, everything.counterfactual)
    return found
