"""Featurizers as JSON: the page swaps their features in the model that it runs."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from groundtruth.errors import GroundTruthError
from groundtruth.explorer.packed_matrix import Packed, pack_matrix
from groundtruth.pitfalls import AnswerTable, Exhibit
from groundtruth.truth.variables.residual_sites import Site
from mib.featurization import Featurizer
from mib.featurization.autoencoder import SparseAutoencoder
from mib.featurization.bijection import Coordinates, ReversibleNetwork


def exhibit_data(exhibit: Exhibit, *, name: str, variable: str | None, random: bool) -> dict[str, Any]:
    """A featurizer with the place where it is swapped.

    Args:
        exhibit: The featurizer, with its task.
        name: Its name on the page.
        variable: Label of the expression that it is said to be; ``None`` where nothing is predicted.
        random: True if its task is on the network with random weights.
    """
    site = Site.of(exhibit.task.site)
    place = {"name": name, "variable": variable, "site": str(site), "sublayer": site.sublayer, "random": random}
    return place | featurizer_data(exhibit.featurizer, exhibit.inside)


def featurizer_data(featurizer: Featurizer, inside: SparseAutoencoder | AnswerTable | None = None) -> dict[str, Any]:
    """The maps of a featurizer, in float64.

    Args:
        featurizer: A subspace, or the coordinates of a reversible network.
        inside: The autoencoder or the table of answers behind any other.

    Raises:
        GroundTruthError: For maps that the page cannot run.
    """
    chart = featurizer.featurize
    if (basis := featurizer.basis) is not None:
        return {"kind": "subspace", "basis": _packed(basis)}
    if isinstance(inside, SparseAutoencoder) and inside.architecture == "top-k":
        return _autoencoder_data(inside, featurizer.indices)
    if isinstance(inside, AnswerTable):
        return {
            "kind": "answers",
            "states": _packed(inside.states),
            "answers": inside.answers.flatten().tolist(),
            "vectors": _packed(inside.vectors),
        }
    if isinstance(chart, Coordinates):
        return _coupling_data(chart.network, featurizer.indices)
    raise GroundTruthError("the page can swap subspaces, TopK autoencoders, reversible networks and tables of answers.")


def _autoencoder_data(sae: SparseAutoencoder, selected: tuple[int, ...]) -> dict[str, Any]:
    return {
        "kind": "autoencoder",
        "encoder": _packed(sae.encoder),
        "decoder": _packed(sae.decoder),
        "bias": _listed(sae.bias),
        "centre": _listed(sae.centre),
        "scale": float(sae.scale),
        "k": sae.k,
        "selected": list(selected),
    }


def _coupling_data(network: ReversibleNetwork, selected: tuple[int, ...]) -> dict[str, Any]:
    parts = zip(network.turns, network.first, network.second, strict=True)
    blocks = [{"turn": _packed(turn), "first": _layers(g), "second": _layers(h)} for turn, g, h in parts]
    return {"kind": "couplings", "cut": network.cut, "selected": list(selected), "blocks": blocks}


def _layers(function: nn.Module) -> list[Packed | list[float]]:
    """The matrices [read, written] and biases of a function with one hidden layer."""
    found: list[Packed | list[float]] = []
    for layer in function.children():
        if isinstance(layer, nn.Linear):
            found += [_packed(layer.weight.T), _listed(layer.bias)]
    return found


def _packed(matrix: Tensor) -> Packed:
    return pack_matrix(_float64(matrix))


def _listed(vector: Tensor) -> list[float]:
    return _float64(vector).tolist()


def _float64(numbers: Tensor) -> NDArray[np.float64]:
    return numbers.detach().to("cpu", torch.float64).numpy()
