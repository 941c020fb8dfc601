"""A variable of a trained network: where it lives, and in which directions an interchange of it is the program's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from jaxtyping import Float
from torch import Tensor

from groundtruth.errors import DomainError
from groundtruth.trained.certificate import Claim
from groundtruth.truth.variables.residual_sites import Site
from groundtruth.truth.variables.staged_variable import StagedVariable
from mib.errors import did_you_mean


@dataclass(frozen=True)
class TrainedVariable:
    """The expressions of one unit, which are interchanged together.

    Attributes:
        labels: Labels of the expressions.
        name: Their names, joined by ``+``; of an expression that lives on several units in turn, all but the last
            are followed by their component, such as ``hist.a0.h2``.
        components: The heads and MLPs that write it.
        readers: The destinations that read it.
        values: The values that occur on the domain; tuples where there are several expressions.
    """

    labels: tuple[str, ...]
    name: str
    components: tuple[str, ...]
    readers: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def label(self) -> str:
        """Name of the variable, which tells it from the network's others."""
        return self.name

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class TrainedStage:
    """Sites at which an interchange of a variable is one and the same, before the first of its readers.

    Attributes:
        sites: The output of the component that writes it, or residual streams between which nothing reads or writes.
        span: Orthonormal columns of a subspace such that an interchange of it gives, on every pair of inputs, what the
            program gives, while an interchange of all else that the variable's components write changes no output;
            ``None`` if none was found.
        interchange: The interchange of the subspace, or of the one that came closest.
        rest: The interchange of all else that the components write.
        distinguishing: On how many pairs the program's output changes: what a no-op gets wrong.
        pairs: All pairs of inputs; interchanges are run on those on which the program then has a value.
        state: ``live``, or ``implicit`` where the variable is yet to be computed from what the components write.
    """

    sites: tuple[Site, ...]
    span: Float[Tensor, "d_model rank"] | None
    interchange: Claim
    rest: Claim
    distinguishing: int
    pairs: int

    state: Literal["live", "implicit"] = "live"

    @property
    def certified(self) -> bool:
        """True if a subspace passed on every pair."""
        return self.span is not None

    @property
    def rank(self) -> int:
        """Number of dimensions of the subspace; 0 if none was found."""
        return 0 if self.span is None else self.span.shape[1]

    @property
    def coverage(self) -> str:
        """On how many of all pairs the interchange is run, such as ``all 729`` or ``486 of all 729``."""
        runs = self.interchange.runs
        return f"all {runs:,}" if runs == self.pairs else f"{runs:,} of all {self.pairs:,}"

    def __str__(self) -> str:
        wrong = max(self.interchange.wrong, self.rest.wrong)
        return (
            f"{', '.join(map(str, self.sites))}: {self.rank} dimensions, right on {self.coverage} pairs"
            if self.certified
            else f"{', '.join(map(str, self.sites))}: wrong on {wrong:,} of {self.coverage} pairs at best"
        )


@dataclass(frozen=True, eq=False)
class TrainedVariableTruth(StagedVariable[TrainedVariable, TrainedStage]):
    """A variable with its sites, from where it is written to where it is first read.

    Attributes:
        variable: The variable.
        stages: Its sites, in the order of computation.
        exact: True if the spans are *the* variable's, as they are in ``wired`` networks, where what a component writes
            and what its readers read is fixed by algebra. In a ``free`` one a span that passes is one of many.
    """

    variable: TrainedVariable
    stages: tuple[TrainedStage, ...]
    exact: bool

    _presence: ClassVar[str] = "live at"
    _known: ClassVar[str] = "From where it is written to where it is first read it is at"

    @property
    def certified(self) -> bool:
        """True if there is a span at every site."""
        return all(stage.certified for stage in self.stages)

    def span_at(self, site: Site) -> Float[Tensor, "d_model rank"] | None:
        """The exact span at a site; ``None`` where none is known to be *the* variable's."""
        return self.at(site).span if self.exact else None


def named_variable(
    truths: Sequence[TrainedVariableTruth], name: str, *, model: str, refused: Collection[str] = ()
) -> TrainedVariableTruth:
    """The variable of a name, or of the name or label of one of its expressions; the last of several.

    Args:
        truths: The variables of a model.
        name: A user's name for it.
        model: The model's name.
        refused: Variables whose interchange is not certified, in words.

    Raises:
        DomainError: If there is none.
    """
    found = [truth for truth in truths if name == truth.variable.name]
    if not found:
        # A full name first: by a part of it, such as an expression that two units hold, another variable might be
        # found.
        found = [truth for truth in truths if name in _spellings(truth.variable)]
    if found:
        return found[-1]
    known = [truth.variable.name for truth in truths]
    missing = f" Not certified: {'; '.join(refused)}." if refused else ""
    choice = f"Choose from {', '.join(known)}." if known else "No interchange of it is certified on the whole domain."
    raise DomainError(f"'{model}' has no variable '{name}'.{did_you_mean(name, known)} {choice}{missing}")


def _spellings(variable: TrainedVariable) -> set[str]:
    names = variable.name.split("+") if len(variable.labels) > 1 else [variable.name]
    return {*variable.labels, *names}
