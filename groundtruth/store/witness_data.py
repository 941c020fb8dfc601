"""The witness of a live edge as JSON and back: ``[clean, counterfactual, output, cut output]``."""

from typing import Any, TypeAlias

from groundtruth.store.json_values import Packed, pack, unpack
from groundtruth.truth.circuits.circuit import Witness

WitnessData: TypeAlias = tuple[list[Packed], list[Packed] | None, list[Packed], list[Packed]]
"""A field of a schema that holds a witness; there is no counterfactual where one value is put at every cut edge."""


def witness_data(witness: Witness) -> list[list[Any] | None]:
    """A witness as JSON."""
    parts = (witness.clean, witness.counterfactual, witness.output, witness.cut_output)
    return [None if part is None else [pack(value) for value in part] for part in parts]


def read_witness(data: WitnessData | None) -> Witness | None:
    """The witness that ``witness_data`` wrote; ``None`` for an edge that has none."""
    if data is None:
        return None
    clean, counterfactual, output, cut_output = (
        None if part is None else tuple(unpack(value) for value in part) for part in data
    )
    return Witness(clean or (), counterfactual, output or (), cut_output or ())
