"""A network that is about to be trained: its domain, its decoder, its circuit, and random weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from tracr.rasp import rasp

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import Domain, Tokens
from groundtruth.errors import DomainError
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.rasp.interning import NumberedProgram
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.certify_network import MAX_INPUTS
from groundtruth.trained.correspondence import Correspondence
from groundtruth.trained.draw_correspondence import Copies, draw_correspondence
from groundtruth.trained.swapped_programs import SwappedProgram
from groundtruth.trained.trained_network import TrainedNetwork, TrainingRecipe, token_values_of
from groundtruth.trained.trained_weights import initial_weights, weight_shapes
from groundtruth.trained.wired_weights import least_width

INPUTS = 256
"""Unless a length is asked for, the greatest one at which the domain has at most this many inputs."""

_MAX_VALUES = 64
"""Outputs of a program, at most: at the least width each can still have a direction of its own."""

_LEAST_WIDTH = 64
"""A residual stream is at least this wide unless another width is asked for."""


@dataclass(frozen=True)
class Plan:
    """What is to be trained.

    Attributes:
        architecture: Its shape, or those of its sizes that are asked for; the others are chosen: as few layers, and a
            residual stream as narrow, as the program needs.
        correspondence: Expressions that live on each component; ``None`` = drawn by the seed.
        seed: Draws the correspondence.
        copies: Whether one expression lives on several heads that vote, or on an MLP that another backs up.
        n_spares: Number of heads that are loud on variables of their own, at most.
    """

    architecture: Architecture | Mapping[str, Any] = field(default_factory=dict[str, Any])
    correspondence: Correspondence | None = None
    seed: int = 0
    copies: Copies = "none"
    n_spares: int = 2


def prepare_network(
    name: str, program: rasp.SOp, domain: Domain, plan: Plan, *, causal: bool, **texts: str
) -> TrainedNetwork:
    """A network with random weights, ready to be trained.

    Args:
        name: Its name.
        program: The program, with canonical labels.
        domain: Its inputs, all of one length; see ``fixed_length``.
        plan: Plan of where the program is to live.
        causal: Whether the program is meant for causal attention.
        texts: ``description``, ``family`` and ``rasp_source``.

    Raises:
        DomainError: If the domain is too large to enumerate, the program has too many outputs, or it does not fit.
    """
    size = domain.size
    if size is None or size > MAX_INPUTS:
        raise DomainError(
            f"the domain of '{name}' ({domain}) has {'too many' if size is None else format(size, ',')} inputs; at "
            f"most {MAX_INPUTS:,} can be enumerated. Give a smaller vocab or max_seq_len."
        )
    inputs = list(domain.enumerate())
    # Causal attention wherever it changes no answer: pairs then share their prefixes, and a certificate takes far fewer
    # runs.
    shape, correspondence = _fit(program, domain, plan, causal or looks_back_only(program, inputs))
    if causal and not shape.causal:
        raise DomainError(f"'{name}' is meant for causal attention; the architecture has causal=False.")
    outputs = _outputs(name, program, inputs, causal=shape.causal)
    # Interchanges can give values that no plain input does; without a logit for them the network could never be right.
    decoder = decoder_of(name, [*outputs, *_swapped_outputs(program, inputs, correspondence, causal=shape.causal)])
    tokens = token_values_of(domain)
    shapes = weight_shapes(
        shape, n_tokens=len(tokens), n_positions=domain.max_seq_len + 1, n_outputs=len(decoder.values)
    )
    return TrainedNetwork(
        name=name,
        program=program,
        token_values=tokens,
        decoder=decoder,
        domain=domain,
        correspondence=correspondence,
        architecture=shape,
        weights=initial_weights(shapes, torch.Generator().manual_seed(plan.seed)),
        training=TrainingRecipe("scratch", plan.seed, 0),
        recipe=(),
        **texts,
    )


def fixed_length(domain: Domain, *, vocab: Sequence[Any] | None = None, max_seq_len: int | None = None) -> Domain:
    """The inputs of one length of a domain.

    Args:
        domain: The program's.
        vocab: Its tokens; by default the program's.
        max_seq_len: Their length; by default the greatest at which there are at most ``INPUTS`` of them.

    Raises:
        DomainError: If a token or the length is not the program's.
    """
    tokens = domain.vocab if vocab is None else tuple(vocab)
    if strange := [token for token in tokens if token not in domain.vocab]:
        raise DomainError(f"vocab holds {strange[0]!r}, which the program does not take: {domain}.")
    lengths = [max_seq_len] if max_seq_len is not None else [*reversed(domain.lengths)]
    if lengths[0] not in domain.lengths:
        raise DomainError(f"max_seq_len={max_seq_len} is not a length that the program takes: {domain}.")
    for length in lengths:
        found = Domain(tokens, length, min_seq_len=length, valid=domain.valid, valid_text=domain.valid_text)
        if max_seq_len is not None or (found.size is not None and 0 < found.size <= INPUTS):
            return found
    raise DomainError(f"{domain} has more than {INPUTS} inputs at every length. Give a smaller vocab, or max_seq_len.")


def decoder_of(name: str, outputs: Sequence[Sequence[Any]]) -> Decoder:
    """A decoder with one logit for each value that a program gives; ``None`` has no logit of its own.

    Args:
        name: The name of the network.
        outputs: All that the program gives on its domain and after interchanges.

    Raises:
        DomainError: If there are too many values, or none but one.
    """
    values = {value for row in outputs for value in row}
    held = sorted(values - {None}, key=lambda value: (str(type(value)), value))
    if not 2 <= len(values) <= _MAX_VALUES:
        raise DomainError(
            f"'{name}' gives {len(values)} different values on this domain and after interchanges; a network can be "
            f"trained to tell 2 to {_MAX_VALUES} apart. Take another vocab or max_seq_len."
        )
    return Decoder(tuple(held), centered=None not in values)


def looks_back_only(program: rasp.SOp, inputs: Sequence[Sequence[Any]]) -> bool:
    """Tell whether a program gives the same under causal attention on its whole domain."""
    try:
        seeing_the_past = evaluate_many(program, inputs, causal=True)
    except Exception:  # A query that sees no key gives None, and a program's functions may raise anything on it.
        return False
    return evaluate_many(program, inputs) == seeing_the_past


def _outputs(name: str, program: rasp.SOp, inputs: Sequence[Sequence[Any]], *, causal: bool) -> list[list[Any]]:
    try:
        return evaluate_many(program, inputs, causal=causal)
    except Exception as error:  # As above; without a causal mask the error is the program's own.
        if not causal:
            raise
        raise DomainError(
            f"'{name}' has no output under causal attention on some input of its domain ({error}). Take an "
            "architecture with causal=False."
        ) from error


def _swapped_outputs(
    program: rasp.SOp, inputs: Sequence[Tokens], correspondence: Correspondence, *, causal: bool
) -> list[list[Any]]:
    """The values that each unit's interchange gives: one that comes of interchanges alone needs a logit too."""
    if not inputs:
        return []
    swapped = SwappedProgram(NumberedProgram(program, causal=causal), inputs)
    labels = dict.fromkeys(unit.expressions for unit in correspondence.units)
    return [swapped.every_value(expressions) for expressions in labels]


