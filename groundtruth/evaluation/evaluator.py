"""The protocol of an evaluator: one subject, which methods are scored on one after the other."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

Scores = TypeVar("Scores", covariant=True)


class Evaluator(Protocol[Scores]):
    """A task on a compiled model or a language model, of either track, and what is needed to score methods on it.

    A method sees the task and never the truth; what it does to its task must not reach the next method.
    """

    @property
    def task(self) -> Any:
        """Task that a method is given: a ``LocalizationTask`` or a ``FeaturizationTask``."""
        ...

    def score(self, method: Any, parameters: Mapping[str, Any] | None = None) -> Scores:
        """Run a method and score what it found.

        Args:
            method: A function of a task, the name of a registered method, or ``oracle`` where there is a truth.
            parameters: Hyper-parameters of the method.

        Raises:
            DomainError: For the oracle where nothing is known.
            MethodError: If the method cannot run on the task or breaks its contract.
        """
        ...
