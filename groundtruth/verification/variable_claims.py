"""Whether the variables of a model are what its artifact says."""

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from groundtruth.compiled.network import CompiledNetwork
from groundtruth.errors import GroundTruthError
from groundtruth.truth.variables.prove_variables import prove_variables
from groundtruth.truth.variables.variable_truth import State, VariableTruth
from groundtruth.verification.provenance_claims import blurring_steps
from mib.errors import shorten

_CLOSE = 1e-9
"""Largest distance of two spreads that were found on two processors."""

_FEW_RUNS = 0.05
"""Share of runs by which two processors may differ where rounding decides which states are one."""


def require_variables(model: CompiledNetwork, claimed: Sequence[VariableTruth]) -> str:
    """Prove all variables again, and require what is claimed of them.

    Args:
        model: The model that holds them.
        claimed: Variables as its artifact has them.

    Returns:
        Words for what was proven.

    Raises:
        GroundTruthError: If they are others, or otherwise.
    """
    found = prove_variables(model)
    if [truth.variable.key for truth in claimed] != [truth.variable.key for truth in found]:
        raise GroundTruthError("the variables that are stored are not those of the program.")
    pairs = list(zip(claimed, found, strict=True))
    wrong = [str(old.variable) for old, new in pairs if old.claims != new.claims or not _same_numbers(model, old, new)]
    if wrong:
        raise GroundTruthError(f"{len(wrong)} variables are not what they are said to be: {shorten(wrong)}.")
    stages = [stage for truth in found for stage in truth.stages]
    counts = Counter({state: sum(len(s.sites) for s in stages if s.state == state) for state in get_args(State)})
    spelt = ", ".join(f"{counts[state]} {state}" for state in counts)
    doubtful = [str(truth.variable) for truth in found if not truth.certified]
    exception = f"; not certified, and said to be so: {shorten(doubtful)}" if doubtful else ""
    return f"{len(found)} variables at {counts.total()} sites ({spelt}){exception}"


def _same_numbers(model: CompiledNetwork, old: VariableTruth, new: VariableTruth) -> bool:
    """Tell whether spread and numbers of runs are the same, as nearly as another processor's rounding lets them be."""
    # Rotations and noise leave rounding in the states, by which two processors may merge other ones.
    exactly = model.frame is None and not blurring_steps(model)
    if old.spread is not None and new.spread is not None and abs(old.spread - new.spread) > _CLOSE * max(1, new.spread):
        return False
    slack = 0.0 if exactly else _FEW_RUNS
    runs = [(a.runs, b.runs) for a, b in zip(old.stages, new.stages, strict=True)]
    return all(abs(mine - theirs) <= slack * theirs for mine, theirs in runs)
