"""What is known of the learned model: every edge cut alone, on held-out pairs of every family of every task.

These are measurements on some pairs, not truth: no proof says that another pair could not show another edge.
``python -m mib.learned.measure`` writes them anew.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mib import tasks
from mib.errors import TaskError, did_you_mean
from mib.graph import EdgeScores, Graph
from mib.learned import checkpoint_files as files
from mib.localization.task import LocalizationTask
from mib.models import LoadedModel, load_model

N_PAIRS = 200
"""Number of held-out pairs that each edge is cut on; of a family with fewer, all."""

DIGITS = 5
"""Decimals that are stored."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What the metric loses when one edge alone is cut, in the mean over held-out pairs.

    Attributes:
        task: Name of the task.
        family: Family of counterfactuals.
        n: Number of pairs.
        seed: Seed of the pairs.
        metric: Name of the class of the metric.
        ablation: Kind of ablation of the cut edge.
        full: The metric of the whole model, in the mean over pairs.
        empty: The metric with all edges cut.
        scores: The loss an edge; negative where the metric rises.
        standard_errors: Standard errors of the scores, over pairs.
    """

    task: str
    family: str
    n: int
    seed: int
    metric: str
    ablation: str
    full: float
    empty: float
    scores: EdgeScores
    standard_errors: EdgeScores


def measured(task: str, family: str | None = None) -> Measured:
    """The stored measurement of a task and a family; default: the family that MIB patches with.

    Raises:
        TaskError: If there is none.
        FormatError: If the file does not ship or is of another schema.
    """
    found, known = tasks.get(task), files.tasks()
    if task not in known:
        raise TaskError(f"task '{task}' was not measured.{did_you_mean(task, known)} Measured: {', '.join(known)}.")
    families: dict[str, Any] = files.read(files.MEASURED / f"{task}.json")["families"]
    name = found.check_family(family or found.default_family)
    if name not in families:
        raise TaskError(f"family '{name}' of task {task} was not measured. Measured: {', '.join(families)}.")
    return _from_data(task, name, families[name], learned_graph())


def learned_graph() -> Graph:
    """The nodes and edges of the learned model, without loading it."""
    recipe = files.training_log()["recipe"]
    return Graph(recipe["n_layers"], recipe["n_heads"], recipe["d_model"])


def measure(model: LoadedModel, task: str, family: str, *, n: int = N_PAIRS, seed: int = 0) -> Measured:
    """Cut every edge of a model alone, on pairs of the part ``test`` on whose base prompt the model is right.

    Source: Vig et al. (2020), https://arxiv.org/abs/2004.12265; edges as in MIB, https://arxiv.org/abs/2504.13151.

    Args:
        model: A language model.
        task: Name of the task.
        family: Family of counterfactuals.
        n: Number of pairs.
        seed: Seed of the pairs.

    Raises:
        TaskError: If there are fewer pairs.
    """
    asked: LocalizationTask = tasks.get(task).localization(
        model, family=family, n=n, seed=seed, split="test", right_on="base"
    )
    pairs, engine = asked.everything, asked.engine
    uncut, cut = engine.measure_single_cuts(asked.metric, pairs.clean, pairs.counterfactual)
    nothing = torch.zeros(1, *cut.shape[1:], dtype=torch.bool)
    empty = engine.measure(asked.metric, nothing, pairs.clean, pairs.counterfactual, examples=pairs.examples)
    loss: NDArray[np.float64] = (uncut[:, None, None] - cut).double().cpu().numpy()
    return Measured(
        task=task,
        family=family,
        n=len(asked),
        seed=seed,
        metric=type(asked.metric).__name__,
        ablation=asked.ablation,
        full=float(uncut.double().mean()),
        empty=float(empty.double().mean()),
        scores=EdgeScores(asked.graph, loss.mean(0)),
        standard_errors=EdgeScores(asked.graph, loss.std(0, ddof=1) / len(asked) ** 0.5),
    )


def write_measured(model: LoadedModel, names: Sequence[str], folder: Path, *, n: int = N_PAIRS) -> None:
    """Measure some tasks, all families of each, and write a file a task."""
    for name in names:
        task = tasks.get(name)
        families: dict[str, Any] = {}
        for family in task.families:
            families[family] = _as_data(measure(model, name, family, n=_most(model, task, family, n)))
            sys.stderr.write(f"{name}, {family}: {families[family]['n']} pairs\n")
        files.write(folder / f"{name}.json", {"task": name, "kind": "measured", "split": "test", "families": families})


def _most(model: LoadedModel, task: tasks.Task, family: str, n: int) -> int:
    """Take so many pairs, or as many as there are."""
    for size in (n, n // 2, n // 4, n // 8):
        try:
            task.selection(model, family=family, n=size, split="test", right_on="base")
            return size
        except TaskError:
            continue
    raise TaskError(f"task {task.name} has fewer than {n // 8} held-out pairs of family {family}.")


def _as_data(found: Measured) -> dict[str, Any]:
    errors = found.standard_errors.as_dict()
    return {
        "n": found.n,
        "seed": found.seed,
        "metric": found.metric,
        "ablation": found.ablation,
        "full": round(found.full, DIGITS),
        "empty": round(found.empty, DIGITS),
        "scores": {
            edge: [round(mean, DIGITS), round(errors[edge], DIGITS)] for edge, mean in found.scores.as_dict().items()
        },
    }


def _from_data(task: str, family: str, data: dict[str, Any], graph: Graph) -> Measured:
    means, errors = ({edge: values[i] for edge, values in data["scores"].items()} for i in (0, 1))
    rest = {key: data[key] for key in ("n", "seed", "metric", "ablation", "full", "empty")}
    return Measured(
        task=task, family=family, scores=EdgeScores(graph, means), standard_errors=EdgeScores(graph, errors), **rest
    )


def main() -> None:
    """Measure the shipped model."""
    write_measured(load_model(files.NAME), files.tasks(), files.MEASURED)


if __name__ == "__main__":
    main()
