"""A submission of featurizers: for each task, model and variable, one for each layer and token position of MIB's."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mib import tasks
from mib.counted_nouns import plural
from mib.errors import TaskError, did_you_mean
from mib.featurization.featurizer import Featurizer
from mib.leaderboard.formats import Cell, Unit, write_featurizer
from mib.leaderboard.formats.featurizer_files import TASK_MODELS, VARIABLES
from mib.leaderboard.protocols import EVERYWHERE, PROTOCOLS, Places
from mib.leaderboard.submissions.check_submission import IOI_FILE
from mib.leaderboard.submissions.join_cell import add_ioi_parameters
from mib.leaderboard.submissions.leaderboard_models import MODELS
from mib.leaderboard.submissions.run_submission import OF_A_CELL, Job, Outcome, Plan, Setup, make_cells
from mib.models import LoadedModel
from mib.tasks import CausalModel, ioi_linear
from mib.whole_files import remove_made

Method = Callable[..., Featurizer]


def write_featurizers(
    method: Method, task_names: Sequence[str], setup: Setup, *, places: Places | None = None
) -> Iterator[Outcome]:
    """Run a method on every variable of each task, and write ``<task>_<model class>_<variable>/<unit>_featurizer``.

    Cells that an earlier run finished with the same settings are kept. A cell that fails is left out and told; the
    others go on. For IOI the linear causal model is fitted first, and written to ``ioi_linear_params.json``.

    Args:
        method: From a task, and ``setup.parameters`` by name, to a featurizer: a subspace, as MIB's files hold no
            other.
        task_names: Names of tasks, such as ``mcqa``.
        setup: Models, data, and where to write.
        places: Layers and heads; default: all layers, and GPT-2's S-inhibition heads for IOI.

    Raises:
        TaskError: If a task is none of the track's, or has no cell with any of the models.
    """
    return make_cells(plan_featurizers(method, task_names, setup, places=places))


def plan_featurizers(method: Method, task_names: Sequence[str], setup: Setup, *, places: Places | None = None) -> Plan:
    """List the cells that ``write_featurizers``, called with the same arguments, makes."""
    for name in task_names:
        if name not in PROTOCOLS:
            raise TaskError(
                f"task '{name}' is not on the leaderboard of featurizers.{did_you_mean(name, PROTOCOLS)} Known: "
                f"{', '.join(PROTOCOLS)}."
            )
    where = Places() if places is None else places
    pairs = [(task, model) for model in setup.models for task in task_names]
    known = [(task, model) for task, model in pairs if MODELS[model].architecture in TASK_MODELS[PROTOCOLS[task].name]]
    if not known:
        there = "; ".join(f"{task}: {', '.join(TASK_MODELS[PROTOCOLS[task].name])}" for task in task_names)
        raise TaskError(f"no cell of the leaderboard joins these tasks and models. There are {there}.")
    jobs = [
        _Cell(task, model, variable, setup, where, method).job()
        for task, model in known
        for variable in VARIABLES[PROTOCOLS[task].name]
    ]
    others = [(PROTOCOLS[task].name, MODELS[model].architecture) for task, model in pairs if (task, model) not in known]
    skipped = [
        Outcome(f"{task}_{model}_{variable}", "skipped", "the leaderboard has no such cell")
        for task, model in others
        for variable in VARIABLES[task]
    ]
    return Plan(setup, tuple(jobs), tuple(skipped))


@dataclass(frozen=True)
class _Cell:
    """One variable of a task on a model."""

    task: str
    model: str
    variable: str
    setup: Setup
    places: Places
    method: Method

    @property
    def name(self) -> str:
        """Name of its folder."""
        return str(Cell(PROTOCOLS[self.task].name, MODELS[self.model].architecture, self.variable))

    def job(self) -> Job:
        """Give what makes it."""
        layers, heads = self.places.layers, self.places.heads
        chosen = {"layers": None if layers is None else [*layers], "heads": heads and [[*head] for head in heads]}
        return Job(self.name, self.task, self.model, self.setup.settings(self.model, **chosen), self.make)

    def make(self, loaded: LoadedModel) -> str:
        """Write all its units, and say how many."""
        units = self.places.units(self.task, self.model, loaded.anatomy.n_layers)
        hypothesis = self._linear(loaded) if self.task == "ioi" else None
        folder, part = self.setup.out / self.name, self.setup.out / f".{self.name}.part"
        remove_made(part, OF_A_CELL)
        for unit in units:
            self._write(part, unit, loaded, hypothesis)
        remove_made(folder, OF_A_CELL)
        part.rename(folder)
        return plural(len(units), "unit")

    def _write(self, folder: Path, unit: Unit, loaded: LoadedModel, hypothesis: CausalModel | None) -> None:
        task = tasks.get(self.task).featurization(
            loaded,
            variable=self.variable,
            site=unit.site(),
            position=unit.token,
            family=PROTOCOLS[self.task].families,
            n=self.setup.n,
            seed=self.setup.seed,
            data=self.setup.data_of(self.task),
            right_on=self.setup.right_on or "both",
            causal_model=hypothesis,
            answer_prefix=self.setup.answer_prefix,
            memory=self.setup.memory,
        )
        joint = ":" if unit.token == EVERYWHERE else "-"  # what the track's evaluation of IOI looks for
        write_featurizer(folder, unit, self.method(task, **self.setup.parameters), joint=joint)

    def _linear(self, loaded: LoadedModel) -> CausalModel:
        """IOI's causal model, fitted, and noted in the submission."""
        path, heads = self.setup.out / IOI_FILE, self.places.heads_of(self.model)
        setup, data = self.setup, self.setup.data_of(self.task)
        kept = setup.right_on or "both"
        fitted = ioi_linear.fit(
            loaded, heads=heads, n=setup.n, seed=setup.seed, data=data, right_on=kept,
            answer_prefix=setup.answer_prefix, memory=setup.memory,
        )  # fmt: skip
        add_ioi_parameters(path, {MODELS[self.model].short: fitted.parameters})
        return ioi_linear.model(fitted.parameters)
