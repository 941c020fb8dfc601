"""A track of the benchmark as one value: its methods, models, evaluators, columns, thresholds and contract."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from groundtruth.bench.request import Profile, Request, Subject
from groundtruth.evaluation.evaluator import Evaluator
from groundtruth.results.cell import ORACLE, Cell
from groundtruth.results.track_tables import TrackTables
from groundtruth.user_methods import UserMethod, is_own_method
from mib.levels import Level


@dataclass(frozen=True)
class Methods:
    """The methods of a track.

    Attributes:
        get: Finds a registered method by name.
        registered: Lists the registered methods.
        names: Names of all that run at a level, the oracle first where there is a truth.
        load: Loads a method from a user's file.
        always: Names that stand beside every table.
        compared: Names that stand beside one's own method, unless others are asked for, at a level.
    """

    get: Callable[[str], Any]
    registered: Callable[[], list[Any]]
    names: Callable[[Level], list[str]]
    load: Callable[[str, Level], UserMethod[Any]]
    always: tuple[str, ...]
    compared: Callable[[Level], list[str]]

    def find(self, name: str, level: Level = "edge") -> Any:
        """Find a method by what a user would call it: a registered one's name, or one's own by file or module.

        Raises:
            MethodError: If there is none.
        """
        return self.load(name, level).method if is_own_method(name) else self.get(name)

    def is_foreign(self, name: str) -> bool:
        """Tell whether a method comes from a user's file or a plug-in, and not with this package."""
        return is_own_method(name) or (name != ORACLE and not self.get(name).function.__module__.startswith("mib."))

    def parameters(self, name: str, level: Level = "edge") -> dict[str, Any]:
        """List the hyper-parameters of a method with their defaults.

        Raises:
            MethodError: If there is no such method.
        """
        return {} if name == ORACLE else self.find(name, level).parameters


@dataclass(frozen=True)
class Track:
    """One track of the benchmark.

    Attributes:
        tables: Tables that read and show its results.
        methods: Its methods.
        profiles: Models and sizes that it runs unless told otherwise, by name.
        subjects: Says which models are run in which settings.
        evaluator: Makes the evaluator of a cell, and keeps it for the next cell of it.
        evaluator_modules: Modules that compute its outcomes; the key of a cell covers all that they import.
        options: Options of the command line that it alone has.
    """

    tables: TrackTables
    methods: Methods
    profiles: Mapping[str, Profile]
    subjects: Callable[[Profile, Request], list[Subject]]
    evaluator: Callable[[Cell], Evaluator[Any]]
    evaluator_modules: tuple[str, ...]
    options: frozenset[str] = frozenset()

    def is_control(self, method: str) -> bool:
        """Tell whether a method is something to compare contestants with, and not ranked: the oracle among them.

        Args:
            method: As a cell names it; a user's own method is a contestant.
        """
        return method == ORACLE or any(one.control for one in self.methods.registered() if one.name == method)

    def controls(self, methods: Iterable[str]) -> frozenset[str]:
        """Pick the controls among methods, for a result to know them by."""
        return frozenset(method for method in methods if self.is_control(method))

    @property
    def name(self) -> str:
        """Name of the track, as ``--track`` takes it."""
        return self.tables.name
