"""Principal components and singular vectors of the activations: directions of variance, whatever causes it."""

from jaxtyping import Float
from torch import Tensor

from mib.featurization.activation_samples import samples
from mib.featurization.featurizer import Featurizer, orthonormal
from mib.featurization.registry import featurizer
from mib.featurization.task import FeaturizationTask
from mib.hyperparameters import Count


@featurizer("pca", cost="1F of base and source", source="baseline of Arora et al. 2024 (CausalGym), arXiv 2402.12560")
def pca(task: FeaturizationTask, *, rank: Count = 16) -> Featurizer:
    """The directions of the greatest variance.

    Args:
        task: Task of the variable to look for.
        rank: Number of dimensions; all that vary where there are fewer.
    """
    return Featurizer.subspace(principal_components(samples(task))[:, :rank])


@featurizer("svd", cost="1F of base and source", source="Huang et al. 2024 (RAVEL), arXiv 2402.17700")
def svd(task: FeaturizationTask, *, rank: Count = 16) -> Featurizer:
    """The right singular vectors of the activations, their mean included.

    Args:
        task: Task of the variable to look for.
        rank: Number of dimensions; all that are needed where there are fewer.
    """
    return Featurizer.subspace(singular_vectors(samples(task))[:, :rank])


def principal_components(activations: Float[Tensor, "sample d_site"]) -> Float[Tensor, "d_site component"]:
    """Orthonormal components of the centred activations, strongest first; only those along which they vary.

    Dimensions are not scaled to one variance: MIB's reference learns the components of scaled activations and then
    applies them to the unscaled ones, where they are no longer the principal ones.
    """
    # Well above the 1e-7 of float32: below it components are directions of rounding.
    return orthonormal((activations - activations.mean(0)).T, tolerance=1e-5)


def singular_vectors(activations: Float[Tensor, "sample d_site"]) -> Float[Tensor, "d_site component"]:
    """Orthonormal right singular vectors of the activations, strongest first; only those that they need."""
    return orthonormal(activations.T, tolerance=1e-5)
