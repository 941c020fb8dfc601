"""A variable at sites where it is yet to be computed, though all that it is computed from lies there already."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor

from groundtruth.errors import GroundTruthError
from groundtruth.truth.variables.residual_sites import Site
from groundtruth.truth.variables.staged_variable import StagedVariable
from groundtruth.truth.variables.variable import Variable
from groundtruth.truth.variables.variable_truth import Interchanges


@dataclass(frozen=True, eq=False)
class ImplicitStage:
    """Sites of a variable that is implicit there: one residual stream under its two names, or under one.

    Attributes:
        sites: The residual stream.
        operands: Names of the expressions held there that it is computed from, position by position; nothing else
            reads them from there on.
        n_states: Number of combinations of the operands' values; where the variable has fewer values, it says less
            than they do.
        span: Orthonormal columns of all that the operands can write: to swap it is to swap the variable.
        interchange: Interchanges of the span, held against the program's interchanges of the variable.
    """

    sites: tuple[Site, ...]
    operands: tuple[str, ...]
    n_states: int
    span: Float[Tensor, "d_model rank"]
    interchange: Interchanges

    state: Literal["implicit"] = "implicit"

    @property
    def rank(self) -> int:
        """Number of dimensions of the span."""
        return self.span.shape[1]

    @property
    def certified(self) -> bool:
        """True if the model is the causal model after every interchange tried."""
        return not self.interchange.wrong


@dataclass(frozen=True, eq=False)
class ImplicitTruth(StagedVariable[Variable, ImplicitStage]):
    """A variable of a compiled model with the sites where it is implicit.

    Attributes:
        variable: The variable.
        stages: Its sites before it is written, in the order of computation.
    """

    variable: Variable
    stages: tuple[ImplicitStage, ...]

    _presence: ClassVar[str] = "implicit at"


def with_implicit_sites(error: GroundTruthError, sites: Sequence[Site]) -> GroundTruthError:
    """The error that a variable is not written at a site, with where it is implicit, if anywhere."""
    return GroundTruthError(f"{error} It is implicit at {', '.join(map(str, sites))}.") if sites else error
