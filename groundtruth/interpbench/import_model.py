"""An InterpBench model with its program, as a trained model whose truth is measured and not claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from tracr.craft.bases import BasisDirection

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import Domain
from groundtruth.errors import ArtifactError, DomainError
from groundtruth.interpbench.model_folder import InterpBenchFolder
from groundtruth.interpbench.tracr_layout import TracrLayout
from groundtruth.model import CompiledModel
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.trained.certify_network import MAX_INPUTS, Progress, certify
from groundtruth.trained.correspondence import Correspondence, Unit
from groundtruth.trained.prepare_network import decoder_of
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_network import TrainedNetwork, TrainingRecipe, token_values_of
from groundtruth.trained.trained_weights import TrainedWeights
from mib.graph import Edge, Graph

BOS, PAD = "BOS", "PAD"
"""InterpBench's names of the two tokens that its models have beside a program's; they decide the order of tokens."""


def import_interpbench(
    read: InterpBenchFolder,
    compiled: CompiledModel,
    *,
    vocab: Sequence[Any] | None = None,
    length: int | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Measure an InterpBench model on every input and pair of a domain, with every edge cut.

    Args:
        read: The model's folder.
        compiled: Its program, compiled for the tokens and the length that the model was trained on.
        vocab: The tokens to measure on; by default all.
        length: The length of the inputs to measure on; by default the length that the model was trained on.
        progress: Told what is being done.

    Returns:
        The model with its certificate. Its correspondence is the claimed circuit; its truth is what was measured.

    Raises:
        ArtifactError: If the model is not one of this program: of other sizes, heads or outputs.
        DomainError: If the domain has too many inputs, or the program an output that the model has no logit for.
    """
    network = imported_network(read, compiled, vocab=vocab, length=length)
    return TrainedModel.of(network, certificate=certify(network, progress=progress))


def imported_network(
    read: InterpBenchFolder, compiled: CompiledModel, *, vocab: Sequence[Any] | None = None, length: int | None = None
) -> TrainedNetwork:
    """An InterpBench model as a network whose correspondence is the claimed circuit; arguments as above."""
    config, domain = read.config, measured_domain(read, compiled, vocab=vocab, length=length)
    outputs = evaluate_many(compiled.program, list(domain.enumerate()), causal=config.architecture.causal)
    if any(value is None for row in outputs for value in row):
        raise DomainError(
            f"'{compiled.name}' gives no value on some input of {domain}, for which the model has no logit. "
            "Measure on other inputs."
        )
    order = token_order(compiled.domain.vocab)
    if len(order) != config.n_tokens:
        raise ArtifactError(
            f"the model embeds {config.n_tokens} tokens; '{compiled.name}' has {len(order)}, {BOS} and {PAD} among "
            f"them: {', '.join(map(str, order))}. Give its vocabulary with --vocab."
        )
    # In our order of tokens, and without those that are not measured on: nothing else in the weights depends on either.
    rows = [order.index(token) for token in (*domain.vocab, BOS, PAD)]
    weights = replace(
        read.weights,
        W_E=read.weights.W_E[rows],
        W_pos=None if read.weights.W_pos is None else read.weights.W_pos[: domain.max_seq_len + 1],
    )
    decoder, weights = _with_decoder(compiled, outputs, weights)
    graph = config.architecture.graph
    heads = tuple(dict.fromkeys(end.split("<")[0] for edge in read.claimed if "<" in (end := edge.destination)))
    layout = TracrLayout.of(compiled, compiled.provenance).moved_to(heads)
    return TrainedNetwork(
        name=f"{compiled.name}@interpbench-{read.name}",
        program=compiled.program,
        token_values=token_values_of(domain),
        decoder=decoder,
        domain=domain,
        correspondence=claimed_correspondence(read.claimed, layout, graph),
        architecture=config.architecture,
        weights=weights,
        training=TrainingRecipe("imported", 0, 0, _settings(read)),
        description=compiled.description,
        family=compiled.family,
        rasp_source=compiled.rasp_source,
    )


def token_order(vocab: Sequence[Any]) -> tuple[Any, ...]:
    """The token of each row of an InterpBench embedding: as Tracr sorts directions, with InterpBench's BOS and PAD."""
    return tuple(item.value for item in sorted(BasisDirection("tokens", token) for token in (*vocab, BOS, PAD)))


