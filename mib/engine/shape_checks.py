"""Refuse what does not fit, before anything is run."""

from collections.abc import Sequence

from torch import Tensor

from mib.errors import TaskError
from mib.graph import Graph
from mib.models.adapters.anatomy import Anatomy


def check_pool(anatomy: Anatomy, graph: Graph, inputs: Tensor, attention_mask: Tensor | None) -> None:
    """Refuse inputs or a graph that the model cannot run.

    Raises:
        TaskError: If graph, tokens or mask do not fit the model.
    """
    expected = anatomy.graph(pos=graph.pos)
    if graph != expected:
        raise TaskError(f"graph={graph} does not fit the model, whose graph is {expected}.")
    if graph.pos and anatomy.position_embedding is None:
        raise TaskError("graph has a 'pos' source, but the model has no position embedding (rotary?).")
    if inputs.ndim != 2:
        raise TaskError(f"inputs have shape {tuple(inputs.shape)}; expected token ids [input, position].")
    if inputs.numel() and not (int(inputs.min()) >= 0 and int(inputs.max()) < anatomy.n_vocabulary):
        raise TaskError(
            f"inputs have token ids from {int(inputs.min())} to {int(inputs.max())}; the model's vocabulary is 0 to "
            f"{anatomy.n_vocabulary - 1}."
        )
    longest = anatomy.max_positions
    if longest is not None and inputs.shape[1] > longest:
        raise TaskError(f"inputs have {inputs.shape[1]} positions; the model has at most {longest}.")
    if attention_mask is not None and attention_mask.shape != inputs.shape:
        raise TaskError(
            f"attention_mask has shape {tuple(attention_mask.shape)}; expected that of the inputs, "
            f"{tuple(inputs.shape)}."
        )


def check_constants(graph: Graph, constants: Tensor | None) -> None:
    """Refuse constants of the wrong shape.

    Raises:
        TaskError: If they are not [source, d_model].
    """
    shape = (len(graph.sources), graph.d_model)
    if constants is not None and tuple(constants.shape) != shape:
        raise TaskError(f"constants have shape {tuple(constants.shape)}; expected {shape}: [source, d_model].")
    if constants is not None and not bool(constants.isfinite().all()):
        raise TaskError("constants are not finite: give a number for every source and dimension.")


def check_rows(
    graph: Graph, n_inputs: int, kept: Tensor, clean: Tensor, counterfactual: Tensor | None, neurons: Tensor | None
) -> None:
    """Refuse rows whose circuits or inputs do not exist.

    Raises:
        TaskError: If a shape or an index does not fit.
    """
    _check_weights("kept", kept, len(clean), (len(graph.sources), len(graph.destinations)))
    if neurons is not None:
        _check_weights("neurons", neurons, len(clean), (len(graph.sources), graph.d_model))
    for name, indices in (("clean", clean), ("counterfactual", counterfactual)):
        if indices is None:
            continue
        if indices.shape != clean.shape or indices.ndim != 1:
            raise TaskError(f"{name} has shape {tuple(indices.shape)}; expected one input index a row.")
        if len(indices) and not (int(indices.min()) >= 0 and int(indices.max()) < n_inputs):
            wrong = indices[(indices < 0) | (indices >= n_inputs)][0]
            raise TaskError(f"{name} names input {int(wrong)}; the pool has inputs 0 to {n_inputs - 1}.")


def _check_weights(name: str, weights: Tensor, n_rows: int, shape: Sequence[int]) -> None:
    allowed = [(n_rows, *shape), (1, *shape)]
    if tuple(weights.shape) not in allowed:
        raise TaskError(f"{name} has shape {tuple(weights.shape)}; expected {allowed[0]} or {allowed[1]}.")
