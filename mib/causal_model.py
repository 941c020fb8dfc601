"""A causal model as both tracks of variables see it: variables, an output, and interchange interventions.

A task's hypothesis (``mib.tasks.task_causal_model``) and the RASP program of a compiled model satisfy it: what one
calls a prompt's settings, the other calls tokens.

Source: Geiger et al. (2021), https://arxiv.org/abs/2106.02997
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

Input = TypeVar("Input", contravariant=True)
"""The input of one run: values of the input variables, or the tokens that they are read from."""

Source = TypeVar("Source", contravariant=True)
"""The run that a variable's values come from: an input, or an input and the positions that are taken from it."""


@runtime_checkable
class CausalModel(Protocol[Input, Source]):
    """Variables that follow from each other, and what happens when some are taken from other runs."""

    @property
    def variables(self) -> Iterable[str]:
        """Names of all variables, each after those that it follows from."""
        ...

    @property
    def output(self) -> str:
        """Name of the variable that is the answer."""
        ...

    def run(self, base: Input, /) -> Mapping[str, Any]:
        """Value of every variable on an input."""
        ...

    def interchange(self, base: Input, sources: Mapping[str, Source], /) -> Mapping[str, Any]:
        """Value of every variable on an input, with some taken from other runs and all that follows computed again.

        Args:
            base: The input.
            sources: By variable, the run that its value comes from.
        """
        ...
