"""A task's hypothesis: variables, how each follows from others, and what happens when one is taken from elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mib.errors import TaskError, did_you_mean

Settings = Mapping[str, Any]
"""A value for each variable."""

Mechanism = tuple[tuple[str, ...], Callable[..., Any]]
"""The variables that a variable follows from, and how."""


@dataclass(frozen=True)
class CausalModel:
    """Variables and mechanisms, in the sense of causal abstraction.

    Attributes:
        inputs: Variables that a prompt sets.
        mechanisms: Functions by which each other variable follows from inputs and from variables listed before it.
        output: The variable that is the answer.

    Source: Geiger et al. (2021), https://arxiv.org/abs/2106.02997
    """

    inputs: tuple[str, ...]
    mechanisms: Mapping[str, Mechanism]
    output: str

    def __post_init__(self) -> None:
        known = list(self.inputs)
        for name, (parents, _) in self.mechanisms.items():
            missing = [parent for parent in parents if parent not in known]
            if name in known:
                raise TaskError(f"variable '{name}' is defined twice.")
            if missing:
                raise TaskError(
                    f"variable '{name}' follows from '{missing[0]}', which is no input and is not listed before it."
                )
            known.append(name)
        self.check(self.output)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of all variables, inputs first."""
        return (*self.inputs, *self.mechanisms)

    def check(self, name: str) -> str:
        """A variable's name.

        Raises:
            TaskError: If there is no such variable.
        """
        if name not in self.variables:
            raise TaskError(
                f"unknown variable '{name}'.{did_you_mean(name, self.variables)} Known: {', '.join(self.variables)}."
            )
        return name

    def moves(self, name: str) -> bool:
        """Tell whether the output follows from a variable at all.

        Raises:
            TaskError: If there is no such variable.
        """
        reached = {self.check(name)}
        for child, (parents, _) in self.mechanisms.items():
            if reached.intersection(parents):
                reached.add(child)
        return self.output in reached

    def run(self, settings: Settings) -> dict[str, Any]:
        """Every variable, from the inputs.

        Args:
            settings: At least the inputs; values of other variables are not read.
        """
        return self._run(settings, {})

    def interchange(self, base: Settings, sources: Mapping[str, Settings]) -> dict[str, Any]:
        """Every variable of a base, with some taken from other runs.

        Args:
            base: At least the inputs of the base.
            sources: For each variable that is taken from elsewhere, at least the inputs of where.

        Raises:
            TaskError: If a variable does not exist.
        """
        return self._run(base, {name: self.run(source)[self.check(name)] for name, source in sources.items()})

    def _run(self, settings: Settings, fixed: Settings) -> dict[str, Any]:
        missing = [name for name in self.inputs if name not in settings]
        if missing:
            raise TaskError(f"no value for input '{missing[0]}'; give one for each of {', '.join(self.inputs)}.")
        values = {name: fixed.get(name, settings[name]) for name in self.inputs}
        for name, (parents, mechanism) in self.mechanisms.items():
            values[name] = fixed[name] if name in fixed else mechanism(*(values[parent] for parent in parents))
        return values


if TYPE_CHECKING:
    import mib.causal_model

    _: type[mib.causal_model.CausalModel[Settings, Settings]] = CausalModel
