"""Masks over the features of a sparse autoencoder that is trained on the task's own activations."""

from mib.featurization.activation_samples import samples
from mib.featurization.autoencoder import ErrorTerm, SaeTraining, dictionary, train_autoencoder
from mib.featurization.featurizer import Featurizer
from mib.featurization.methods.dbm import masked
from mib.featurization.registry import featurizer
from mib.featurization.task import FeaturizationTask
from mib.hyperparameters import Count, Rate, Weight

COST = "1F of base and source, training, then (F+B) a step"


@featurizer(
    "dbm-sae", cost=COST, source="Bricken et al. 2023, transformer-circuits.pub; MIB, arXiv 2504.13151", linear=False
)
def dbm_sae(
    task: FeaturizationTask,
    *,
    error: ErrorTerm = "kept",
    expansion: Count = 4,
    l1: Weight = 0.1,
    sae_steps: Count = 2000,
    sparsity: Weight = 0.0,
    learning_rate: Rate = 1e-2,
    steps: Count = 500,
    batch_size: Count = 32,
) -> Featurizer:
    """A mask over the features of a ReLU autoencoder with an L1 penalty.

    Args:
        task: Task of the variable to find.
        error: Whether what the autoencoder does not reconstruct is kept from the base, or ``dropped``.
        expansion: Features a dimension.
        l1: Weight of the autoencoder's penalty.
        sae_steps: Sae steps of the autoencoder's optimizer.
        sparsity: Weight of the sum of the mask; see ``dbm``.
        learning_rate: Learning rate of the mask's optimizer.
        steps: Steps of the mask's optimizer.
        batch_size: Pairs a step of the mask.
    """
    training = SaeTraining("standard", expansion=expansion, l1=l1, steps=sae_steps)
    return masked(
        task,
        _trained(task, training, error),
        sparsity=sparsity,
        learning_rate=learning_rate,
        steps=steps,
        batch_size=batch_size,
    )


@featurizer("dbm-sae-top-k", cost=COST, source="Gao et al. 2024, arXiv 2406.04093", linear=False)
def dbm_sae_top_k(
    task: FeaturizationTask,
    *,
    error: ErrorTerm = "kept",
    expansion: Count = 4,
    k: Count = 8,
    sae_steps: Count = 2000,
    sparsity: Weight = 0.0,
    learning_rate: Rate = 1e-2,
    steps: Count = 500,
    batch_size: Count = 32,
) -> Featurizer:
    """A mask over the features of an autoencoder with k active features; other parameters as of ``dbm-sae``."""
    training = SaeTraining("top-k", expansion=expansion, k=k, steps=sae_steps)
    return masked(
        task,
        _trained(task, training, error),
        sparsity=sparsity,
        learning_rate=learning_rate,
        steps=steps,
        batch_size=batch_size,
    )


@featurizer("dbm-sae-batch-top-k", cost=COST, source="Bussmann et al. 2024, arXiv 2412.06410", linear=False)
def dbm_sae_batch_top_k(
    task: FeaturizationTask,
    *,
    error: ErrorTerm = "kept",
    expansion: Count = 4,
    k: Count = 8,
    sae_steps: Count = 2000,
    sparsity: Weight = 0.0,
    learning_rate: Rate = 1e-2,
    steps: Count = 500,
    batch_size: Count = 32,
) -> Featurizer:
    """The same with k active features in the mean over a batch; other parameters as of ``dbm-sae``."""
    training = SaeTraining("batch-top-k", expansion=expansion, k=k, steps=sae_steps)
    return masked(
        task,
        _trained(task, training, error),
        sparsity=sparsity,
        learning_rate=learning_rate,
        steps=steps,
        batch_size=batch_size,
    )


@featurizer("dbm-sae-top-afa", cost=COST, source="Lee et al. 2025, arXiv 2503.24277", linear=False)
def dbm_sae_top_afa(
    task: FeaturizationTask,
    *,
    error: ErrorTerm = "kept",
    expansion: Count = 4,
    afa: Weight = 1 / 32,
    sae_steps: Count = 2000,
    sparsity: Weight = 0.0,
    learning_rate: Rate = 1e-2,
    steps: Count = 500,
    batch_size: Count = 32,
) -> Featurizer:
    """The same with as many active features as give them the vector's length; other parameters as of ``dbm-sae``.

    Args:
        task: Task with the variable to find.
        error: See ``dbm-sae``.
        expansion: Features a dimension; published: 16.
        afa: Weight of the difference in length in the autoencoder's loss; published: from 1/128 to 1/16.
        sae_steps: Steps of the autoencoder's optimizer.
        sparsity: Weight of the sum of the mask.
        learning_rate: Learning rate of the mask's optimizer.
        steps: Steps of the mask's optimizer.
        batch_size: Pairs a step of the mask.
    """
    training = SaeTraining("top-afa", expansion=expansion, afa=afa, steps=sae_steps)
    return masked(
        task,
        _trained(task, training, error),
        sparsity=sparsity,
        learning_rate=learning_rate,
        steps=steps,
        batch_size=batch_size,
    )


def _trained(task: FeaturizationTask, training: SaeTraining, error: ErrorTerm) -> Featurizer:
    sae = train_autoencoder(samples(task), training, task.generator())
    return dictionary(sae.encode, sae.decode, sae.n_features, error=error)
