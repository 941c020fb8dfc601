"""The errors that ``groundtruth`` raises; each message names what was given, what is allowed and what to do."""

from collections.abc import Sequence
from typing import Any


class GroundTruthError(ValueError):
    """Base of every error that bad input to ``groundtruth`` raises."""


class ProgramError(GroundTruthError):
    """A program that is unknown, badly declared, or cannot be found in a file."""


class DomainError(GroundTruthError):
    """An input or a domain that is not what it has to be."""


class ArtifactError(GroundTruthError):
    """A stored model that is incomplete, of another schema, or not what its hashes say."""


class VariantError(GroundTruthError):
    """A variant that cannot be made of a model, or whose truth is not the model's."""


class TrainingError(GroundTruthError):
    """A trained network that is not certified within its budget.

    Attributes:
        failures: Faults found by enumerating its domain, each naming an edge or a variable, a pair and a margin.
    """

    def __init__(self, name: str, failures: Sequence[str]) -> None:
        self.failures = tuple(failures)
        shown = "\n".join(f"  - {failure}" for failure in self.failures[:10])
        more = f"\n  and {len(self.failures) - 10} more" if len(self.failures) > 10 else ""
        super().__init__(
            f"'{name}' is not certified:\n{shown}{more}\nTry another seed, more steps or rounds, a wider network, or "
            "kind='wired'."
        )


class WorkerError(GroundTruthError):
    """A process of ours that could not start, or whose work is missing because it was killed."""


class ExecutorError(WorkerError):
    """An executor that there is not, or that has no such option: for the user to put right before anything runs."""


class UnsupportedProgram(GroundTruthError):
    """A program with RASP that cannot be compiled.

    Attributes:
        reasons: All of them, each naming an expression.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        listing = "\n".join(f"  - {reason}" for reason in self.reasons)
        super().__init__(f"the program cannot be compiled:\n{listing}")


class ProofError(GroundTruthError):
    """Statuses of edges that contradict each other."""


class MiscompiledProgram(GroundTruthError):
    """A compiled model that differs from its program on an input of the declared domain.

    Attributes:
        tokens: The first such input.
        expected: Output of the program.
        actual: Output of the model.
        wrong: On how many of the checked inputs they differ.
        checked: Number of inputs that were checked.
        cause: Why, where it is a known fault of Tracr's construction; else an empty string.
    """

    def __init__(
        self,
        name: str,
        *,
        tokens: Sequence[Any],
        expected: Sequence[Any],
        actual: Sequence[Any],
        wrong: int,
        checked: int,
        cause: str,
    ) -> None:
        self.tokens, self.expected, self.actual = tuple(tokens), tuple(expected), tuple(actual)
        self.wrong, self.checked, self.cause = wrong, checked, cause
        spell = lambda values: " ".join(_spell(value) for value in values)  # noqa: E731
        super().__init__(
            f"'{name}' cannot be compiled exactly: on input {spell(tokens)} the model gives {spell(actual)}, "
            f"the program {spell(expected)} (wrong on {wrong} of {checked} inputs).\n"
            f"Cause: {cause or 'not one of the known ones; please report it with the program.'}"
        )


def _spell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
