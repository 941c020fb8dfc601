"""Superposition: fewer dimensions than directions, by an optimised near-orthogonal embedding.

Every direction becomes a unit vector in a narrower residual stream, and is read by that same vector, so that each
reading is disturbed by what lies in the others. The vectors are chosen so that what is read on the domain's own states
is disturbed least. The variant counts only if it still decodes to its program everywhere.

Source of the picture: Elhage et al. (2022), https://transformer-circuits.pub/2022/toy_model/index.html.
"""

from dataclasses import replace

import torch
from numpy.random import Generator
from torch import Tensor

from groundtruth.compiled.forward import Weights, forward
from groundtruth.compiled.frame import framed
from groundtruth.compiled.provenance import Direction
from groundtruth.compiler.pad_safety import is_pad_safe
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel
from groundtruth.rasp.evaluate import batches_of_one_length
from groundtruth.variants.hardenings.directions import in_directions
from groundtruth.variants.hardenings.exactness import Exactness
from groundtruth.variants.symmetries.residual_basis import isometry
from groundtruth.variants.variant import Made, same_nodes
from mib.sublayers import attention_sublayer, mlp_sublayer, reading_sublayers, split_sublayer, unembedding_sublayer

STEPS, RATE = 200, 0.02
"""Steps of Adam, and its rate, for each width that is tried."""


def superpose(model: CompiledModel, rng: Generator, *, dimensions: int | None = None) -> Made:
    """Put the directions into fewer dimensions: as few as asked for, or as few as the search finds exact.

    All that is known of the variant is measured on it: its edges are live by witness, or inert or undecided after so
    many pairs. No direction holds a variable by itself, so it has no exact variables, as ``CompiledModel.certainty``
    says.

    Args:
        model: A compiled model.
        rng: Draws the vectors from which the optimisation starts.
        dimensions: Width of the residual stream, less than there are directions; by default one dimension less is
            tried as long as the variant decodes to its program on the whole domain.

    Raises:
        VariantError: If the width is out of range, or nothing narrower decodes exactly.
    """
    bare = in_directions(model)
    directions = bare.weights.d_model
    if dimensions is not None and not 1 <= dimensions < directions:
        raise VariantError(f"superposed(dimensions={dimensions}): use 1 to {directions - 1}, fewer than directions.")
    reads, exact = _reads(bare), Exactness(model)
    best: tuple[CompiledModel, float] | None = None
    for width in [dimensions] if dimensions is not None else range(directions - 1, 0, -1):
        vectors = _optimised(isometry(width, directions, rng).T, reads)
        made = _embedded(bare, vectors)
        # The search ends at the first width that fails: a narrower one has less room, and each costs an optimisation.
        if not exact(made):
            break
        best = made, _coherence(vectors)
    if best is None:
        raise VariantError(f"'{model.name}' has {directions} directions, and no fewer dimensions were found that do.")
    made, coherence = best
    measured = {"directions": directions, "coherence": coherence}
    measured |= {} if dimensions is not None else {"dimensions": made.weights.d_model}
    return Made(replace(made, padding=is_pad_safe(made)), same_nodes(model), tuple(measured.items()))


def _reads(model: CompiledModel) -> list[tuple[Tensor, Tensor]]:
    """Collect what each sublayer reads: the domain's distinct states [state, direction] and the matrix by which."""
    weights = model.weights
    inputs = model.domain.inputs(limit=1_000).tokens
    states: dict[int, list[Tensor]] = {sublayer: [] for sublayer in reading_sublayers(weights.n_layers)}
    for indices in batches_of_one_length(inputs):
        found = forward(weights, model.encode([inputs[i] for i in indices]))
        stream = found.embed + found.pos
        for layer in range(weights.n_layers):
            states[attention_sublayer(layer)].append(stream.flatten(0, 1))
            stream = stream + found.heads[layer].sum(2)
            states[mlp_sublayer(layer)].append(stream.flatten(0, 1))
            stream = stream + found.mlps[layer]
        states[unembedding_sublayer(weights.n_layers)].append(stream.flatten(0, 1))
    return [
        # Rounded, for states that are one up to rounding would weigh as many.
        (torch.unique(torch.cat(states[sublayer]).round(decimals=9), dim=0), _reading(weights, sublayer))
        for sublayer in states
    ]


def _reading(weights: Weights, sublayer: int) -> Tensor:
    """All that a sublayer reads by, each column on a scale of 1 [direction, column]."""
    layer, is_mlp = split_sublayer(sublayer)
    if layer == weights.n_layers:
        matrix = weights.W_U
    elif is_mlp:
        matrix = weights.W_in[layer]
    else:
        parts = (weights.W_Q[layer], weights.W_K[layer], weights.W_V[layer])
        matrix = torch.cat([part.permute(1, 0, 2).flatten(1) for part in parts], dim=1)
    size = matrix.abs().amax(0)
    return matrix[:, size > 0] / size[size > 0]


def _optimised(vectors: Tensor, reads: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Unit vectors by which the readings of the states are disturbed least [direction, dimension]."""
    free = vectors.clone().requires_grad_()
    optimizer = torch.optim.Adam([free], lr=RATE)
    for _ in range(STEPS):
        unit = free / free.norm(dim=1, keepdim=True)
        error = unit @ unit.T - torch.eye(len(unit), dtype=unit.dtype)
        # `error` is what a reading adds to the direction that it is meant for: the Gram matrix without its diagonal.
        loss = torch.stack([((states @ error) @ matrix).square().mean() for states, matrix in reads]).sum()
        optimizer.zero_grad()
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        optimizer.step()
    return (free / free.norm(dim=1, keepdim=True)).detach()


def _embedded(model: CompiledModel, vectors: Tensor) -> CompiledModel:
    mixed = tuple(Direction(f"superposed:{index}", "mixed", None, None) for index in range(vectors.shape[1]))
    return replace(
        model,
        weights=framed(model.weights, vectors),
        provenance=replace(model.provenance, directions=mixed),
        certainty="measured",
    )


def _coherence(vectors: Tensor) -> float:
    """The greatest cosine, by magnitude, of two of the vectors."""
    return float((vectors @ vectors.T - torch.eye(len(vectors), dtype=vectors.dtype)).abs().max())