def _fit(program: rasp.SOp, domain: Domain, plan: Plan, causal: bool) -> tuple[Architecture, Correspondence]:
    """The architecture that is asked for, or of the fewest layers that the program fits into, with its circuit."""
    if isinstance(plan.architecture, Architecture):
        return plan.architecture, plan.correspondence or _draw(program, plan.architecture, plan)
    asked: dict[str, Any] = {"causal": causal} | dict(plan.architecture)
    refusal: DomainError | None = None
    # The shallowest that fits: each layer adds edges, and every edge is run on every pair.
    for n_layers in [asked["n_layers"]] if "n_layers" in asked else range(1, 5):
        sizes: dict[str, Any] = asked | {"n_layers": n_layers}
        shape = Architecture(**sizes)
        try:
            correspondence = plan.correspondence or _draw(program, shape, plan)
            correspondence.require_fits(shape)
        except DomainError as error:
            refusal = error
            continue
        if "d_model" not in asked:
            n_tokens, n_positions = len(domain.vocab) + 1, domain.max_seq_len + 1
            width = least_width(shape, correspondence, n_tokens=n_tokens, n_positions=n_positions)
            # Rounded up to a multiple of 16, as widths of transformers are.
            shape = replace(shape, d_model=max(_LEAST_WIDTH, -(-width // 16) * 16))
        return shape, correspondence
    raise refusal or DomainError(f"'{program.name}' fits into no architecture.")


def _draw(program: rasp.SOp, shape: Architecture, plan: Plan) -> Correspondence:
    return draw_correspondence(program, shape, seed=plan.seed, copies=plan.copies, n_spares=plan.n_spares)
