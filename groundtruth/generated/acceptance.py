"""Whether a generated program is worth having: it compiles exactly, is proven, and nothing in it is idle."""

from dataclasses import dataclass

from groundtruth.compiler.compile_program import compile
from groundtruth.errors import MiscompiledProgram, UnsupportedProgram
from groundtruth.generated.bounds import Bounds
from groundtruth.generated.draw import Drawn
from groundtruth.generated.idle_variables import idle_variables
from groundtruth.model import CompiledModel
from groundtruth.rasp.evaluate import batches_of_one_length
from groundtruth.truth.circuits.circuit import Circuit

_N_INPUTS = 700


class Rejected(Exception):
    """A generated program that is not kept.

    Attributes:
        reason: Why, in words that are the same for all programs rejected for it.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)


@dataclass(frozen=True)
class Judged:
    """A generated program that is kept.

    Attributes:
        drawn: The program.
        model: Compiled.
        circuit: Proven, under resample ablation.
    """

    drawn: Drawn
    model: CompiledModel
    circuit: Circuit


def judge(drawn: Drawn, bounds: Bounds) -> Judged:
    """Compile a program, look for idle variables, and prove its circuit.

    Args:
        drawn: The program.
        bounds: Number of heads and live edges that it must have.

    Raises:
        Rejected: With the reason.
    """
    model = compiled(drawn)
    if not bounds.heads[0] <= model.weights.n_heads <= bounds.heads[1]:
        raise Rejected("heads out of bounds", f"{model.weights.n_heads}")
    inputs = model.domain.inputs(limit=_N_INPUTS).tokens
    groups = [[inputs[i] for i in rows] for rows in batches_of_one_length(inputs)]
    idle = idle_variables(model.numbered_program(), groups, shifts=range(1, 20, 3))
    if idle:
        raise Rejected("idle variable", ", ".join(idle))
    circuit = model.circuit()
    if circuit.counts["undecided"] or circuit.sufficiency.holds is None:
        raise Rejected("not proven", str(circuit))
    if not bounds.live[0] <= len(circuit.edges) <= bounds.live[1]:
        raise Rejected("live edges out of bounds", f"{len(circuit.edges)}")
    return Judged(drawn, model, circuit)


def compiled(drawn: Drawn) -> CompiledModel:
    """The program as a model, equal to it on its whole domain.

    Raises:
        Rejected: If it is not, or cannot be compiled.
    """
    try:
        return compile(drawn.program)
    except MiscompiledProgram as error:
        raise Rejected("miscompiled", str(error)) from error
    except UnsupportedProgram as error:
        raise Rejected("not supported", str(error)) from error
