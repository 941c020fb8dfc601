"""Pairs that are right for doing nothing."""

import itertools

import torch

from groundtruth.evaluation.variables import oracle
from groundtruth.model import CompiledModel, load_compiled
from groundtruth.pitfalls.pitfall import Demonstration, Exhibit, Finding, pitfall
from groundtruth.truth.variables.rasp_causal_model import CausalModel
from mib.featurization import FeaturizationTask, Site, Split, get
from mib.metrics.interchange_scores import interchange_scores


@pitfall(
    "no-op-pairs",
    why="Where base and source agree in the variable, the predicted output is the base's own, and no change is right.",
    instead="Score on the pairs that a no-op gets wrong, and put the no-op beside every method.",
    source="Huang et al. 2024 (RAVEL), arXiv 2402.17700; Mueller et al. 2025 (MIB), arXiv 2504.13151",
)
def no_op_pairs(*, seed: int = 0) -> Demonstration:
    """A featurizer that swaps nothing scores high on pairs drawn at random.

    ``has_x`` of ``contains_x`` is true of most sequences. All pairs of inputs of four tokens are run, with the
    variable swapped at all positions; the oracle is run beside the no-op.

    Args:
        seed: Seed of the bootstrap; the pairs are all that there are.
    """
    model = load_compiled("contains_x")
    task = _every_pair(model, length=4)
    idle, known = get("no-op")(task), oracle(model, "has_x", "resid_post1")
    nothing, exact = (interchange_scores(task, featurizer, seed=seed) for featurizer in (idle, known))
    return Demonstration(
        naive=(Finding("accuracy of the no-op, all pairs", nothing.accuracy.value, least=0.65),),
        truth=(
            Finding("accuracy of the no-op, telling pairs", nothing.distinguishing.value, most=0.0),
            Finding("accuracy of the oracle, telling pairs", exact.distinguishing.value, least=1.0),
        ),
        model=model,
        exhibits={"nothing": Exhibit(task, idle), "variable": Exhibit(task, known)},
    )


def _every_pair(model: CompiledModel, *, length: int) -> FeaturizationTask:
    """All ordered pairs of inputs of one length, with what the program gives when ``has_x`` is the source's."""
    inputs = [tokens for tokens in model.domain.inputs() if len(tokens) == length]
    bases, sources = zip(*itertools.product(inputs, repeat=2), strict=True)
    causal, label = CausalModel(model), model.variable("has_x").variable.label
    outcomes = causal.interchange_many(bases, {label: [(source, None) for source in sources]})
    expected = torch.stack([model.decoder.encode([None, *outcome[causal.output]]) for outcome in outcomes])
    mask = torch.ones_like(expected, dtype=torch.bool)
    mask[:, 0] = False  # BOS has no output
    order = torch.arange(len(bases))
    return FeaturizationTask(
        model=model.transformer,
        site=Site.residual(1, "post", positions=tuple(range(1, length + 1))),
        base=model.encode(bases),
        source=model.encode(sources),
        expected=expected.clamp(min=0),
        mask=mask,
        split=Split(order[:1], order[:0], order[1:]),
    )
