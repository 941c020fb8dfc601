"""k-means: the directions between the centres of clusters, found without labels."""

import torch

from mib.featurization.activation_samples import samples, spanned
from mib.featurization.featurizer import Featurizer
from mib.featurization.registry import featurizer
from mib.featurization.task import FeaturizationTask
from mib.hyperparameters import Count, Several


@featurizer("k-means", cost="1F of base and source", source="CausalGym, arXiv 2402.12560")
def k_means(task: FeaturizationTask, *, clusters: Several = 2, rank: Count | None = None) -> Featurizer:
    """The span of the differences between cluster centres: one direction for two clusters.

    Args:
        task: Task of the variable to look for.
        clusters: Number of clusters; the number of distinct activations where there are fewer.
        rank: Keep only the strongest dimensions; default: all, one less than there are clusters.
    """
    from sklearn.cluster import KMeans

    activations = samples(task)
    # Of more clusters than distinct activations some would have one centre twice.
    n_clusters = min(clusters, len(activations.unique(dim=0)))
    model = KMeans(n_clusters, n_init=10, random_state=task.seed)  # pyright: ignore[reportArgumentType]
    fitted = model.fit(activations.double().cpu().numpy())
    centres = torch.from_numpy(fitted.cluster_centers_).to(activations)
    return spanned((centres - centres.mean(0)).T, rank)
