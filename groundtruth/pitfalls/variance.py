"""The directions that vary most need not do anything."""

from dataclasses import replace

import torch

from groundtruth.evaluation.variables import Sizes, VariableEvaluator, oracle
from groundtruth.model import CompiledModel, load_compiled
from groundtruth.pitfalls.pitfall import Demonstration, Exhibit, Finding, pitfall
from groundtruth.pitfalls.widened_model import widened, with_weights
from mib.featurization.activation_samples import samples
from mib.featurization.featurizer import Featurizer
from mib.featurization.methods.components import principal_components

SCALE = 10.0
"""Size of the idle embeddings, beside the 1 of the program's own."""


@pitfall(
    "variance",
    why="Variance says how much a direction moves, not whether anything reads it.",
    instead="Rank directions by what their interchange does to the output.",
    source="Huang et al. 2024 (RAVEL), arXiv 2402.17700; Arora et al. 2024 (CausalGym), arXiv 2402.12560",
)
def variance(*, seed: int = 0) -> Demonstration:
    """As many principal components as the variable has dimensions explain the activations, and miss the variable.

    ``hist`` gets four dimensions to which tokens and positions write at random, ten times as large as its own, and
    which nothing reads. Its outputs stay the same on every input.

    Args:
        seed: Seed of the idle embeddings and of the pairs.
    """
    model = _with_idle_variance(load_compiled("hist"), seed)
    evaluator = VariableEvaluator.of(
        model, "hist", "resid_post0", sizes=Sizes(train=300, validation=1, test=300), controls=False, seed=seed
    )
    activations = samples(evaluator.task).double()
    components = principal_components(activations)[:, : evaluator.landscape.live.shape[1]]
    centred = activations - activations.mean(0)
    explained = float((centred @ components).square().sum() / centred.square().sum())
    largest = Featurizer.subspace(components)
    row = evaluator.score(largest)
    if row.recall is None:
        raise RuntimeError("a subspace has an overlap with a live variable")
    return Demonstration(
        naive=(Finding("variance explained", explained, least=0.95),),
        truth=(
            Finding("interchange accuracy", row.accuracy, most=0.02),
            Finding("recall", row.recall, most=0.02),
        ),
        model=model,
        exhibits={
            "components": Exhibit(evaluator.task, largest),
            "variable": Exhibit(evaluator.task, oracle(model, "hist", "resid_post0")),
        },
    )


def _with_idle_variance(model: CompiledModel, seed: int, *, extra: int = 4) -> CompiledModel:
    """The model with dimensions that tokens and positions write to and nothing reads."""
    generator = torch.Generator().manual_seed(seed)
    wide = widened(model.weights, extra)
    embeddings = {name: getattr(wide, name).clone() for name in ("W_E", "W_pos")}
    for embedding in embeddings.values():
        shape = (len(embedding), extra)
        embedding[:, -extra:] = SCALE * torch.randn(shape, generator=generator, dtype=torch.float64)
    return with_weights(model, replace(wide, **embeddings), "idle-variance")
