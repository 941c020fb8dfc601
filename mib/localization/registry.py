"""Methods by name. A method is a plain function of a task; it is checked when it is registered, not when it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from mib.engine.ablations import ABLATIONS, Ablation, check_ablation
from mib.errors import MethodError, did_you_mean
from mib.graph import EdgeScores, NeuronScores, NodeScores
from mib.levels import LEVELS, Level, Scores
from mib.localization.objectives import require_gradient
from mib.localization.task import LocalizationTask
from mib.method_signature import check_parameters, check_signature, description_of, parameters_of
from mib.registry import Registry

Method = Callable[..., Scores]
RESULT: dict[Level, type[Scores]] = {"edge": EdgeScores, "node": NodeScores, "neuron": NeuronScores}


@dataclass(frozen=True)
class Localizer:
    """A registered method, callable like the function itself.

    Attributes:
        name: Its name in tables and on the command line.
        function: The method.
        cost: Forward (F) and backward (B) passes over the data, in words.
        source: Publication of the method.
        levels: Parts that it can score.
        ablations: Kinds of ablation of the edges that it cuts, or imagines to cut.
        needs_gradient: True if it differentiates the task's metric.
        control: True if it is no contestant but something to compare contestants with: chance, what is blind to the
            task, what is trained on the metric itself. Tables show controls apart and do not rank them.
    """

    name: str
    function: Method
    cost: str
    source: str
    levels: tuple[Level, ...]
    ablations: tuple[Ablation, ...]
    needs_gradient: bool = False
    control: bool = False

    @property
    def description(self) -> str:
        """The first line of the method's docstring."""
        return description_of(self.function)

    @property
    def parameters(self) -> dict[str, Any]:
        """Hyper-parameters and their defaults."""
        return parameters_of(self.function)

    def check(self, task: LocalizationTask, **parameters: object) -> None:
        """Say why the method cannot run on a task, before it starts.

        Raises:
            MethodError: If it cannot score the task's level, run its ablation, take a parameter, or differentiate the
                task's metric.
        """
        check_parameters(self.name, self.function, parameters)
        if task.level not in self.levels:
            raise MethodError(f"{self.name} scores {' and '.join(self.levels)}, not level='{task.level}'.")
        if task.ablation not in self.ablations:
            raise MethodError(
                f"{self.name} cannot run with ablation='{task.ablation}'. It can with: {', '.join(self.ablations)}."
            )
        if self.needs_gradient:
            require_gradient(task, by=self.name)

    def __call__(self, task: LocalizationTask, **parameters: Any) -> Scores:
        """Run the method, and hold it to its contract.

        Raises:
            MethodError: If the method cannot run on the task, or returns scores of another kind or graph.
            ScoreError: If a score is missing, NaN or infinite.
        """
        self.check(task, **parameters)
        scores = self.function(task, **parameters)
        wanted = RESULT[task.level]
        if not isinstance(scores, wanted):
            raise MethodError(
                f"{self.name} returned a {type(scores).__name__}; a task of level '{task.level}' wants "
                f"mib.{wanted.__name__}."
            )
        if scores.graph != task.graph:
            raise MethodError(f"{self.name} returned scores of {scores.graph}; the task's graph is {task.graph}.")
        return scores.require_complete(by=self.name)

    def edge_scores(self, task: LocalizationTask, **parameters: Any) -> EdgeScores:
        """Run the method on a task of edges, for another method that builds on its scores.

        Raises:
            MethodError: If the method cannot run on the task, or the task is one of nodes or neurons.
            ScoreError: If a score is missing, NaN or infinite.
        """
        scores = self(task, **parameters)
        if not isinstance(scores, EdgeScores):
            raise MethodError(
                f"{self.name} scored the {task.level}s of a task whose edges were asked for: use level='edge'."
            )
        return scores


LOCALIZERS: Registry[Localizer] = Registry(
    "localizer", error=MethodError, builtins="mib.localization.methods", plugins="mib.localizers"
)
"""All localization methods; a package adds its own by naming a module in the entry-point group ``mib.localizers``."""

get, names = LOCALIZERS.get, LOCALIZERS.names


def localizer(
    name: str,
    *,
    cost: str,
    source: str,
    levels: tuple[Level, ...] = ("edge",),
    ablations: tuple[Ablation, ...] = ABLATIONS,
    needs_gradient: bool = False,
    control: bool = False,
) -> Callable[[Method], Localizer]:
    """Register a method.

    Args:
        name: Its name; lower case, words joined by hyphens.
        cost: Forward (F) and backward (B) passes over the data, such as ``2F+1B``.
        source: Publication of the method.
        levels: Parts that it can score.
        ablations: Ablations that it can run with.
        needs_gradient: True if it differentiates the metric; one without a gradient is then refused before it starts.
        control: True if it is something to compare methods with, and not ranked itself.

    Raises:
        MethodError: If the name is taken or empty, the function has no docstring or the wrong signature.
    """
    make = partial(
        as_localizer,
        name=name,
        cost=cost,
        source=source,
        levels=levels,
        ablations=ablations,
        needs_gradient=needs_gradient,
        control=control,
    )
    return LOCALIZERS.register(make, name=name)


def as_localizer(
    function: Method,
    *,
    name: str = "",
    cost: str = "not stated",
    source: str = "not stated",
    levels: tuple[Level, ...] = ("edge",),
    ablations: tuple[Ablation, ...] = ABLATIONS,
    needs_gradient: bool = False,
    control: bool = False,
) -> Localizer:
    """A function as a method, checked but not registered; what a user's own file is wrapped in.

    Raises:
        MethodError: If the function's signature is not ``(task, *, name=default, ...)``.
    """
    if isinstance(function, Localizer):
        return function
    name = name or getattr(function, "__name__", "").replace("_", "-")
    check_signature(function, kind="localizer", name=name)
    for level in levels:
        if level not in LEVELS:
            raise MethodError(f"localizer '{name}': unknown level '{level}'.{did_you_mean(level, LEVELS)}")
    known: tuple[Ablation, ...] = tuple(check_ablation(ablation) for ablation in ablations)
    return Localizer(name, function, cost, source, tuple(levels), known, needs_gradient, control)
