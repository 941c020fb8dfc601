"""One cell of the variable track: a method on a variable at a site, named by everything that its outcome depends on."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cache, lru_cache
from typing import Any

from groundtruth.bench.cells import SCHEMA_VERSION, code_sha256, dtype_of, model_sha256, registered_sha256, versions
from groundtruth.devices import pick_device
from groundtruth.evaluation.evaluator import ORACLE
from groundtruth.evaluation.prompts import MADE_UP, Prompts
from groundtruth.evaluation.variables.featurization_tasks import SIZES, Sizes
from groundtruth.evaluation.variables.language_model_variables import LanguageModelVariableEvaluator
from groundtruth.evaluation.variables.variable_evaluator import VariableEvaluator
from groundtruth.specs import find_model, is_file_spec, load_featurizer
from mib import featurization


@dataclass(frozen=True)
class VariableCell:
    """What is run.

    Attributes:
        method: Its name, or ``my_file.py:my_method``.
        model: Its name, folder, or ``my_file.py:my_program``.
        variable: Name or label of the variable.
        site: Where it is sought; of a language model with the name of a position, ``residual.1.post@last``.
        seed: Of pairs and method.
        sizes: How many pairs to learn from, choose by and score on.
        controls: Whether the method is also run where there is nothing to find.
        device: Where it is run.
        dtype: Of the model that the method sees.
        parameters: Hyper-parameters of the method that are not the default.
        task: Of a language model, whose causal model the variable is of, ``task`` or ``task:family``.
        prompts: Where a language model's pairs come from, and how they are read.
    """

    method: str
    model: str
    variable: str
    site: str
    seed: int = 0
    sizes: Sizes = SIZES
    controls: bool = True
    device: str = "cpu"
    dtype: str = "float32"
    parameters: tuple[tuple[str, Any], ...] = ()
    task: str = ""
    prompts: Prompts = MADE_UP

    @property
    def key(self) -> str:
        """SHA-256 of all that the outcome depends on: the cell, the sources of method, model and code, and versions.

        Raises:
            MethodError: If the method is in a file that cannot be loaded.
            GroundTruthError: If the model cannot be found.
        """
        given = {
            "schema_version": SCHEMA_VERSION,
            "track": "variables",
            "cell": asdict(self),
            "method": _method_sha256(self.method),
            "model": model_sha256(self.model),
            "data": self.prompts.sha256(self.task.partition(":")[0]),
            "code": code_sha256(),
            "versions": versions(),
        }
        return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()

    @property
    def evaluator(self) -> "VariableCell":
        """The cell without its method: cells with the same evaluator share model, task and truth."""
        return replace(self, method="", parameters=())

    @property
    def place(self) -> str:
        """The variable at its site, as one name: ``reverse:opposite@residual.2.post``."""
        return f"{self.subject}:{self.variable}@{self.site}"

    @property
    def subject(self) -> str:
        """The model, of a language model with its task: ``learned/ioi``."""
        return f"{self.model}/{self.task}" if self.task else self.model


@cache
def _method_sha256(method: str) -> str:
    """Of the file of a user's method or a plug-in's; the source of our own is part of ``code_sha256``."""
    if is_file_spec(method):
        return load_featurizer(method).source_sha256
    if method == ORACLE:
        return ORACLE
    return registered_sha256(method, featurization.get(method).function)


@lru_cache(maxsize=1)
def variable_evaluator(cell: VariableCell) -> VariableEvaluator | LanguageModelVariableEvaluator:
    """The evaluator of a cell, kept for the next cell of it.

    Raises:
        DomainError: If no interchange of the variable changes the output.
        GroundTruthError: If there is no such model, variable or site.
        MibError: If a language model, its task, variable or site are not there.
    """
    asked: dict[str, Any] = {
        "controls": cell.controls, "sizes": cell.sizes, "seed": cell.seed, "device": pick_device(cell.device),
        "dtype": dtype_of(cell.dtype),
    }  # fmt: skip
    if cell.task:
        asked["prompts"] = cell.prompts
        return LanguageModelVariableEvaluator.of(cell.model, cell.task, cell.variable, cell.site, **asked)
    return VariableEvaluator.of(_model(cell.model), cell.variable, cell.site, **asked)


_model = lru_cache(maxsize=2)(find_model)
"""Models by name, kept for the next cell: their variables may have to be proven."""
