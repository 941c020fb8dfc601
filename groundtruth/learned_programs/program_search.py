"""Learn a program that computes a task, and see that it does so on the task's whole domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from groundtruth.compiled.domain import Domain
from groundtruth.errors import DomainError, ProgramError
from groundtruth.learned_programs.categorical_program import CategoricalProgram
from groundtruth.learned_programs.soft_program import Choices, ProgramSizes, SoftProgram
from groundtruth.programs.registry import Program
from groundtruth.rasp.evaluate import evaluate_many

MAX_INPUTS = 256
"""Tasks have at most this many inputs: each is looked at in every step."""

_CHECKED_EVERY = 25
"""Steps between trials of the likeliest choices."""

_HOTTEST, _COLDEST = 2.0, 0.1
"""Temperatures at which choices are drawn, at first and at last."""


@dataclass(frozen=True)
class LearningSettings:
    """Numbers of a search.

    Attributes:
        steps: Steps of an attempt.
        attempts: So often it is begun anew, with other first choices.
        learning_rate: Learning rate of Adam.
        draws: Choices that a step draws.
    """

    steps: int = 600
    attempts: int = 8
    learning_rate: float = 0.1
    draws: int = 1


@dataclass(frozen=True)
class LearnedProgram:
    """A program that was learned.

    Attributes:
        task: The program of the library that it equals on its domain.
        program: The learned one.
        seed: Seed of the search.
        attempts: Number of attempts that it took.
        steps: Steps of the last one.
    """

    task: Program
    program: CategoricalProgram
    seed: int
    attempts: int
    steps: int


Progress = Callable[[int, int, float], None]
"""Told the attempt, the step and the share of inputs that the likeliest choices answer right."""


def learn_program(
    task: Program,
    domain: Domain,
    *,
    sizes: ProgramSizes | None = None,
    settings: LearningSettings | None = None,
    seed: int = 0,
    progress: Progress = lambda attempt, step, right: None,
) -> LearnedProgram:
    """Learn a program by gradient descent that gives what a task gives on every input.

    Args:
        task: Task that it is to compute.
        domain: The inputs, all of one length.
        sizes: Number of steps that it has before those that are not used are left out.
        settings: Numbers of the search.
        seed: Draws everything; same seed, same program, on one machine.
        progress: Told where the search is.

    Raises:
        DomainError: If the task is for causal attention, has no output somewhere, or there are too many inputs.
        ProgramError: If no attempt finds a program that is right everywhere.
    """
    sizes, settings = sizes or ProgramSizes(), settings or LearningSettings()
    inputs, wanted = _examples(task, domain)
    outputs = sorted({value for row in wanted for value in row}, key=lambda value: (str(type(value)), value))
    best = 0.0
    for attempt in range(settings.attempts):
        generator = torch.Generator().manual_seed(seed * 1000 + attempt)
        soft = SoftProgram(domain, outputs, sizes, generator)
        search = _Search(soft, inputs, wanted, settings, generator)
        found = search.run(lambda step, right, attempt=attempt: progress(attempt, step, right))
        best = max(best, search.best)
        if found is not None:
            program, steps = found
            return LearnedProgram(task, program, seed, attempt + 1, steps)
    mixed = ", but with heads that mix values" if best == 1.0 else ""
    raise ProgramError(
        f"no program was learned for '{task.name}' in {settings.attempts} attempts; the best was right on {best:.0%} "
        f"of the {len(inputs)} inputs{mixed}. Try another seed, more steps, layers, heads or tables, or shorter inputs."
    )


def _examples(task: Program, domain: Domain) -> tuple[list[tuple[Any, ...]], list[list[Any]]]:
    """Every input with what should come out.

    Raises:
        DomainError: If there are too many, or a task cannot be learned.
    """
    if task.causal:
        raise DomainError(f"'{task.name}' is meant for causal attention; heads of learned programs see all positions.")
    if len(domain.lengths) != 1:
        raise DomainError(f"{domain} has several lengths; a program is learned on inputs of one length.")
    if domain.size is None or domain.size > MAX_INPUTS:
        size = "too many" if domain.size is None else format(domain.size, ",")
        raise DomainError(
            f"{domain} has {size} inputs; at most {MAX_INPUTS} can be learned from. Give a shorter length."
        )
    inputs = list(domain.enumerate())
    wanted = evaluate_many(task.build(), inputs)
    if any(value is None for row in wanted for value in row):
        raise DomainError(
            f"'{task.name}' gives no value on some input of {domain}; a learned program always gives one."
        )
    return inputs, wanted


class _Search:
    """One attempt."""

    def __init__(
        self,
        soft: SoftProgram,
        inputs: Sequence[tuple[Any, ...]],
        wanted: Sequence[Sequence[Any]],
        settings: LearningSettings,
        generator: torch.Generator,
    ) -> None:
        self._soft, self._inputs, self._wanted, self._settings = soft, inputs, wanted, settings
        self._generator = generator
        self._embedded = soft.embed(inputs)
        self._answers = torch.tensor([[soft.outputs.index(value) for value in row] for row in wanted])
        self.best = 0.0

    def run(self, progress: Callable[[int, float], None]) -> tuple[CategoricalProgram, int] | None:
        """Learn until the likeliest choices are right on every input; ``None`` if they never are."""
        settings, numbers = self._settings, list(self._soft.logits.values())
        for value in numbers:
            value.requires_grad_(True)
        optimizer = torch.optim.Adam(numbers, settings.learning_rate)
        for step in range(1, settings.steps + 1):
            loss = self._loss(_HOTTEST * (_COLDEST / _HOTTEST) ** (step / settings.steps))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % _CHECKED_EVERY == 0:
                right = self._share_right()
                self.best = max(self.best, right)
                progress(step, right)
                if right == 1.0 and (program := self._exact()) is not None:
                    return program, step
        return None

    def _loss(self, temperature: float) -> Tensor:
        total = torch.zeros(())
        for _ in range(self._settings.draws):
            output = self._soft.run(self._embedded, Choices(temperature, self._generator))[-1]
            chosen = output.gather(-1, self._answers[..., None])
            total = total - (chosen + 1e-4).log().mean() / self._settings.draws
        return total

    @torch.no_grad()
    def _share_right(self) -> float:
        output = self._soft.run(self._embedded, Choices(None, self._generator))[-1]
        return float((output.argmax(-1) == self._answers).all(1).float().mean())

    @torch.no_grad()
    def _exact(self) -> CategoricalProgram | None:
        """The program of the likeliest choices, if it is right in RASP too and no head mixes values that differ."""
        program = self._soft.discretize().without_unused()
        made = self._soft.run(self._embedded, Choices(None, self._generator))[2:]
        used = {step.name for step in program.steps}
        for slot, variable in zip(self._soft.slots, made, strict=True):
            if slot.name in used and float(variable.amax(-1).min()) < 1 - 1e-4:
                return None
        try:
            given = evaluate_many(program.build(), self._inputs)
        except (KeyError, TypeError, ValueError):
            return None  # a head that attends to nothing on some input gives no value to look up
        return program if given == [list(row) for row in self._wanted] else None
