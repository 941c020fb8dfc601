"""A submission of circuits: scores of every edge, for each task and model of the leaderboard."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from mib import tasks
from mib.errors import TaskError, did_you_mean
from mib.graph import EdgeScores, NeuronScores, NodeScores
from mib.leaderboard.formats import write_circuit
from mib.leaderboard.formats.circuit_folders import CELLS, IMPORTANCES
from mib.leaderboard.submissions.run_submission import Job, Outcome, Plan, Setup, make_cells
from mib.levels import Level
from mib.models import LoadedModel

Method = Callable[..., EdgeScores | NodeScores | NeuronScores]


def write_circuits(
    method: Method, task_names: Sequence[str], setup: Setup, *, split: str = "train", level: Level = "edge"
) -> Iterator[Outcome]:
    """Run a method on each task and model, and write ``<task>_<model>/importances.json``.

    Cells that an earlier run finished with the same settings are kept. A cell that fails is left out and told; the
    others go on. Models are loaded one at a time.

    Args:
        method: From a task, and ``setup.parameters`` by name, to scores.
        task_names: Names of tasks, such as ``ioi``.
        setup: Models, data, and where to write.
        split: The part of the data that circuits are found on.
        level: Parts that are scored.

    Raises:
        TaskError: If a task is none of the leaderboard's, or has no cell with any of the models.
    """
    return make_cells(plan_circuits(method, task_names, setup, split=split, level=level))


def plan_circuits(
    method: Method, task_names: Sequence[str], setup: Setup, *, split: str = "train", level: Level = "edge"
) -> Plan:
    """List the cells that ``write_circuits``, called with the same arguments, makes."""
    cells, others = _cells(setup.models, task_names)

    def job(task: str, model: str) -> Job:
        def make(loaded: LoadedModel) -> str:
            built = tasks.get(task).localization(
                loaded,
                n=setup.n,
                split=split,
                seed=setup.seed,
                data=setup.data_of(task),
                right_on=setup.right_on or "any",
                ablation=setup.ablation,
                level=level,
                answer_prefix=setup.answer_prefix,
                memory=setup.memory,
            )
            return _write(setup.out / f"{task}_{model}", method(built, **setup.parameters))

        settings = setup.settings(model, split=split, level=level, ablation=setup.ablation)
        return Job(f"{task}_{model}", task, model, settings, make)

    skipped = (Outcome(f"{task}_{model}", "skipped", "the leaderboard has no such cell") for task, model in others)
    return Plan(setup, tuple(job(task, model) for task, model in cells), tuple(skipped))


def _cells(
    models: Mapping[str, object], task_names: Sequence[str]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Tasks and models that are cells of the leaderboard, and those that are not."""
    for task in task_names:
        if task not in CELLS:
            raise TaskError(
                f"task '{task}' is not on the leaderboard of circuits.{did_you_mean(task, CELLS)} Known: "
                f"{', '.join(CELLS)}."
            )
    pairs = [(task, model) for model in models for task in task_names]
    cells = [(task, model) for task, model in pairs if model in CELLS[task]]
    if not cells:
        known = "; ".join(f"{task}: {', '.join(CELLS[task])}" for task in task_names)
        raise TaskError(f"no cell of the leaderboard joins these tasks and models. There are {known}.")
    return cells, [pair for pair in pairs if pair not in cells]


def _write(folder: Path, scores: EdgeScores | NodeScores | NeuronScores) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    write_circuit(folder / IMPORTANCES, scores)
    return f"{scores.values.size:,} scores" if not isinstance(scores, EdgeScores) else f"{scores.flat.size:,} edges"
