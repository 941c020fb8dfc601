"""A linear classifier of the variable's value: the directions that it reads. It shows correlation, not cause."""

import warnings

import torch
from jaxtyping import Float
from torch import Tensor

from mib.featurization.activation_samples import labelled_samples, spanned
from mib.featurization.featurizer import Featurizer
from mib.featurization.registry import featurizer
from mib.featurization.task import FeaturizationTask
from mib.hyperparameters import Count, Rate


@featurizer(
    "linear-probe",
    cost="1F of base and source",
    source="Alain and Bengio 2016, arXiv 1610.01644; CausalGym, arXiv 2402.12560",
    needs=("values",),
)
def linear_probe(task: FeaturizationTask, *, C: Rate = 1.0, rank: Count | None = None) -> Featurizer:
    """The span of the weights of a logistic regression on the variable's value.

    Args:
        task: Task of the variable to look for, with its values.
        C: Inverse strength of the squared penalty on the weights.
        rank: Keep only the strongest dimensions; default: all, one less than there are values.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    activations, values = labelled_samples(task)
    x, y = activations.double().cpu().numpy(), values.cpu().numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of huge activations; a probe is what it has come to
        probe = LogisticRegression(C=C, max_iter=10_000).fit(x, y)
    return spanned(_differences(torch.from_numpy(probe.coef_).to(activations)), rank)


def _differences(weights: Float[Tensor, "classes d_site"]) -> Float[Tensor, "d_site direction"]:
    """Weights relative to their mean: only differences between classes matter; two classes have one row."""
    return weights.T if len(weights) == 1 else (weights - weights.mean(0)).T
