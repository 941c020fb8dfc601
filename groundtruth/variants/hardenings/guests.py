"""Several programs side by side in one model, by direct sum; the task selects one by its unembedding."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from numpy.random import Generator
from torch import Tensor

from groundtruth.compiled.forward import Weights
from groundtruth.compiled.provenance import Direction, Head, Neuron, Provenance
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel, load_compiled
from groundtruth.store.summaries import summaries
from groundtruth.variants.hardenings.directions import back, in_directions, resized, widen
from groundtruth.variants.symmetries.insertions import spread_layers
from groundtruth.variants.variant import Made, same_nodes

CHOICES = 4
"""A guest that is not named is one of so many, the smallest that fit."""


def add_guest(model: CompiledModel, rng: Generator, *, guest: str = "") -> Made:
    """Put another program beside the model's own: its heads and neurons compute, and nothing asks for the result.

    Args:
        model: A compiled model; if the guest has more layers, it gets layers of zeros at its end.
        rng: Chooses a guest, if none is named, among shipped models of the same tokens that have no
            more layers than the model.
        guest: Name of a shipped model that takes all inputs of the model.

    Raises:
        VariantError: If the guest does not take the model's inputs, or no shipped model does.
    """
    other = load_compiled(guest) if guest else _any_guest(model, rng)
    bare = in_directions(model)
    return Made(back(_sum([bare, other])[0], model), same_nodes(model), () if guest else (("guest", other.name),))


def side_by_side(models: Sequence[CompiledModel]) -> list[CompiledModel]:
    """The direct sum of some models, once for each: all weights are the same but the unembedding, which selects one.

    Args:
        models: Without frames, of the same tokens and the same greatest length.

    Returns:
        For each model the sum with its own unembedding, program and domain; what belongs to the others are decoys.

    Raises:
        VariantError: If one does not take another's inputs, or has a frame.
    """
    for other in models[1:]:
        _require_fits(models[0], other)
        _require_fits(other, models[0])
    return _sum(models)


def _sum(models: Sequence[CompiledModel]) -> list[CompiledModel]:
    """The direct sum of models each of which takes all inputs of the first, in the first's tokens."""
    for other in models[1:]:
        _require_fits(models[0], other)
    size = max(model.weights.d_head for model in models)
    depth = max(model.weights.n_layers for model in models)
    deep = [_deepened(model, depth) for model in models]
    tokens = models[0].token_values
    parts = [replace(m, weights=_fitted(m, tokens, models[0].weights.W_pos.shape[0], size)) for m in deep]
    return [_selected(parts, index) for index in range(len(parts))]


def _selected(models: Sequence[CompiledModel], chosen: int) -> CompiledModel:
    own = models[chosen]
    every = [model.weights for model in models]
    sums = {
        "W_E": torch.cat([w.W_E for w in every], dim=1),
        "W_pos": torch.cat([w.W_pos for w in every], dim=1),
        **{name: _block_heads([getattr(w, name) for w in every], axis=2) for name in ("W_Q", "W_K", "W_V")},
        "W_O": _block_heads([w.W_O for w in every], axis=3),
        "W_in": torch.stack([torch.block_diag(*parts) for parts in zip(*(w.W_in for w in every), strict=True)]),
        "W_out": torch.stack([torch.block_diag(*parts) for parts in zip(*(w.W_out for w in every), strict=True)]),
        # Zeros for the others: what they compute is there, and nothing asks for it.
        "W_U": torch.cat(
            [
                w.W_U if i == chosen else w.W_U.new_zeros(w.d_model, own.weights.W_U.shape[1])
                for i, w in enumerate(every)
            ]
        ),
    }
    weights = Weights(**sums, causal=own.causal)
    provenance = _joined(models, chosen)
    return replace(own, weights=weights, token_values=models[0].token_values, provenance=provenance, folder=None)


