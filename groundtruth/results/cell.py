"""One cell of a benchmark: a method on a model in a setting of one track, and what can come of it."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from pydantic import TypeAdapter

from groundtruth.results.cell_settings import CircuitSetting, Setting, VariableSetting
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.prompts import MADE_UP, Prompts
from groundtruth.results.variable_scores import VariableScores

ORACLE = "oracle"
"""The name of the method that is given the truth."""


@dataclass(frozen=True)
class Cell:
    """What is run.

    Attributes:
        method: Its name, ``my_file.py:my_method``, or ``my_pkg.my_mod:my_method``.
        model: Its name, folder, or ``my_file.py:my_program``.
        setting: Setting in which the method runs on the model, in the terms of one track.
        seed: Seed of examples and method.
        device: Device that it is run on.
        dtype: Type of the numbers of the model that the method sees.
        parameters: Hyper-parameters of the method that are not the default.
        task: Task of a language model, ``task`` or ``task:family``; empty for a compiled one.
        prompts: Source of a language model's examples, and how they are read.
        isolated: True if the method runs in a process that never holds the truth.
    """

    method: str
    model: str
    setting: Setting = CircuitSetting()
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float32"
    parameters: tuple[tuple[str, Any], ...] = ()
    task: str = ""
    prompts: Prompts = MADE_UP
    isolated: bool = False

    @property
    def subject(self) -> str:
        """The model, of a language model with its task: ``learned/ioi``."""
        return f"{self.model}/{self.task}" if self.task else self.model

    @property
    def place(self) -> str:
        """Name of what methods are compared on."""
        return self.setting.place(self.subject)

    @property
    def ablation(self) -> str:
        """Kind of ablation of cut edges; empty in a track that cuts none."""
        return self.setting.ablation

    @property
    def evaluator(self) -> "Cell":
        """The cell without its method: cells with the same evaluator share model, task and truth."""
        return replace(self, method="", parameters=())


def cell_fields(cell: Cell) -> dict[str, Any]:
    """Write a cell as JSON has it: flat, the fields of its setting among its own."""
    own = asdict(cell)
    return {**own.pop("setting"), **own}


def read_cell(data: dict[str, Any]) -> Cell:
    """Read a cell from what ``cell_fields`` gives.

    Raises:
        ValidationError: If a field is missing or of another kind.
    """
    setting = VariableSetting if "variable" in data else CircuitSetting
    names = {field.name for field in fields(setting)}
    own = {name: value for name, value in data.items() if name not in names}
    return _CELL.validate_python({**own, "setting": {name: data[name] for name in names if name in data}})


_CELL = TypeAdapter(Cell)


@dataclass(frozen=True)
class Skipped:
    """A cell that has no scores, for a reason that will not change.

    Attributes:
        reason: Why, such as that the model has no live edge, or that the method cannot run with the ablation.
        scope: True if any ``model`` task is impossible or only this ``method`` cannot run on it.
    """

    reason: str
    scope: Literal["model", "method"]


@dataclass(frozen=True)
class Failed:
    """A cell whose method broke its contract or raised.

    Attributes:
        error: Error in words.
    """

    error: str


Outcome = CircuitScores | VariableScores | Skipped | Failed
