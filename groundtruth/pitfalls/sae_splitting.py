"""A sparse autoencoder splits one variable among many features."""

import torch
from torch import Tensor

from groundtruth.evaluation.variables import Sizes, featurization_task, oracle
from groundtruth.model import load_compiled
from groundtruth.pitfalls.pitfall import Demonstration, Exhibit, Finding, pitfall
from mib.featurization import dictionary
from mib.featurization.activation_samples import labelled_samples
from mib.featurization.autoencoder import SaeTraining, train_autoencoder
from mib.metrics.interchange_scores import interchange_scores

TRAINING = SaeTraining("top-k", expansion=4, k=3, learning_rate=3e-3, steps=1000)

PURE = 0.9
"""A feature that is active on one value of the variable this often, when it is active, is said to stand for it."""


@pitfall(
    "sae-splitting",
    why="With room to spare, sparsity pays for features of a value in its context instead of one feature a value.",
    instead="Count how much of the variable a feature covers, not only how pure it is; interchange what it covers.",
    source="Bricken et al. 2023, transformer-circuits.pub; Chanin et al. 2024, arXiv 2409.14507",
)
def sae_splitting(*, seed: int = 0) -> Demonstration:
    """An autoencoder that reconstructs all and whose best feature is pure covers part of a one-dimensional variable.

    ``is_x`` of ``contains_x`` says whether a token is x; one dimension of it is read. A TopK autoencoder is trained on
    the residual stream that holds token, position and ``is_x``, with as many active features as there are variables.

    Args:
        seed: Seed of the pairs and of the autoencoder.
    """
    sizes = Sizes(train=600, validation=1, test=300)
    model = load_compiled("contains_x")
    task = featurization_task(model, "is_x", "resid_post0", sizes=sizes, seed=seed)
    activations, values = labelled_samples(task)
    sae = train_autoencoder(activations, TRAINING, task.generator())
    features = sae.encode(activations)
    left = (sae.decode(features) - activations).square().sum()
    explained = 1 - float(left / (activations - activations.mean(0)).square().sum())
    purity, cover = _detection(features, values)
    best = (2 * purity * cover / (purity + cover).clamp(min=1e-9)).argmax(1)
    one_each = dictionary(sae.encode, sae.decode, sae.n_features).select(sorted(set(best.tolist())))
    swapped = interchange_scores(task, one_each).distinguishing.value
    rows, pure = torch.arange(len(best)), ((purity >= PURE) & (cover > 0)).any(0)
    return Demonstration(
        naive=(
            Finding("variance explained", explained, least=0.95),
            Finding("purity of the best features", float(purity[rows, best].mean()), least=0.95),
        ),
        truth=(
            Finding("of its value, each covers", float(cover[rows, best].mean()), most=0.75),
            Finding("accuracy, best feature a value", swapped, most=0.6),
            Finding("pure features for 2 values", int(pure.sum()), least=5, counts=True),
        ),
        model=model,
        exhibits={
            "best": Exhibit(task, one_each, sae),
            "variable": Exhibit(task, oracle(model, "is_x", "resid_post0")),
        },
    )


def _detection(features: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """How often an active feature means a value, and how often a value activates it [value, feature]."""
    active = (features > 1e-3).double()
    is_value = (values == values.unique()[:, None]).double()
    both = is_value @ active
    return both / active.sum(0).clamp(min=1), both / is_value.sum(1, keepdim=True)