def _block_heads(parts: Sequence[Tensor], *, axis: int) -> Tensor:
    """Heads one after the other, each in the residual dimensions of its own model."""
    total, before = sum(part.shape[axis] for part in parts), 0
    placed: list[Tensor] = []
    for part in parts:
        shape = list(part.shape)
        shape[axis] = total
        wide = part.new_zeros(shape)
        wide.narrow(axis, before, part.shape[axis]).copy_(part)
        placed.append(wide)
        before += part.shape[axis]
    return torch.cat(placed, dim=1)


def _joined(models: Sequence[CompiledModel], chosen: int) -> Provenance:
    directions: list[Direction] = []
    heads: list[Head] = []
    neurons: list[Neuron] = []
    n_heads = n_neurons = 0
    for index, model in enumerate(models):
        parts = model.provenance if index == chosen else _as_decoys(model)
        directions += parts.directions
        heads += [replace(head, head=head.head + n_heads) for head in parts.heads]
        neurons += [replace(neuron, index=neuron.index + n_neurons) for neuron in parts.neurons]
        n_heads += model.weights.n_heads
        n_neurons += model.weights.d_mlp
    heads.sort(key=lambda head: (head.layer, head.head))
    neurons.sort(key=lambda neuron: (neuron.layer, neuron.index))
    return Provenance(tuple(directions), tuple(heads), tuple(neurons))


def _as_decoys(model: CompiledModel) -> Provenance:
    """Provenance of a program that is not asked for; its expressions are no part of the model's own program."""
    parts = model.provenance
    return Provenance(
        tuple(Direction(f"{model.name}: {d.name}", "decoy", None, None) for d in parts.directions),
        tuple(head if head.role == "idle" else replace(head, expression=None, role="decoy") for head in parts.heads),
        tuple(replace(neuron, expression="tokens", role="decoy") for neuron in parts.neurons),
    )


def _deepened(model: CompiledModel, depth: int) -> CompiledModel:
    return spread_layers(model, range(model.weights.n_layers), depth).model


def _fitted(model: CompiledModel, tokens: Sequence[object], positions: int, size: int) -> Weights:
    """Weights with the rows of some tokens and positions, and heads of a size."""
    weights = resized(model.weights, size)
    rows = [model.token_ids[token] for token in tokens]
    w_pos = widen(weights.W_pos, 0, max(0, positions - len(weights.W_pos)))[:positions]
    return replace(weights, W_E=weights.W_E[rows], W_pos=w_pos)


def _require_fits(model: CompiledModel, other: CompiledModel) -> None:
    if problem := _misfit(model, other):
        raise VariantError(f"'{other.name}' cannot stand beside '{model.name}': {problem}.")


def _misfit(model: CompiledModel, other: CompiledModel) -> str:
    """Why a model does not take all inputs of another; empty if it does."""
    if model.frame is not None or other.frame is not None:
        return "one has a frame; put models side by side before they are rotated"
    if missing := [str(token) for token in model.token_values if token not in other.token_ids]:
        return f"it has no tokens {', '.join(missing)}"
    if other.domain.max_seq_len < model.domain.max_seq_len:
        return f"it takes {other.domain.max_seq_len} tokens, not {model.domain.max_seq_len}"
    return "one is causal and one is not" if other.causal != model.causal else ""


def _any_guest(model: CompiledModel, rng: Generator) -> CompiledModel:
    own, depth, bare = model.name.partition("@")[0], model.weights.n_layers, in_directions(model)
    # Judged by the index, so that only models that may fit are loaded.
    allowed = [s for s in summaries() if s["layers"] <= depth and s["heads"] == 1 and s["name"] != own]
    fitting: list[CompiledModel] = []
    for summary in sorted(allowed, key=lambda s: (s["d_model"] + s["d_mlp"], s["name"])):
        if not _misfit(bare, other := load_compiled(summary["name"])):
            fitting.append(other)
        if len(fitting) == CHOICES:
            break
    if fitting:
        return fitting[int(rng.integers(len(fitting)))]
    raise VariantError(f"no shipped model of that depth takes the inputs of '{model.name}'; name a guest.")
