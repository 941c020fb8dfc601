"""Shortcuts through Tracr's passes: the same bits in a fraction of the time.

Each replaces a function of Tracr while a program is compiled. Tests hold every weight equal to what Tracr computes.
"""

import contextlib
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

import networkx as nx
import numpy as np
from tracr.compiler import craft_graph_to_model, nodes
from tracr.craft import bases, vectorspace_fns
from tracr.craft.chamber import numerical_mlp
from tracr.rasp import rasp
from tracr.utils import errors

_patching = threading.RLock()


@contextlib.contextmanager
def shortcuts() -> Generator[None]:
    """Let Tracr's passes take the shortcuts; one thread at a time."""
    replaced: list[tuple[Any, str, Any]] = [
        (bases.VectorSpaceWithBasis, "vector_from_basis_direction", _basis_vector),
        (vectorspace_fns.Linear, "combine_in_parallel", staticmethod(_side_by_side)),
        (craft_graph_to_model, "compute_computational_depth", _depths),
        (numerical_mlp, "_get_discretising_layer", _discretising_layer),
    ]
    # Tracr's modules are one for all threads: two that patched them at once would restore each other's shortcut.
    with _patching:
        originals = [vars(owner)[name] for owner, name, _ in replaced]
        for owner, name, shortcut in replaced:
            setattr(owner, name, shortcut)
        try:
            yield
        finally:
            for (owner, name, _), original in zip(replaced, originals, strict=True):
                setattr(owner, name, original)


def _basis_vector(space: bases.VectorSpaceWithBasis, direction: bases.BasisDirection) -> bases.VectorInBasis:
    """``vector_from_basis_direction`` without an identity matrix of the whole space at each call."""
    magnitudes = np.zeros(space.num_dims)
    magnitudes[space.index_by_direction[direction]] = 1.0
    return space.make_vector(magnitudes)


def _side_by_side(fns: Sequence[vectorspace_fns.Linear]) -> vectorspace_fns.Linear:
    """``Linear.combine_in_parallel``, block by block and not vector by vector."""
    inputs = bases.join_vector_spaces(*[fn.input_space for fn in fns])
    outputs = bases.join_vector_spaces(*[fn.output_space for fn in fns])
    matrix = np.zeros((inputs.num_dims, outputs.num_dims))
    for fn in fns:
        rows = [inputs.index_by_direction[direction] for direction in fn.input_space.basis]
        columns = [outputs.index_by_direction[direction] for direction in fn.output_space.basis]
        # Added, for functions may share inputs and outputs: in parallel their results add up.
        matrix[np.ix_(rows, columns)] += fn.matrix
    return vectorspace_fns.Linear(inputs, outputs, matrix)


def _depths(graph: Any, sources_ids: Sequence[str]) -> dict[str, int]:
    """``compute_computational_depth``, visiting each expression once and not once for each path to it."""
    depths: dict[str, int] = {}
    for node_id in nx.topological_sort(graph):
        below = [depths[child] for child in graph.predecessors(node_id) if depths[child] >= 0]
        # Depth counts S-Ops alone; a selector is a part of the head that uses it.
        if below:
            depths[node_id] = max(below) + isinstance(graph.nodes[node_id][nodes.EXPR], rasp.SOp)
        else:
            depths[node_id] = 0 if node_id in sources_ids else -1
    return depths


def _discretising_layer(
    input_value_set: Iterable[float],
    f: Callable[[float], float],
    hidden_name: str,
    one_direction: bases.BasisDirection,
    large_number: float,
) -> numerical_mlp.DiscretisingLayerMaterials:
    """``_get_discretising_layer`` with its two vectors as arrays and not as sums of basis vectors."""
    tried = [(x, errors.ignoring_arithmetic_errors(f)(x)) for x in sorted(input_value_set)]
    inputs = [x for x, y in tried if y is not None]
    n_steps = len(inputs) - 1
    steps = [bases.BasisDirection(hidden_name, (k, i)) for k in range(1, n_steps + 1) for i in range(2)]
    start = bases.BasisDirection(f"{hidden_name}start")
    space = bases.VectorSpaceWithBasis([start, *steps])
    offsets, slopes = np.zeros(space.num_dims), np.zeros(space.num_dims)
    offsets[space.index_by_direction[start]] = 1.0
    for k in range(n_steps):
        at_threshold = large_number * ((inputs[k] + inputs[k + 1]) / 2)
        upper, lower = (space.index_by_direction[direction] for direction in steps[2 * k : 2 * k + 2])
        # The step ends where the number is half way to the next, written as Tracr does: another order of these
        # operations rounds otherwise.
        offsets[upper], offsets[lower] = 1 - at_threshold, 0 - at_threshold
        slopes[upper] = slopes[lower] = large_number
    return numerical_mlp.DiscretisingLayerMaterials(
        action=lambda direction: space.make_vector(offsets if direction == one_direction else slopes),
        hidden_space=space,
        output_values=[y for _, y in tried if y is not None],
    )
