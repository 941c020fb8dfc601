"""The certificate of a variable: interchanges at its sites do to the model what they do to its program.

The oracle interchange puts x + R R^T (x_source - x) for the residual stream x of the base at the positions of the
input, with R the span of the variable's differences. After it the model must give what the program gives with the
source's values of the variable, for those readers that are still to come. float64; BOS and PAD are left alone.

Sites between which nothing reads or writes the variable are one stage: an interchange at any of them, or at the
output of the one component that writes it, gives the same run.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from groundtruth.compiled.network import CompiledNetwork
from groundtruth.compiled.node_matrices import reading_matrix
from groundtruth.rasp.interning import UNDEFINED
from groundtruth.truth.variables.find_variables import find_variables
from groundtruth.truth.variables.interchanges import Laboratory
from groundtruth.truth.variables.residual_sites import residual_sites
from groundtruth.truth.variables.value_pool import POOL_LIMIT, Ground
from groundtruth.truth.variables.variable import Reader, Variable
from groundtruth.truth.variables.variable_truth import Stage, State, VariableTruth


def prove_variables(model: CompiledNetwork, *, limit: int = POOL_LIMIT, seed: int = 0) -> list[VariableTruth]:
    """Every variable of a model, with a certificate for each of its sites.

    Args:
        model: A compiled model.
        limit: Domains up to this size are run whole, of larger ones a seeded sample of this size.
        seed: Seed of the sample of pairs, where there are too many.

    Returns:
        One for each expression in the order of computation, two for a SelectorWidth. What could not be certified is
        in the result (``certified``, ``Interchanges.failure``) and is no error. None for a model in superposition.

    Raises:
        GroundTruthError: If several components that are no copies write the directions of one variable.
    """
    if model.certainty == "measured":
        return []  # no direction holds a variable by itself
    # One ground for all variables: running the domain costs more than any one certificate.
    ground = Ground(model, limit=limit)
    return [
        VariableTruth(variable, tuple(_stages(ground, variable, seed)), _spread(ground, variable), ground.exhaustive)
        for variable in find_variables(model, ground.values)
    ]


def _spread(ground: Ground, variable: Variable) -> float | None:
    """The greatest distance, at any site, of what the variable's directions hold from the state of its value."""
    numbers = ground.program.numbers[variable.label]
    # No state stands for what a compiled model cannot hold.
    if UNDEFINED in variable.values:
        return None
    zero = torch.zeros(variable.d_model, dtype=torch.float64)
    states = torch.stack([variable.state(value) if value in variable.values else zero for value in numbers.values])
    expected = states @ variable.directions
    return max(
        float((stream[:, 1:] @ variable.directions - expected[pool.columns[variable.label]]).abs().max())
        for pool in ground.pools
        # At all later sites, not only where it is written: nothing may have overwritten it on the way.
        for stream in pool.streams[variable.since :]
    )


def _stages(ground: Ground, variable: Variable, seed: int) -> list[Stage]:
    """The sites of a variable, those with the same readers to come together."""
    writer = variable.writer
    sites = residual_sites(variable.n_layers, since=variable.since)
    # At the output of one of several writers an interchange would move its share alone.
    if not variable.other_writers:
        sites.insert(0, writer)
    if not variable.other_writers and writer.kind == "head_result" and _writes_as_it_is(ground, variable):
        sites.insert(0, replace(writer, kind="head_value"))
    stages: list[Stage] = []
    for site in sites:
        readers = variable.readers_since(site.sublayer)
        if stages and stages[-1].readers == readers:
            stages[-1] = replace(stages[-1], sites=(*stages[-1].sites, site))
        else:
            early = len(readers) == len(variable.readers)
            state: State = "dead" if not readers else "live" if early else "partly live"
            stages.append(Stage(state, (site,), readers, _rank(ground, variable, readers)))
    laboratory = Laboratory(ground, variable, seed)
    return [stage if stage.state == "dead" else laboratory.certified(stage) for stage in stages]


def _rank(ground: Ground, variable: Variable, readers: Sequence[Reader]) -> int:
    """Count how many dimensions of the variable's span some readers read."""
    graph, weights, span = ground.model.graph, ground.model.aligned, variable.aligned.span
    destinations = dict.fromkeys(reader.destination for reader in readers)
    parts = [span.T @ reading_matrix(weights, graph.locate(name)) for name in destinations]
    # A steep reader would otherwise push what a quiet one reads below the cut of `matrix_rank`.
    scaled = [part / part.abs().max() for part in parts]
    return int(torch.linalg.matrix_rank(torch.cat(scaled, dim=1))) if parts else 0


def _writes_as_it_is(ground: Ground, variable: Variable) -> bool:
    """Tell whether the head that writes a variable writes what it has mixed, coordinate by coordinate.

    Then an interchange of what it has mixed is the same as one of what it writes.
    """
    weights, site, directions = ground.model.aligned, variable.writer, variable.aligned.directions
    used = weights.W_V[site.layer, site.head].any(0)
    written = weights.W_O[site.layer, site.head][used]
    held = written @ directions @ directions.T
    unit = torch.eye(len(written), dtype=written.dtype)
    # Orthonormal rows that lie inside the directions: then an interchange of coordinates is one of the vectors, to
    # rounding.
    return all(torch.allclose(*pair, rtol=0.0, atol=1e-12) for pair in ((written @ written.T, unit), (held, written)))
