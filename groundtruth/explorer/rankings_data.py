"""Rankings of a model's edges by methods, with the pairs on which the page measures the circuits that they choose."""

from collections.abc import Sequence
from typing import Any

import torch

from groundtruth.errors import DomainError
from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.evaluation.own_task import own_copy
from groundtruth.model import KnownModel
from groundtruth.user_methods import find_localizer
from mib.errors import MethodError
from mib.graph import EdgeScores
from mib.localization import Localizer
from mib.localization.task import LocalizationTask

DEFAULT_METHODS = ("eap", "eap-ig-inputs")
"""Methods that rank a page's edges unless others are named: quick, and often wrong in ways worth a look."""

N_PAIRS = 32
"""Pairs on which the page measures circuits: few, since it runs each of some hundred circuits on all of them."""


def rankings_data(model: KnownModel, methods: Sequence[str], *, seed: int = 0) -> dict[str, Any]:
    """Scores of every edge by each method, under resample ablation in float64.

    Args:
        model: The model.
        methods: Names, or functions in files.
        seed: Chooses the pairs and seeds the methods.

    Returns:
        ``rankings``: name and scores of each method, in the order of the graph's edges. ``pairs``: token ids, clean and
        counterfactual; empty, with ``why_none``, where the model has nothing to localize.

    Raises:
        MethodError: If there is no such method, it cannot run on the model, or its scores are not of edges.
    """
    found = [find_localizer(name) for name in methods]
    if not found:
        return {"rankings": [], "pairs": []}
    try:
        task = localization_task(model, n_pairs=N_PAIRS, seed=seed, dtype=torch.float64)
    except DomainError as error:
        return {"rankings": [], "pairs": [], "why_none": str(error)}
    clean, counterfactual = task.clean.tolist(), task.counterfactual.tolist()
    rankings = [{"method": method.name, "scores": _scores(method, task)} for method in found]
    return {"rankings": rankings, "pairs": [list(pair) for pair in zip(clean, counterfactual, strict=True)]}


def _scores(method: Localizer, task: LocalizationTask) -> list[float]:
    scores = method(own_copy(task))
    if not isinstance(scores, EdgeScores):
        raise MethodError(
            f"'{method.name}' scores {type(scores).__name__}; the page ranks edges. Name a method of edges."
        )
    return scores.flat.tolist()
