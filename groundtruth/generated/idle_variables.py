"""Variables of a program that do nothing: taking their values from another input changes no output."""

from collections.abc import Sequence

import numpy as np

from groundtruth.compiled.domain import Tokens
from groundtruth.rasp.interning import Columns, NumberedProgram, Replacement

SHIFTS = (1, 5, 23)
"""Distances, in the list of inputs, from an input that takes values to the one that gives them."""


def idle_variables(
    numbered: NumberedProgram,
    inputs: Sequence[Sequence[Tokens]],
    *,
    shifts: Sequence[int] = SHIFTS,
) -> list[str]:
    """The variables that changed no output of the longest inputs on any interchange that was tried.

    Args:
        numbered: The program as its model means it.
        inputs: Some inputs of its domain, in lists of one length each; values are taken from all of them.
        shifts: Number of times that each list of inputs is laid beside the longest ones, and how far it is turned.

    Returns:
        Names, in the order of computation; interchanges as in ``groundtruth.truth.variables.rasp_causal_model``.
    """
    columns = sorted(
        (numbered.run(list(rows)) for rows in inputs), key=lambda column: -column[numbered.output].shape[1]
    )
    base = columns[0]
    idle = [label for label in numbered.sops if label not in (numbered.output, "tokens", "indices")]
    for other in columns:
        for shift in shifts:
            idle = [label for label in idle if not _changes(numbered, base, other, label, shift)]
    return [numbered.sops[label].name for label in idle]


def _changes(numbered: NumberedProgram, base: Columns, other: Columns, label: str, shift: int) -> bool:
    own, taken = base[label], other[label]
    common = min(own.shape[1], taken.shape[1])
    codes, where = own.copy(), np.zeros(own.shape, dtype=np.bool_)
    codes[:, :common] = taken[(np.arange(len(own)) + shift) % len(taken), :common]
    where[:, :common] = True
    new = numbered.rerun(base, {label: Replacement(codes, where)})
    return bool((new[numbered.output] != base[numbered.output]).any())
