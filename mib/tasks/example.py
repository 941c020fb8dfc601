"""What every task is made of: prompts with their answers, and examples that pair a prompt with counterfactuals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mib.errors import TaskError, did_you_mean

Row = Mapping[str, Any]
"""One record of a data set, in MIB's columns."""

Span = tuple[int, int]
"""Place of something in a prompt: its first character, and the one after its last."""

SUFFIX = "_counterfactual"
"""End of the names of MIB's columns of counterfactuals; a family's name is the column without it."""


@dataclass(frozen=True)
class Prompt:
    """A text that asks for an answer.

    Attributes:
        text: Text that the model reads.
        answer: Answer of a model that can do the task, spelt as it continues ``text``, with its leading space where
            there is one. Empty where nothing is asked (RAVEL's Wikipedia sentences).
        variables: Every variable of the task's causal model, by name.
        spans: Places of the named things in ``text``.
        accepted: All answers that are right, ``answer`` among them; default: ``answer`` alone.
    """

    text: str
    answer: str
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    spans: Mapping[str, Span] = field(default_factory=dict[str, Span])
    accepted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.accepted:
            object.__setattr__(self, "accepted", (self.answer,))
        if self.answer not in self.accepted:
            raise TaskError(f"answer {self.answer!r} of {self.text!r} is not among the accepted ones, {self.accepted}.")


@dataclass(frozen=True)
class Example:
    """A prompt that shows a behaviour, and the prompts that it can be set against.

    Attributes:
        base: The prompt.
        counterfactuals: One prompt a family, by MIB's names; a family that this prompt has no member of is missing.
    """

    base: Prompt
    counterfactuals: Mapping[str, Prompt]

    @property
    def prompt(self) -> str:
        """Give what the model reads."""
        return self.base.text

    @property
    def answer(self) -> str:
        """Give what it should say next."""
        return self.base.answer

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables of the task's causal model on the prompt."""
        return self.base.variables

    def counterfactual(self, family: str) -> Prompt:
        """The counterfactual of a family, with or without MIB's ``_counterfactual``.

        Raises:
            TaskError: If this example has none.
        """
        name = family.removesuffix(SUFFIX)
        if name not in self.counterfactuals:
            raise TaskError(
                f"{self.prompt!r} has no counterfactual of family '{family}'."
                f"{did_you_mean(name, self.counterfactuals)} "
                f"It has: {', '.join(self.counterfactuals) or 'none'}."
            )
        return self.counterfactuals[name]