def measured_domain(
    read: InterpBenchFolder, compiled: CompiledModel, *, vocab: Sequence[Any] | None, length: int | None
) -> Domain:
    """The inputs to measure on, all of one length.

    Raises:
        DomainError: If there are too many, or a token or the length is none of the model's.
    """
    own, longest = compiled.domain, read.config.n_positions - 1
    length = longest if length is None else length
    tokens = own.vocab if vocab is None else tuple(vocab)
    if strange := [token for token in tokens if token not in own.vocab]:
        raise DomainError(f"'{compiled.name}' has no token {strange[0]!r}; it has {', '.join(map(str, own.vocab))}.")
    if not 1 <= length <= longest:
        raise DomainError(f"length {length} is out of range; the model has {longest} positions besides {BOS}.")
    domain = Domain(tokens, length, min_seq_len=length, valid=own.valid, valid_text=own.valid_text)
    if domain.size is None or not 0 < domain.size <= MAX_INPUTS:
        raise DomainError(
            f"there are {'too many' if domain.size is None else format(domain.size, ',')} inputs of length {length}; 1 "
            f"to {MAX_INPUTS:,} are enumerated. Measure on fewer with --measure-vocab or --measure-length."
        )
    return domain


def claimed_correspondence(claimed: Sequence[Edge], layout: TracrLayout, graph: Graph) -> Correspondence:
    """The correspondence whose edges are the claimed ones: on each component what the compiled program has there.

    Raises:
        ArtifactError: If an edge ends in a component on which the program has nothing.
    """
    reads: dict[str, list[tuple[str, str]]] = {}
    for edge in claimed:
        if edge.destination != "logits":
            reads.setdefault(edge.destination.split("<")[0], []).append((edge.source, edge.destination))
    for component in reads:
        if component not in layout.held:
            raise ArtifactError(
                f"edge '{'->'.join(reads[component][0])}' is claimed, but the compiled program has nothing on "
                f"'{component}': it is the circuit of another program, or of another version of it."
            )
    components = [name for name in graph.sources if name in layout.held]
    units = tuple(Unit(layout.held[name], (name,), tuple(reads.get(name, ()))) for name in components)
    return Correspondence(units, tuple(edge.source for edge in claimed if edge.destination == "logits"))


def _with_decoder(
    compiled: CompiledModel, outputs: list[list[Any]], weights: TrainedWeights
) -> tuple[Decoder, TrainedWeights]:
    """A decoder, and the weights with one logit for each value that it reads."""
    columns = weights.W_U.shape[1]
    if compiled.decoder.categorical:
        if columns != len(compiled.decoder.values):
            raise ArtifactError(
                f"the model has {columns} outputs; '{compiled.name}' has {len(compiled.decoder.values)}: "
                f"{', '.join(map(str, compiled.decoder.values))}."
            )
        return Decoder(compiled.decoder.values, centered=True), weights
    if columns != 1:
        raise ArtifactError(f"the model has {columns} outputs; '{compiled.name}' gives a number, which is one.")
    # A fraction of none is False or 0 by where it comes from, and equals both.
    values = tuple(sorted(float(value) for value in decoder_of(compiled.name, outputs).values))
    return Decoder(values, centered=True), nearest_value_logits(weights, values)


def nearest_value_logits(weights: TrainedWeights, values: Sequence[float]) -> TrainedWeights:
    """Weights whose greatest logit is that of the value nearest to what a numerical output says.

    The nearest v to y is the one with the greatest 2 v y - v^2, which is affine in y and so in the residual stream.

    Args:
        weights: With one output.
        values: The values, in ascending order.
    """
    points = torch.tensor(values, dtype=torch.float64)
    # So that the two closest values are one logit apart where the output is exactly one of them.
    scale = float((points[1:] - points[:-1]).min()) ** -2
    slope: Tensor = 2 * scale * points
    bias = torch.zeros(1, dtype=torch.float64) if weights.b_U is None else weights.b_U
    return replace(weights, W_U=weights.W_U * slope, b_U=bias * slope - scale * points**2)


def _settings(read: InterpBenchFolder) -> Mapping[str, Any]:
    plain = {name: value for name, value in read.meta.items() if isinstance(value, str | int | float | bool)}
    return {"source": "InterpBench", "case": read.name} | plain
