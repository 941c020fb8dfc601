"""A compiled model behind LayerNorm: the variant ``@layernorm``, certified by enumeration like a trained model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from groundtruth.compiled.domain import Domain, Tokens
from groundtruth.compiled.provenance import Head
from groundtruth.errors import DomainError, VariantError
from groundtruth.model import CompiledModel
from groundtruth.store.catalog import LAYERNORM
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.certify_network import MAX_INPUTS, Progress, certify
from groundtruth.trained.correspondence import Correspondence, Unit
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_network import TrainedNetwork, TrainingRecipe, token_values_of
from groundtruth.trained.trained_weights import TrainedWeights
from groundtruth.variants.hardenings.directions import in_directions
from groundtruth.variants.layer_norm.constant_norm import NormedWeights, norm_weights

INPUTS = 128
"""Unless a length is asked for, the domain has at most so many inputs: every pair is run with every edge cut."""

SHARES = (1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01)
"""Shares of what they wrote that sources of varying length may write; the largest that leaves every answer right is
taken."""

_NOT_HELD = ("idle", "decoy", "ignored", "ignoring", "clean_bos")
"""Roles of heads and neurons that hold no expression of the program."""


def add_layer_norm(
    model: CompiledModel, *, seed: int = 0, length: int | None = None, progress: Progress | None = None
) -> TrainedModel:
    """Put a compiled model behind LayerNorm with random gains, and certify what comes out on its whole domain.

    Args:
        model: A compiled model or a variant; behind norms the stream of a rotated one is rotated too.
        seed: Draws the gains, and the rotation.
        length: The length of all inputs; by default that with the most inputs up to 128.
        progress: Told what is being done, and which share of it is done.

    Raises:
        VariantError: If the model has no norm that leaves every answer right, with the reason.
    """
    unmet: list[str] = []
    for network in normed_networks(model, seed=seed, length=length):
        certificate = certify(network, seed=seed, progress=progress)
        unmet = certificate.unmet(network)
        if not unmet:
            return TrainedModel.of(network, certificate=certificate)
    raise VariantError(f"'{model.name}' cannot be certified behind LayerNorm: {unmet[0]}. Take another model.")


def normed_networks(model: CompiledModel, *, seed: int = 0, length: int | None = None) -> Iterator[TrainedNetwork]:
    """The networks whose answers are all right, the hardest norm first; arguments and errors as of ``add_layer_norm``.

    There is one if every source is of one length, else one for each share of what the others write.
    """
    _require_allowed(model)
    domain = _domain(model, length)
    bare = in_directions(model)
    inputs = tuple(domain.enumerate())
    ids = model.encode(inputs)
    bos = next(i for i, item in enumerate(bare.provenance.directions) if item.kind == "bos")
    wrong, n_right = "", 0
    varying: Sequence[str] = ()
    for share in SHARES:
        normed = norm_weights(bare.weights, ids, bos=bos, share=share, seed=seed, rotated=model.frame is not None)
        network = _network(model, domain, normed, seed=seed, share=share)
        found = _first_wrong(network, model, inputs)
        wrong, varying = found or wrong, tuple(normed.varying)
        if not found:
            n_right += 1
            yield network
        if not varying:
            break
    if not n_right:
        reason = f"what {', '.join(varying)} writes varies in length" if varying else "the scale at BOS is another"
        raise VariantError(f"'{model.name}' has no exact LayerNorm: {reason}, and {wrong}. Take another model.")


def _require_allowed(model: CompiledModel) -> None:
    if model.certainty == "measured":
        raise VariantError(f"'{model.name}' is in superposition: its sources have no dimensions of their own.")
    if not model.decoder.categorical:
        raise VariantError(f"'{model.name}' gives a number, which a norm would scale. Take one that gives values.")


def _domain(model: CompiledModel, length: int | None) -> Domain:
    """The inputs of one length, few enough that every pair of them can be run with every edge cut."""
    own = model.domain
    sizes = {n: domain.size for n in own.lengths if (domain := _of_length(own, n)).size is not None}
    if length is None:
        few = [n for n, size in sizes.items() if size and size <= INPUTS]
        length = max(few, key=lambda n: (sizes[n], n), default=min(sizes, default=own.max_seq_len))
    if not 0 < (sizes.get(length) or 0) <= MAX_INPUTS:
        raise VariantError(
            f"'{model.name}' has {format(sizes[length], ',') if length in sizes else 'too many'} inputs of length "
            f"{length}; a model behind LayerNorm is certified on 1 to {MAX_INPUTS:,}. Take another length or model."
        )
    return _of_length(own, length)


def _of_length(domain: Domain, length: int) -> Domain:
    return Domain(domain.vocab, length, min_seq_len=length, valid=domain.valid, valid_text=domain.valid_text)


def _network(model: CompiledModel, domain: Domain, normed: NormedWeights, *, seed: int, share: float) -> TrainedNetwork:
    tensors = dict(normed.tensors)
    rows = [model.token_ids[token] for token in token_values_of(domain)]
    tensors["W_E"], tensors["W_pos"] = tensors["W_E"][rows], tensors["W_pos"][: domain.max_seq_len + 1]
    layers, heads, width, d_head = tensors["W_Q"].shape
    try:
        shape = Architecture(
            n_layers=layers, n_heads=heads, d_model=width, d_head=d_head, d_mlp=tensors["W_in"].shape[2],
            causal=model.causal, activation="relu",
        )  # fmt: skip
    except DomainError as error:
        raise VariantError(f"'{model.name}' is too large behind LayerNorm: {error}") from error
    base, at, steps = model.name.partition("@")
    settings: dict[str, Any] = {"source": model.name, "share": share, "spread": normed.spread}
    return TrainedNetwork(
        name=f"{base}@{steps}+{LAYERNORM}" if at else f"{base}@{LAYERNORM}",
        program=model.program,
        token_values=token_values_of(domain),
        decoder=model.decoder,
        domain=domain,
        correspondence=_correspondence(model),
        architecture=shape,
        weights=TrainedWeights.of(tensors),
        training=TrainingRecipe("compiled", seed, 0, settings),
        description=model.description,
        family=model.family,
        rasp_source=model.rasp_source,
    )


def _correspondence(model: CompiledModel) -> Correspondence:
    """Map components to expressions, with the edges of the minimal circuits that were proven of the compiled model."""
    held: dict[str, dict[str, None]] = {}
    for part in (*model.provenance.heads, *model.provenance.neurons):
        if part.expression is not None and part.role not in _NOT_HELD:
            name = f"a{part.layer}.h{part.head}" if isinstance(part, Head) else f"m{part.layer}"
            held.setdefault(name, {})[part.expression] = None
    circuit = model.circuit("resample", "fixed")
    needed = {edge for edges in (circuit.edges, *circuit.minimal_circuits) for edge in edges}
    reads: dict[str, list[tuple[str, str]]] = {}
    for edge in filter(needed.__contains__, model.graph.edges):
        reads.setdefault(edge.destination.split("<")[0], []).append((edge.source, edge.destination))
    units = tuple(
        Unit(tuple(held[name]), (name,), tuple(reads.get(name, ()))) for name in model.graph.sources if name in held
    )
    return Correspondence(units, tuple(source for source, _ in reads.get("logits", ())))


def _first_wrong(network: TrainedNetwork, model: CompiledModel, inputs: Sequence[Tokens]) -> str:
    """The first input with another answer than the compiled model's, in words; empty if there is none."""
    found, wanted = (one.decoder.codes(one.logits(one.encode(inputs))[:, 1:]) for one in (network, model))
    wrong = torch.nonzero((found != wanted).any(1))[:, 0]
    if not len(wrong):
        return ""
    decode, first = model.decoder.decode, int(wrong[0])
    return f"'{' '.join(map(str, inputs[first]))}' gives {decode(found[first])}, not {decode(wanted[first])}"
