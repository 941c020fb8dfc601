"""Desiderata-based (differential binary) masking: learn which features of a fixed basis carry the variable."""

import torch
from torch import Tensor, nn

from mib.featurization.activation_samples import samples
from mib.featurization.featurizer import Featurizer
from mib.featurization.methods.components import principal_components, singular_vectors
from mib.featurization.registry import featurizer
from mib.featurization.task import FeaturizationTask
from mib.featurization.training import Training, causes, learn
from mib.hyperparameters import Count, Rate, Weight

SOURCE = "De Cao et al. 2020, arXiv 2004.14992; Davies et al. 2023, arXiv 2310.15144; MIB, arXiv 2504.13151"


@featurizer("dbm", cost="(F+B) a step", source=SOURCE)
def dbm(
    task: FeaturizationTask,
    *,
    sparsity: Weight = 0.0,
    learning_rate: Rate = 1e-2,
    temperatures: tuple[Rate, Rate] = (1.0, 0.01),
    steps: Count = 500,
    batch_size: Count = 32,
) -> Featurizer:
    """A mask over the site's own dimensions.

    Args:
        task: Task of the variable to find.
        sparsity: Weight of the sum of the mask in the loss. MIB's baselines have 0: nothing presses for few features.
        learning_rate: Learning rate of AdamW without weight decay.
        temperatures: Temperatures of the mask at the first and at the last step; linear in between.
        steps: Steps of the optimizer; the schedule ends with the last. The best on the way is kept.
        batch_size: Pairs a step.
    """
    dimensions = Featurizer.subspace(torch.eye(task.width))
    return masked(
        task,
        dimensions,
        sparsity=sparsity,
        learning_rate=learning_rate,
        temperatures=temperatures,
        steps=steps,
        batch_size=batch_size,
    )


@featurizer("dbm-sparse", cost="(F+B) a step", source=SOURCE)
def dbm_sparse(
    task: FeaturizationTask,
    *,
    sparsity: Weight = 1e-2,
    learning_rate: Rate = 1e-2,
    temperatures: tuple[Rate, Rate] = (1.0, 0.01),
    steps: Count = 500,
    batch_size: Count = 32,
) -> Featurizer:
    """A mask over the site's own dimensions that is pressed to be small; parameters as of ``dbm``."""
    dimensions = Featurizer.subspace(torch.eye(task.width))
    return masked(
        task,
        dimensions,
        sparsity=sparsity,
        learning_rate=learning_rate,
        temperatures=temperatures,
        steps=steps,
        batch_size=batch_size,
    )


@featurizer("dbm-pca", cost="1F of base and source, then (F+B) a step", source="MIB, arXiv 2504.13151")
def dbm_pca(
    task: FeaturizationTask,
    *,
    sparsity: Weight = 0.0,
    learning_rate: Rate = 1e-2,
    temperatures: tuple[Rate, Rate] = (1.0, 0.01),
    steps: Count = 500,
    batch_size: Count = 32,
) -> Featurizer:
    """A mask over the principal components of the activations; parameters as of ``dbm``."""
    components = Featurizer.subspace(principal_components(samples(task)))
    return masked(
        task,
        components,
        sparsity=sparsity,
        learning_rate=learning_rate,
        temperatures=temperatures,
        steps=steps,
        batch_size=batch_size,
    )


@featurizer("dbm-svd", cost="1F of base and source, then (F+B) a step", source="MIB, arXiv 2504.13151")
def dbm_svd(
    task: FeaturizationTask,
    *,
    sparsity: Weight = 0.0,
    learning_rate: Rate = 1e-2,
    temperatures: tuple[Rate, Rate] = (1.0, 0.01),
    steps: Count = 500,
    batch_size: Count = 32,
) -> Featurizer:
    """A mask over the singular vectors of the activations; parameters as of ``dbm``."""
    vectors = Featurizer.subspace(singular_vectors(samples(task)))
    return masked(
        task,
        vectors,
        sparsity=sparsity,
        learning_rate=learning_rate,
        temperatures=temperatures,
        steps=steps,
        batch_size=batch_size,
    )


def masked(
    task: FeaturizationTask,
    features: Featurizer,
    *,
    sparsity: float = 0.0,
    learning_rate: float = 1e-2,
    temperatures: tuple[float, float] = (1.0, 0.01),
    steps: int = 500,
    batch_size: int = 32,
) -> Featurizer:
    """The features whose gate opens: f = (1 - g) f_base + g f_source with g = sigmoid(m / T), at the end m > 0.

    Args:
        task: Task of the variable to find.
        features: The basis, which is not learned: any featurizer, a pre-trained autoencoder for one.
        sparsity: Weight of the sum of g in the loss.
        learning_rate: Learning rate of AdamW.
        temperatures: T at the first and at the last step.
        steps: Steps of the optimizer.
        batch_size: Pairs a step.
    """
    gate = Gate(features.n_features, temperatures).to(task.anatomy.token_embedding)

    def swap(base: Tensor, source: Tensor) -> Tensor:
        mine, error = features.featurize(base)
        others, _ = features.featurize(source)
        return features.inverse(mine + gate() * (others - mine), error)

    return learn(
        task,
        swap,
        # Hard at m > 0, where the soft gate is above one half at every temperature.
        lambda: features.select(gate.open()),
        torch.optim.AdamW(gate.parameters(), lr=learning_rate, weight_decay=0.0),
        Training(steps, batch_size),
        examples=causes(task),
        penalty=(lambda: sparsity * gate().sum()) if sparsity else None,
        anneal=gate.cool,
    )


class Gate(nn.Module):
    """A soft choice of features, which hardens as it cools.

    Args:
        n_features: Number of features to choose from.
        temperatures: At the beginning and at the end.
    """

    def __init__(self, n_features: int, temperatures: tuple[float, float]) -> None:
        super().__init__()
        self.mask = nn.Parameter(torch.zeros(n_features))
        self.temperatures = temperatures
        self.temperature = temperatures[0]

    def cool(self, done: float) -> None:
        """Set the temperature for a share of the steps done."""
        first, last = self.temperatures
        self.temperature = first + done * (last - first)

    def forward(self) -> Tensor:
        """The gates g = sigmoid(m / T), one a feature."""
        return torch.sigmoid(self.mask / self.temperature)

    def open(self) -> list[int]:
        """The features that are chosen: m > 0."""
        return (self.mask > 0).nonzero()[:, 0].tolist()
