"""What components are trained to hold: spares variables of their own, units the program's, while these are learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from tracr.rasp import rasp

from groundtruth.compiled.domain import Tokens
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.rasp.expressions import walk
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.variable_probes import VariableProbes

SPARE_VARIABLES: dict[str, Callable[[Sequence[Any], int], object]] = {
    "first token": lambda tokens, position: tokens[0],
    "largest so far": lambda tokens, position: max(tokens[: position + 1]),
    "count of the first token": lambda tokens, position: tokens[: position + 1].count(tokens[0]),
}
"""A function of an input and a position that a causal model can compute, by name."""

_WEIGHT = 0.3

_LOUDNESS = 3.0
"""Size of the fixed probes that read spare components: the smaller, the louder a component has to be."""


def spare_probes(network: TrainedNetwork, inputs: Sequence[Tokens], generator: torch.Generator) -> VariableProbes:
    """Probes of the spare components, so that they are loud though nothing needs them.

    Args:
        network: Its correspondence names them.
        inputs: All inputs of its domain.
        generator: Draws the probes.
    """
    variables = [
        (
            spare.component,
            [[SPARE_VARIABLES[spare.variable](tokens, at) for at in range(len(tokens))] for tokens in inputs],
        )
        for spare in network.correspondence.spares
    ]
    width = network.architecture.d_model
    return VariableProbes(network.graph, width, variables, scale=_LOUDNESS, weight=_WEIGHT, generator=generator)


def unit_probes(
    network: TrainedNetwork, inputs: Sequence[Tokens], generator: torch.Generator, *, weight: float
) -> VariableProbes:
    """Probes of the units that hold categories, which are learned sooner where they are asked for directly.

    Heads that count or average hold numbers along a line, which no linear probe can tell apart; they have none.

    Args:
        network: Its correspondence names the units.
        inputs: All inputs of its domain.
        generator: Draws the probes.
        weight: Weight of their loss.
    """
    known = {expression.label: expression for expression in walk(network.program) if isinstance(expression, rasp.SOp)}
    variables: list[tuple[str, list[list[object]]]] = []
    for unit in network.correspondence.units:
        # The answers themselves train it.
        if unit.components == network.correspondence.output:
            continue
        for sop in map(known.__getitem__, unit.expressions):
            numeric = isinstance(sop, rasp.SelectorWidth) or rasp.is_numerical(sop)
            if not (unit.components[0][0] == "a" and numeric):
                values = evaluate_many(sop, inputs, causal=network.causal)
                # A component that backs up need not hold the variable as long as there is nothing to set right.
                asked = unit.components[:1] if unit.sharing == "backup" else unit.components
                variables += [(component, values) for component in asked]
    return VariableProbes(
        network.graph, network.architecture.d_model, variables, scale=_LOUDNESS, weight=weight, generator=generator
    )
